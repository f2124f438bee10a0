"""Two small samples compared by ranks: exact, without any assumption on how rounds scatter.

Whether one sample lies higher is Mann & Whitney's test (Annals of Mathematical Statistics 18,
1947), with exact counts. By how much is the Hodges-Lehmann estimate (Annals of Mathematical
Statistics 34, 1963), here of a ratio: the median of all ratios between a value of one and a value
of the other; its interval is the one that goes with the test (Hollander, Wolfe & Chicken,
Nonparametric Statistical Methods, 3rd ed., section 4.3). Ranks don't mind logarithms, so ratios
need none.
"""

import functools
import math
from collections.abc import Sequence

from roofline.physics.robust import median


def ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how many times larger the second sample is: Hodges & Lehmann's median of ratios."""
    return median(_ratios(first, second))


def interval(
    first: Sequence[float], second: Sequence[float], confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return an interval that holds that ratio with at least that confidence.

    None where there are too few values for any (3 against 3 at 95 %).
    """
    ordered = sorted(_ratios(first, second))
    tails = _tails(len(first), len(second))
    rank = sum(2 * tail <= 1 - confidence for tail in tails)
    return (ordered[rank - 1], ordered[-rank]) if rank else None


def p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the probability of samples at least this far apart when nothing differs, two-sided.

    Ties are counted against a difference, so that the probability is never too small.
    """
    above = sum(y >= x for x in first for y in second)
    below = sum(y <= x for x in first for y in second)
    return min(1.0, 2 * _tails(len(first), len(second))[min(above, below)])


def separated(count: int, other: int) -> float:
    """Return the p-value of two samples that don't overlap: the smallest that there is."""
    return min(1.0, 2 * _tails(count, other)[0])


def combined(p_values: Sequence[float]) -> float:
    """Return one p-value for all: twice their median, valid however they depend on each other.

    Rueger, Metrika 25, 1978; Vovk & Wang, Biometrika 107, 2020.
    """
    return min(1.0, 2 * median(p_values))


def significant(
    p_values: Sequence[float], error: float = 0.05, spared: int = 1
) -> tuple[bool, ...]:
    """Tell which of many comparisons show a difference, though chance may show some.

    With a probability of at most `error`, more than `spared` of those that show one are chance.
    That is the generalised family-wise error rate, with the step-down procedure of Lehmann &
    Romano (Annals of Statistics 33, 2005, theorem 2.2), which holds for dependent comparisons;
    `spared=0` is Holm's.
    """
    count, most = len(p_values), spared + 1
    passed = [False] * count
    for place, index in enumerate(sorted(range(count), key=p_values.__getitem__)):
        rivals = count - max(0, place - spared)
        if p_values[index] > most * error / rivals:
            break
        passed[index] = True
    return tuple(passed)


def _ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [y / x for x in first for y in second]


@functools.cache
def _tails(count: int, other: int) -> tuple[float, ...]:
    """Return P(U <= u) for every u from 0 to count x other, when nothing differs.

    The numbers of arrangements are the coefficients of the Gaussian binomial: the product over i
    of (1 - q^(other + i)) / (1 - q^i) (Mann & Whitney's recurrence, solved).
    """
    ways = [1] + [0] * (count * other)
    for i in range(1, count + 1):
        for power in range(len(ways) - 1, other + i - 1, -1):
            ways[power] -= ways[power - other - i]
        for power in range(i, len(ways)):
            ways[power] += ways[power - i]
    total, seen, tails = math.comb(count + other, count), 0, []
    for number in ways:
        seen += number
        tails.append(seen / total)
    return tuple(tails)
