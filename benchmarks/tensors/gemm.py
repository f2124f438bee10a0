"""A matrix product as steps in order: copies, and calls of the micro-kernel.

A panel of B lies as (depth, vectors of columns). Those that aren't packed beforehand every thread
copies for itself, each just before it is used. A is read and C written where they lie, but for the
last panel if its last vector isn't full: that is computed beside it, (rows, lanes), and copied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from roofline.physics.blocking import Blocking, blocks, together
from roofline.physics.pieces import split
from roofline.physics.workload import ITEM_BYTES
from roofline.records import GemmShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Copies of (outer x inner x count) runs of so many elements, from one tensor to another.

    Offsets and steps are in bytes, the steps as (from, to).
    """

    source: str
    target: str
    start: int
    end: int
    elements: int
    count: int
    outer: int = 1
    inner: int = 1
    outer_step: tuple[int, int] = (0, 0)
    inner_step: tuple[int, int]
    step: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Micro:
    """A register tile: rows, vectors of columns, elements of a row that a turn takes."""

    rows: int
    blocks: int
    turn: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a tensor: where the first begins, what lies between rows and between tiles; bytes."""

    tensor: str
    start: int
    row: int = 0
    tile: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Tiles of rows of A times one panel of B, which lies at `b` among the copies."""

    micro: Micro
    tiles: int
    turns: int
    a: Rows
    b: int
    init: Rows
    c: Rows


Step = Move | Panel


@dataclass(frozen=True, slots=True)
class Piece:
    """A panel of B, or some of its rows: the first, how many; its first vector, how many."""

    start: int
    depth: int
    first: int
    count: int


@dataclass(frozen=True)
class Product:
    """A matrix product, cut; all sizes in elements unless they say bytes."""

    shape: GemmShape
    cut: Blocking

    @property
    def single(self) -> bool:
        """Whether there is one row only: C then has places for whole vectors."""
        return self.shape.rows == 1

    @property
    def item(self) -> int:
        """Bytes of an element."""
        return ITEM_BYTES[self.shape.dtype]

    @property
    def columns(self) -> int:
        """Columns in whole vectors."""
        return blocks(self.shape, self.cut.lanes) * self.cut.lanes

    @property
    def weights(self) -> int:
        """Elements of all panels of B, or of the one that a thread holds."""
        if self.shape.packed:
            return self.columns * self.shape.depth
        return self.cut.tile_blocks * self.cut.lanes * self.cut.depth

    @property
    def beside(self) -> int:
        """Elements of the panel that isn't computed where C lies; 0 if all are."""
        last = Piece(0, 0, *self.panels[-1])
        return self.shape.rows * last.count * self.cut.lanes * self._overhangs(last)

    @property
    def panels(self) -> tuple[tuple[int, int], ...]:
        """Return (first vector, vectors) of each panel of B."""
        return tuple(one for part in range(self.cut.grid_columns) for one in self._own(part))

    def steps(self, thread: int) -> Iterator[Step]:
        """Yield what a thread does, in order."""
        row, column = divmod(thread, self.cut.grid_columns)
        tiles = _part(split(self.shape.rows, self.cut.tile_rows), row, self.cut.grid_rows)
        starts = range(0, self.shape.depth, self.cut.depth)
        own = [Piece(s, self._deep(s), *one) for s in starts for one in self._own(column)]
        if not tiles:
            return
        for piece in own:
            if not self.shape.packed:
                yield from self._pack(piece)
            yield from self._panel(tiles, piece)
            if piece.start + piece.depth == self.shape.depth and self._overhangs(piece):
                yield from self._unpack(tiles, piece)

    def _deep(self, start: int) -> int:
        return min(self.cut.depth, self.shape.depth - start)

    def _own(self, part: int) -> list[tuple[int, int]]:
        """Return the panels of one part of the columns."""
        total, parts = blocks(self.shape, self.cut.lanes), self.cut.grid_columns
        start, end = total * part // parts, total * (part + 1) // parts
        if start == end:
            return []
        return [(start + n, count) for n, count in split(end - start, self.cut.tile_blocks)]

    def _panel(self, tiles: Sequence[tuple[int, int]], piece: Piece) -> Iterator[Panel]:
        """Yield the calls of some tiles: those of equal rows are one."""
        item, turn = self.item, together(piece.depth, self.cut.tile_rows)
        bias = Rows("bias", piece.first * self.cut.lanes * item)
        for size, alike in groupby(tiles, key=lambda tile: tile[1]):
            rows = [row for row, _ in alike]
            pitch, c = self.shape.depth * item, self._result(rows[0], size, piece)
            yield Panel(
                micro=Micro(size, piece.count, turn),
                tiles=len(rows),
                turns=piece.depth // turn,
                a=Rows("a", rows[0] * pitch + piece.start * item, pitch, size * pitch),
                b=self._place(piece),
                init=c if piece.start else bias,
                c=c,
            )

    def _place(self, piece: Piece) -> int:
        """Return where a panel of B lies among the copies, in bytes."""
        if not self.shape.packed:
            return 0
        before = piece.first * self.shape.depth + piece.start * piece.count
        return before * self.cut.lanes * self.item

    def _result(self, row: int, size: int, piece: Piece) -> Rows:
        """Return rows of C from one of them on, or of what is computed beside it."""
        item, lanes = self.item, self.cut.lanes
        if self._overhangs(piece):
            pitch = piece.count * lanes * item
            return Rows("beside", row * pitch, pitch, size * pitch)
        pitch = self.shape.columns * item
        return Rows("c", row * pitch + piece.first * lanes * item, pitch, size * pitch)

    def _overhangs(self, piece: Piece) -> bool:
        """Whether a panel is wider than what is left of C."""
        return not self.single and self._within(piece)[1] > 0

    def _pack(self, piece: Piece) -> Iterator[Move]:
        """Yield the copies of a panel of B: whole vectors, then what is left of the last one."""
        item, lanes = self.item, self.cut.lanes
        whole, rest = self._within(piece)
        pitch = (self.shape.columns * item, piece.count * lanes * item)
        yield from self._vectors(
            Move(
                source="b",
                target="weights",
                start=piece.start * pitch[0] + piece.first * lanes * item,
                end=0,
                elements=lanes,
                count=whole,
                inner=piece.depth,
                inner_step=pitch,
                step=(lanes * item, lanes * item),
            ),
            rest,
        )

    def _unpack(self, tiles: Sequence[tuple[int, int]], piece: Piece) -> Iterator[Move]:
        """Yield the copies of rows that were computed beside C to it."""
        item, lanes = self.item, self.cut.lanes
        row, rows = tiles[0][0], sum(size for _, size in tiles)
        whole, rest = self._within(piece)
        pitch = (piece.count * lanes * item, self.shape.columns * item)
        yield from self._vectors(
            Move(
                source="beside",
                target="c",
                start=row * pitch[0],
                end=row * pitch[1] + piece.first * lanes * item,
                elements=lanes,
                count=whole,
                inner=rows,
                inner_step=pitch,
                step=(lanes * item, lanes * item),
            ),
            rest,
        )

    def _vectors(self, full: Move, rest: int) -> Iterator[Move]:
        """Yield a copy of full vectors of each row, and of the elements of one that isn't full."""
        if full.count:
            yield full
        if rest:
            yield replace(
                full,
                start=full.start + full.count * full.step[0],
                end=full.end + full.count * full.step[1],
                elements=1,
                count=1,
                outer=full.inner,
                inner=rest,
                outer_step=full.inner_step,
                inner_step=(self.item, self.item),
                step=(0, 0),
            )

    def _within(self, piece: Piece) -> tuple[int, int]:
        """Return how many vectors of a panel are full, and the columns of the one that isn't."""
        lanes = self.cut.lanes
        left = self.shape.columns - piece.first * lanes
        return divmod(min(piece.count * lanes, left), lanes)


def _part(items: Sequence[tuple[int, int]], index: int, parts: int) -> Sequence[tuple[int, int]]:
    """Return the index-th of so many nearly equal parts."""
    return items[len(items) * index // parts : len(items) * (index + 1) // parts]
