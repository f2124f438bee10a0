"""Rung f: what parameters leave over, by small regression trees over what describes a layer.

The trees are plain numbers of a record; evaluating them needs nothing but this page.
"""

import math
from collections.abc import Sequence

from roofline.physics.efficiency import Parts
from roofline.physics.remembered import remembered
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
    total = 0.0
    for first, left, right in _nodes(trees):
        split, threshold, low, high = right if values[first[0]] > first[1] else left
        total += high if values[split] > threshold else low
    return total


_Node = tuple[int, float, float, float]


@remembered
def _nodes(trees: Trees) -> list[tuple[tuple[int, float], _Node, _Node]]:
    """Return, by tree, (feature, threshold), and of both sides the same with what it then is."""
    splits = list(zip(trees.splits, trees.thresholds, strict=True))
    pairs = list(zip(trees.leaves[::2], trees.leaves[1::2], strict=True))
    return [
        (
            splits[3 * one],
            splits[3 * one + 1] + pairs[2 * one],
            splits[3 * one + 2] + pairs[2 * one + 1],
        )
        for one in range(trees.count)
    ]
