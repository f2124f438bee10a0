"""The micro-kernels of convolutions whose lanes are output channels, and the one that fills.

In the broadcast kernel every tap is a loop turn whose trip count the compiler can't know: otherwise
it shares loads across taps and runs out of registers. Columns of a tile are compile-time offsets;
all else is read from the entry (`benchmarks.conv.words`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.conv import words
from benchmarks.conv.tile import Tile
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel
from roofline.physics.reach import lines_ahead


@dataclass(frozen=True, slots=True)
class _Turn:
    """Some channels that lie side by side, of all columns and blocks of a tile.

    `column` is what lies between the inputs of neighbouring columns, in bytes; so does `plane`,
    where channels lie in planes. Where `held`, no input is loaded before its turn; `between`: taps
    read what lies between columns, too.
    """

    e: Emitter
    fused: bool
    columns: int
    blocks: int
    column: int
    channels: int
    plane: Value | None = None
    held: bool = False
    between: bool = False

    @property
    def weights(self) -> int:
        """Bytes of its weights."""
        return self.channels * self.blocks * self.e.vector_bytes

    @property
    def lines(self) -> list[int]:
        """Where the cache lines of the next tile's inputs begin."""
        return lines_ahead(self.columns, self.column, between=self.between)

    def run(self, x: Value, weights: Value, values: list[Value]) -> list[Value]:
        """Return the accumulators after all its products."""
        e, item = self.e, ITEM_BYTES[self.e.dtype]
        multiply_add, sums = e.fma if self.fused else e.multiply_add, list(values)
        for u in range(self.channels):
            at = u * self.blocks * e.vector_bytes
            factors = [e.load(weights, at + n * e.vector_bytes) for n in range(self.blocks)]
            for j in range(self.columns):
                if self.held:
                    e.hold()
                value = e.broadcast(x, j * self.column + (u * item if self.plane is None else 0))
                for place, factor in enumerate(factors, j * self.blocks):
                    sums[place] = multiply_add(value, factor, sums[place])
            x = x if self.plane is None else e.advance(x, self.plane)
        return sums


def build_broadcast(
    dtype: str,
    bits: int,
    fused: bool,
    columns: int,
    blocks: int,
    stride: int,
    unroll: int,
    relu: bool = False,
    held: bool = False,
    between: bool = False,
    asked: bool = False,
) -> Callable[[int], int]:
    """Make the kernel that multiplies one input value with vectors of output channels.

    `stride` is in elements, between the inputs of neighbouring columns; `unroll` channels that
    lie side by side make one turn (1 where channels lie in planes). After `relu` nothing is added.
    Where `held` the compiler loads nothing ahead within a turn, for which registers may not do;
    with `between` taps read what a stride lies over; with `asked` it asks in every plane.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = Tile(e, entry, columns, blocks, relu=relu)
        step = stride * ITEM_BYTES[dtype]
        turn = _Turn(e, fused, columns, blocks, step, unroll, held=held, between=between)
        channels, x_channel = tile.word(words.CHANNELS), tile.common(words.X_CHANNEL)
        x_block, weights_block = tile.common(words.X_BLOCK), tile.word(words.WEIGHTS_BLOCK)

        def channel(carried: list[Value]) -> list[Value]:
            x, weights, *values = carried
            changed = turn.run(x, weights, values)
            return [e.advance(x, x_channel), e.advance(weights, turn.weights), *changed]

        def tap(x: Value, weights: Value, values: list[Value]) -> tuple[Value, list[Value]]:
            ended = e.loop(channels, [x, weights, *values], channel)
            return ended[1], ended[2:]

        def taps(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            def block(carried: list[Value]) -> list[Value]:
                x, weights, *values = carried
                planes = channels if asked else None
                changed = tile.over_taps(x, weights, values, tap, turn.lines, planes)
                return [e.advance(x, x_block), e.advance(weights, weights_block), *changed]

            return e.loop(tile.word(words.CHANNEL_BLOCKS), [x, weights, *values], block)[2:]

        tile.run(taps, ahead=True)

    return kernel(emit)


def build_whole(
    dtype: str,
    bits: int,
    fused: bool,
    columns: int,
    blocks: int,
    stride: int,
    channels: int,
    planar: bool,
    single: bool,
    relu: bool = False,
    between: bool = False,
    asked: bool = False,
) -> Callable[[int], int]:
    """Make the broadcast kernel without a loop over channels, for two blocks of outputs or more.

    Each block (or all planes, if `planar`) has so many `channels`. With a `single` tap there is no
    loop over rows and taps, either: a seventh fewer instructions. The rest as in `build_broadcast`.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = Tile(e, entry, columns, blocks, relu=relu)
        plane = tile.common(words.X_CHANNEL) if planar else None
        planes = e.integer(channels) if asked else None
        step = stride * ITEM_BYTES[dtype]
        turn = _Turn(e, fused, columns, blocks, step, channels, plane, between=between)
        x_block, weights_block = tile.common(words.X_BLOCK), tile.word(words.WEIGHTS_BLOCK)

        def tap(x: Value, weights: Value, values: list[Value]) -> tuple[Value, list[Value]]:
            return e.advance(weights, turn.weights), turn.run(x, weights, values)

        def one(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            tile.ask_planes(e.advance(x, tile.word(words.X_TILE)), turn.lines, planes)
            return tap(x, weights, values)[1]

        def every(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            return tile.over_taps(x, weights, values, tap, turn.lines, planes)

        def taps(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            def block(carried: list[Value]) -> list[Value]:
                changed = (one if single else every)(carried[0], carried[1], carried[2:])
                step_on = turn.weights if single else weights_block
                return [e.advance(carried[0], x_block), e.advance(carried[1], step_on), *changed]

            return e.loop(tile.word(words.CHANNEL_BLOCKS), [x, weights, *values], block)[2:]

        tile.run(taps, ahead=True)

    return kernel(emit)


def build_fill(dtype: str, bits: int, relu: bool = False) -> Callable[[int], int]:
    """Make the kernel of outputs that no tap reaches: they are the bias alone.

    With `relu`, of those that are whole, and only their negative ones have to become zero.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        Tile(e, entry, 1, 1, relu=relu).run(lambda _x, _weights, values: values)

    return kernel(emit)
