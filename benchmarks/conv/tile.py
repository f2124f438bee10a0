"""The loops around a register tile: its bases, its sums in and out, the rows and taps of a kernel.

All that isn't compiled in is read from the entry (`benchmarks.conv.words`).
"""

from collections.abc import Callable, Sequence

from benchmarks.conv import words
from benchmarks.simd import Emitter, Value
from roofline.physics.reach import ASKED, LINE

Taps = Callable[[Value, Value, list[Value]], list[Value]]
Tap = Callable[[Value, Value, list[Value]], tuple[Value, list[Value]]]


class Tile:
    """One entry's tile: its bases, its accumulators in and out, the loops around its taps.

    With `relu` nothing comes after this entry: what is stored is no less than zero.
    """

    def __init__(
        self, e: Emitter, entry: Value, columns: int, blocks: int, *, relu: bool = False
    ) -> None:
        self.e, self.entry, self.relu = e, entry, relu
        self.columns, self.blocks = columns, blocks
        self.shared = e.parameter(entry, words.SHARED)
        self.out_block = e.parameter(self.shared, words.OUT_BLOCK)

    def word(self, index: int) -> Value:
        """Load a word of the entry."""
        return self.e.parameter(self.entry, index)

    def common(self, index: int) -> Value:
        """Load a word that all entries share."""
        return self.e.parameter(self.shared, index)

    def run(self, taps: Taps, *, ahead: bool = False) -> None:
        """Run every tile of the entry: accumulators in, ``taps(x, weights, accumulators)``, out.

        With `ahead` each tile asks for some lines of the weights that later entries use.
        """
        e = self.e
        accumulate = self.word(words.ACCUMULATE)
        into = e.builder.icmp_signed("!=", accumulate, e.integer(0))
        choice = e.builder.select
        base = choice(into, self.common(words.OUT_BASE), self.common(words.WEIGHTS_BASE))
        column = choice(into, e.integer(e.vector_bytes), e.integer(0))
        block = choice(into, self.out_block, e.integer(e.vector_bytes))
        step = self.word(words.OUT_TILE)
        init_step = choice(into, step, e.integer(0))
        weights = e.advance(self.common(words.WEIGHTS_BASE), self.word(words.WEIGHTS))
        steps = [self.word(words.X_TILE), step, init_step]
        later = []
        if ahead:
            later = [e.advance(self.common(words.WEIGHTS_BASE), self.word(words.AHEAD))]
            steps.append(self.word(words.AHEAD_TILE))

        def tile(carried: list[Value]) -> list[Value]:
            x, out, init, *asked = carried
            for first in asked:
                self._ask_weights(first)
            started = self._loaded(init, column, block)
            self._stored(taps(x, weights, started), out)
            return [e.advance(at, size) for at, size in zip(carried, steps, strict=True)]

        x = e.advance(self.common(words.X_BASE), self.word(words.X))
        out = e.advance(self.common(words.OUT_BASE), self.word(words.OUT))
        init = e.advance(base, self.word(words.INIT))
        e.loop(self.word(words.TILES), [x, out, init, *later], tile)

    def ask(self, address: Value, offsets: Sequence[int]) -> None:
        """Ask for the cache lines so far from an address."""
        for offset in offsets:
            self.e.prefetch(address, offset)

    def ask_rows(self, x: Value, rows: int, vectors: int) -> None:
        """Ask for so many rows of inputs behind those that a tile reads, from an address on."""
        if rows:
            e, x_row = self.e, self.common(words.X_ROW)
            behind = e.advance(x, e.builder.mul(x_row, self.word(words.ROWS)))
            for _ in range(rows):
                self.ask(behind, range(0, vectors * e.vector_bytes, LINE))
                behind = e.advance(behind, x_row)

    def ask_planes(self, first: Value, ahead: Sequence[int], planes: Value | None) -> None:
        """Ask for such lines of the first plane of channels, or of so many `planes`."""

        def plane(carried: list[Value]) -> list[Value]:
            self.ask(carried[0], ahead)
            return [self.e.advance(carried[0], self.common(words.X_CHANNEL))]

        if planes is None:
            self.ask(first, ahead)
        else:
            self.e.loop(planes, [first], plane)

    def _ask_weights(self, first: Value) -> None:
        def turn(carried: list[Value]) -> list[Value]:
            self.ask(carried[0], range(0, ASKED, LINE))
            return [self.e.advance(carried[0], ASKED)]

        self.e.loop(self.word(words.AHEAD_TURNS), [first], turn)

    def _loaded(self, init: Value, column: Value, block: Value) -> list[Value]:
        e, values, start = self.e, [], init
        for _ in range(self.columns):
            place = start
            for n in range(self.blocks):
                values.append(e.load(place))
                if n + 1 < self.blocks:
                    place = e.advance(place, block)
            start = e.advance(start, column)
        return values

    def _stored(self, accumulators: Sequence[Value], out: Value) -> None:
        place = out
        for n in range(self.blocks):
            for j in range(self.columns):
                value = accumulators[j * self.blocks + n]
                value = self.e.rectified(value) if self.relu else value
                self.e.store(value, place, j * self.e.vector_bytes)
            if n + 1 < self.blocks:
                place = self.e.advance(place, self.out_block)

    def over_rows(
        self, x: Value, weights: Value, values: list[Value], row: Taps, unrolled: int = 0
    ) -> list[Value]:
        """Run ``row`` for each kernel row, its taps all at once; so many in a row, or in a loop."""
        e = self.e
        x_row, weights_row = self.common(words.X_ROW), self.word(words.WEIGHTS_ROW)

        def one(carried: list[Value]) -> list[Value]:
            changed = row(carried[0], carried[1], carried[2:])
            return [e.advance(carried[0], x_row), e.advance(carried[1], weights_row), *changed]

        carried = [x, weights, *values]
        if not unrolled:
            return e.loop(self.word(words.ROWS), carried, one)[2:]
        for _ in range(unrolled):
            carried = one(carried)
        return carried[2:]

    def over_taps(
        self,
        x: Value,
        weights: Value,
        values: list[Value],
        tap: Tap,
        ahead: Sequence[int],
        planes: Value | None = None,
    ) -> list[Value]:
        """Run ``tap`` for each kernel row and column; it returns where its weights end.

        Each row asks for the lines that lie `ahead` bytes from where the next tile's inputs begin:
        in the first plane of channels, or in so many `planes`.
        """
        e, x_tile = self.e, self.word(words.X_TILE)
        x_row, x_tap = self.common(words.X_ROW), self.common(words.X_TAP)
        taps, weights_row = self.word(words.TAPS), self.word(words.WEIGHTS_ROW)

        def one(carried: list[Value]) -> list[Value]:
            after, changed = tap(carried[0], carried[1], carried[2:])
            return [e.advance(carried[0], x_tap), after, *changed]

        def row(carried: list[Value]) -> list[Value]:
            self.ask_planes(e.advance(carried[0], x_tile), ahead, planes)
            changed = e.loop(taps, carried, one)[2:]
            return [e.advance(carried[0], x_row), e.advance(carried[1], weights_row), *changed]

        return e.loop(self.word(words.ROWS), [x, weights, *values], row)[2:]
