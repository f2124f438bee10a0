"""The calibration that a comparison reasons from: this host's newest, or a quick one made now."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.checkout import checkout
from roofline.records import Calibration
from roofline.store.files import Found, Store
from roofline.store.index import when


def newest(
    store: Store, node: str, *, usable_cores: int, isa_cap: str | None, machine_id: str
) -> Found[Calibration]:
    """Return the newest calibration of a node, made now when neither it nor its type has one.

    Raises:
        RooflineError: there is none and none can be made here.

    """

    def find() -> Found[Calibration] | None:
        return store.latest(node, usable_cores=usable_cores, isa_cap=isa_cap, machine_id=machine_id)

    found = find()
    if found is None:
        print("no calibration of this host yet: a quick one first.", file=sys.stderr)
        _calibrate(store.root, isa_cap)
        found = find()
    if found is None:
        raise RooflineError(
            f"no valid calibration of this host in {store.root}: run `make calibrate`.",
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


def _calibrate(root: Path, isa_cap: str | None) -> None:
    command = [sys.executable, "-m", "calibrate", "--quick", "--results", str(root.absolute())]
    command += ["--isa", isa_cap] if isa_cap else []
    # Its table is not our answer; what it has to say of progress and trouble is shown.
    done = subprocess.run(command, cwd=checkout(), stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RooflineError("the quick calibration failed: see above.", done.returncode)
