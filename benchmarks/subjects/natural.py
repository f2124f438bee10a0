"""A convolution's tensors as everybody has them, and whether an answer in them is right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.conv.layout import Places
from benchmarks.conv.reference import agrees, outputs_at, positions
from roofline.records import ConvShape

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Natural:
    """A convolution's weights as everybody has them: (out, in/g, kh, kw), and a bias or None."""

    weights: Array
    bias: Array | None


def weights_of(shape: ConvShape, seed: int = 7) -> Natural:
    """Return normal random weights, as our own operators draw them."""
    draw = np.random.default_rng(seed)
    size = (shape.out_channels, shape.group_in, *shape.kernel)
    weights = draw.standard_normal(size, np.float32).astype(shape.dtype)
    bias = draw.standard_normal(shape.out_channels).astype(shape.dtype) if shape.bias else None
    return Natural(weights, bias)


def correct(shape: ConvShape, x: Array, answer: Array, natural: Natural) -> bool:
    """Whether an answer is whole, and equals the float64 reference where it is compared."""
    where = positions(shape)
    channels = np.arange(shape.in_channels)
    places = Places(channels, np.zeros_like(channels), channels.size, 1)
    expected = outputs_at(shape, x[..., None], places, natural.weights, natural.bias, where)
    found = answer[where[:, 0], :, where[:, 1], where[:, 2]]
    terms = shape.group_in * shape.kernel[0] * shape.kernel[1]
    sound = answer.shape == (shape.batch, shape.out_channels, shape.out_height, shape.out_width)
    return sound and bool(np.isfinite(answer).all()) and agrees(found, expected, shape.dtype, terms)
