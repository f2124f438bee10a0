"""How many execution pipes a compute figure shows: whole numbers, counted in multiply-adds."""

import math

from roofline.physics import theory
from roofline.records import Ceiling, MachineSpec

# FLOP/cycle may lie that far from a whole number of pipes x 2 x lanes.
BELOW, ABOVE = 0.04, 0.03
# Pipes are counted in multiply-adds: an addition or a multiplication alone is half of one, and of
# a multiply-add and an addition in turns each is three quarters. A dot product may be two passes
# through a pipe, as BF16's is on Emerald Rapids.
_STEPS = {"mul+add": 0.5, "add": 0.5, "mul": 0.5, "fma+add": 0.75, "dot": 0.5}
# Two kinds of instruction on two pipes each need four starts a cycle. A front end of six that the
# core's other thread takes every other cycle has three to spare, and more where that one waits.
PAIRED, NEEDED, _SHARED = ("fma+add", "mul+add"), 4, 3


def whole_pipes(pipes: float, mix: str) -> float:
    """Return the least number of pipes that can do so many multiply-adds a cycle."""
    step = _STEPS.get(mix, 1.0)
    return max(math.ceil(pipes / step / (1 + ABOVE)), 1) * step


def measured_pipes(ceiling: Ceiling) -> float | None:
    """Return FLOP/cycle as a multiple of 2 x lanes, or None where it wasn't measured."""
    per_cycle = ceiling.evidence.get("flop_per_cycle")
    if not isinstance(per_cycle, int | float) or ceiling.bits is None or ceiling.dtype is None:
        return None
    return per_cycle / (2 * theory.lanes(ceiling.dtype, ceiling.bits))


def crowded(machine: MachineSpec, ceiling: Ceiling) -> bool:
    """Tell whether a guest's figure fits a core whose other thread belongs to a neighbour.

    Only a mix that needs four instructions a cycle shows it: two a cycle are left to each anyway.
    """
    pipes, mix = measured_pipes(ceiling), ceiling.mix or ""
    if pipes is None or mix not in PAIRED or machine.hypervisor is None:
        return False
    started = pipes / _STEPS[mix]
    return _SHARED * (1 - BELOW) <= started < NEEDED * (1 - BELOW)
