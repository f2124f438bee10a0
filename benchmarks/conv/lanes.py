"""The micro-kernels that take a row's taps at once: depthwise, narrow groups, one input of many.

Columns of a tile and the taps of a row are compile-time offsets, and so is what of a tile's inputs
lies outside of the image, at the row's ends; all else is read from the entry
(`benchmarks.conv.words`).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.conv import words
from benchmarks.conv.tile import Taps, Tile
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel
from roofline.physics.reach import Reach

Pick = Callable[[Value], Value]


Read = Callable[[Value, int], Value]


@dataclass(frozen=True, slots=True)
class _Row:
    """One kernel row of a tile of single vectors: taps are known, an input serves all of them.

    With `again`, a word that is zero (which the compiler can't know), it is loaded again for each
    tap, whose weights are loaded then: slower, but no register holds more than sums.
    """

    e: Emitter
    reach: Reach
    fused: bool
    again: Value | None = None

    def run(self, x: Value, weights: Value, values: list[Value], pick: Pick) -> list[Value]:
        """Return the accumulators after one kernel row of one channel a lane."""
        e = self.e
        return self.sums(
            x, weights, values, lambda x, place: pick(e.load(x, place * e.vector_bytes))
        )

    def sums(self, x: Value, weights: Value, values: list[Value], read: Read) -> list[Value]:
        """Return the accumulators after one kernel row, of inputs that are read by their place."""
        e, changed = self.e, list(values)
        if self.again is not None:
            return self._tap_by_tap(x, weights, changed, read)
        factors = [e.load(weights, tap * e.vector_bytes) for tap in range(self.reach.taps)]
        for place, uses in self.reach.uses().items():
            value = read(x, place)
            for column, tap in uses:
                changed[column] = self._multiply_add(value, factors[tap], changed[column])
        return changed

    def _tap_by_tap(
        self, x: Value, weights: Value, changed: list[Value], read: Read
    ) -> list[Value]:
        e = self.e
        for tap in range(self.reach.taps):
            x, factor = e.advance(x, self.again), e.load(weights, tap * e.vector_bytes)
            for place, uses in self.reach.uses().items():
                for column in (column for column, own in uses if own == tap):
                    changed[column] = self._multiply_add(read(x, place), factor, changed[column])
        return changed

    def _multiply_add(self, a: Value, x: Value, c: Value) -> Value:
        return (self.e.fma if self.fused else self.e.multiply_add)(a, x, c)


def build_lanes(
    dtype: str,
    bits: int,
    fused: bool,
    rows: int,
    relu: bool = False,
    again: bool = False,
    asked: int = 0,
    **reach: int,
) -> Callable[[int], int]:
    """Make the depthwise kernel: a channel a lane, each input loaded once for all its taps.

    Each tile asks for so many rows of inputs behind its own (`asked`). With `rows`, so many kernel
    rows follow each other in the code; else they are counted. As of all these kernels, `reach` is
    a `Reach`; with `relu` nothing comes after them; with `again` inputs are loaded for each tap,
    for tiles that need too many registers else.
    """

    def taps(tile: Tile, row: _Row) -> Taps:
        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            return row.run(x, weights, values, lambda value: value)

        def every(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            tile.ask_rows(x, asked, row.reach.columns * row.reach.stride)
            return tile.over_rows(x, weights, values, one, rows)

        return every

    return _kernel(dtype, bits, fused, Reach(**reach), taps, relu, again)


def build_spread(
    dtype: str, bits: int, fused: bool, relu: bool = False, again: bool = False, **reach: int
) -> Callable[[int], int]:
    """Make the kernel of one input channel and many outputs: a value broadcast once for all taps.

    Its inputs lie in planes.
    """

    def taps(tile: Tile, row: _Row) -> Taps:
        e, item = tile.e, ITEM_BYTES[dtype]

        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            return row.sums(x, weights, values, lambda x, place: e.broadcast(x, place * item))

        return lambda x, weights, values: tile.over_rows(x, weights, values, one)

    return _kernel(dtype, bits, fused, Reach(**reach), taps, relu, again)


def build_permute(
    dtype: str, bits: int, fused: bool, relu: bool = False, again: bool = False, **reach: int
) -> Callable[[int], int]:
    """Make the kernel of narrow groups: each input permuted to the lanes that need it.

    The pattern of each channel of a group is read from a table: one kernel serves all groups.
    """

    def taps(tile: Tile, row: _Row) -> Taps:
        e = tile.e
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

        return lambda x, weights, values: tile.over_rows(x, weights, values, one)

    return _kernel(dtype, bits, fused, Reach(**reach), taps, relu, again)


def build_shuffle(
    dtype: str,
    bits: int,
    fused: bool,
    channels: int,
    slot_in: int,
    slot_out: int,
    first: int,
    halves: int,
    relu: bool = False,
    again: bool = False,
    **reach: int,
) -> Callable[[int], int]:
    """Make the kernel of narrow groups whose patterns are in the code, all channels of a group.

    An instruction with a constant pattern loads and permutes in one, where lanes stay within 128
    bits. For slots, `first` and `halves` see `pattern`.
    """

    def taps(tile: Tile, row: _Row) -> Taps:
        e, step = tile.e, tile.common(words.WEIGHTS_CHANNEL)
        # Zero, as above: else the inputs of one channel would be kept in registers for the next.
        x_step = tile.common(words.X_CHANNEL)

        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            for index in range(channels):
                lanes = pattern(first + index, e.lanes, slot_in, slot_out, halves)
                values = row.run(x, weights, values, functools.partial(e.shuffle, lanes=lanes))
                x, weights = e.advance(x, x_step), e.advance(weights, step)
            return values

        return lambda x, weights, values: tile.over_rows(x, weights, values, one)

    return _kernel(dtype, bits, fused, Reach(**reach), taps, relu, again)


def _kernel(
    dtype: str,
    bits: int,
    fused: bool,
    reach: Reach,
    taps: Callable[[Tile, _Row], Taps],
    relu: bool,
    again: bool,
) -> Callable[[int], int]:
    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = Tile(e, entry, reach.columns, 1, relu=relu)
        zero = tile.common(words.ZERO) if again else None
        tile.run(taps(tile, _Row(e, reach, fused=fused, again=zero)))

    return kernel(emit)


def pattern(first: int, lanes: int, slot_in: int, slot_out: int, halves: int = 1) -> list[int]:
    """Return, for each output lane, the input lane that holds its group's channel.

    The first group's lies at `first`; the next groups' follow each `slot_in` lanes, as their
    outputs do each `slot_out`; anew in each of the `halves` of the vector. Lanes beyond the last
    whole slot name any: their weights are zero.
    """
    groups, wide = lanes // max(slot_in, slot_out) // halves, lanes // halves
    return [
        lane // wide * wide + first + min(lane % wide // slot_out, groups - 1) * slot_in
        for lane in range(lanes)
    ]
