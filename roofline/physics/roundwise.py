"""What a family of figures shares, taken out round by round.

Members of a family are measured seconds apart in each round, so what neighbours do to one they do
to all. On a hypervisor that moved virtual CPUs, all memory bandwidth of two cores was 1.7 times as
high in some rounds; beside each other, members stayed within 10 %
(docs/performance.md).
"""

from collections.abc import Sequence
from dataclasses import replace

from roofline.physics.replicates import Sample
from roofline.physics.robust import median

# Fewer can't tell what is common from what is their own.
FEWEST = 4


def leveled(samples: Sequence[Sample]) -> tuple[Sample, ...] | None:
    """Return samples as if each round had been like the typical one.

    Of each round, the median over members of how far they are from their own typical value is
    taken out of all of them.

    Returns:
        None where members are too few, or weren't all seen in the same rounds.

    """
    shared = factors(samples)
    return None if shared is None else tuple(_over(one, shared) for one in samples)


def factors(samples: Sequence[Sample]) -> list[float] | None:
    """Return what all share, by round, as a multiple of the typical round; None as above."""
    counts = {len(one.rounds) for one in samples}
    if len(samples) < FEWEST or len(counts) != 1 or 0 in counts:
        return None
    typical = [median(one.rounds) for one in samples]
    return [
        median([rate / usual for rate, usual in zip(rates, typical, strict=True)])
        for rates in zip(*(one.rounds for one in samples), strict=True)
    ]


def _over(one: Sample, factors: Sequence[float]) -> Sample:
    rounds = tuple(rate / factor for rate, factor in zip(one.rounds, factors, strict=True))
    return replace(one, typical=median(rounds), low=min(rounds), high=max(rounds), rounds=rounds)


def scatter(ratios: Sequence[float]) -> float:
    """Return how far members lie from the one in the middle: 1.48 times the median distance.

    For normally distributed ratios that is a standard deviation (Rousseeuw & Croux, Journal of the
    American Statistical Association 88, 1993).
    """
    middle = median(ratios)
    return 1.4826 * median([abs(one / middle - 1) for one in ratios])
