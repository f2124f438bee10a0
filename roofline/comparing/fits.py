"""Which fit speaks for a subject: of this host, of one of its type, or of another machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from roofline.comparing.fitted import Fit, physics_digest
from roofline.host.subjects import find
from roofline.physics.efficiency import PRIORS
from roofline.physics.misfits import misfits
from roofline.physics.residual import FEATURES, SIZES
from roofline.records import Calibration, Efficiency
from roofline.store.catalogue import catalogue_of
from roofline.store.files import Store
from roofline.store.index import Entry, digest_in
from roofline.store.outlines import Line
from roofline.store.reading import read
from roofline.store.schema import kind_of

# Of other machines, only so many records are read.
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Whose fit is wanted.

    Attributes:
        node: of the host, or "".
        machine: its type.
        anywhere: whether a fit of another type of machine will do.

    """

    subject: str
    threads: int
    cache: str
    node: str
    machine: str
    isa_cap: str | None
    anywhere: bool = False

    def suits(self, record: Efficiency) -> bool:
        """Whether a record was fitted to the same, wherever."""
        return (record.subject, record.threads, record.cache, record.isa_cap) == (
            self.subject,
            self.threads,
            self.cache,
            self.isa_cap,
        )


def sought(
    calibration: Calibration, subject: str, threads: int, *, cold: bool, here: bool
) -> Sought:
    """Return what is wanted of a subject on the machine of a calibration.

    Where that machine isn't here, nobody can calibrate a library on it: what was fitted on another
    is better than nothing. Of our kernels rung d knows what changes from machine to machine.
    """
    return Sought(
        subject=subject,
        threads=threads,
        cache="cold" if cold else "warm",
        node=calibration.node,
        machine=calibration.machine.id,
        isa_cap=calibration.isa_cap,
        anywhere=not here and not find(subject).ours,
    )


def newest_fit(store: Store, wanted: Sought) -> Fit | None:
    """Return the newest fit of this host, else of its type of machine, else of any that will do.

    A full plan goes before a quick one. Of another type of machine the team may have any size.
    """
    store.refresh()
    lines = _lines(store)
    alike = [line for line in lines if line.machine == wanted.machine]
    own = [line for line in alike if line.node == wanted.node]
    for some in (own, alike):
        found = next((one for one in _entries(store, some) if wanted.suits(one.record)), None)
        if found is not None:
            return Fit(name=found.name, record=found.record)
    if not wanted.anywhere:
        return None
    return _elsewhere(store, [line for line in lines if line.machine != wanted.machine], wanted)


def _elsewhere(store: Store, lines: Sequence[Line], wanted: Sought) -> Fit | None:
    """Return the newest fit of other machines, a team of the same size first."""
    alike = [
        one
        for one in islice(_entries(store, lines), _LOOKED_AT)
        if (one.record.subject, one.record.cache) == (wanted.subject, wanted.cache)
    ]
    alike.sort(key=lambda one: one.record.threads != wanted.threads)
    return Fit(name=alike[0].name, record=alike[0].record, elsewhere=True) if alike else None


def told(fit: Fit, wanted: Sought) -> Iterator[str]:
    """Yield what a user should know of a fit before trusting it."""
    record = fit.record
    plan = "quick plan, " if record.quick else ""
    yield f"fit: {fit.name} ({plan}{len(record.timings)} layers of {record.subject})"
    if fit.elsewhere:
        yield (
            f"fit: made on {record.machine.id} with {record.threads} threads: its physical "
            f"parameters are carried over to {wanted.machine}, what they left unexplained is not"
        )
    if record.physics != physics_digest():
        yield (
            "fit: made by another version of rung d: "
            f"run `python -m calibrate.subject {record.subject}` again"
        )


def _lines(store: Store) -> list[Line]:
    """Return the valid fits of a store, full ones and new ones first."""
    catalogue = catalogue_of(store.root)
    kind, replaced = kind_of(Efficiency), catalogue.replaced()
    lines = catalogue.lines("kind = ? and valid", (kind,))
    kept = [one for one in lines if (kind, digest_in(one.name)) not in replaced]
    return sorted(kept, key=lambda one: (not one.quick, one.started, one.name), reverse=True)


def _entries(store: Store, lines: Sequence[Line]) -> Iterator[Entry[Efficiency]]:
    for line in lines:
        entries, _ = read(store.root, [Path(store.root) / line.place])
        for entry in entries:
            if isinstance(entry.record, Efficiency) and _evaluable(entry.record):
                yield Entry(path=entry.path, record=entry.record)


def _evaluable(record: Efficiency) -> bool:
    """Whether this version can evaluate a fit, whoever wrote it."""
    named = tuple(one.name for one in record.parameters) == tuple(one.name for one in PRIORS)
    described = record.features == FEATURES and {*SIZES} <= record.reach.keys()
    return named and described and not any(misfits(record))
