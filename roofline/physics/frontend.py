"""How many instructions a second a core starts for us, where a neighbour takes some of its turns.

A mix of multiply-adds and additions on pipes of their own needs four starts a cycle. Where it gets
fewer, the core's other thread runs somebody else's work, and whatever needs as many starts is held
up alike; multiply-adds alone, of two pipes, don't notice.
"""

import math

from roofline.physics.isa import Vector
from roofline.physics.pipes import BELOW, NEEDED, PAIRED
from roofline.physics.remembered import remembered
from roofline.physics.roof import Pick, value
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Calibration, Ceiling

# FLOPs of two instructions of each mix, a lane.
_FLOPS = {"fma+add": 3, "mul+add": 2}
# Cores without additional pipes start such a mix two or three times a cycle.
_ABLE = 3.2


@remembered
def starts(calibration: Calibration, threads: int, vector: Vector, dtype: str, pick: Pick) -> float:
    """Return the instructions that one of a team's threads starts in a second.

    Infinite where nothing holds the mixes up, or where this core can't tell.
    """
    clock = _clock(calibration, threads, vector, dtype)
    if clock is None:
        return math.inf
    mixes = _mixes(calibration, vector, dtype)
    if not any(_per_cycle(calibration, mix) > _ABLE for mix in mixes):
        return math.inf
    most = max((_rate(mix, pick) for mix in mixes if mix.threads == threads), default=math.inf)
    return most if most < NEEDED * (1 - BELOW) * value(clock, pick) else math.inf


def _per_cycle(calibration: Calibration, mix: Ceiling) -> float:
    clock = calibration.ceiling(f"clock-{mix.dtype}-{mix.bits}", mix.threads)
    return _rate(mix, "high") / clock.typical if clock is not None else 0.0


def _rate(mix: Ceiling, pick: Pick) -> float:
    """Return the instructions a second of each of a mix's threads."""
    lanes = (mix.bits or 0) // (8 * ITEM_BYTES[mix.dtype or "float32"])
    return 2 * value(mix, pick) / (_FLOPS[mix.mix or ""] * lanes * mix.threads)


def _clock(calibration: Calibration, threads: int, vector: Vector, dtype: str) -> Ceiling | None:
    return calibration.ceiling(f"clock-{dtype}-{vector.bits}", threads)


def _mixes(calibration: Calibration, vector: Vector, dtype: str) -> list[Ceiling]:
    names = {f"{mix}-{dtype}-{vector.bits}" for mix in PAIRED}
    return [ceiling for ceiling in calibration.ceilings if ceiling.name in names]
