"""The pure choice among records, read or listed: which one speaks for a host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from roofline.errors import RooflineError
from roofline.records import Calibration, Sweep
from roofline.store.schema import Record, kind_of
from roofline.store.shelf import HASH_LENGTH

FULL_OUTRANKS_QUICK_FOR = timedelta(days=7)

_Kept = TypeVar("_Kept", bound=Record, covariant=True)


class Rival(Protocol):
    """What the choice looks at: of a record that was read, or of a line of the catalogue."""

    @property
    def name(self) -> str:
        """The file's name."""

    @property
    def kind(self) -> str:
        """The word that the file opens with."""

    @property
    def node(self) -> str:
        """Whose record it is."""

    @property
    def machine(self) -> str:
        """The type of machine."""

    @property
    def usable_cores(self) -> int:
        """Cores that the run might use."""

    @property
    def isa_cap(self) -> str | None:
        """What the run was capped to."""

    @property
    def quick(self) -> bool:
        """Whether the short plan made it."""

    @property
    def valid(self) -> bool:
        """Whether physics has no objection."""

    @property
    def started(self) -> str:
        """When it was begun."""

    @property
    def supersedes(self) -> str | None:
        """The record that it replaces."""


RivalT = TypeVar("RivalT", bound=Rival)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[_Kept]):
    """A record and the file that it was read from."""

    path: Path
    record: _Kept

    @property
    def digest(self) -> str:
        """The start of the content's SHA-256, as the file's name ends with it."""
        return digest_in(self.path.name)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def kind(self) -> str:
        """The word that the file opens with."""
        return kind_of(type(self.record))

    @property
    def node(self) -> str:
        """Whose record it is."""
        return self.record.node

    @property
    def machine(self) -> str:
        """The type of machine."""
        return self.record.machine.id

    @property
    def usable_cores(self) -> int:
        """Cores that the run might use."""
        return self.record.usable_cores

    @property
    def isa_cap(self) -> str | None:
        """What the run was capped to."""
        return self.record.isa_cap

    @property
    def quick(self) -> bool:
        """Whether the short plan made it."""
        return not isinstance(self.record, Sweep) and self.record.quick

    @property
    def valid(self) -> bool:
        """Whether physics has no objection."""
        return self.record.valid

    @property
    def started(self) -> str:
        """When it was begun."""
        return self.record.started

    @property
    def supersedes(self) -> str | None:
        """The record that it replaces."""
        return self.record.supersedes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[_Kept]):
    """The record to reason from; `same_node` is False when another host of the type made it."""

    entry: Entry[_Kept]
    same_node: bool

    @property
    def record(self) -> _Kept:
        """The record itself."""
        return self.entry.record


def choose(
    rivals: Iterable[RivalT],
    *,
    node: str,
    usable_cores: int | None = None,
    isa_cap: str | None = None,
    machine_id: str | None = None,
) -> tuple[RivalT, bool] | None:
    """Choose a node's newest valid record of a kind, else one of its type of machine if given.

    Args:
        rivals: of one kind.
        node: whose record is wanted.
        usable_cores: that it must have, with `isa_cap`; None where neither matters.
        isa_cap: what it must be capped to.
        machine_id: the type that will do where the node has none.

    Returns:
        The record, and whether it is the node's own.

    """
    usable = [
        one
        for one in current(rivals)
        if one.valid
        and (usable_cores is None or (one.usable_cores, one.isa_cap) == (usable_cores, isa_cap))
    ]
    own = [one for one in usable if one.node == node]
    alike = own or [one for one in usable if one.machine == machine_id]
    return (preferred(alike), bool(own)) if alike else None


def choose_latest(
    entries: Iterable[Entry[Calibration]],
    *,
    node: str,
    usable_cores: int,
    isa_cap: str | None,
    machine_id: str | None = None,
) -> Found[Calibration] | None:
    """Choose the newest valid record of a node, else of its type of machine if that is given."""
    chosen = choose(
        entries, node=node, usable_cores=usable_cores, isa_cap=isa_cap, machine_id=machine_id
    )
    return Found(entry=chosen[0], same_node=chosen[1]) if chosen else None


def choose_sweep(
    entries: Iterable[Entry[Sweep]], *, node: str, machine_id: str | None = None
) -> Found[Sweep] | None:
    """Choose the newest valid sweep of a node, else of its type of machine if that is given."""
    chosen = choose(entries, node=node, machine_id=machine_id)
    return Found(entry=chosen[0], same_node=chosen[1]) if chosen else None


def current(rivals: Iterable[RivalT]) -> list[RivalT]:
    """Leave out every record that another one of its kind supersedes."""
    known = list(rivals)
    replaced = {(one.kind, digest_in(one.supersedes)) for one in known if one.supersedes}
    if not replaced:
        return known
    return [one for one in known if (one.kind, digest_in(one.name)) not in replaced]


def preferred(rivals: Sequence[RivalT]) -> RivalT:
    """Choose the newest, but a full plan before a quick one that is little newer."""
    newest = max(rivals, key=_age)
    full = max((one for one in rivals if not one.quick), key=_age, default=newest)
    return full if _age(newest)[0] - _age(full)[0] < FULL_OUTRANKS_QUICK_FOR else newest


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


def digest_in(name: str) -> str:
    """Find the hash in a file name, a stem or a whole SHA-256: each may be superseded by name."""
    return name.removesuffix(".json").rpartition("-")[2][:HASH_LENGTH]


def _age(one: Rival) -> tuple[datetime, str]:
    return when(one.started), one.name
