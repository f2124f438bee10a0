"""In-core time of our convolution kernels: what their tiles ask of a core's ports, all data in L1.

Each register tile is counted: multiply-adds, loads, permutations, the start and end of its
accumulators. A core takes at least as long as its busiest port and as its longest chain. Peak,
clock and L1 bandwidth are the calibration's, and so is what a neighbour on the core leaves of its
starts; what it doesn't measure stands in `cores`.
"""

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from roofline.physics.cores import Core
from roofline.physics.frontend import starts
from roofline.physics.isa import Vector
from roofline.physics.loops import LOOP, asking, beside
from roofline.physics.reach import Reach
from roofline.physics.remembered import remembered
from roofline.physics.roof import PICKS, Pick, compute_ceiling, value
from roofline.physics.spans import Slice, Span, owner, row_blocks, slices, spans
from roofline.physics.tiling import (
    Tiling,
    flattened,
    out_blocks,
    output_lanes,
    rows_at_once,
)
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Calibration, ConvShape

# Of each sum of a tile: its load, where that is, and its store.
_SUM = 3


_Spans = tuple[tuple[Span, int], ...]
"""Spans of one part of the rows, and how often each comes."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A team member's rates: multiply-adds and vector loads a second, and its clock.

    `starts`: instructions a second, where a neighbour on the core leaves it no more.
    """

    multiplies: float
    loads: float
    hertz: float
    starts: float = math.inf


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn of a tile's innermost work asks for.

    `chain`: sums that wait for each other; `loop`: instructions that count and branch.
    """

    multiplies: int
    loads: int
    broadcasts: int
    permutes: int
    chain: int
    loop: float

    @property
    def starts(self) -> float:
        """Instructions; a permutation is one with the load of what it permutes."""
        return self.multiplies + self.loads + self.broadcasts + self.loop


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
    everything = units(shape, tiling, core, rates) * shape.batch
    return max(loads(everything, threads))


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
    kernels, parts = _Kernels(shape, tiling, core, rates), _parts(shape, tiling)
    known = {found: kernels.units(found) for found in dict.fromkeys(parts)}
    return [unit for found in parts for unit in known[found]]


# A layer is asked about with typical, best and worst rates, one after the other.
@functools.lru_cache(maxsize=8)
def _parts(shape: ConvShape, tiling: Tiling) -> tuple[_Spans, ...]:
    """Return the spans of each part of the rows, those that take equally long told once."""
    flat = flattened(shape)
    return tuple(
        tuple(Counter(map(_anywhere, spans(flat, tiling, part))).items())
        for part in row_blocks(flat, tiling)
    )


def _anywhere(span: Span) -> Span:
    """Return a span without its place: what it takes doesn't depend on that."""
    return replace(
        span,
        row=0,
        column=0,
        down=False,
        kernel_rows=range(len(span.kernel_rows)),
        kernel_columns=range(len(span.kernel_columns)),
    )


@dataclass(frozen=True, slots=True)
class _Kernels:
    """What is run, on which core."""

    shape: ConvShape
    tiling: Tiling
    core: Core
    rates: Rates

    def units(self, found: _Spans) -> list[Unit]:
        """Return the units of one part of the rows."""
        shape, tiling = self.shape, self.tiling
        if tiling.strategy != "broadcast":
            whole = Slice(0, 1, shape.group_in, shape.group_in, 0)
            return [self._unit(found, [whole], 1)] * (
                output_lanes(shape, tiling.lanes) // tiling.lanes
            )
        pieces = slices(shape, tiling)
        full, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
        group = [self._unit(found, pieces, tiling.blocks)] * full if full else []
        return (group + ([self._unit(found, pieces, rest)] if rest else [])) * shape.groups

    def _unit(self, found: _Spans, pieces: Sequence[Slice], blocks: int) -> Unit:
        alike = Counter(replace(piece, block=0, start=0) for piece in pieces)
        calls = [
            (count * times, self._call(span, piece, blocks))
            for piece, count in alike.items()
            for span, times in found
            if span.reached
        ]
        # Outputs without a tap are begun with the first slice.
        calls += [
            (times, self._fills(span, blocks))
            for span, times in found
            if span.first and not span.reached
        ]
        cost = sum(times * call.cost for times, call in calls)
        seconds = sum(times * call.seconds for times, call in calls)
        if self.tiling.strategy == "broadcast":
            tiles = sum(span.tiles * times for span, times in found)
            seconds += asking(self.shape, self.tiling, pieces, tiles, blocks) / self.rates.starts
        return Unit(cost, seconds)

    def _call(self, span: Span, piece: Slice, blocks: int) -> Unit:
        rows, taps = len(span.kernel_rows), len(span.kernel_columns)
        each, channels = span.columns * blocks, piece.blocks * piece.depth
        if self.tiling.strategy == "broadcast":
            loop = beside(self.shape, self.tiling, span, piece, blocks) / piece.depth
            turns, step = rows * taps * channels, _broadcast(span.columns, blocks, loop)
            products, end = each * taps, self.core.exit / self.rates.hertz
        else:
            turns, step = rows * channels, _row(self._reach(span), self.tiling, self._loop(rows))
            # A tile that is one loop, or none, ends as the one before.
            products, end = step.multiplies, 0.0
        tile = _tile(turns, step, self.core, self.rates) + _ends(each, self.core, self.rates) + end
        cost = span.tiles * products * rows * piece.blocks * piece.turns
        return Unit(cost, span.tiles * tile + self.core.call / self.rates.hertz)

    def _loop(self, rows: int) -> float:
        """Return the instructions of loops beside a row of taps: over rows, and over channels."""
        if self.tiling.strategy == "permute":
            return 2 * LOOP
        return 0 if rows == rows_at_once(self.shape, self.tiling) else LOOP

    def _reach(self, span: Span) -> Reach:
        stride, dilation = self.shape.stride[1], self.shape.dilation[1]
        taps = len(span.kernel_columns)
        return Reach(span.columns, taps, stride, dilation, span.before, span.after)

    def _fills(self, span: Span, blocks: int) -> Unit:
        """Return what it takes to begin outputs without a tap: each column is a call."""
        calls = span.columns * blocks
        one = span.tiles * _ends(1, self.core, self.rates) + self.core.call / self.rates.hertz
        return Unit(span.tiles * calls, calls * one)


def _broadcast(columns: int, blocks: int, loop: float) -> Step:
    """Count one channel and tap: every sum waits for the one before."""
    return Step(columns * blocks, blocks, columns, 0, 1, loop)


def _row(reach: Reach, tiling: Tiling, loop: float) -> Step:
    """Count one channel and kernel row: a sum waits for its taps, one after the other."""
    inputs = len(reach.uses())
    if tiling.strategy == "spread":
        return Step(reach.products, reach.taps, inputs, 0, reach.taps, loop)
    permutes = inputs * (tiling.strategy == "permute")
    loads = inputs + reach.taps + (permutes > 0)
    return Step(reach.products, loads, 0, permutes, reach.taps, loop)


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
