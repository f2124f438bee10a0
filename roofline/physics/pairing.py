"""Ceilings of two calibrations side by side: in one unit, read at one working set."""

from dataclasses import dataclass

from roofline.physics import chiplets
from roofline.physics.replicates import Contrast, Sample, contrast, rounds_of, sample
from roofline.physics.robust import median
from roofline.records import Calibration, Ceiling

PER_CYCLE = "FLOP/cycle"
OTHER_SIZES = "other working sets"
# Working sets nearer than this are one size: neighbours on a curve by half octaves, in one level.
_ABOUT = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A ceiling in both calibrations.

    Attributes:
        ceiling: as A has it.
        unit: the ceiling's, or FLOP/cycle of one core.
        first, second: what A and B saw, in that unit.
        wide: the larger spread over rounds of the two.
        peak: B / A of the best windows (95th percentiles), in FLOP/cycle or in B/s.
        note: which working set both were read at, where the ceilings' own differ.

    """

    ceiling: Ceiling
    unit: str
    first: Sample
    second: Sample
    contrast: Contrast
    wide: float
    peak: float | None = None
    note: str = ""


def alike(mine: Ceiling, other: Ceiling) -> bool:
    """Tell whether two ceilings of one name can be compared."""
    figures = [one for c in (mine, other) for one in (c.low, c.typical, c.high)]
    return mine.unit == other.unit and min(figures) > 0


def paired(a: Calibration, b: Calibration, mine: Ceiling, other: Ceiling) -> Pair:
    """Put a ceiling of A beside the one of B; compute in FLOP/cycle where both know the clock."""
    first, second, note = _at_one_size(a, b, mine, other)
    cycles = [one.evidence.get("flop_per_cycle_median") for one in (mine, other)]
    unit: str = mine.unit
    if mine.kind == "compute" and all(isinstance(c, int | float) and c > 0 for c in cycles):
        unit = PER_CYCLE
        first, second = (
            one.times(float(c or 1) / one.typical)
            for one, c in zip((first, second), cycles, strict=True)
        )
    return Pair(
        ceiling=mine,
        unit=unit,
        first=first,
        second=second,
        contrast=contrast(first, second),
        wide=max(mine.spread or 0.0, other.spread or 0.0),
        # Read at other sizes, best windows are of other sizes too.
        peak=None if note else _peak(mine, other),
        note=note,
    )


def _peak(mine: Ceiling, other: Ceiling) -> float | None:
    name = "flop_per_cycle" if mine.kind == "compute" else "best"
    before, after = (one.evidence.get(name) for one in (mine, other))
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return None
    return after / before if min(before, after) > 0 else None


def _at_one_size(
    a: Calibration, b: Calibration, mine: Ceiling, other: Ceiling
) -> tuple[Sample, Sample, str]:
    """Return both samples, read at one working set.

    A level is read off at half of the capacity that was found, which may fall on another size.
    """
    first, second = _placed(a, mine), _placed(b, other)
    sizes = [one.evidence.get("working_set") for one in (mine, other)]
    small, large = sorted(float(s) if isinstance(s, int | float) else 0.0 for s in sizes)
    if large <= _ABOUT * small or small == 0:
        return first, second, ""
    if (again := _again(b, first, mine)) is not None:
        return first, again, "at A's working set"
    if (again := _again(a, second, other)) is not None:
        return again, second, "at B's working set"
    return first, second, OTHER_SIZES


def _placed(calibration: Calibration, ceiling: Ceiling) -> Sample:
    """Return what was seen of a ceiling; of a team without rounds with its cores further apart."""
    seen = sample(calibration, ceiling)
    moved = chiplets.find(calibration) if ceiling.threads == calibration.usable_cores > 1 else None
    return seen if moved is None else seen.without(moved.places)


def _again(calibration: Calibration, known: Sample, ceiling: Ceiling) -> Sample | None:
    """Return what another calibration saw of the very case that a sample is of."""
    wanted = known.measurement.case.key if known.measurement else None
    for one in calibration.measurements:
        if one.case.key == wanted and (rounds := rounds_of(one, ceiling)):
            return Sample(
                typical=median(rounds),
                low=min(rounds),
                high=max(rounds),
                count=len(rounds),
                rounds=rounds,
                measurement=one,
            )
    return None
