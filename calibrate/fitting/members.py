"""Members of a fit: each leaves out one fold of layers, which then tells how well it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from calibrate.fitting import physical, trees
from roofline.physics.cross import SEEN
from roofline.physics.efficiency import PRIORS, Parts, Prior, seconds
from roofline.physics.residual import residual
from roofline.records import ConvShape, Member

FOLDS, FEW_FOLDS = 5, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A layer that was measured.

    Attributes:
        features: in the order of `residual.FEATURES`.
        measured: seconds.
        spanning: chosen for being far from others, so that it tells nothing of how well a fit does.

    """

    shape: ConvShape
    parts: Parts
    features: tuple[float, ...]
    measured: float
    spanning: bool = False


def folds(samples: Sequence[Sample]) -> tuple[int, ...]:
    """Return each layer's fold; equal shapes share one, or a member would know what it judges.

    Where enough layers are as they were drawn, all members see those that span the domain.
    """
    count = FOLDS if len(samples) >= trees.ENOUGH else FEW_FOLDS
    common = [one for one in samples if not one.spanning]
    judging = common if len(common) >= trees.ENOUGH else samples
    numbers: dict[ConvShape, int] = {}
    for one in judging:
        numbers.setdefault(one.shape, len(numbers))
    return tuple(numbers[one.shape] % count if one.shape in numbers else SEEN for one in samples)


def members(
    samples: Sequence[Sample], fold_of: Sequence[int], priors: Sequence[Prior] = PRIORS
) -> tuple[Member, ...]:
    """Return a fit to all layers but those of one fold, for each fold."""
    numbers = range(max(fold_of) + 1)
    return tuple(
        _member([one for one, fold in zip(samples, fold_of, strict=True) if fold != number], priors)
        for number in numbers
    )


def _member(samples: Sequence[Sample], priors: Sequence[Prior]) -> Member:
    parts, measured = [one.parts for one in samples], [one.measured for one in samples]
    values = physical.fit(parts, measured, priors)
    if len(samples) < trees.ENOUGH * (FOLDS - 1) // FOLDS or not trees.installed():
        return Member(parameters=values)
    left = [math.log(one.measured / seconds(one.parts, values)) for one in samples]
    return Member(parameters=values, trees=trees.grow([one.features for one in samples], left))


def by_rung(sample: Sample, member: Member) -> dict[str, float]:
    """Return what a member says of a layer, in seconds, by rung: e, and f if it has trees."""
    physics = seconds(sample.parts, member.parameters)
    if not member.trees.count:
        return {"e": physics}
    return {"e": physics, "f": physics * math.exp(residual(member.trees, sample.features))}
