"""Rung f: what parameters leave over, by small regression trees over what describes a layer.

The trees are plain numbers of a record; evaluating them needs nothing but this page.
"""

import math
from collections.abc import Sequence

from roofline.physics.efficiency import Parts
from roofline.records import CONV_CLASSES, ConvShape, Trees

_TIMES = ("seconds", "in-core share", "traffic share", "copies share", "call share")
FEATURES = (
    *_TIMES,
    *("input channels a group", "output channels a group", "groups", "outputs a plane"),
    *("output width", "batch", "taps", "taps across", "stride", "dilation"),
    *("empty input lanes", "empty output lanes", "activations", "weights"),
    *CONV_CLASSES,
)
"""What describes a layer; counts, sizes and seconds by their base-2 logarithm."""

SIZES = FEATURES[len(_TIMES) : -len(CONV_CLASSES)]
"""Those by which a layer can lie beyond others: its times also hang on what a call costs then."""


def features(shape: ConvShape, parts: Parts, lanes: int) -> tuple[float, ...]:
    """Return a layer's value of each of `FEATURES`."""
    moved = parts.moving
    total = parts.compute + moved + parts.reorders + parts.overhead
    plane = shape.out_height * shape.out_width
    seen = shape.in_channels * shape.height * shape.width
    taps = shape.kernel[0] * shape.kernel[1]
    return (
        math.log2(total),
        *(one / total for one in (parts.compute, moved, parts.reorders, parts.overhead)),
        *map(math.log2, (shape.group_in, shape.group_out, shape.groups, plane)),
        *map(math.log2, (shape.out_width, shape.batch, taps, shape.kernel[1])),
        *(float(one[1]) for one in (shape.stride, shape.dilation)),
        *(float(-one % lanes) / lanes for one in (shape.group_in, shape.group_out)),
        math.log2(shape.batch * (seen + shape.out_channels * plane)),
        math.log2(shape.groups * shape.group_in * shape.group_out * taps),
        *(float(shape.conv_class == one) for one in CONV_CLASSES),
    )


def residual(trees: Trees, values: Sequence[float]) -> float:
    """Return ln(rung f / rung e) of a layer with these features."""
    right = [
        values[split] > threshold
        for split, threshold in zip(trees.splits, trees.thresholds, strict=True)
    ]
    leaves = trees.leaves
    return sum(
        leaves[4 * one + (2 + right[3 * one + 2] if right[3 * one] else right[3 * one + 1])]
        for one in range(trees.count)
    )
