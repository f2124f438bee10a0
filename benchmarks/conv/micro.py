"""The micro-kernels of convolutions: a register tile of outputs and the loops around it.

In the broadcast kernel every tap is a loop turn whose trip count the compiler can't know: otherwise
it shares loads across taps and runs out of registers. Columns of a tile are compile-time offsets,
and so are the taps of a row where channels are lanes; all else is read from the entry
(`benchmarks.conv.words`).
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.conv import words
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel

Pick = Callable[[Value], Value]
Row = Callable[[Value, Value, list[Value]], list[Value]]
Tap = Callable[[Value, Value, list[Value]], tuple[Value, list[Value]]]


class _Tile:
    """One entry's tile: its bases, its accumulators in and out, the loops around its taps."""

    def __init__(self, e: Emitter, entry: Value, columns: int, blocks: int) -> None:
        self.e, self.entry = e, entry
        self.columns, self.blocks = columns, blocks
        self.shared = e.parameter(entry, words.SHARED)
        self.out_block = e.parameter(self.shared, words.OUT_BLOCK)

    def word(self, index: int) -> Value:
        """Load a word of the entry."""
        return self.e.parameter(self.entry, index)

    def common(self, index: int) -> Value:
        """Load a word that all entries share."""
        return self.e.parameter(self.shared, index)

    def run(self, taps: Callable[[Value, Value, list[Value]], list[Value]]) -> None:
        """Run every tile of the entry: accumulators in, ``taps(x, weights, accumulators)``, out."""
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
        x_step = self.word(words.X_TILE)

        def tile(carried: list[Value]) -> list[Value]:
            x, out, init = carried
            started = self._loaded(init, column, block)
            self._stored(taps(x, weights, started), out)
            return [e.advance(x, x_step), e.advance(out, step), e.advance(init, init_step)]

        x = e.advance(self.common(words.X_BASE), self.word(words.X))
        out = e.advance(self.common(words.OUT_BASE), self.word(words.OUT))
        init = e.advance(base, self.word(words.INIT))
        e.loop(self.word(words.TILES), [x, out, init], tile)

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
                self.e.store(accumulators[j * self.blocks + n], place, j * self.e.vector_bytes)
            if n + 1 < self.blocks:
                place = self.e.advance(place, self.out_block)

    def over_rows(self, x: Value, weights: Value, values: list[Value], row: Row) -> list[Value]:
        """Run ``row`` for each kernel row, its taps all at once."""
        e = self.e
        x_row, weights_row = self.common(words.X_ROW), self.word(words.WEIGHTS_ROW)

        def one(carried: list[Value]) -> list[Value]:
            changed = row(carried[0], carried[1], carried[2:])
            return [e.advance(carried[0], x_row), e.advance(carried[1], weights_row), *changed]

        return e.loop(self.word(words.ROWS), [x, weights, *values], one)[2:]

    def over_taps(self, x: Value, weights: Value, values: list[Value], tap: Tap) -> list[Value]:
        """Run ``tap`` for each kernel row and column; it returns where its weights end."""
        e = self.e
        x_row, x_tap = self.common(words.X_ROW), self.common(words.X_TAP)
        taps, weights_row = self.word(words.TAPS), self.word(words.WEIGHTS_ROW)

        def one(carried: list[Value]) -> list[Value]:
            after, changed = tap(carried[0], carried[1], carried[2:])
            return [e.advance(carried[0], x_tap), after, *changed]

        def row(carried: list[Value]) -> list[Value]:
            changed = e.loop(taps, carried, one)[2:]
            return [e.advance(carried[0], x_row), e.advance(carried[1], weights_row), *changed]

        return e.loop(self.word(words.ROWS), [x, weights, *values], row)[2:]


def build_broadcast(
    dtype: str, bits: int, fused: bool, columns: int, blocks: int, stride: int, unroll: int
) -> Callable[[int], int]:
    """Make the kernel that multiplies one input value with vectors of output channels.

    `stride` is in elements, between the inputs of neighbouring columns; `unroll` channels that
    lie side by side make one turn (1 where channels lie in planes).
    """
    item = ITEM_BYTES[dtype]

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = _Tile(e, entry, columns, blocks)
        multiply_add = e.fma if fused else e.multiply_add
        channels, x_channel = tile.word(words.CHANNELS), tile.common(words.X_CHANNEL)
        blocks_in, x_block = tile.word(words.CHANNEL_BLOCKS), tile.common(words.X_BLOCK)
        weights_block = tile.word(words.WEIGHTS_BLOCK)

        def channel(carried: list[Value]) -> list[Value]:
            x, weights, values = carried[0], carried[1], carried[2:]
            for u in range(unroll):
                factors = [
                    e.load(weights, (u * blocks + n) * e.vector_bytes) for n in range(blocks)
                ]
                for j in range(columns):
                    value = e.broadcast(x, (j * stride + u) * item)
                    for n in range(blocks):
                        at = j * blocks + n
                        values[at] = multiply_add(value, factors[n], values[at])
            ahead = e.advance(weights, unroll * blocks * e.vector_bytes)
            return [e.advance(x, x_channel), ahead, *values]

        def tap(x: Value, weights: Value, values: list[Value]) -> tuple[Value, list[Value]]:
            ended = e.loop(channels, [x, weights, *values], channel)
            return ended[1], ended[2:]

        def taps(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            def block(carried: list[Value]) -> list[Value]:
                changed = tile.over_taps(carried[0], carried[1], carried[2:], tap)
                following = [e.advance(carried[0], x_block), e.advance(carried[1], weights_block)]
                return [*following, *changed]

            return e.loop(blocks_in, [x, weights, *values], block)[2:]

        tile.run(taps)

    return kernel(emit)


def build_lanes(
    dtype: str, bits: int, fused: bool, columns: int, taps: int, stride: int, dilation: int
) -> Callable[[int], int]:
    """Make the depthwise kernel: a channel a lane, each input loaded once for all its taps."""

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = _Tile(e, entry, columns, 1)
        row = _Row(e, columns, taps, stride, dilation, fused=fused)

        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            return row.run(x, weights, values, lambda value: value)

        tile.run(lambda x, weights, values: tile.over_rows(x, weights, values, one))

    return kernel(emit)


def build_permute(
    dtype: str, bits: int, fused: bool, columns: int, taps: int, stride: int, dilation: int
) -> Callable[[int], int]:
    """Make the kernel of narrow groups: each input permuted to the lanes that need it.

    The pattern of each channel of a group is read from a table: one kernel serves all groups.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = _Tile(e, entry, columns, 1)
        row = _Row(e, columns, taps, stride, dilation, fused=fused)
        indices = e.advance(tile.common(words.WEIGHTS_BASE), tile.word(words.INDICES))
        channels, step = tile.word(words.CHANNELS), tile.common(words.WEIGHTS_CHANNEL)
        # Zero, as all channels of a group lie in one vector; but the compiler doesn't know, and
        # leaves the loads inside the loop, where they need no registers.
        x_step = tile.common(words.X_CHANNEL)

        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            def channel(carried: list[Value]) -> list[Value]:
                at, factors, place = carried[:3]
                pick = functools.partial(e.permute, indices=e.load_indices(place))
                changed = row.run(at, factors, carried[3:], pick)
                steps = (x_step, step, e.vector_bytes)
                ahead = [e.advance(a, s) for a, s in zip(carried[:3], steps, strict=True)]
                return [*ahead, *changed]

            return e.loop(channels, [x, weights, indices, *values], channel)[3:]

        tile.run(lambda x, weights, values: tile.over_rows(x, weights, values, one))

    return kernel(emit)


def build_shuffle(
    dtype: str,
    bits: int,
    fused: bool,
    columns: int,
    taps: int,
    stride: int,
    dilation: int,
    group_in: int,
    group_out: int,
    first: int,
) -> Callable[[int], int]:
    """Make the kernel of narrow groups where no instruction reads a pattern: it is in the code.

    The groups' channels begin at lane `first` of the input vector.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = _Tile(e, entry, columns, 1)
        row = _Row(e, columns, taps, stride, dilation, fused=fused)
        step = tile.common(words.WEIGHTS_CHANNEL)
        # Zero, as above: else the inputs of one channel would be kept in registers for the next.
        x_step = tile.common(words.X_CHANNEL)

        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            for index in range(group_in):
                lanes = pattern(first + index, e.lanes, group_in, group_out)
                values = row.run(x, weights, values, functools.partial(e.shuffle, lanes=lanes))
                x, weights = e.advance(x, x_step), e.advance(weights, step)
            return values

        tile.run(lambda x, weights, values: tile.over_rows(x, weights, values, one))

    return kernel(emit)


@dataclass(frozen=True, slots=True)
class _Row:
    """One kernel row of a tile of single vectors: taps are known, an input serves all of them."""

    e: Emitter
    columns: int
    taps: int
    stride: int
    dilation: int
    fused: bool

    def run(self, x: Value, weights: Value, values: list[Value], pick: Pick) -> list[Value]:
        """Return the accumulators after one kernel row of one channel a lane."""
        e, changed = self.e, list(values)
        multiply_add = e.fma if self.fused else e.multiply_add
        factors = [e.load(weights, tap * e.vector_bytes) for tap in range(self.taps)]
        for place, uses in sorted(self._uses().items()):
            value = pick(e.load(x, place * e.vector_bytes))
            for column, tap in uses:
                changed[column] = multiply_add(value, factors[tap], changed[column])
        return changed

    def _uses(self) -> dict[int, list[tuple[int, int]]]:
        """Return, by input column, which (output column, tap) multiply it."""
        uses: dict[int, list[tuple[int, int]]] = {}
        for column in range(self.columns):
            for tap in range(self.taps):
                place = column * self.stride + tap * self.dilation
                uses.setdefault(place, []).append((column, tap))
        return uses


def build_fill(dtype: str, bits: int) -> Callable[[int], int]:
    """Make the kernel of outputs that no tap reaches: they are the bias alone."""

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        _Tile(e, entry, 1, 1).run(lambda _x, _weights, values: values)

    return kernel(emit)


def pattern(first: int, lanes: int, group_in: int, group_out: int) -> list[int]:
    """Return, for each output lane, the input lane that holds its group's channel.

    The first group's lies at `first`. Lanes beyond the last whole group name any: their weights
    are zero.
    """
    groups = lanes // max(group_in, group_out)
    return [first + min(lane // group_out, groups - 1) * group_in for lane in range(lanes)]
