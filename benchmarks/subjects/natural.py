"""Whether an answer is right that lies as everybody has it: (batch, channels, height, width)."""

import numpy as np

from benchmarks.conv.layout import Places
from benchmarks.conv.reference import agrees, outputs_at, positions
from benchmarks.conv.weights import Array, Natural
from roofline.records import ConvShape


def correct(
    shape: ConvShape, x: Array, answer: Array, natural: Natural, *, relu: bool = False
) -> bool:
    """Whether an answer is whole, and equals the float64 reference where it is compared."""
    where = positions(shape)
    channels = np.arange(shape.in_channels)
    places = Places(channels, np.zeros_like(channels), channels.size, 1)
    expected = outputs_at(shape, x[..., None], places, natural.weights, natural.bias, where)
    expected = np.maximum(expected, 0) if relu else expected
    found = answer[where[:, 0], :, where[:, 1], where[:, 2]]
    terms = shape.group_in * shape.kernel[0] * shape.kernel[1]
    sound = answer.shape == (shape.batch, shape.out_channels, shape.out_height, shape.out_width)
    return sound and bool(np.isfinite(answer).all()) and agrees(found, expected, shape.dtype, terms)
