"""A convolution's outputs as spans of equal tiles, and its input channels as slices.

Padding costs nothing here: rows and columns of the kernel that fall outside the input are left out
of a span. A tile at an edge is begun with the taps that all its columns have; each run of taps that
only some columns have is a span of its own, added to what the first one stored.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from roofline.physics.flat import is_flat
from roofline.physics.pieces import equal_pieces, piece_count, split
from roofline.physics.reach import Reach
from roofline.physics.tiling import (
    Tiling,
    depth,
    planar,
    row_length,
    unroll,
)
from roofline.physics.workload import ITEM_BYTES, valid_taps
from roofline.records import ConvShape


class Piece(NamedTuple):
    """A tile's place in a row, its taps, and its inputs outside of the image, before and after.

    `first` when nothing was stored there yet.
    """

    start: int
    columns: int
    taps: range
    first: bool
    before: int = 0
    after: int = 0


class Span(NamedTuple):
    """Equal tiles of outputs, with the taps that they all have.

    Attributes:
        row, column: of the first tile's first output.
        columns: of each tile.
        tiles: how many; `down` when they lie below each other, else side by side.
        kernel_rows, kernel_columns: the taps.
        first: nothing was stored there yet.
        before, after: inputs of a row of taps that lie outside of the image, and are left out.

    """

    row: int
    column: int
    columns: int
    tiles: int
    down: bool
    kernel_rows: range
    kernel_columns: range
    first: bool = True
    before: int = 0
    after: int = 0

    @property
    def reached(self) -> bool:
        """Whether any tap falls on the input."""
        return bool(self.kernel_rows) and bool(self.kernel_columns)


class Slice(NamedTuple):
    """Some input channels: their first block, how many, turns in each, and where weights begin."""

    block: int
    blocks: int
    turns: int
    depth: int
    start: int


def rows_of_all(shape: ConvShape, tiling: Tiling) -> int:
    """Return the output rows of a shape `flattened` before, or its tiles where it is one row."""
    if not is_flat(shape):
        return shape.out_height
    return piece_count(row_length(shape, tiling), tiling.columns)


def row_blocks(shape: ConvShape, tiling: Tiling) -> Iterator[range]:
    """Yield the output rows (or, of a flattened shape, tiles) that share the caches."""
    total = rows_of_all(shape, tiling)
    for first in range(0, total, tiling.rows):
        yield range(first, min(first + tiling.rows, total))


def spans(shape: ConvShape, tiling: Tiling, part: range) -> Iterator[Span]:
    """Yield the tiles of one part of the output of a shape `flattened` before, in order of use."""
    if is_flat(shape):
        yield from _flat_spans(shape, tiling, part)
        return
    by_row = valid_taps(shape, 0)
    if tiling.along:
        beside = _beside(shape, tiling)
        for row in part:
            yield from _along(beside, row, by_row[row])
        return
    for kernel_rows, rows in groupby(part, key=lambda row: by_row[row]):
        found = list(rows)
        for piece in _pieces(shape, tiling):
            if piece.first or kernel_rows:
                yield _span(piece, found[0], len(found), True, kernel_rows)


def tallied(shape: ConvShape, tiling: Tiling, part: range) -> Iterator[tuple[Span, int]]:
    """Yield the same spans wherever they lie, and how often each comes: equal rows at once."""
    if is_flat(shape) or not tiling.along:
        yield from ((span, 1) for span in spans(shape, tiling, part))
        return
    by_row, beside = valid_taps(shape, 0), _beside(shape, tiling)
    for kernel_rows, rows in groupby(part, key=lambda row: by_row[row]):
        first, *others = rows
        yield from ((span, 1 + len(others)) for span in _along(beside, first, kernel_rows))


# The few that are kept are those of one layer, part by part.
@lru_cache(maxsize=8)
def _pieces(shape: ConvShape, tiling: Tiling) -> tuple[Piece, ...]:
    """Return the tiles of a row."""
    if tiling.strategy == "broadcast":
        return tuple(_any_columns(valid_taps(shape, 1), tiling))
    if tiling.strategy == "positions":
        return tuple(_vectors(shape, tiling))
    return tuple(_lane_columns(shape, tiling))


@lru_cache(maxsize=8)
def _beside(shape: ConvShape, tiling: Tiling) -> tuple[tuple[Piece, int], ...]:
    """Return the tiles of a row, those side by side that are equal as one, and how many these are.

    A tile that goes on with further taps isn't equal to one that ends.
    """
    pieces = _pieces(shape, tiling)
    ends = [*(piece.first for piece in pieces[1:]), True]
    found = groupby(zip(pieces, ends, strict=True), key=lambda one: (one[0][1:], one[1]))
    return tuple((first[0], 1 + len(others)) for _, (first, *others) in found)


def _along(beside: Sequence[tuple[Piece, int]], row: int, kernel_rows: range) -> Iterator[Span]:
    """Yield the tiles of a row: those side by side that are equal are one span."""
    for piece, tiles in beside:
        if piece.first or kernel_rows:
            yield _span(piece, row, tiles, False, kernel_rows)


def _span(piece: Piece, row: int, tiles: int, down: bool, kernel_rows: range) -> Span:
    start, columns, taps, first, before, after = piece
    return Span(row, start, columns, tiles, down, kernel_rows, taps, first, before, after)


def _flat_spans(shape: ConvShape, tiling: Tiling, part: range) -> Iterator[Span]:
    if tiling.strategy == "positions":
        yield from _flat_vectors(shape, tiling, part)
        return
    done = 0
    for start, columns, count in equal_pieces(shape.out_width, tiling.columns):
        own = range(max(part.start, done), min(part.stop, done + count))
        if own:
            at = start + (own.start - done) * columns
            yield Span(0, at, columns, len(own), False, range(1), range(1))
        done += count


def _flat_vectors(shape: ConvShape, tiling: Tiling, part: range) -> Iterator[Span]:
    """Yield tiles of vectors of positions, equal ones together; only the last may be at an edge."""
    lanes, outputs, done = tiling.lanes, shape.out_width, 0
    for start, count, many in equal_pieces(row_length(shape, tiling), tiling.columns):
        edge = done + (outputs - start * lanes) // (count * lanes)
        for first, last in ((done, min(edge, done + many)), (edge, done + many)):
            own = range(max(part.start, first), min(part.stop, last))
            if own:
                at = (start + (own.start - done) * count) * lanes
                after = max(0, at + len(own) * count * lanes - outputs)
                yield Span(0, at, count, len(own), False, range(1), range(1), True, 0, after)
        done += many


def _vectors(shape: ConvShape, tiling: Tiling) -> Iterator[Piece]:
    """Yield tiles of vectors of positions: at an edge lanes are masked, all taps stay together."""
    lanes, stride = tiling.lanes, shape.stride[1]
    reach = (shape.kernel[1] - 1) * shape.dilation[1]
    for start, count in split(row_length(shape, tiling), tiling.columns):
        first, outputs = start * lanes * stride - shape.padding[1], count * lanes
        last = first + (outputs - 1) * stride + reach
        before = max(0, -first)
        after = max(0, last - shape.width + 1, start * lanes + outputs - shape.out_width)
        yield Piece(start * lanes, count, range(shape.kernel[1]), True, before, after)


def _lane_columns(shape: ConvShape, tiling: Tiling) -> Iterator[Piece]:
    """Yield tiles of single vectors as wide as they may be, so many taps at once.

    What a tile's columns don't have of the taps is left out by its own kernel.
    """
    for start, columns in split(shape.out_width, tiling.columns):
        found = list(_runs(shape, tiling, start, columns))
        yield from found or [Piece(start, columns, range(0), first=True)]


def _runs(shape: ConvShape, tiling: Tiling, start: int, columns: int) -> Iterator[Piece]:
    first, stride, dilation = True, shape.stride[1], shape.dilation[1]
    for tap, count in split(shape.kernel[1], tiling.taps):
        taps = range(tap, tap + count)
        begin = start * stride - shape.padding[1] + tap * dilation
        width = Reach(columns, len(taps), stride, dilation).width
        before, after = max(0, -begin), max(0, begin + width - shape.width)
        if Reach(columns, len(taps), stride, dilation, before, after).products:
            yield Piece(start, columns, taps, first, before, after)
            first = False


def _any_columns(by_column: Sequence[range], tiling: Tiling) -> Iterator[Piece]:
    """Yield tiles as wide as they may be, the taps that all columns have first."""
    for start, columns in split(len(by_column), tiling.columns):
        runs = _tap_runs(by_column[start : start + columns], start)
        whole = [run for run in runs if run[1] == columns]
        yield Piece(start, columns, whole[0][2] if whole else range(0), first=True)
        rest = [run for run in runs if not whole or run is not whole[0]]
        yield from (Piece(*run, first=False) for run in rest)


def _tap_runs(ranges: Sequence[range], start: int) -> list[tuple[int, int, range]]:
    """Return (first column, columns, taps) of neighbouring taps that the same columns have."""
    last = max((r.stop for r in ranges if r), default=0)
    columns_of = {tap: [i for i, valid in enumerate(ranges) if tap in valid] for tap in range(last)}
    used = [tap for tap in columns_of if columns_of[tap]]
    runs = []
    for (first, count), alike in groupby(
        used, key=lambda tap: (columns_of[tap][0], len(columns_of[tap]))
    ):
        taps = list(alike)
        runs.append((start + first, count, range(taps[0], taps[-1] + 1)))
    return runs


def slices(shape: ConvShape, tiling: Tiling) -> list[Slice]:
    """Return the input channels of a group in the order of use: whole blocks, then the rest."""
    lanes, chunk = tiling.lanes, tiling.chunk
    if planar(shape, lanes):
        return [Slice(0, 1, shape.group_in, shape.group_in, 0)]
    whole, turn = shape.group_in // lanes, unroll(tiling)
    pieces = [
        Slice(first, min(chunk, whole - first), lanes // turn, lanes, first * lanes)
        for first in range(0, whole, chunk)
    ]
    rest = depth(shape, tiling) - whole * lanes
    return pieces + [Slice(whole, 1, rest // turn, rest, whole * lanes)] * (rest > 0)


def slice_bytes(shape: ConvShape, tiling: Tiling, piece: Slice, blocks: int) -> int:
    """Return the bytes of a slice's weights, for so many blocks of outputs."""
    vectors = piece.blocks * piece.depth * math.prod(shape.kernel) * blocks
    return vectors * tiling.lanes * ITEM_BYTES[shape.dtype]
