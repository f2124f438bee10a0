"""The calibration that a comparison reasons from: this host's newest, or a quick one made now."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.checkout import checkout
from roofline.records import Calibration
from roofline.store.files import Found, Store
from roofline.store.index import when


def newest(
    store: Store,
    node: str,
    *,
    usable_cores: int,
    isa_cap: str | None,
    machine_id: str,
    say: Callable[[str], None],
    quiet: bool = False,
) -> Found[Calibration]:
    """Return the newest calibration of a node, made now when neither it nor its type has one.

    Args:
        store: where it is looked for, and kept when it is made.
        node: whose it is.
        usable_cores: of this process.
        isa_cap: what the vectors are capped to.
        machine_id: the node's type of machine.
        say: told that one has to be made.
        quiet: whether making it shows no progress.

    Raises:
        RooflineError: there is none and none can be made here.

    """

    def find() -> Found[Calibration] | None:
        return store.latest(node, usable_cores=usable_cores, isa_cap=isa_cap, machine_id=machine_id)

    found = find()
    if found is None:
        say(_missing(isa_cap))
        _calibrate(store, isa_cap, quiet=quiet)
        found = find()
    if found is None:
        raise RooflineError(
            f"no valid calibration of this host in {store.address}: run `make calibrate`.",
            CANNOT_MEASURE,
        )
    return found


def described(found: Found[Calibration], now: datetime) -> str:
    """Say which calibration it is, and how old."""
    record = found.record
    plan = "quick" if record.quick else "full"
    whose = "" if found.same_node else ", of another host of this type"
    return f"{found.entry.path.name} ({plan} plan, {age(now - when(record.started))} old{whose})"


def age(span: timedelta) -> str:
    """Return a span of time in its largest unit: "3 min", "2 h", "5 days"."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def _missing(isa_cap: str | None) -> str:
    capped = f" with --isa {isa_cap}" if isa_cap else ""
    return f"no calibration of this host{capped} yet: a quick one first."


def _absolute(store: Store) -> str:
    # The child works in another folder; a URL is the same from everywhere.
    return str(store.root.absolute()) if store.address == str(store.root) else store.address


def _calibrate(store: Store, isa_cap: str | None, *, quiet: bool) -> None:
    command = [sys.executable, "-m", "calibrate", "--quick", "--results", _absolute(store)]
    command += ["--isa", isa_cap] if isa_cap else []
    command += ["--quiet"] if quiet else []
    # Its table is not our answer; what it has to say of progress and trouble is shown.
    done = subprocess.run(command, cwd=checkout(), stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        # Ended by a signal, it has no status that could be ours.
        status = done.returncode if done.returncode > 0 else CANNOT_MEASURE
        raise RooflineError("the quick calibration failed: see what it says above.", status)
