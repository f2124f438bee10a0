"""A matrix product as steps in order: copies into panels, meetings, calls of the micro-kernel.

Packed A: a panel a register tile, (turns of depth, rows of the tile, elements of a turn). Packed B:
a panel, (depth, vectors of the tile). What is computed: (vectors of columns, rows, lanes), copied
to C when its last piece of depth is done. One row needs no copy of A or C: it lies as they would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from benchmarks.conv.ahead import asking
from benchmarks.conv.entry import Call, Micro
from roofline.physics.blocking import Blocking, blocks, padded_depth
from roofline.physics.tiling import split
from roofline.physics.workload import ITEM_BYTES
from roofline.records import GemmShape

_LINE = 64
# Turns of the innermost loop between asking for a line and using it.
_TURNS_AHEAD = 16


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

    @property
    def ahead(self) -> tuple[int, int]:
        """Return how far ahead lines are asked for, where no prefetcher would know: in bytes.

        Runs that lie side by side are followed by those of the next outer turn; others skip from
        row to row, a page apart perhaps.
        """
        steps = zip(self.inner_step, self.outer_step, strict=True)
        source, target = (
            outer if inner <= _LINE else _TURNS_AHEAD * inner for inner, outer in steps
        )
        return source, target


@dataclass(frozen=True, slots=True)
class Meet:
    """All threads wait for each other."""


Step = Move | Meet | Call


@dataclass(frozen=True)
class Product:
    """A matrix product, cut; all sizes in elements unless they say bytes."""

    shape: GemmShape
    cut: Blocking

    @property
    def direct(self) -> bool:
        """Whether A and C lie as the micro-kernel reads and writes them."""
        return self.shape.rows == 1

    @property
    def item(self) -> int:
        """Bytes of an element."""
        return ITEM_BYTES[self.shape.dtype]

    @property
    def depth(self) -> int:
        """Depth in whole turns: what is missing is zero in packed B."""
        return padded_depth(self.shape, self.cut.lanes)

    @property
    def columns(self) -> int:
        """Columns in whole vectors."""
        return blocks(self.shape, self.cut.lanes) * self.cut.lanes

    @property
    def weights(self) -> int:
        """Elements of packed B and of the bias behind it."""
        return self.columns * (self.depth + 1)

    @property
    def panel(self) -> int:
        """Elements of a panel of A, as deep as a piece."""
        return self.cut.tile_rows * self.cut.depth

    @property
    def block(self) -> int:
        """Elements that a thread packs of A at a time, twice: a last piece has places of its own.

        Its depth may end within a turn, and what is beyond must stay zero.
        """
        return 2 * -(-self.cut.rows // self.cut.tile_rows) * self.panel

    @property
    def panels(self) -> tuple[tuple[int, int], ...]:
        """Return (first vector, vectors) of each panel of B."""
        total, most = blocks(self.shape, self.cut.lanes), self.cut.tile_blocks
        return tuple((n, min(most, total - n)) for n in range(0, total, most))

    def steps(self, thread: int) -> Iterator[Step]:
        """Yield what a thread does, in order."""
        threads = self.cut.grid_rows * self.cut.grid_columns
        if not self.shape.packed:
            for first, count in _part(self.panels, thread, threads):
                yield from self._pack_weights(first, count)
            if threads > 1:
                yield Meet()
        row, column = divmod(thread, self.cut.grid_columns)
        tiles = _part(split(self.shape.rows, self.cut.tile_rows), row, self.cut.grid_rows)
        panels = _part(self.panels, column, self.cut.grid_columns)
        together = max(1, self.cut.rows // self.cut.tile_rows)
        for start in range(0, self.depth, self.cut.depth):
            for index in range(0, len(tiles), together):
                yield from self._block(start, tiles[index : index + together], panels)

    def _block(
        self, start: int, tiles: Sequence[tuple[int, int]], panels: Sequence[tuple[int, int]]
    ) -> Iterator[Step]:
        """Yield one block of A against all panels of B."""
        last = start + self.cut.depth >= self.depth
        place = self.block // 2 if last else 0
        if not self.direct:
            yield from self._pack_rows(start, tiles, place)
        for first, count in panels:
            done, calls = 0, []
            for size, alike in groupby(tiles, key=lambda tile: tile[1]):
                found = list(alike)
                at = start if self.direct else place + done * self.panel
                calls.append(self._call(start, found[0][0], size, len(found), first, count, at))
                done += len(found)
            yield from asking(calls, *self._after(start, first, count))
            if last and not self.direct:
                yield from self._unpack(tiles, first, count)

    def _call(
        self, start: int, row: int, size: int, tiles: int, first: int, count: int, at: int
    ) -> Call:
        item, lanes, turn = self.item, self.cut.lanes, self.cut.turn
        out = (first * self.shape.rows + row) * lanes * item
        depth = min(self.cut.depth, self.depth - start)
        before = first * lanes * self.depth + start * count * lanes
        bias = self.columns * self.depth + first * lanes
        return Call(
            micro=Micro(size, count),
            x=at * item,
            weights=before * item,
            out=out,
            init=bias * item if start == 0 else out,
            accumulate=start > 0,
            tiles=tiles,
            x_tile=self.panel * item,
            out_tile=size * lanes * item,
            channels=depth // turn,
        )

    def _after(self, start: int, first: int, count: int) -> tuple[int, int]:
        """Return where the next panel's part of B begins, and its bytes."""
        depth = min(self.cut.depth, self.depth - start)
        before = (first + count) * self.depth + start * count
        step = self.cut.lanes * self.item
        return before * step, depth * count * step

    def _pack_weights(self, first: int, count: int) -> Iterator[Move]:
        """Yield the copies of one panel of B: whole vectors, then what is left of the last one."""
        item, lanes = self.item, self.cut.lanes
        whole, rest = self._within(first, count)
        pitch = (self.shape.columns * item, count * lanes * item)
        start, end = first * lanes * item, first * lanes * self.depth * item
        step = lanes * item
        yield from self._vectors(
            Move(
                source="b",
                target="weights",
                start=start,
                end=end,
                elements=lanes,
                count=whole,
                inner=self.shape.depth,
                inner_step=pitch,
                step=(step, step),
            ),
            rest,
        )

    def _pack_rows(
        self, start: int, tiles: Sequence[tuple[int, int]], place: int
    ) -> Iterator[Move]:
        """Yield the copies of one block of A: whole turns of depth, then what is left."""
        item, turn = self.item, self.cut.turn
        turns, rest = divmod(min(self.cut.depth, self.shape.depth - start), turn)
        row, done = self.shape.depth * item, 0
        for size, alike in groupby(tiles, key=lambda tile: tile[1]):
            found = list(alike)
            source = found[0][0] * row + start * item
            target = (place + done * self.panel) * item
            step = (row, turn * item)
            outer = (size * row, self.panel * item)
            for elements, inner, skip in ((turn, turns, 0), (1, rest, turns)):
                if inner:
                    along = self.cut.tile_rows * turn if elements > 1 or turn == 1 else 1
                    yield Move(
                        source="a",
                        target="rows",
                        start=source + skip * turn * item,
                        end=target + skip * turn * self.cut.tile_rows * item,
                        elements=elements,
                        count=size,
                        outer=len(found),
                        inner=inner,
                        outer_step=outer,
                        inner_step=(elements * item, along * item),
                        step=step,
                    )
            done += len(found)

    def _unpack(self, tiles: Sequence[tuple[int, int]], first: int, count: int) -> Iterator[Move]:
        """Yield the copies of one block of what was computed to C."""
        item, lanes = self.item, self.cut.lanes
        row, rows = tiles[0][0], sum(size for _, size in tiles)
        whole, rest = self._within(first, count)
        plane, step = self.shape.rows * lanes * item, lanes * item
        start = first * plane + row * step
        end = (row * self.shape.columns + first * lanes) * item
        pitch = (step, self.shape.columns * item)
        yield from self._vectors(
            Move(
                source="out",
                target="c",
                start=start,
                end=end,
                elements=lanes,
                count=whole,
                inner=rows,
                inner_step=pitch,
                step=(plane, step),
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

    def _within(self, first: int, count: int) -> tuple[int, int]:
        """Return how many vectors of a panel are full, and the columns of the one that isn't."""
        return divmod(
            min(count * self.cut.lanes, self.shape.columns - first * self.cut.lanes),
            self.cut.lanes,
        )


def _part(items: Sequence[tuple[int, int]], index: int, parts: int) -> Sequence[tuple[int, int]]:
    """Return the index-th of so many nearly equal parts."""
    return items[len(items) * index // parts : len(items) * (index + 1) // parts]
