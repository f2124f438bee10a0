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
    lie side by side make one turn (1 where channels lie in planes). `relu` when nothing is added
    afterwards, and what is negative is zero.
    """
    item = ITEM_BYTES[dtype]

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = Tile(e, entry, columns, blocks, relu=relu)
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


def build_fill(dtype: str, bits: int, relu: bool = False) -> Callable[[int], int]:
    """Make the kernel of outputs that no tap reaches: they are the bias alone.

    With `relu`, of those that are whole, and only their negative ones have to become zero.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        Tile(e, entry, 1, 1, relu=relu).run(lambda _x, _weights, values: values)

    return kernel(emit)
