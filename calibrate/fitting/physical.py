"""Rung e's parameters: the most probable ones, given what was measured and what was believed.

The logarithms of measured / predicted are normal around 0 but for outliers, whose weight falls
with their distance (Huber), and the logarithms of the parameters are normal around their priors.
Gauss and Newton's steps find the maximum.
"""

import math
from collections.abc import Sequence

import numpy

from roofline.physics.efficiency import PRIORS, Parts, Prior, seconds

NOISE = 0.15
"""Standard deviation of ln(measured / predicted), as it is believed to be."""

# Beyond so many standard deviations an error counts by its size, not by its square.
_OUTLIER = 2.0
_STEPS, _CLOSE, _LONGEST, _NUDGE = 60, 1e-3, 0.5, 1e-4

Vector = numpy.ndarray[tuple[int], numpy.dtype[numpy.float64]]
Matrix = numpy.ndarray[tuple[int, int], numpy.dtype[numpy.float64]]


def fit(
    parts: Sequence[Parts], measured: Sequence[float], priors: Sequence[Prior] = PRIORS
) -> tuple[float, ...]:
    """Return the most probable value of each parameter, in the order of `PRIORS`.

    Args:
        parts: what rung d says of each layer.
        measured: how long it took, in seconds.
        priors: what is believed of the parameters.

    """
    wanted = numpy.log(numpy.array(measured))
    believed = _Believed(priors)
    point = believed.centre
    for _ in range(_STEPS):
        step = _step(parts, wanted, point, believed)
        # Far from the maximum a whole step may lead further away.
        step *= min(1.0, _LONGEST / max(float(numpy.abs(step).max()), _CLOSE))
        point = point + step
        if float(numpy.abs(step).max()) < _CLOSE:
            break
    return tuple(float(value) for value in numpy.exp(point))


class _Believed:
    """Centres of the parameters' logarithms, and their precision."""

    def __init__(self, priors: Sequence[Prior]) -> None:
        self.centre = numpy.array([math.log(prior.centre) for prior in priors])
        self.precision = numpy.array([prior.spread**-2 for prior in priors])


def _step(parts: Sequence[Parts], wanted: Vector, point: Vector, believed: _Believed) -> Vector:
    predicted = _logarithms(parts, point)
    slopes = _slopes(parts, predicted, point)
    errors = wanted - predicted
    weights = 1 / numpy.maximum(1.0, numpy.abs(errors) / (_OUTLIER * NOISE)) / NOISE**2
    curvature = (slopes.T * weights) @ slopes + numpy.diag(believed.precision)
    slope = (slopes.T * weights) @ errors - (point - believed.centre) * believed.precision
    return numpy.linalg.solve(curvature, slope)


def _logarithms(parts: Sequence[Parts], point: Vector) -> Vector:
    values = [float(value) for value in numpy.exp(point)]
    return numpy.array([math.log(seconds(one, values)) for one in parts])


def _slopes(parts: Sequence[Parts], predicted: Vector, point: Vector) -> Matrix:
    nudges = numpy.eye(len(point)) * _NUDGE
    return numpy.stack(
        [(_logarithms(parts, point + nudge) - predicted) / _NUDGE for nudge in nudges], axis=1
    )
