"""The rounds behind a ceiling, found among the measurements; and how two such samples compare."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from roofline.physics import ranks
from roofline.physics.robust import median
from roofline.records import Calibration, Ceiling, Measurement

# A record keeps four digits of a round's seconds and five of a ceiling.
_ROUNDING = 1e-3
_CONFIDENCE = 0.95
# Rounds that still tell something.
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a calibration saw of one figure.

    Attributes:
        typical, low, high: median, smallest and largest over rounds, in the figure's unit.
        count: rounds; 0 where unknown.
        rounds: each round's figure; empty where the record keeps only the summary.
        measurement: where the rounds come from.

    """

    typical: float
    low: float
    high: float
    count: int
    rounds: tuple[float, ...] = ()
    measurement: Measurement | None = None

    def times(self, factor: float) -> "Sample":
        """Return the same in a unit that is 1 / factor as large."""
        return replace(
            self,
            typical=factor * self.typical,
            low=factor * self.low,
            high=factor * self.high,
            rounds=tuple(factor * one for one in self.rounds),
        )

    def without(self, places: Collection[int]) -> "Sample":
        """Return the same without these rounds; as it is where too few would be left."""
        kept = tuple(one for place, one in enumerate(self.rounds) if place not in places)
        if len(kept) < _FEWEST or len(kept) == len(self.rounds):
            return self
        return replace(
            self,
            typical=median(kept),
            low=min(kept),
            high=max(kept),
            count=len(kept),
            rounds=kept,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Two samples compared: second / first, its 95 % interval, the p-value of no difference."""

    ratio: float
    interval: tuple[float, float] | None
    p: float

    def over(self, factor: float) -> "Contrast":
        """Return how the samples compare to each other beside a factor that all share."""
        low, high = self.interval or (math.nan, math.nan)
        held = None if self.interval is None else (low / factor, high / factor)
        return replace(self, ratio=self.ratio / factor, interval=held)


def contrast(first: Sample, second: Sample) -> Contrast:
    """Compare two samples by their rounds; where only ranges are known, by these.

    The extreme ratios of two ranges are the widest interval that Mann & Whitney's test has; ranges
    that don't overlap are its most extreme outcome. Whatever lies between stays undecided.
    """
    if first.rounds and second.rounds:
        return Contrast(
            ratio=ranks.ratio(first.rounds, second.rounds),
            interval=ranks.interval(first.rounds, second.rounds, _CONFIDENCE),
            p=ranks.p_value(first.rounds, second.rounds),
        )
    ratio = second.typical / first.typical
    chance = ranks.separated(first.count, second.count)
    if chance > 1 - _CONFIDENCE:
        return Contrast(ratio=ratio, interval=None, p=1.0)
    apart = first.high < second.low or second.high < first.low
    between = (second.low / first.high, second.high / first.low)
    return Contrast(ratio=ratio, interval=between, p=chance if apart else 1.0)


def sample(calibration: Calibration, ceiling: Ceiling) -> Sample:
    """Return what a calibration saw of one of its ceilings."""
    low, high = sorted((ceiling.low, ceiling.high))
    usual = max((len(one.seconds) for one in calibration.measurements), default=0)
    known = Sample(typical=ceiling.typical, low=low, high=high, count=usual)
    found = min(
        _candidates(calibration, ceiling),
        key=lambda candidate: _distance(known, candidate[1]),
        default=None,
    )
    if found is None or _distance(known, found[1]) > _ROUNDING:
        return known
    measurement, rounds = found
    return replace(known, rounds=rounds, count=len(rounds), measurement=measurement)


def rounds_of(measurement: Measurement, ceiling: Ceiling) -> tuple[float, ...]:
    """Return a measurement's rounds in a ceiling's unit; none where they can't be that."""
    # A record keeps one sample a round: its median.
    kept = [samples for samples in measurement.seconds if samples]
    seconds = [one[0] if len(one) == 1 else median(one) for one in kept]
    if ceiling.kind == "latency":
        return ()  # of one load, where a record keeps that of a walk
    if ceiling.unit == "s":
        return tuple(seconds)
    work = measurement.work
    rates = {"FLOP/s": work.flops, "1/s": work.flops, "B/s": work.bytes_touched.total}
    done = rates.get(ceiling.unit, 0)
    return tuple(done / one for one in seconds) if done and all(seconds) else ()


def _candidates(
    calibration: Calibration, ceiling: Ceiling
) -> Iterator[tuple[Measurement, tuple[float, ...]]]:
    """Yield the measurements that may be a ceiling's own, with their rounds.

    A record doesn't say which is which. Median, best and worst round do: three figures that agree
    to a thousandth.
    """
    for one in calibration.measurements:
        case = one.case
        told = (
            (ceiling.threads, case.threads),
            (ceiling.dtype or case.dtype, case.dtype),
            (ceiling.bits or case.bits, case.bits),
        )
        if not all(mine == its for mine, its in told):
            continue
        if rounds := rounds_of(one, ceiling) or _walks(one, ceiling):
            yield one, rounds


def _walks(one: Measurement, ceiling: Ceiling) -> tuple[float, ...]:
    """Return the seconds of a load in each round, where a measurement is a latency's own walk."""
    size = ceiling.evidence.get("working_set")
    if (ceiling.kind, size) != (one.case.benchmark, one.case.working_set_bytes):
        return ()
    seconds = [median(samples) for samples in one.seconds if samples]
    whole = median(seconds) if seconds else 0.0
    return tuple(ceiling.typical * each / whole for each in seconds) if whole > 0 else ()


def _distance(known: Sample, rounds: tuple[float, ...]) -> float:
    ends = max(abs(min(rounds) / known.low - 1), abs(max(rounds) / known.high - 1))
    # Almost every candidate is told apart by its ends.
    return ends if ends > _ROUNDING else max(ends, abs(median(rounds) / known.typical - 1))
