"""What our convolution kernels do, counted: units of calls, the tiles of each, a tile's turns.

Pure counting: how long it takes, on which core, is told by `pressure`.
"""

import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from roofline.physics.cropped import cropped
from roofline.physics.flat import flattened, is_flat
from roofline.physics.loops import LOOP, asking, beside
from roofline.physics.pieces import split
from roofline.physics.positions import crossing
from roofline.physics.reach import Reach
from roofline.physics.spans import Slice, Span, row_blocks, slices, tallied
from roofline.physics.tiling import Tiling, out_blocks, output_lanes, rows_at_once
from roofline.physics.workload import valid_taps
from roofline.records import ConvShape

# Instructions of a tap's loop beside its channels, and of the mask of a vector.
_TAP, _MASK = 6, 2

_Spans = Sequence[tuple[Span, int]]
"""Spans of one part of the rows, and how often each comes."""


class Step(NamedTuple):
    """What one turn of a tile's innermost work asks for.

    `chain`: sums that wait for each other; `loop`: instructions that count and branch.
    """

    multiplies: int
    loads: float
    broadcasts: int
    permutes: int
    chain: int
    loop: float

    @property
    def starts(self) -> float:
        """Instructions; a permutation is one with the load of what it permutes."""
        return self.multiplies + self.loads + self.broadcasts + self.loop


class Calls(NamedTuple):
    """Equal calls of a micro-kernel.

    Attributes:
        times: how many.
        cost: of each, by which units are shared out among threads.
        tiles: of each.
        sums: of each tile, that are loaded and stored.
        turns: of each tile; none where outputs begin without a tap.
        step: what a turn asks for.
        ends: whether each tile ends with a branch that isn't foreseen.
        waits: whether nothing that comes next may begin before its sums are there.

    """

    times: int
    cost: int
    tiles: int
    sums: int
    turns: int = 0
    step: Step | None = None
    ends: bool = False
    waits: bool = False


class Counted(NamedTuple):
    """Calls that one thread runs together, and the instructions that ask for data ahead."""

    calls: tuple[Calls, ...]
    asking: float
    cost: int


# A layer is asked about with typical, best and worst rates, one after the other.
@functools.lru_cache(maxsize=8)
def counted(shape: ConvShape, tiling: Tiling) -> tuple[Counted, ...]:
    """Return the units of one image, in the order in which the kernels run them."""
    shape = cropped(shape)
    flat = flattened(shape)
    by_row: Sequence[range] = () if is_flat(flat) else valid_taps(flat, 0)
    known: dict[object, Sequence[Counted]] = {}
    found: list[Counted] = []
    for part in row_blocks(flat, tiling):
        # Of most parts, all rows have the same taps; those of a flat shape are soon counted.
        key = tuple(by_row[part.start : part.stop]) or part
        if key not in known:
            known[key] = list(_units(shape, tiling, _spans(flat, tiling, part)))
        found += known[key]
    return tuple(found)


def _spans(flat: ConvShape, tiling: Tiling, part: range) -> _Spans:
    """Return the spans of a part, those that take equally long told once."""
    found: Counter[Span] = Counter()
    for span, times in tallied(flat, tiling, part):
        found[_anywhere(span)] += times
    return tuple(found.items())


def _anywhere(span: Span) -> Span:
    """Return a span without its place: what it takes doesn't depend on that."""
    return Span(
        0,
        0,
        span.columns,
        span.tiles,
        False,
        range(len(span.kernel_rows)),
        range(len(span.kernel_columns)),
        span.first,
        span.before,
        span.after,
    )


def _units(shape: ConvShape, tiling: Tiling, found: _Spans) -> Iterator[Counted]:
    """Yield the units of one part of the rows."""
    if tiling.strategy == "positions":
        group = [
            _positions(shape, tiling, found, outputs)
            for _, outputs in split(shape.group_out, tiling.blocks)
        ]
        yield from group * shape.groups
        return
    if tiling.strategy != "broadcast":
        whole = Slice(0, 1, shape.group_in, shape.group_in, 0)
        one = _unit(shape, tiling, found, [whole], 1)
        yield from [one] * (output_lanes(shape, tiling.lanes) // tiling.lanes)
        return
    pieces = slices(shape, tiling)
    full, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
    group = [_unit(shape, tiling, found, pieces, tiling.blocks)] * full if full else []
    group += [_unit(shape, tiling, found, pieces, rest)] if rest else []
    yield from group * shape.groups


def _unit(
    shape: ConvShape, tiling: Tiling, found: _Spans, pieces: Sequence[Slice], blocks: int
) -> Counted:
    alike = Counter((piece.blocks, piece.turns, piece.depth) for piece in pieces)
    count = _by_block if tiling.strategy == "broadcast" else _by_row
    # The next slice of a single tile adds to what this one stored.
    waits = len(pieces) > 1 or _is_single(shape, tiling)
    calls = [
        count(shape, tiling, span, Slice(0, *piece, 0), blocks, many * times, waits)
        for piece, many in alike.items()
        for span, times in found
        if span.reached
    ]
    # Outputs without a tap are begun with the first slice: each column is a call.
    calls += [
        Calls(times * span.columns * blocks, span.tiles, span.tiles, 1)
        for span, times in found
        if span.first and not span.reached
    ]
    ahead = 0.0
    if tiling.strategy == "broadcast":
        tiles = sum(span.tiles * times for span, times in found)
        ahead = asking(shape, tiling, pieces, tiles, blocks)
    return Counted(tuple(calls), ahead, sum(one.times * one.cost for one in calls))


def _positions(shape: ConvShape, tiling: Tiling, found: _Spans, outputs: int) -> Counted:
    """Count a tile of outputs where lanes are positions: a turn is a channel and a tap."""
    single = _is_single(shape, tiling)
    calls = tuple(
        _by_position(shape, tiling, span, outputs, times, single) for span, times in found
    )
    return Counted(calls, 0.0, sum(one.times * one.cost for one in calls))


def _by_position(
    shape: ConvShape, tiling: Tiling, span: Span, outputs: int, times: int, waits: bool
) -> Calls:
    vectors, rows, taps = span.columns, len(span.kernel_rows), shape.kernel[1]
    across = crossing(shape)
    each = vectors * outputs
    turns = rows * taps * shape.group_in
    # At an edge each tap makes a mask for each vector there.
    lanes = tiling.lanes
    masked = min(vectors, -(-span.before // lanes) - (-span.after // lanes))
    loop = LOOP + (_TAP + _MASK * masked) / shape.group_in
    return Calls(
        times,
        cost=span.tiles * each * turns,
        tiles=span.tiles,
        # A store that lies across two cache lines is two.
        sums=math.ceil(each * (1 + across)),
        turns=turns,
        step=Step(each, vectors * (1 + across), outputs, 0, 1, loop) if turns else None,
        ends=turns > 1,
        waits=waits,
    )


def _is_single(shape: ConvShape, tiling: Tiling) -> bool:
    """Whether an operator is one tile of outputs."""
    outputs = shape.batch * shape.out_height * shape.out_width
    if tiling.strategy == "positions":
        room = tiling.columns * tiling.lanes
        return outputs <= room and shape.out_channels <= tiling.blocks
    vectors = output_lanes(shape, tiling.lanes) // tiling.lanes
    return outputs <= tiling.columns and vectors <= tiling.blocks


def _by_block(
    shape: ConvShape,
    tiling: Tiling,
    span: Span,
    piece: Slice,
    blocks: int,
    times: int,
    waits: bool,
) -> Calls:
    """Count the calls of a span where lanes are output channels: a turn is a channel and a tap."""
    rows, taps = len(span.kernel_rows), len(span.kernel_columns)
    each, loop = span.columns * blocks, beside(shape, tiling, span, piece, blocks) / piece.depth
    turns = rows * taps * piece.blocks * piece.depth
    return Calls(
        times,
        cost=span.tiles * each * taps * rows * piece.blocks * piece.turns,
        tiles=span.tiles,
        sums=each,
        turns=turns,
        # Every sum waits for the one before.
        step=Step(each, blocks, span.columns, 0, 1, loop),
        ends=turns > 1,
        waits=waits,
    )


def _by_row(
    shape: ConvShape,
    tiling: Tiling,
    span: Span,
    piece: Slice,
    blocks: int,
    times: int,
    waits: bool,
) -> Calls:
    """Count the calls of a span where channels are lanes: a turn is a channel's kernel row.

    A tile is one loop, or none, that ends as the one before.
    """
    rows = len(span.kernel_rows)
    step = _row(_reach(shape, span), tiling, _loop(shape, tiling, rows))
    return Calls(
        times,
        cost=span.tiles * step.multiplies * rows * piece.blocks * piece.turns,
        tiles=span.tiles,
        sums=span.columns * blocks,
        turns=rows * piece.blocks * piece.depth,
        step=step,
        waits=waits,
    )


def _row(reach: Reach, tiling: Tiling, loop: float) -> Step:
    """Count one channel and kernel row: a sum waits for its taps, one after the other."""
    inputs = len(reach.uses())
    uses = [use for one in reach.uses().values() for use in one]
    # At a row's ends some taps have no input: their weights are never loaded.
    taps = len({tap for _, tap in uses})
    chain = max(Counter(column for column, _ in uses).values(), default=0)
    if tiling.strategy == "spread":
        return Step(reach.products, taps, inputs, 0, chain, loop)
    permutes = inputs * (tiling.strategy == "permute")
    loads = inputs + taps + (permutes > 0)
    return Step(reach.products, loads, 0, permutes, chain, loop)


def _loop(shape: ConvShape, tiling: Tiling, rows: int) -> float:
    """Return the instructions of loops beside a row of taps: over rows, and over channels."""
    if tiling.strategy == "permute":
        return 2 * LOOP
    return 0 if rows == rows_at_once(shape, tiling) else LOOP


def _reach(shape: ConvShape, span: Span) -> Reach:
    stride, dilation = shape.stride[1], shape.dilation[1]
    return Reach(span.columns, len(span.kernel_columns), stride, dilation, span.before, span.after)
