"""Which layers a subject is calibrated with: drawn from the stated domain, as unlike as they come.

Of each class as many, in turn. Three of five, none of a few, are as they were drawn: as common as
layers elsewhere, so that what a fit misses them by is what it will miss others by. The rest is
taken one after the other, each the candidate farthest from all taken so far (Kennard and Stone,
"Computer aided design of experiments", Technometrics 11(1), 1969), so that few layers span the
domain. No layer of the default sweep is among them: that one judges.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from roofline import shapes
from roofline.physics.workload import conv_work
from roofline.records import CONV_CLASSES, ConvShape, Layer

QUICK, FULL = 16, 200
SEED = 404_171
SPANNING = "span-"
"""The beginning of the names of layers that were chosen for being far from others."""

# So many layers of a class span its domain before any is taken as it was drawn.
_FEWEST = 8
# The share of many that are as drawn.
_AS_DRAWN = 0.6
# Candidates for each layer that is chosen for being far from the others.
_CANDIDATES = 4


def design(count: int, reserved: Iterable[ConvShape] = ()) -> tuple[Layer, ...]:
    """Return so many layers, a class after the other in turn, the same ones everywhere.

    Args:
        count: a multiple of the number of classes; else as many more as make it one.
        reserved: shapes that are judged by, beside the default sweep.

    """
    each = -(-count // len(CONV_CLASSES))
    kept = {layer.shape for layer in shapes.default_sweep()} | {*reserved}
    drawn = shapes.draw(len(CONV_CLASSES) * each * _CANDIDATES, SEED)
    chosen = [
        _spread([one for one in _of(drawn, name) if one.shape not in kept], each)
        for name in CONV_CLASSES
    ]
    return tuple(layer for turn in zip(*chosen, strict=False) for layer in turn)


def _of(layers: Sequence[Layer], conv_class: str) -> list[Layer]:
    return [layer for layer in layers if layer.shape.conv_class == conv_class]


def _spread(candidates: Sequence[Layer], count: int) -> list[Layer]:
    common = min(max(0, count - _FEWEST), round(_AS_DRAWN * count))
    taken, others = list(candidates[:common]), list(candidates[common:])
    places = {layer.name: _place(layer.shape) for layer in candidates}
    nearest = {
        one.name: min((_apart(places, one, other) for other in taken), default=math.inf)
        for one in others
    }
    while others and len(taken) < count:
        layer = max(others, key=lambda one: nearest[one.name])
        others.remove(layer)
        taken.append(replace(layer, name=SPANNING + layer.name))
        for one in others:
            nearest[one.name] = min(nearest[one.name], _apart(places, one, layer))
    return taken


def _apart(places: Mapping[str, tuple[float, ...]], one: Layer, other: Layer) -> float:
    return math.dist(places[one.name], places[other.name])


def _place(shape: ConvShape) -> tuple[float, ...]:
    """Return where a layer lies in what matters to its time; a unit is a factor of two."""
    work = conv_work(shape)
    counts = (
        *(work.flops, work.bytes_touched.total, shape.group_in, shape.group_out),
        *(shape.out_width, shape.kernel[0] * shape.kernel[1], shape.stride[1], shape.batch),
    )
    return tuple(math.log2(one) for one in counts)
