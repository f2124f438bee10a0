"""Rung e: what a subject makes of the physics, by a few parameters that each mean something.

seconds = o x overhead + r x reorders + (core^p + moving^p)^(1/p)
core = w c x compute + groups + rows,  moving = sum of l x level

compute, each level's traffic, reorders and overhead are rung d's. w is how much longer the subject
computes than the physics says, c how its classes differ in that; groups and rows are what starting
a group and a row of outputs costs; the l are factors of each level's traffic; p says how well
computing hides traffic: 1 not at all (as rung d has it), infinite wholly. Before anything is
measured each parameter is believed to be what `PRIORS` says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from roofline.physics.library import REORDERS, whole
from roofline.physics.roof import MEMORY
from roofline.physics.tiling import lanewise
from roofline.records import CONV_CLASSES, ConvShape, Prediction

COMPUTE, OVERHEAD = "compute", "overhead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of a parameter: median, and standard deviation of its logarithm."""

    name: str
    centre: float
    spread: float
    about: str
    unit: str = ""


PRIORS: tuple[Prior, ...] = (
    Prior(name="computing", centre=1, spread=0.7, about="time in the core, of all classes"),
    *(
        Prior(name=one, centre=1, spread=0.3, about=f"the same of {one} layers, beside it")
        for one in CONV_CLASSES
    ),
    Prior(name="L2", centre=1, spread=0.4, about="traffic to L2"),
    Prior(name="L3", centre=1, spread=0.4, about="traffic to L3"),
    Prior(name=MEMORY, centre=1, spread=0.4, about="traffic to memory"),
    Prior(name=REORDERS, centre=1, spread=0.7, about="copies between layouts, into a matrix"),
    Prior(name=OVERHEAD, centre=1, spread=1.0, about="a call of next to nothing"),
    Prior(name="group", centre=20e-9, spread=1.5, about="starting a group of channels", unit="s"),
    Prior(name="row", centre=5e-9, spread=1.0, about="starting a row of outputs", unit="s"),
    Prior(name="overlap", centre=0.37, spread=1.0, about="p - 1: how well computing hides traffic"),
)
"""Most factors are 1 to within 35 %; a library may take twice as long in the core, and a copy too.
A row starts in a few dozen instructions, a group by a function call and more."""


_CLOSER = {"computing": 0.15, **dict.fromkeys(CONV_CLASSES, 0.15), "L2": 0.5, "L3": 0.5}
CLOSER: tuple[Prior, ...] = tuple(
    replace(prior, spread=prior.spread * _CLOSER.get(prior.name, 1)) for prior in PRIORS
)
"""The same of a library whose structure is known: time in the core is right to within a tenth."""

LEVELS = ("L2", "L3", MEMORY)
"""Levels whose traffic has a parameter."""

_PLACE = {prior.name: place for place, prior in enumerate(PRIORS)}
_COMPUTING, _REORDERS, _OVERHEAD = _PLACE["computing"], _PLACE[REORDERS], _PLACE[OVERHEAD]
_GROUP, _ROW, _OVERLAP = _PLACE["group"], _PLACE["row"], _PLACE["overlap"]
_LEVELS = tuple(_PLACE[name] for name in LEVELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What rung d says of a layer, as rung e takes it apart; seconds.

    Attributes:
        conv_class: whose factor holds.
        levels: traffic to each of `LEVELS`; `near` is that to others.
        groups, rows: how many of them a thread starts.

    """

    conv_class: str
    compute: float
    levels: tuple[float, ...]
    near: float
    reorders: float
    overhead: float
    groups: float
    rows: float

    @property
    def moving(self) -> float:
        """All traffic beyond the nearest cache."""
        return self.near + sum(self.levels)


def parts_of(
    shape: ConvShape,
    prediction: Prediction,
    lanes: int,
    threads: int,
    *,
    structured: bool = False,
) -> Parts | None:
    """Return what rung e is made of; None where rung d isn't the best that could be told.

    Args:
        shape: of the layer.
        prediction: of it, nothing fitted.
        lanes: of a vector.
        threads: that share it.
        structured: rung d holds what starting groups and rows costs.

    """
    if prediction.rungs.get("d") is None:
        return None
    terms = dict(prediction.terms)
    compute, copies, call = (terms.pop(name, 0.0) for name in (COMPUTE, REORDERS, OVERHEAD))
    levels = tuple(terms.pop(name, 0.0) for name in LEVELS)
    return Parts(
        conv_class=shape.conv_class,
        compute=compute,
        levels=levels,
        near=sum(terms.values()),
        reorders=copies,
        overhead=call,
        groups=0.0 if structured else _groups(shape) / threads,
        rows=0.0 if structured else _rows(shape, lanes) / threads,
    )


def _groups(shape: ConvShape) -> int:
    return 0 if shape.groups == 1 or lanewise(shape) else shape.batch * shape.groups


def _rows(shape: ConvShape, lanes: int) -> int:
    """Return rows of outputs, each of one vector of channels."""
    if lanewise(shape):
        vectors = whole(shape.out_channels, lanes) // lanes
    else:
        vectors = shape.groups * (whole(shape.group_out, lanes) // lanes)
    return shape.batch * shape.out_height * vectors


def seconds(parts: Parts, values: Sequence[float]) -> float:
    """Return rung e of a layer.

    Args:
        parts: what rung d says of it.
        values: one a prior, in the order of `PRIORS`.

    """
    # By place, not by name: a fit asks a hundred thousand times.
    computing = parts.compute * values[_COMPUTING] * values[_PLACE[parts.conv_class]]
    computing += parts.groups * values[_GROUP] + parts.rows * values[_ROW]
    moving = parts.near
    for place, spent in zip(_LEVELS, parts.levels, strict=True):
        moving += values[place] * spent
    constant = parts.overhead * values[_OVERHEAD] + parts.reorders * values[_REORDERS]
    return constant + _overlapped(computing, moving, 1 + values[_OVERLAP])


def _overlapped(one: float, other: float, power: float) -> float:
    longer, shorter = max(one, other), min(one, other)
    if not longer:
        return 0.0
    # Relative to the longer: powers of nanoseconds would vanish.
    return longer * math.pow(1 + math.pow(shorter / longer, power), 1 / power)
