"""CV+ intervals: how far new layers may lie from predictions that never saw their own errors.

Barber, Candes, Ramdas, Tibshirani, "Predictive inference with the jackknife+", Annals of
Statistics 49(1), 2021: each fitted layer's error is that of the fold's member which did not see it,
and is laid around what the same member says of the new layer. Errors keep their sign, so that
an interval may lean to one side.
"""

import math
from collections.abc import Sequence

from roofline.physics.robust import median

COVERAGE = 0.8
"""The share of new layers that an interval is meant to hold."""

ENOUGH = 30
"""A class with so many fitted layers has intervals of its own; below, all layers are pooled."""


SEEN = -1
"""The fold of a layer that all members saw: it tells nothing of new ones."""


def central(logarithms: Sequence[float]) -> float:
    """Return the prediction of all members together: their median, in seconds."""
    return math.exp(median(logarithms))


def interval(
    logarithms: Sequence[float], folds: Sequence[int], residuals: Sequence[float]
) -> tuple[float, float]:
    """Return the least and the most that a new layer should take, in seconds.

    Args:
        logarithms: by member, ln of the seconds that it predicts.
        folds: by fitted layer that tells of it, the member that did not see it.
        residuals: by such a layer, ln(measured / predicted) by that member.

    """
    ends = sorted(logarithms[fold] + error for fold, error in zip(folds, residuals, strict=True))
    # The k-th smallest of n, k = floor(alpha (n + 1)), and the same from above; the ends at worst.
    # Rounded first: (1 - 0.8) / 2 is a little less than 0.1.
    rank = max(1, math.floor(round((1 - COVERAGE) / 2 * (len(ends) + 1), 9)))
    return math.exp(ends[rank - 1]), math.exp(ends[-rank])
