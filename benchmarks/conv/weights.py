"""A convolution's trained tensors as everybody has them, before anyone packs them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roofline.records import ConvShape

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Natural:
    """A convolution's weights as everybody has them: (out, in/g, kh, kw), and a bias or None."""

    weights: Array
    bias: Array | None


def weights_of(shape: ConvShape, seed: int = 7) -> Natural:
    """Return normal random weights of a shape: the same for everybody who runs it."""
    draw = np.random.default_rng(seed)
    size = (shape.out_channels, shape.group_in, *shape.kernel)
    weights = draw.standard_normal(size, np.float32).astype(shape.dtype)
    bias = draw.standard_normal(shape.out_channels).astype(shape.dtype) if shape.bias else None
    return Natural(weights, bias)
