"""In-core time of our convolution kernels: what their tiles ask of a core's ports, all data in L1.

Each register tile is counted: multiply-adds, loads, permutations, the start and end of its
accumulators. A core takes at least as long as its busiest port and as its longest chain. Peak,
clock and L1 bandwidth are the calibration's, and so is what a neighbour on the core leaves of its
starts; what it doesn't measure stands in `cores`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roofline.physics.cores import Core
from roofline.physics.frontend import starts
from roofline.physics.isa import Vector
from roofline.physics.remembered import remembered
from roofline.physics.roof import PICKS, Pick, compute_ceiling, value
from roofline.physics.spans import owner
from roofline.physics.tally import Calls, Counted, Step, counted
from roofline.physics.tiling import Tiling
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Calibration, ConvShape

# Of each sum of a tile: its load, where that is, and its store.
_SUM = 3


@dataclass(frozen=True, slots=True)
class Rates:
    """A team member's rates: multiply-adds and vector loads a second, and its clock.

    `starts`: instructions a second, where a neighbour on the core leaves it no more.
    """

    multiplies: float
    loads: float
    hertz: float
    starts: float = math.inf


@remembered
def rates(
    calibration: Calibration, threads: int, vector: Vector, dtype: str, pick: Pick
) -> Rates | None:
    """Return the rates of one of a team's threads; None without a compute ceiling."""
    compute = compute_ceiling(calibration, threads, dtype)
    if compute is None:
        return None
    lanes = vector.bits // (8 * ITEM_BYTES[dtype])
    clock = calibration.ceiling(f"clock-{dtype}-{vector.bits}", threads)
    multiplies = value(compute, pick) / (2 * lanes * threads)
    # Without a clock, one multiply-add a cycle: the least that a core starts.
    hertz = value(clock, pick) if clock else multiplies
    reads = calibration.ceiling("l1-read", threads)
    loads = value(reads, pick) / (vector.bits // 8 * threads) if reads else hertz
    return Rates(multiplies, loads, hertz, starts(calibration, threads, vector, dtype, pick))


def by_pick(
    calibration: Calibration,
    threads: int,
    vector: Vector,
    dtype: str,
    seconds: Callable[[Rates], float],
) -> Mapping[str, float] | None:
    """Return what takes so long at given rates, at the typical, worst and best ones.

    None without a compute ceiling.
    """
    found = {pick: rates(calibration, threads, vector, dtype, pick) for pick in PICKS}
    return {pick: seconds(one) for pick, one in found.items() if one is not None} or None


@dataclass(frozen=True, slots=True)
class Unit:
    """Calls that one thread runs together: the cost by which they're shared out, and their time."""

    cost: int
    seconds: float


def core_seconds(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates, threads: int) -> float:
    """Return the time of one call with all data in L1: that of the thread with most to do."""
    everything = units(shape, tiling, core, rates)
    # Whose they are is asked for each of thousands: not where all are one thread's.
    if threads == 1:
        return shape.batch * sum(unit.seconds for unit in everything)
    return max(loads(everything * shape.batch, threads))


def loads(costs: Sequence[Unit], threads: int) -> list[float]:
    """Return what each thread has to do, in seconds, when units are shared out as `owner` says."""
    total, done = sum(unit.cost for unit in costs), 0
    sums = [0.0] * threads
    for unit in costs:
        sums[owner(done, unit.cost, total, threads)] += unit.seconds
        done += unit.cost
    return sums


def units(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates) -> list[Unit]:
    """Return the units of one image, in the order in which the kernels run them."""
    found = counted(shape, tiling)
    # Most of them are one and the same.
    distinct = {id(one): one for one in found}
    known = {key: _unit(one, core, rates) for key, one in distinct.items()}
    return [known[id(one)] for one in found]


def _unit(found: Counted, core: Core, rates: Rates) -> Unit:
    seconds = sum(one.times * _call(one, core, rates) for one in found.calls)
    return Unit(found.cost, seconds + found.asking / rates.starts)


def _call(one: Calls, core: Core, rates: Rates) -> float:
    tile = _ends(one.sums, core, rates)
    if one.step is not None:
        tile += _tile(one.turns, one.step, core, rates)
    if one.ends:
        tile += core.exit / rates.hertz
    return one.tiles * tile + core.call / rates.hertz


def _ends(accumulators: int, core: Core, rates: Rates) -> float:
    """Return the seconds that a tile's sums take to be loaded and stored."""
    each = max(1 / rates.loads, 1 / (core.stores * rates.hertz), _SUM / rates.starts)
    return accumulators * each


def _tile(turns: int, step: Step, core: Core, rates: Rates) -> float:
    """Return the seconds of a tile's turns: the busiest port, or the chain of its sums.

    Short tiles follow each other within the core's window, and hide each other's chains.
    """
    overlap = max(1.0, core.window / (turns * step.starts))
    chain = step.chain * core.latency / rates.hertz / overlap
    return turns * max(_seconds(step, core, rates), chain)


def _seconds(step: Step, core: Core, rates: Rates) -> float:
    """Return the seconds of a step on the busiest port, or as fast as its instructions start."""
    pipes = max(core.arithmetic, rates.multiplies / rates.hertz)
    return max(
        step.multiplies / rates.multiplies,
        step.loads / rates.loads + step.broadcasts / (core.broadcasts * rates.hertz),
        step.permutes / (core.permutes * rates.hertz),
        (step.multiplies + step.permutes) / (pipes * rates.hertz),
        step.starts / rates.starts,
    )
