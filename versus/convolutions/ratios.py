"""What turns say: how many times as fast ours is, by layer, by class, and over a network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roofline.host.subjects import OURS
from roofline.physics.robust import median, median_interval
from roofline.physics.workload import conv_work
from roofline.records import CONV_CLASSES
from versus.convolutions.turns import Seen


@dataclass(frozen=True, slots=True)
class Ratio:
    """A median of ratios by round, and its distribution-free 95 % interval (None: too few)."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ClassRatio:
    """Ours against one library over the layers of a class; above 1, ours is faster.

    Attributes:
        mean: geometric mean over layers, by round.
        worst: the least median of a layer.

    """

    layers: int
    mean: Ratio
    worst: float


def of_rounds(values: Sequence[float]) -> Ratio:
    """Return the median of one value a round."""
    return Ratio(median(values), median_interval(values))


def layer_ratios(seen: Seen, name: str, ours: str = OURS) -> list[float]:
    """Return their time / our time by round; empty where they aren't compared."""
    theirs, own = seen.seconds.get(name, []), seen.seconds.get(ours, [])
    return [b / a for a, b in zip(own, theirs, strict=bool(theirs and own))]


def best_kernel(seen: Seen, kernels: Sequence[str]) -> str | None:
    """Return which library's kernel alone takes least at a layer; None where one has no time."""
    if any(name not in seen.seconds for name in kernels):
        return None
    return min(kernels, key=lambda name: median(seen.seconds[name]), default=None)


def over(
    all_seen: Sequence[Seen], names: Sequence[str | None], ours: str = OURS
) -> ClassRatio | None:
    """Return ours against whoever is named at each layer; None where nobody is compared.

    Args:
        all_seen: the layers.
        names: whom each is compared with.
        ours: which of ours.

    """
    pairs = zip(all_seen, names, strict=True)
    named = [(seen, name) for seen, name in pairs if name is not None]
    found = [ratios for seen, name in named if (ratios := layer_ratios(seen, name, ours))]
    if not found:
        return None
    means = [math.exp(math.fsum(map(math.log, one)) / len(one)) for one in zip(*found, strict=True)]
    return ClassRatio(len(found), of_rounds(means), min(map(median, found)))


def classes(all_seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    """Return the layers of each class that has any, in the order of `CONV_CLASSES`."""
    groups = {
        name: [one for one in all_seen if one.item.layer.shape.conv_class == name]
        for name in CONV_CLASSES
    }
    return {name: some for name, some in groups.items() if some}


def totals(all_seen: Sequence[Seen], name: str) -> list[float] | None:
    """Return the seconds of a whole network by round; None where a layer is missing."""
    if any(name not in seen.seconds for seen in all_seen):
        return None
    weighted = [[seen.item.times * s for s in seen.seconds[name]] for seen in all_seen]
    return [math.fsum(one) for one in zip(*weighted, strict=True)]


def efficiencies(seen: Seen) -> list[float]:
    """Return our executed operations a second, but the bias's, / the peak beside them, by round."""
    shape = seen.item.layer.shape
    executed = (conv_work(shape).flops_executed or 0) - shape.outputs * shape.bias
    pairs = zip(seen.seconds[OURS], seen.peaks, strict=True)
    return [executed / seconds / peak for seconds, peak in pairs]


def total_efficiency(all_seen: Sequence[Seen]) -> Ratio:
    """Return the same over a network: the time that the peak beside each layer allows / ours."""
    rounds = []
    for shares, times in zip(
        zip(*map(efficiencies, all_seen), strict=True),
        zip(*(seen.seconds[OURS] for seen in all_seen), strict=True),
        strict=True,
    ):
        taken = [seen.item.times * s for seen, s in zip(all_seen, times, strict=True)]
        needed = math.fsum(a * b for a, b in zip(shares, taken, strict=True))
        rounds.append(needed / math.fsum(taken))
    return of_rounds(rounds)
