"""What neighbours do to a load's windows: which are set apart, what a guest's figure still says.

A window's clock is read by two chains of known latency, before and after the load. Where something
takes the core for a moment, or the core's other thread holds up one chain more than the other, they
read different clocks: that window says nothing of the core. A chain that is wrong is wrong in every
window, so that too few are left, and the gate refuses.
"""

import math

from roofline.physics.pipes import ABOVE, BELOW, crowded, measured_pipes, whole_pipes
from roofline.records import Ceiling, MachineSpec

# Two chains that read the same clock agree to this; they do to 0.1 % where nothing is wrong.
CLOCKS_AGREE = 0.03
# Threads that share a core wait for each other's pipes, one chain more than the other: by up to
# 0.044 on the first machine whose virtual CPUs were siblings.
TEAM_CLOCKS_AGREE = 0.1
# Fewer windows than this share are no figure.
_LEAST = 1 / 4
# More than this share set apart is a neighbour, not an interrupt now and then.
_OFTEN = 1 / 4
# Neighbours take that much of a figure at most; what is further from whole pipes is refused.
_NEAR = 0.12
# And of a few windows of a figure, this much.
_SLIGHTLY = 0.05


def limits(threads: int) -> tuple[float, ...]:
    """Return how far chains may differ in a window, the limit to be tried first at first."""
    return (CLOCKS_AGREE,) if threads == 1 else (CLOCKS_AGREE, TEAM_CLOCKS_AGREE)


def counts(ceiling: Ceiling) -> tuple[int, int]:
    """Return how many windows of a figure were set apart, and of how many."""
    some, of = (ceiling.evidence.get(name) for name in ("set_apart", "windows"))
    return (some, of) if isinstance(some, int) and isinstance(of, int) else (0, 0)


def too_few_left(some: int, of: int) -> bool:
    """Tell whether too few windows are left when so many are set apart."""
    return of - some < _LEAST * of


def often(some: int, of: int) -> bool:
    """Tell whether so many windows set apart mean that there is a neighbour."""
    return some > _OFTEN * of


def shaken(machine: MachineSpec, ceiling: Ceiling) -> bool:
    """Tell whether a guest's figure shows neighbours: rounds that differ, or windows set apart."""
    return machine.hypervisor is not None and (_noisy(ceiling) or often(*counts(ceiling)))


def held_back(machine: MachineSpec, ceiling: Ceiling) -> bool:
    """Tell whether neighbours explain why a guest's figure lies a little short of whole pipes.

    No farther: a kernel that spills or does half of its work, and a clock that is wrong, are off
    by a fifth and more.
    """
    pipes = measured_pipes(ceiling)
    if pipes is None or not shaken(machine, ceiling):
        return False
    share = pipes / whole_pipes(pipes, ceiling.mix or "")
    return 1 - _NEAR <= share < 1 - BELOW


def run_ahead(machine: MachineSpec, ceiling: Ceiling) -> bool:
    """Tell whether neighbours explain why a guest's figure lies a little above whole pipes.

    Where many windows were set apart, what holds the chains of the clock up may do so alike for
    both of them, and less for the load: its cycles are counted too few. So it may in some windows
    where rounds differ, and most windows read no more than whole pipes: a chain that is wrong is
    wrong in all of them.
    """
    pipes = measured_pipes(ceiling)
    if pipes is None or machine.hypervisor is None:
        return False
    near = _NEAR if often(*counts(ceiling)) else _SLIGHTLY
    below = whole_pipes(pipes / (1 + near), ceiling.mix or "")
    if near == _SLIGHTLY and not (_noisy(ceiling) and _typical_pipes(ceiling, pipes) <= below):
        return False
    return below * (1 + ABOVE) < pipes <= below * (1 + near)


def _noisy(ceiling: Ceiling) -> bool:
    return str(ceiling.evidence.get("verdict", "")).startswith("noisy")


def _typical_pipes(ceiling: Ceiling, pipes: float) -> float:
    """Return what half of the windows read, infinite where that isn't known."""
    best, middle = (
        ceiling.evidence.get(name) for name in ("flop_per_cycle", "flop_per_cycle_median")
    )
    if not isinstance(best, int | float) or not isinstance(middle, int | float):
        return math.inf
    return pipes * middle / best


def own_pipes(machine: MachineSpec, ceiling: Ceiling) -> float | None:
    """Return the pipes of a core that had itself to itself; None where that can't be told.

    Where neighbours took some of what was measured, they are the whole number just above it.
    """
    pipes = measured_pipes(ceiling)
    if pipes is None or crowded(machine, ceiling) or run_ahead(machine, ceiling):
        return None
    whole = whole_pipes(pipes, ceiling.mix or "")
    near = pipes >= whole * (1 - _NEAR) and shaken(machine, ceiling)
    return max(pipes, whole) if near else pipes
