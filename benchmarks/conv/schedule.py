"""Which micro-kernel runs where: a shape and its tiling as calls, in the order of the caches."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.conv.ahead import asking
from benchmarks.conv.entry import FILL, RECTIFY, Call, Micro, Unit
from benchmarks.conv.layout import Layout
from benchmarks.conv.places import Outputs, position_cost
from roofline.physics.asking import planes_asked, rows_asked, weights_asked
from roofline.physics.flat import flattened
from roofline.physics.pieces import split
from roofline.physics.spans import Slice, Span, row_blocks, slice_bytes, slices, spans
from roofline.physics.tiling import groups_in_vector, halves, out_blocks, rows_at_once, takes_whole
from roofline.records import ConvShape


def units(layout: Layout) -> Iterator[Unit]:
    """Yield the parts of an operator that may run on different threads, in order."""
    cut = {"broadcast": _broadcast_units, "positions": _position_units}.get(
        layout.tiling.strategy, _lane_units
    )
    shape = flattened(layout.shape)
    first: list[Unit] = []
    for part in row_blocks(shape, layout.tiling):
        found = _tiles(spans(shape, layout.tiling, part))
        first += cut(shape, layout, found)
    steps = [math.prod(size[1:]) * layout.item for size in (layout.x_shape, layout.out_shape)]
    for image in range(shape.batch):
        yield from (_moved(unit, *(image * step for step in steps)) for unit in first)


def _moved(unit: Unit, x: int, out: int) -> Unit:
    """Return what a unit does to another image, so many bytes further on."""

    def moved(call: Call) -> Call:
        init = call.init + out * call.accumulate
        return replace(call, x=call.x + x, out=call.out + out, init=init)

    return Unit(unit.cost, tuple(map(moved, unit.calls))) if out else unit


def _tiles(found: Iterable[Span]) -> list[list[Span]]:
    """Return the spans of the same tiles together: the one that begins them is the first."""
    tiles: list[list[Span]] = []
    for span in found:
        if span.first:
            tiles.append([])
        tiles[-1].append(span)
    return tiles


def _broadcast_units(
    shape: ConvShape, layout: Layout, found: Sequence[Sequence[Span]]
) -> Iterator[Unit]:
    per_group = out_blocks(shape, layout.tiling.lanes)
    pieces = slices(layout.shape, layout.tiling)
    inputs = layout.inputs.blocks // shape.groups
    tiles = sum(span.tiles for tile in found for span in tile)
    for group in range(shape.groups):
        for first in range(0, per_group, layout.tiling.blocks):
            count = min(layout.tiling.blocks, per_group - first)
            at = _At(shape, layout, group * per_group + first, count, group * inputs)
            calls: list[Call] = []
            for piece, following in zip(pieces, [*pieces[1:], pieces[0]], strict=True):
                ends = {"first": piece == pieces[0], "last": piece == pieces[-1]}
                own = [call for tile in found for call in at.calls(tile, piece, **ends)]
                calls += asking(own, *at.weights_asked(piece, following, tiles))
            yield _unit(calls, shape)


def _lane_units(
    shape: ConvShape, layout: Layout, found: Sequence[Sequence[Span]]
) -> Iterator[Unit]:
    whole = Slice(0, 1, shape.group_in, shape.group_in, 0)
    for block in range(layout.outputs.blocks):
        served = layout.parts
        if layout.tiling.strategy == "spread":
            served = out_blocks(shape, layout.tiling.lanes)
        x_block, part = divmod(block, served)
        at = _At(shape, layout, block, 1, x_block, part)
        calls = [call for tile in found for call in at.calls(tile, whole, first=True, last=True)]
        yield _unit(calls, shape)


def _position_units(
    shape: ConvShape, layout: Layout, found: Sequence[Sequence[Span]]
) -> Iterator[Unit]:
    for group in range(shape.groups):
        for first, outputs in split(shape.group_out, layout.tiling.blocks):
            at = Outputs(shape, layout, group, first, outputs)
            calls = tuple(at.call(span) for tile in found for span in tile)
            yield Unit(sum(map(position_cost, calls)), calls)


@dataclass(frozen=True, slots=True)
class _At:
    """One tile of output channels of the first image, from which calls count their offsets.

    Its inputs begin with block `x_block`; where channels are lanes, with the part-th part of it.
    """

    shape: ConvShape
    layout: Layout
    block: int
    blocks: int
    x_block: int
    part: int = 0

    def calls(
        self, tile: Sequence[Span], piece: Slice, *, first: bool, last: bool
    ) -> Iterator[Call]:
        """Yield the calls of equal tiles: one a span, but for outputs that are begun without a tap.

        With an activation the last of them ends its outputs; those of other columns are ended then.
        """
        ended = None
        if last and self.layout.relu:
            ended = next((span for span in reversed(tile) if span.reached), None)
        for span in tile:
            begins = first and span.first
            if span.reached:
                yield self._call(span, piece, accumulate=not begins, relu=span is ended)
            elif begins:
                yield from self._fills(span, range(span.columns))
        if last and self.layout.relu:
            yield from self._fills(tile[0], _others(tile[0], ended), ending=True)

    def _call(self, span: Span, piece: Slice, *, accumulate: bool, relu: bool) -> Call:
        vector = self.layout.tiling.lanes * self.layout.item
        row = span.row * self.shape.stride[0] - self.shape.padding[0]
        row += span.kernel_rows.start * self.shape.dilation[0]
        column = span.column * self.shape.stride[1] - self.shape.padding[1]
        column += span.kernel_columns.start * self.shape.dilation[1]
        out, tap = self._out(span.row, span.column), piece.depth * self.blocks * vector
        taps, lanewise = self.shape.kernel[1], self.layout.tiling.strategy != "broadcast"
        # Where channels are lanes, the taps of a row lie together, channel by channel.
        skipped = span.kernel_columns.start * (vector if lanewise else tap)
        skipped += span.kernel_rows.start * taps * tap
        return Call(
            micro=self._micro(span, piece, relu=relu),
            x=self._x(piece.block, row, column),
            weights=self._weights_start(piece) + skipped,
            out=out,
            init=out if accumulate else self._bias(0),
            accumulate=accumulate,
            tiles=span.tiles,
            x_tile=self._x_step(span),
            out_tile=self._out_step(span),
            channel_blocks=piece.blocks,
            weights_block=self._indices() if lanewise else self.layout.taps * tap,
            rows=len(span.kernel_rows),
            weights_row=taps * tap,
            taps=len(span.kernel_columns),
            channels=piece.turns,
        )

    def _micro(self, span: Span, piece: Slice, *, relu: bool) -> Micro:
        tiling, group = self.layout.tiling, self.shape.group_in
        if tiling.strategy == "broadcast":
            full = takes_whole(self.shape, tiling.lanes, piece.depth, self.blocks)
            asked = int(planes_asked(self.shape, tiling.lanes))
            return Micro(span.columns, self.blocks, relu=relu, whole=full, asked=asked)
        first = 0
        if tiling.strategy == "permute" and not self.layout.indexed:
            first = self.part * groups_in_vector(self.shape, tiling.lanes) * group
            first //= halves(self.shape, tiling.lanes)
        taps, whole = len(span.kernel_columns), len(span.kernel_rows) == self.shape.kernel[0]
        rows = rows_at_once(self.shape, tiling) * whole
        asked = rows_asked(self.shape, tiling) * whole
        return Micro(span.columns, 1, taps, first, span.before, span.after, rows, relu, asked=asked)

    def _indices(self) -> int:
        """Return where the pattern of this part begins, behind weights and bias."""
        lanes = self.layout.tiling.lanes
        before = self.layout.outputs.blocks + self.part * self.shape.group_in
        return (self.layout.factors + before * lanes) * self.layout.item

    def _weights_start(self, piece: Slice) -> int:
        """Blocks before this tile have weights for all channels, then come those before a slice."""
        lanes, taps = self.layout.tiling.lanes, self.layout.taps
        before = self.block * lanes * self.layout.depth + piece.start * self.blocks * lanes
        return before * taps * self.layout.item

    def weights_asked(self, piece: Slice, following: Slice, tiles: int) -> tuple[int, int]:
        """Return where the weights after a slice's begin, and what so many tiles ask for; bytes."""
        shape, tiling = self.shape, self.layout.tiling
        size, after = (slice_bytes(shape, tiling, one, self.blocks) for one in (piece, following))
        return self._weights_start(piece) + size, after * weights_asked(shape, tiling.lanes, tiles)

    def _fills(self, span: Span, columns: Iterable[int], *, ending: bool = False) -> Iterator[Call]:
        """Yield what begins some columns of a span with the bias alone, or ends them."""
        for block in range(self.blocks):
            for column in columns:
                out = self._out(span.row, span.column + column, block)
                yield Call(
                    micro=RECTIFY if ending else FILL,
                    x=0,
                    weights=0,
                    out=out,
                    init=out if ending else self._bias(block),
                    accumulate=ending,
                    tiles=span.tiles,
                    out_tile=self._out_step(span),
                )

    def _bias(self, block: int) -> int:
        vector = self.layout.tiling.lanes * self.layout.item
        return self.layout.factors * self.layout.item + (self.block + block) * vector

    def _x(self, block: int, row: int, column: int) -> int:
        places = self.layout.inputs
        plane = self.x_block + block
        position = (plane * self.shape.height + row) * self.shape.width + column
        return position * places.lanes * self.layout.item

    def _out(self, row: int, column: int, block: int = 0) -> int:
        plane = self.block + block
        position = (plane * self.shape.out_height + row) * self.shape.out_width + column
        return position * self.layout.tiling.lanes * self.layout.item

    def _x_step(self, span: Span) -> int:
        item = self.layout.inputs.lanes * self.layout.item
        if span.down:
            return self.shape.stride[0] * self.shape.width * item
        return span.columns * self.shape.stride[1] * item

    def _out_step(self, span: Span) -> int:
        step = self.shape.out_width if span.down else span.columns
        return step * self.layout.tiling.lanes * self.layout.item


def _others(whole: Span, ended: Span | None) -> list[int]:
    """Return which columns of a tile aren't ended by one of its spans."""
    start = 0 if ended is None else ended.column - whole.column
    own = range(start, start + (0 if ended is None else ended.columns))
    return [column for column in range(whole.columns) if column not in own]


def _unit(calls: Sequence[Call], shape: ConvShape) -> Unit:
    return Unit(sum(_cost(call, shape) for call in calls), tuple(calls))


def _cost(call: Call, shape: ConvShape) -> int:
    micro = call.micro
    if micro.taps:
        each = micro.reach(shape.stride[1], shape.dilation[1]).products
    else:
        each = micro.columns * max(1, micro.blocks) * call.taps
    return call.tiles * each * call.rows * call.channel_blocks * call.channels
