"""Which fit speaks for a subject: of this host, of one of its type, or of another machine."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from roofline.comparing.fitted import Fit, physics_digest
from roofline.comparing.runner import Runner
from roofline.errors import RooflineWarning
from roofline.host.subjects import find
from roofline.physics.efficiency import PRIORS
from roofline.physics.misfits import misfits
from roofline.physics.residual import FEATURES, SIZES
from roofline.records import Calibration, Efficiency
from roofline.store.catalogue import catalogue_of
from roofline.store.files import Store
from roofline.store.index import choose, preferred
from roofline.store.outlines import Line
from roofline.store.reading import record_at
from roofline.store.schema import kind_of


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

    def suits(self, line: Line) -> bool:
        """Whether a record was fitted to the same, wherever."""
        return (line.subject, line.threads, line.cache, line.isa_cap) == (
            self.subject,
            self.threads,
            self.cache,
            self.isa_cap,
        )

    def carries(self, line: Line) -> bool:
        """Whether what was fitted on another type of machine will do."""
        return self.anywhere and line.machine != self.machine and line.cache == self.cache


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


def fit_here(store: Store, runner: Runner, subject: str) -> Fit | None:
    """Return what was fitted to who runs layers here, on this machine or one of its type."""
    return newest_fit(
        store,
        sought(runner.calibration, subject, runner.threads, cold=runner.cold, here=True),
    )


def newest_fit(store: Store, wanted: Sought) -> Fit | None:
    """Return the fit of this host, else of its type of machine, else of any that will do.

    The newest, as of calibrations. Of another type of machine the team may have any size. One that
    this version can't evaluate is warned of, and there is none.
    """
    store.refresh()
    catalogue = catalogue_of(store.root)
    lines = catalogue.usable(kind_of(Efficiency), "subject", wanted.subject)
    chosen = choose(filter(wanted.suits, lines), node=wanted.node, machine_id=wanted.machine)
    if chosen is not None:
        return _read(store, chosen[0], elsewhere=False)
    others = [one for one in lines if wanted.carries(one)]
    if not others:
        return None
    alike = [one for one in others if one.threads == wanted.threads]
    return _read(store, preferred(alike or others), elsewhere=True)


def told(fit: Fit, machine: str) -> Iterator[str]:
    """Yield what a user should know of a fit before trusting it on a type of machine."""
    record = fit.record
    plan = "quick plan, " if record.quick else ""
    yield f"fit: {fit.name} ({plan}{len(record.timings)} layers of {record.subject})"
    if fit.elsewhere:
        yield (
            f"fit: made on {record.machine.id} with {record.threads} threads: its physical "
            f"parameters are carried over to {machine}, what they left unexplained is not"
        )
    if record.physics != physics_digest():
        yield (
            "fit: made by another version of rung d: "
            f"run `python -m calibrate.subject {record.subject}` again"
        )


def _read(store: Store, line: Line, *, elsewhere: bool) -> Fit | None:
    record = record_at(store.root / line.place)
    if isinstance(record, Efficiency) and _evaluable(record):
        return Fit(name=line.name, record=record, elsewhere=elsewhere)
    warnings.warn(
        f"this version can't evaluate the fit {line.name}: "
        f"run `python -m calibrate.subject {line.subject}` again",
        RooflineWarning,
        stacklevel=2,
    )
    return None


def _evaluable(record: Efficiency) -> bool:
    """Whether this version can evaluate a fit, whoever wrote it."""
    named = tuple(one.name for one in record.parameters) == tuple(one.name for one in PRIORS)
    described = record.features == FEATURES and {*SIZES} <= record.reach.keys()
    return named and described and not any(misfits(record))
