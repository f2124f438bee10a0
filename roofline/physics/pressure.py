"""In-core time of our convolution kernels: what their tiles ask of a core's ports, all data in L1.

Each register tile is counted: multiply-adds, loads, permutations, the start and end of its
accumulators. A core takes at least as long as its busiest port and as its longest chain. Peak,
clock and L1 bandwidth are the calibration's, and so is what a neighbour on the core leaves of its
starts; what it doesn't measure stands in `cores`.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from roofline.physics.cores import Core
from roofline.physics.dealing import dealt
from roofline.physics.frontend import starts
from roofline.physics.isa import Vector
from roofline.physics.remembered import remembered
from roofline.physics.roof import PICKS, Pick, compute_ceiling, value
from roofline.physics.tally import Calls, Counted, Step
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


def core_seconds(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates, threads: int) -> float:
    """Return the time of one call with all data in L1: that of the thread with most to do."""
    return max(loads(shape, tiling, core, rates, threads))


def beside(
    shape: ConvShape, tiling: Tiling, core: Core, rates: Rates, threads: int
) -> tuple[float, float]:
    """Return the seconds of a call without loads and stores, and those these keep traffic out.

    Both as if nothing else took time; calls and branches count as arithmetic.
    """
    free = replace(core, stores=math.inf, broadcasts=math.inf)
    arithmetic = core_seconds(shape, tiling, free, replace(rates, loads=math.inf), threads)
    memory = replace(
        core,
        latency=0,
        permutes=math.inf,
        arithmetic=math.inf,
        stolen=0,
        call=0,
        short_call=0,
        exit=0,
        window=math.inf,
    )
    idle = replace(rates, multiplies=math.inf, starts=math.inf)
    return arithmetic, core.taken * core_seconds(shape, tiling, memory, idle, threads)


def loads(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates, threads: int) -> list[float]:
    """Return what each thread has to do, in seconds."""
    costs, known = _costs(core, rates), dict[int, float]()
    sums = []
    for part in dealt(shape, tiling, threads):
        for one, _ in part:
            if id(one) not in known:
                known[id(one)] = _seconds(one, costs)
        sums.append(sum(times * known[id(one)] for one, times in part))
    return sums


@dataclass(frozen=True, slots=True)
class _Costs:
    """Seconds that one of each takes on its port, where nothing else does.

    Attributes:
        multiply, load, broadcast, permute: of these instructions.
        pipe: of any of them that does arithmetic, on all pipes for that.
        start: of any instruction, in the front end.
        store: of a vector.
        latency: until a sum may be added to.
        call, short_call, exit: of a call, of one whose tiles end no loop, and of a loop's
            unforeseen end.
        stolen: turns of a multiply-add that a permutation takes.
        window: instructions under way at once.
        ports: the power with which busy ports add up.
        beside: whether a tile's sums are loaded and stored beside other tiles' turns.

    """

    multiply: float
    load: float
    broadcast: float
    permute: float
    pipe: float
    start: float
    store: float
    latency: float
    call: float
    short_call: float
    exit: float
    stolen: float
    window: float
    ports: float
    beside: bool


@functools.lru_cache(maxsize=64)
def _costs(core: Core, rates: Rates) -> _Costs:
    return _Costs(
        multiply=1 / rates.multiplies,
        load=1 / rates.loads,
        broadcast=1 / (core.broadcasts * rates.hertz),
        permute=1 / (core.permutes * rates.hertz),
        pipe=1 / (max(core.arithmetic, rates.multiplies / rates.hertz) * rates.hertz),
        start=1 / rates.starts,
        store=1 / (core.stores * rates.hertz),
        latency=core.latency / rates.hertz,
        call=core.call / rates.hertz,
        short_call=core.short_call / rates.hertz,
        exit=core.exit / rates.hertz,
        stolen=core.stolen,
        window=core.window,
        ports=core.ports,
        beside=core.overlap > 1,
    )


def _seconds(unit: Counted, costs: _Costs) -> float:
    seconds = unit.asking * costs.start
    for one in unit.calls:
        # The branch that ends the last tile's loops is the call's.
        around = (one.tiles - 1) * costs.exit + costs.call if one.ends else costs.short_call
        seconds += one.times * (one.tiles * _tile(one, costs) + around)
    return seconds


def _tile(one: Calls, costs: _Costs) -> float:
    """Return the seconds of a tile: its turns on the busiest port or as a chain, and its sums.

    Sums are loaded and stored before and after the turns, or beside those of other tiles; then
    ports that are about equally busy get in each other's way.
    """
    load, start, store = (
        one.sums * costs.load,
        one.sums * (_SUM * costs.start),
        one.sums * costs.store,
    )
    step, turns = one.step, one.turns
    if step is None:
        return max(load, start, store)
    multiplies, permutes = step.multiplies, step.permutes
    arithmetic = turns * max(
        (multiplies + costs.stolen * permutes) * costs.multiply,
        permutes * costs.permute,
        (multiplies + permutes) * costs.pipe,
    )
    loads = turns * (step.loads * costs.load + step.broadcasts * costs.broadcast)
    starts = turns * (step.starts * costs.start)
    chain = _chain(one, step, costs)
    if costs.beside:
        busiest = _together((chain, arithmetic, loads + load, store), costs.ports)
        return max(busiest, starts + start)
    return max(chain, arithmetic, loads, starts) + max(load, start, store)


def _together(seconds: Sequence[float], power: float) -> float:
    """Return how long what runs side by side takes: (a^p + b^p + ...)^(1/p)."""
    longest = max(seconds)
    if not longest or math.isinf(power):
        return longest
    total = sum([math.pow(one / longest, power) for one in seconds])
    return longest * math.pow(total, 1 / power)


def _chain(one: Calls, step: Step, costs: _Costs) -> float:
    """Return the seconds for which a tile's sums wait for each other.

    As far as the core's window reaches, the next tiles' chains run beside it; after the last tile
    of a call that `waits`, none.
    """
    overlap = 1 + costs.window / (one.turns * step.starts)
    each = one.turns * (step.chain * costs.latency)
    if not one.waits:
        return each / overlap
    return each * (1 + (one.tiles - 1) / overlap) / one.tiles
