"""The micro-kernel whose lanes are output positions side by side: for few output channels.

Input and output lie in planes, so no lane and no byte is spent on channels that don't exist. A
register tile is some vectors of a row by all outputs. At a row's ends lanes are masked: outside of
the image inputs are zero, outside of the output nothing is stored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.conv import words
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel

MultiplyAdd = Callable[[Value, Value, Value], Value]


@dataclass(frozen=True, slots=True)
class _Row:
    """What an entry reads once: its bases, its steps, its place in the row."""

    e: Emitter
    entry: Value
    columns: int
    blocks: int
    before: int
    after: int

    def word(self, index: int) -> Value:
        """Load a word of the entry."""
        return self.e.parameter(self.entry, index)

    def common(self, index: int) -> Value:
        """Load a word that all entries share."""
        return self.e.parameter(self.word(words.SHARED), index)

    def base(self, base: int, offset: int) -> Value:
        """Return an address: a tensor's, moved on by a word of the entry."""
        return self.e.advance(self.common(base), self.word(offset))

    def masks(self, first: Value, limit: Value, before: int = 0) -> list[Value | None]:
        """Return which lanes of each vector lie within a row of so many, from a column on.

        None where all do: behind the first ones, before the last.
        """
        e = self.e
        return [
            e.within(e.advance(first, place * e.lanes), limit)
            if place < before or place >= self.columns - self.after
            else None
            for place in range(self.columns)
        ]

    def store(
        self, out: Value, sums: list[Value], masks: list[Value | None], *, relu: bool
    ) -> None:
        """Store a tile's sums, plane by plane."""
        e, plane = self.e, self.common(words.OUT_BLOCK)
        for n in range(self.blocks):
            for place, mask in enumerate(masks):
                value = sums[place * self.blocks + n]
                value = e.rectified(value) if relu else value
                at = place * e.vector_bytes
                e.store(value, out, at, align=ITEM_BYTES[e.dtype], mask=mask)
            out = e.advance(out, plane)


def build_positions(
    dtype: str,
    bits: int,
    fused: bool,
    columns: int,
    blocks: int,
    before: int = 0,
    after: int = 0,
    asked: bool = False,
    reached: bool = True,
    relu: bool = False,
) -> Callable[[int], int]:
    """Make the kernel that multiplies vectors of positions with one weight each.

    Args:
        dtype: of all tensors.
        bits: of a register.
        fused: whether the host has fused multiply-adds.
        columns: vectors of positions, side by side.
        blocks: output channels.
        before: vectors at the tile's beginning of which lanes lie outside of the image.
        after: at its end, of which lanes lie outside of the image or of the output.
        asked: whether planes are asked for while those before them are in use.
        reached: whether any tap falls on the input; else outputs are the bias alone.
        relu: whether negative outputs become zero.

    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        row = _Row(e, entry, columns, blocks, before, after)
        bias = row.base(words.WEIGHTS_BASE, words.INIT)
        weights = row.base(words.WEIGHTS_BASE, words.WEIGHTS)
        steps = row.word(words.X_TILE), row.word(words.OUT_TILE)
        stored = row.masks(e.integer(0), row.word(words.REST))
        taps = _Taps(row, e.fma if fused else e.multiply_add, asked) if reached else None

        def tile(carried: list[Value]) -> list[Value]:
            begun = [e.broadcast(bias, n * ITEM_BYTES[dtype]) for n in range(blocks)]
            sums = [begun[n] for _ in range(columns) for n in range(blocks)]
            sums = taps.run(carried[0], weights, sums) if taps else sums
            row.store(carried[1], sums, stored, relu=relu)
            return [e.advance(at, step) for at, step in zip(carried, steps, strict=True)]

        first = row.base(words.X_BASE, words.X), row.base(words.OUT_BASE, words.OUT)
        e.loop(row.word(words.TILES), [*first], tile)

    return kernel(emit)


class _Taps:
    """The loops of a tile, from the outside: planes taken together, kernel rows, taps, planes."""

    def __init__(self, row: _Row, multiply_add: MultiplyAdd, asked: bool) -> None:
        self.row, self.e, self.multiply_add, self.asked = row, row.e, multiply_add, asked
        self.item = ITEM_BYTES[row.e.dtype]
        self.plane, self.x_row, self.x_tap, self.width, self.dilation = (
            row.common(n)
            for n in (words.X_CHANNEL, words.X_ROW, words.X_TAP, words.X_WIDTH, words.DILATION)
        )

    def run(self, x: Value, weights: Value, sums: list[Value]) -> list[Value]:
        """Return the sums after everything."""
        e, word = self.e, self.row.word
        multiply, planes = e.builder.mul, word(words.PLANES)

        def together(carried: list[Value]) -> list[Value]:
            x, weights, left, *sums = carried
            some = e.builder.icmp_signed("<", left, planes)
            count = e.builder.select(some, left, planes)
            if self.asked:
                e.loop(count, [e.advance(x, word(words.AHEAD))], self._ask)
            first = e.advance(weights, multiply(count, word(words.SKIPPED)))
            each = partial(self._kernel_row, count)
            _, _, *sums = e.loop(word(words.ROWS), [x, first, *sums], each)
            after = e.advance(weights, multiply(count, word(words.WEIGHTS_BLOCK)))
            x = e.advance(x, multiply(count, self.plane))
            return [x, after, e.builder.sub(left, count), *sums]

        started = [x, weights, word(words.CHANNELS), *sums]
        return e.loop(word(words.CHANNEL_BLOCKS), started, together)[3:]

    def _ask(self, carried: list[Value]) -> list[Value]:
        for place in range(self.row.columns):
            self.e.prefetch(carried[0], place * self.e.vector_bytes)
        return [self.e.advance(carried[0], self.plane)]

    def _kernel_row(self, count: Value, carried: list[Value]) -> list[Value]:
        e, (x, weights, *sums) = self.e, carried
        started = [x, weights, self.row.word(words.FIRST), *sums]
        _, _, _, *sums = e.loop(self.row.word(words.TAPS), started, partial(self._tap, count))
        step = e.builder.mul(count, self.row.word(words.WEIGHTS_ROW))
        return [e.advance(x, self.x_row), e.advance(weights, step), *sums]

    def _tap(self, count: Value, carried: list[Value]) -> list[Value]:
        e, (x, weights, column, *sums) = self.e, carried
        masks = self.row.masks(column, self.width, self.row.before)
        _, weights, *sums = e.loop(count, [x, weights, *sums], partial(self._channel, masks))
        return [e.advance(x, self.x_tap), weights, e.advance(column, self.dilation), *sums]

    def _channel(self, masks: list[Value | None], carried: list[Value]) -> list[Value]:
        e, blocks, (x, weights, *sums) = self.e, self.row.blocks, carried
        inputs = [
            e.load(x, place * e.vector_bytes, align=self.item, mask=mask)
            for place, mask in enumerate(masks)
        ]
        for n in range(blocks):
            factor = e.broadcast(weights, n * self.item)
            for place, value in enumerate(inputs):
                at = place * blocks + n
                sums[at] = self.multiply_add(value, factor, sums[at])
        return [e.advance(x, self.plane), e.advance(weights, blocks * self.item), *sums]
