"""The pure choice among records that were read: which one speaks for a host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from roofline.errors import RooflineError
from roofline.records import Calibration

HASH_LENGTH = 12
FULL_OUTRANKS_QUICK_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record and the file that it was read from."""

    path: Path
    calibration: Calibration

    @property
    def digest(self) -> str:
        """The start of the content's SHA-256, as the file's name ends with it."""
        return _digest_in(self.path.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The record to reason from; `same_node` is False when another host of the type made it."""

    entry: Entry
    same_node: bool

    @property
    def calibration(self) -> Calibration:
        """The record itself."""
        return self.entry.calibration


def choose_latest(
    entries: Iterable[Entry],
    *,
    node: str,
    usable_cores: int,
    isa_cap: str | None,
    machine_id: str | None = None,
) -> Found | None:
    """Choose the newest valid record of a node, else of its type of machine if that is given."""
    usable = [
        entry
        for entry in current(entries)
        if entry.calibration.valid
        and entry.calibration.usable_cores == usable_cores
        and entry.calibration.isa_cap == isa_cap
    ]
    own = [entry for entry in usable if entry.calibration.node == node]
    if own:
        return Found(entry=_newest(own), same_node=True)
    alike = [entry for entry in usable if entry.calibration.machine.id == machine_id]
    return Found(entry=_newest(alike), same_node=False) if alike else None


def current(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out every record that another one supersedes."""
    known = list(entries)
    named = (entry.calibration.supersedes for entry in known)
    replaced = {_digest_in(name) for name in named if name}
    return [entry for entry in known if entry.digest not in replaced]


def when(started: str) -> datetime:
    """Read a record's time.

    Raises:
        RooflineError: it isn't written like 2026-11-23T00:59:59Z.

    """
    try:
        return datetime.strptime(started, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise RooflineError(
            f"the time {started!r} of a record isn't written like 2026-11-23T00:59:59Z."
        ) from None


def _digest_in(name: str) -> str:
    """Find the hash in a file name, a stem or a whole SHA-256: each may be superseded by name."""
    return name.removesuffix(".json").rpartition("-")[2][:HASH_LENGTH]


def _newest(entries: Sequence[Entry]) -> Entry:
    newest = max(entries, key=_age)
    full = max((e for e in entries if not e.calibration.quick), key=_age, default=newest)
    return full if _age(newest)[0] - _age(full)[0] < FULL_OUTRANKS_QUICK_FOR else newest


def _age(entry: Entry) -> tuple[datetime, str]:
    return when(entry.calibration.started), entry.path.name
