"""The pure choice among records that were read: which one speaks for a host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

from roofline.errors import RooflineError
from roofline.records import Calibration, Sweep
from roofline.store.schema import Record, RecordT

HASH_LENGTH = 12
FULL_OUTRANKS_QUICK_FOR = timedelta(days=7)

_Kept = TypeVar("_Kept", bound=Record, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[_Kept]):
    """A record and the file that it was read from."""

    path: Path
    record: _Kept

    @property
    def digest(self) -> str:
        """The start of the content's SHA-256, as the file's name ends with it."""
        return _digest_in(self.path.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[_Kept]):
    """The record to reason from; `same_node` is False when another host of the type made it."""

    entry: Entry[_Kept]
    same_node: bool

    @property
    def record(self) -> _Kept:
        """The record itself."""
        return self.entry.record


def choose_latest(
    entries: Iterable[Entry[Calibration]],
    *,
    node: str,
    usable_cores: int,
    isa_cap: str | None,
    machine_id: str | None = None,
) -> Found[Calibration] | None:
    """Choose the newest valid record of a node, else of its type of machine if that is given."""
    usable = [
        entry
        for entry in _usable(entries)
        if entry.record.usable_cores == usable_cores and entry.record.isa_cap == isa_cap
    ]
    rivals, own = _nearest(usable, node, machine_id)
    return Found(entry=_preferred(rivals), same_node=own) if rivals else None


def choose_sweep(
    entries: Iterable[Entry[Sweep]], *, node: str, machine_id: str | None = None
) -> Found[Sweep] | None:
    """Choose the newest valid sweep of a node, else of its type of machine if that is given."""
    rivals, own = _nearest(_usable(entries), node, machine_id)
    return Found(entry=max(rivals, key=_age), same_node=own) if rivals else None


def current(entries: Iterable[Entry[RecordT]]) -> list[Entry[RecordT]]:
    """Leave out every record that another one of its kind supersedes."""
    known = list(entries)
    named = ((type(entry.record), entry.record.supersedes) for entry in known)
    replaced = {(kind, _digest_in(name)) for kind, name in named if name}
    return [entry for entry in known if (type(entry.record), entry.digest) not in replaced]


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


def _usable(entries: Iterable[Entry[RecordT]]) -> list[Entry[RecordT]]:
    return [entry for entry in current(entries) if entry.record.valid]


def _nearest(
    usable: Sequence[Entry[RecordT]], node: str, machine_id: str | None
) -> tuple[list[Entry[RecordT]], bool]:
    """Return a node's own records and True, else those of its type of machine and False."""
    own = [entry for entry in usable if entry.record.node == node]
    alike = [entry for entry in usable if entry.record.machine.id == machine_id]
    return (own, True) if own else (alike, False)


def _preferred(entries: Sequence[Entry[Calibration]]) -> Entry[Calibration]:
    newest = max(entries, key=_age)
    full = max((e for e in entries if not e.record.quick), key=_age, default=newest)
    return full if _age(newest)[0] - _age(full)[0] < FULL_OUTRANKS_QUICK_FOR else newest


def _age(entry: Entry[Record]) -> tuple[datetime, str]:
    return when(entry.record.started), entry.path.name
