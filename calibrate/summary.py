"""Samples by round turned into a ceiling's figures, and the verdict on their noise."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from roofline.physics import robust
from roofline.physics.steady import NOISY, RANGE
from roofline.records import Ceiling, Kind, Measurement, Rounds, Scalar, Unit

# The share of samples below the best that is quoted: never the largest, which grows with patience.
_BEST = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A figure over rounds, in the ceiling's unit.

    Attributes:
        typical: median over rounds of each round's median.
        high, low: the median of the best and of the worst round.

    """

    typical: float
    high: float
    low: float
    interval: tuple[float, float] | None
    spread: float

    def verdict(self, kind: Kind) -> str:
        """Return "steady", or "noisy" and how far the worst and best round lie from the typical.

        A spread by the median absolute deviation is blind to a second mode in a few rounds, so
        the range counts too.
        """
        below, above = self.low / self.typical - 1, self.high / self.typical - 1
        limit = NOISY[kind]
        if self.spread <= limit and max(-below, above) <= RANGE * limit:
            return "steady"
        return f"noisy: {below:+.0%} to {above:+.0%}"


def summarise(rounds: Rounds, figure: Callable[[float], float] = float) -> Summary:
    """Summarise what each sample says by `figure`, which may turn seconds into a rate.

    A round all of whose samples were set apart has no say.
    """
    kept = [samples for samples in rounds if samples]
    # As the record keeps it: of an even number, a rate's median is another than its seconds'.
    medians = [figure(robust.median(samples)) for samples in kept]
    return Summary(
        typical=robust.median(medians),
        high=max(medians),
        low=min(medians),
        interval=robust.median_interval(medians),
        spread=round(robust.spread(medians), 4),
    )


def ceiling(kind: Kind, name: str, unit: Unit, summary: Summary, **details: Any) -> Ceiling:
    """Return a ceiling with a summary's figures; the noise verdict joins its evidence."""
    evidence = {"verdict": summary.verdict(kind), **details.pop("evidence", {})}
    low, high = summary.interval or (0.0, 0.0)
    return Ceiling(
        kind=kind,
        name=name,
        unit=unit,
        typical=short(summary.typical),
        high=short(summary.high),
        low=short(summary.low),
        interval=None if summary.interval is None else (short(low), short(high)),
        spread=summary.spread,
        evidence={name: _shortened(value) for name, value in evidence.items()},
        **details,
    )


def best(rounds: Rounds, figure: Callable[[float], float]) -> float:
    """Return the 95th percentile of a rate over all samples: what disturbed windows don't move."""
    return robust.percentile([figure(sample) for sample in flat(rounds)], _BEST)


def short(value: float, digits: int = 5) -> float:
    """Return a value to so many significant digits: more would only fill the record."""
    return float(f"{value:.{digits}g}")


def _shortened(value: Scalar) -> Scalar:
    return short(value) if isinstance(value, float) else value


def flat(rounds: Rounds) -> list[float]:
    """Return every sample of every round."""
    return [sample for samples in rounds for sample in samples]


def condensed(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Return the measurements as a record keeps them: one median a round, or none.

    Loop counts and the chains' steps stay with the samples; the ceilings say what they showed.
    """
    return tuple(
        replace(one, seconds=_medians(one.seconds), loops=(), steps_per_second={})
        for one in measurements
    )


def _medians(rounds: Rounds) -> Rounds:
    # Four digits: a hundredth of a percent, where rounds differ by percents.
    return tuple((short(robust.median(one), 4),) if one else () for one in rounds)
