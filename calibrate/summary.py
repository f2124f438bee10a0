"""Samples by round turned into a ceiling's figures, and the verdict on their noise."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from roofline.physics import robust
from roofline.records import Ceiling, Kind, Measurement, Rounds, Unit

# Rounds that differ more than this (1.4826 x MAD / median) make a figure noisy.
NOISY: Mapping[Kind, float] = {
    "compute": 0.03,
    "bandwidth": 0.08,
    "clock": 0.02,
    "capacity": 0.25,
    "overhead": 0.15,
    "effect": 0.1,
}


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
        """Return "steady", or "noisy" and how much."""
        limit = NOISY[kind]
        return "steady" if self.spread <= limit else f"noisy: rounds differ by {self.spread:.0%}"


def summarise(rounds: Rounds, figure: Callable[[float], float] = float) -> Summary:
    """Summarise what each sample says by `figure`, which may turn seconds into a rate."""
    medians = [robust.median([figure(sample) for sample in samples]) for samples in rounds]
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
    return Ceiling(
        kind=kind,
        name=name,
        unit=unit,
        typical=summary.typical,
        high=summary.high,
        low=summary.low,
        interval=summary.interval,
        spread=summary.spread,
        evidence=evidence,
        **details,
    )


def flat(rounds: Rounds) -> list[float]:
    """Return every sample of every round."""
    return [sample for samples in rounds for sample in samples]


def condensed(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Return the measurements as a record keeps them: one median a round.

    Loop counts and the chains' steps stay with the samples; the ceilings say what they showed.
    """
    return tuple(
        replace(one, seconds=_medians(one.seconds), loops=(), steps_per_second={})
        for one in measurements
    )


def _medians(rounds: Rounds) -> Rounds:
    # Four digits: a hundredth of a percent, where rounds differ by percents.
    return tuple((float(f"{robust.median(samples):.4g}"),) for samples in rounds)
