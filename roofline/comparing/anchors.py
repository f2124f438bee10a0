"""Drift anchors: which of the calibration's own cases are run again between the layers."""

from collections.abc import Iterator
from dataclasses import dataclass

from roofline.physics.predict import BARRIER
from roofline.physics.roof import cache_levels, compute_ceiling
from roofline.records import Calibration, Case, Ceiling, Measurement, Unit, Work

# Parameters that are False in a case that measures what the operating system costs.
_EFFECTS = ("pinned", "huge", "prefaulted")


@dataclass(frozen=True, slots=True)
class Probe:
    """A ceiling, the case that measured it, and that case's work."""

    ceiling: Ceiling
    case: Case
    work: Work

    @property
    def unit(self) -> Unit:
        """The unit of its rates: the ceiling's, or of what that is the seconds of, how often."""
        return "1/s" if self.ceiling.unit == "s" else self.ceiling.unit

    def rate(self, seconds: float) -> float:
        """Return the rate of one repetition."""
        if self.unit == "1/s":
            return 1 / seconds
        compute = self.unit == "FLOP/s"
        return (self.work.flops if compute else self.work.bytes_touched.total) / seconds


def probes(calibration: Calibration, threads: int, dtypes: tuple[str, ...]) -> tuple[Probe, ...]:
    """Return a team's probes: compute, a read in each cache level, DRAM read and triad, a barrier.

    A barrier costs as much as the cores are apart, and a hypervisor moves virtual ones.
    """
    wanted = (
        *_compute(calibration, threads, dtypes),
        *_memory(calibration, threads),
        *(one for one in (calibration.ceiling(BARRIER, threads),) if one and threads > 1),
    )
    return tuple(
        Probe(ceiling, found.case, found.work)
        for ceiling in wanted
        if (found := _measurement(calibration, ceiling)) is not None
    )


def _compute(calibration: Calibration, threads: int, dtypes: tuple[str, ...]) -> Iterator[Ceiling]:
    found = (compute_ceiling(calibration, threads, dtype) for dtype in dtypes)
    return (ceiling for ceiling in found if ceiling is not None)


def _memory(calibration: Calibration, threads: int) -> Iterator[Ceiling]:
    reads = [f"{level.lower()}-read" for level in cache_levels(calibration)]
    found = (calibration.ceiling(name, threads) for name in (*reads, "dram-read", "dram-triad"))
    return (ceiling for ceiling in found if ceiling is not None)


def _measurement(calibration: Calibration, ceiling: Ceiling) -> Measurement | None:
    """Return the measurement that a ceiling was concluded from."""
    return next((m for m in calibration.measurements if _made(m.case, ceiling)), None)


def _made(case: Case, ceiling: Ceiling) -> bool:
    if any(case.parameters.get(name) is False for name in _EFFECTS):
        return False
    if ceiling.name == BARRIER:
        return (case.benchmark, case.threads) == (BARRIER, ceiling.threads)
    if (case.threads, case.dtype, case.bits) != (ceiling.threads, ceiling.dtype, ceiling.bits):
        return False
    if ceiling.kind == "compute":
        return case.benchmark == ceiling.mix
    names = (ceiling.direction, f"{ceiling.direction}-curve")
    size, store = ceiling.evidence.get("working_set"), case.parameters.get("store")
    return case.benchmark in names and (case.working_set_bytes, store) == (size, ceiling.store)
