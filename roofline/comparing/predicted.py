"""Predictions for a machine that isn't here, from its newest calibration in a store."""

import dataclasses
from collections.abc import Sequence

from roofline.comparing import subjects
from roofline.comparing.fits import newest_fit, sought
from roofline.comparing.fitted import Fit
from roofline.comparing.reporting import predictions
from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.records import Calibration, Layer, Report
from roofline.store.catalogue import catalogue_of
from roofline.store.files import Store
from roofline.store.index import Entry
from roofline.store.schema import kind_of

# What a machine that isn't here may hold: shapes aren't limited by the memory of this one.
_ANY = 1 << 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What is predicted for whom.

    Attributes:
        machine: the id of a type of machine, or a beginning of it that no other shares.
        threads: None for all cores that the calibration used.
        isa_cap: the cap that its calibration must have been made with.

    """

    machine: str
    subject: str = "ours"
    threads: int | None = None
    isa_cap: str | None = None
    cold: bool = False


def predicted(
    wish: Elsewhere, layers: Sequence[Layer], store: Store
) -> tuple[Report, Runner, Fit | None]:
    """Return predictions and bounds, nothing measured; the runner and the fit that they rest on.

    Raises:
        RooflineError: the store knows no such machine, or several, or too little of it.

    """
    subjects.check(wish.subject, cold=wish.cold, isa_cap=wish.isa_cap)
    entry = calibration_of_machine(wish, store)
    threads = wish.threads or entry.record.usable_cores
    fit = newest_fit(store, sought(entry.record, wish.subject, threads, cold=wish.cold, here=False))
    operators = subjects.runner(
        wish.subject,
        entry.record,
        threads,
        cold=wish.cold,
        # As far as anybody saw it: a library's call costs about as much on another machine.
        call_seconds=subjects.call_seconds_of(fit.record.anchors) if fit else None,
    )
    operators.check(layers, _ANY)
    return predictions(operators, layers, entry.path.name, wish.subject), operators, fit


def calibration_of_machine(wish: Elsewhere, store: Store) -> Entry[Calibration]:
    """Return the newest valid calibration of a type of machine, of its largest team.

    Raises:
        RooflineError: there is none; says which there are.

    """
    machine = machine_named(wish.machine, store)
    store.refresh(machine)
    catalogue = catalogue_of(store.root)
    lines = catalogue.usable(kind_of(Calibration), "machine", machine)
    cores = max((one.usable_cores for one in lines if one.isa_cap == wish.isa_cap), default=0)
    found = catalogue.newest(Calibration, "", machine, cores, wish.isa_cap)
    if found is None:
        capped = f" capped to {wish.isa_cap}" if wish.isa_cap else ""
        raise RooflineError(f"no valid calibration of {machine}{capped} in {store.address}.")
    return found.entry


def machine_named(text: str, store: Store) -> str:
    """Return the id of the one machine that begins with a text.

    Raises:
        RooflineError: there is none, or more than one.

    """
    known = store.machines()
    found = [text] if text in known else [one for one in known if one.startswith(text)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found or known) or "none"
    what = "several machines" if found else "no machine"
    raise RooflineError(
        f"{what} of {store.address} begin with {text!r}: give one of {listed}."
        if found
        else f"{what} {text!r} in {store.address}: there is {listed}."
    )
