"""The micro-kernels of convolutions whose lanes are output channels, and the one that fills.

In the broadcast kernel every tap is a loop turn whose trip count the compiler can't know: otherwise
it shares loads across taps and runs out of registers. Columns of a tile are compile-time offsets;
all else is read from the entry (`benchmarks.conv.words`).
"""

from collections.abc import Callable
from typing import Any

from benchmarks.conv import words
from benchmarks.conv.tile import Tile
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel


def build_broadcast(
    dtype: str,
    bits: int,
    fused: bool,
    columns: int,
    blocks: int,
    stride: int,
    unroll: int,
    relu: bool = False,
) -> Callable[[int], int]:
    """Make the kernel that multiplies one input value with vectors of output channels.

    `stride` is in elements, between the inputs of neighbouring columns; `unroll` channels that
    lie side by side make one turn (1 where channels lie in planes). After `relu` nothing is added.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile, step = Tile(e, entry, columns, blocks, relu=relu), blocks * e.vector_bytes
        multiply_add = e.fma if fused else e.multiply_add
        channels, x_channel = tile.word(words.CHANNELS), tile.common(words.X_CHANNEL)
        blocks_in, x_block = tile.word(words.CHANNEL_BLOCKS), tile.common(words.X_BLOCK)
        weights_block = tile.word(words.WEIGHTS_BLOCK)
        x_column = stride * ITEM_BYTES[dtype]
        lines = sorted({j * x_column // words.LINE * words.LINE for j in range(columns)})

        def channel(carried: list[Value]) -> list[Value]:
            x, weights, *values = carried
            for u in range(unroll):
                factors = [e.load(weights, u * step + n * e.vector_bytes) for n in range(blocks)]
                for j in range(columns):
                    value = e.broadcast(x, (j * stride + u) * ITEM_BYTES[dtype])
                    for at, factor in enumerate(factors, j * blocks):
                        values[at] = multiply_add(value, factor, values[at])
            return [e.advance(x, x_channel), e.advance(weights, unroll * step), *values]

        def tap(x: Value, weights: Value, values: list[Value]) -> tuple[Value, list[Value]]:
            ended = e.loop(channels, [x, weights, *values], channel)
            return ended[1], ended[2:]

        def taps(x: Value, weights: Value, values: list[Value]) -> list[Value]:
            def block(carried: list[Value]) -> list[Value]:
                x, weights, *values = carried
                changed = tile.over_taps(x, weights, values, tap, lines)
                return [e.advance(x, x_block), e.advance(weights, weights_block), *changed]

            return e.loop(blocks_in, [x, weights, *values], block)[2:]

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
