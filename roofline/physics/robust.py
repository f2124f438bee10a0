"""Statistics that a few bad windows can't spoil.

The median's interval is by order statistics, free of any distribution (Conover, Practical
Nonparametric Statistics, 3rd ed., section 3.2). A trend is the median of all slopes between two
values, its interval by Kendall's statistic (Sen, JASA 63, 1968). The spread is the median absolute
deviation, scaled to a normal's standard deviation (Rousseeuw & Croux, JASA 88, 1993). The modified
z-score is Iglewicz & Hoaglin's (How to Detect and Handle Outliers, ASQC, 1993).
"""

import math
import statistics
from collections.abc import Sequence

_TO_SIGMA = 1.4826
# A normal lies within so many standard deviations with 95 %.
_TWO_SIDED = 1.96


def median(values: Sequence[float]) -> float:
    """Return the median.

    Raises:
        statistics.StatisticsError: there are no values.

    """
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Return 1.4826 x the median absolute deviation, as a fraction of the median."""
    centre = median(values)
    deviation = median([abs(value - centre) for value in values])
    return _TO_SIGMA * deviation / abs(centre) if centre else math.inf


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share (0 to 1) lies, linear between order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def median_interval(
    values: Sequence[float], confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return an interval that holds the median with at least that confidence.

    The k-th smallest and k-th largest values bound it, with the greatest k whose binomial tail
    allows it. None when there are too few values for any (5 or fewer at 95 %).
    """
    ordered, count = sorted(values), len(values)
    rank = 0
    while rank < count // 2 and 2 * _binomial_tail(count, rank) <= 1 - confidence:
        rank += 1
    return (ordered[rank - 1], ordered[count - rank]) if rank else None


def trend(values: Sequence[float]) -> tuple[float, tuple[float, float]] | None:
    """Return how much values rise from the first to the last, and a 95 % interval of that.

    None when there are too few values for any (3 or fewer).
    """
    count = len(values)
    slopes = sorted(
        (values[j] - values[i]) / (j - i) for i in range(count) for j in range(i + 1, count)
    )
    # Kendall's statistic is nearly normal; ranks are rounded outwards.
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    rank = math.floor((len(slopes) - _TWO_SIDED * deviation) / 2)
    if rank < 1:
        return None
    span = count - 1
    return span * median(slopes), (span * slopes[rank - 1], span * slopes[-rank])


def _binomial_tail(count: int, most: int) -> float:
    """Return P(X <= most) for X ~ Binomial(count, 1/2)."""
    return sum(math.comb(count, k) for k in range(most + 1)) / 2.0**count


def modified_z_scores(values: Sequence[float]) -> list[float]:
    """Return how many scaled median absolute deviations each value is from the median.

    Where over half of the values are equal, every other one is infinitely far away.
    """
    centre = median(values)
    deviation = _TO_SIGMA * median([abs(value - centre) for value in values])
    return [_in_units(value - centre, deviation) for value in values]


def _in_units(distance: float, unit: float) -> float:
    if unit:
        return distance / unit
    return math.copysign(math.inf, distance) if distance else 0.0
