"""Which layers a subject is calibrated with: drawn from the stated domain, as unlike as they come.

Of each class as many, in turn. Half of them, or all of a few, are taken one after the other, each
the candidate farthest from all taken so far (Kennard and Stone, "Computer aided design of
experiments", Technometrics 11(1), 1969), so that few layers span the domain; the others as they
were drawn, so that many layers are as common as elsewhere. No layer of the default sweep is among
them: that one judges.
"""

import math
from collections.abc import Iterable, Sequence

from roofline import shapes
from roofline.physics.workload import conv_work
from roofline.records import CONV_CLASSES, ConvShape, Layer

QUICK, FULL = 16, 200
SEED = 404_171
# So many layers of a class span its domain before any is taken as it was drawn.
_SPANNING = 8
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
    far, drawn = max(min(count, _SPANNING), count // 2), list(candidates)
    places = {layer.name: _place(layer.shape) for layer in drawn}
    taken = [drawn.pop(0)]
    nearest = {one.name: math.dist(places[one.name], places[taken[0].name]) for one in drawn}
    while drawn and len(taken) < far:
        layer = max(drawn, key=lambda one: nearest[one.name])
        drawn.remove(layer)
        taken.append(layer)
        for one in drawn:
            away = math.dist(places[one.name], places[layer.name])
            nearest[one.name] = min(nearest[one.name], away)
    return [*taken, *drawn[: count - len(taken)]]


def _place(shape: ConvShape) -> tuple[float, ...]:
    """Return where a layer lies in what matters to its time; a unit is a factor of two."""
    work = conv_work(shape)
    counts = (
        *(work.flops, work.bytes_touched.total, shape.group_in, shape.group_out),
        *(shape.out_width, shape.kernel[0] * shape.kernel[1], shape.stride[1], shape.batch),
    )
    return tuple(math.log2(one) for one in counts)
