"""The float64 reference of a convolution: every output, or some outputs of all channels."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.conv.layout import Places
from roofline.records import ConvShape

Array = NDArray[Any]
# The largest error allowed, against the largest absolute value of the reference.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
# Multiply-adds that one check at run time may cost, about 20 ms.
_BUDGET = 1 << 27
_FEWEST, _MOST = 12, 128


def positions(shape: ConvShape, seed: int = 5) -> NDArray[np.int64]:
    """Return (image, row, column) of outputs to check: corners, edges, and some drawn."""
    height, width = shape.out_height, shape.out_width
    last = shape.batch - 1
    rows, columns = {0, height // 2, height - 1}, {0, width // 2, width - 1}
    fixed = [(n, r, c) for n in sorted({0, last}) for r in sorted(rows) for c in sorted(columns)]
    each = shape.out_channels * shape.group_in * shape.kernel[0] * shape.kernel[1]
    count = min(_MOST, max(_FEWEST, _BUDGET // each))
    draw = np.random.default_rng(seed)
    sizes = (shape.batch, height, width)
    drawn = np.stack([draw.integers(0, size, count) for size in sizes], axis=1)
    return np.concatenate([np.array(fixed, np.int64), drawn])


def outputs_at(
    shape: ConvShape,
    x: Array,
    places: Places,
    weights: Array,
    bias: Array | None,
    where: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the outputs at some positions, shape (positions, out_channels).

    Args:
        shape: of the convolution.
        x: the packed input (batch, blocks, height, width, lanes), which is not unpacked whole.
        places: where its channels lie.
        weights: (out, in/g, kh, kw).
        bias: (out,) or None.
        where: (image, row, column) of each.

    """
    sums = np.zeros((len(where), shape.groups, shape.group_out))
    grouped = weights.astype(np.float64).reshape(
        shape.groups, shape.group_out, shape.group_in, *shape.kernel
    )
    for kh in range(shape.kernel[0]):
        row = where[:, 1] * shape.stride[0] - shape.padding[0] + kh * shape.dilation[0]
        for kw in range(shape.kernel[1]):
            column = where[:, 2] * shape.stride[1] - shape.padding[1] + kw * shape.dilation[1]
            inside = (row >= 0) & (row < shape.height) & (column >= 0) & (column < shape.width)
            image, r, c = where[inside, 0], row[inside], column[inside]
            taken = x[
                image[:, None], places.block[None], r[:, None], c[:, None], places.lane[None]
            ].astype(np.float64)
            patch = taken.reshape(-1, shape.groups, shape.group_in)
            sums[inside] += np.einsum("pgi,goi->pgo", patch, grouped[..., kh, kw], optimize=True)
    flat = sums.reshape(len(where), shape.out_channels)
    return flat if bias is None else flat + bias.astype(np.float64)


def convolve(shape: ConvShape, x: Array, weights: Array, bias: Array | None) -> Array:
    """Return every output (batch, out, out_h, out_w) in float64, from a natural input (NCHW)."""
    vertical, horizontal = shape.padding
    padded = np.pad(
        x.astype(np.float64),
        ((0, 0), (0, 0), (vertical, vertical), (horizontal, horizontal)),
    )
    height, width = shape.out_height, shape.out_width
    out = np.zeros((shape.batch, shape.groups, shape.group_out, height, width))
    grouped = padded.reshape(shape.batch, shape.groups, shape.group_in, *padded.shape[2:])
    factors = weights.astype(np.float64).reshape(
        shape.groups, shape.group_out, shape.group_in, *shape.kernel
    )
    for kh in range(shape.kernel[0]):
        top = kh * shape.dilation[0]
        rows = slice(top, top + (height - 1) * shape.stride[0] + 1, shape.stride[0])
        for kw in range(shape.kernel[1]):
            left = kw * shape.dilation[1]
            columns = slice(left, left + (width - 1) * shape.stride[1] + 1, shape.stride[1])
            out += np.einsum("ngihw,goi->ngohw", grouped[..., rows, columns], factors[..., kh, kw])
    flat = out.reshape(shape.batch, shape.out_channels, height, width)
    return flat if bias is None else flat + bias.astype(np.float64)[None, :, None, None]


def agrees(answer: Array, expected: Array, dtype: str, terms: int = 0) -> bool:
    """Whether the largest error is small against the largest value of the reference.

    Where there are so few outputs that all may be near zero by chance, that value is at least their
    standard deviation, sqrt(terms) for `terms` products of normal numbers.
    """
    scale = max(float(np.abs(expected).max(initial=0.0)), math.sqrt(terms))
    error = float(np.abs(answer - expected).max(initial=0.0))
    return bool(error <= TOLERANCE[dtype] * scale) if scale else error == 0.0
