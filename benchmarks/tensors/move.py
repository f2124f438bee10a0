"""The kernel that packs and unpacks matrices: vectors copied from and to places at fixed steps."""

from collections.abc import Callable
from typing import Any

from benchmarks.kernels import Recipe
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel
from benchmarks.tensors import words


def build(dtype: str, bits: int, count: int) -> Callable[[int], int]:
    """Make the kernel that copies `count` vectors (of one element: scalars) a turn."""
    item = ITEM_BYTES[dtype]

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        word = {n: e.parameter(entry, n) for n in range(words.SOURCE, words.TARGET_STEP + 1)}

        def inner(carried: list[Value]) -> list[Value]:
            source, target = carried
            values = []
            for _ in range(count):
                values.append(e.load(source, align=item))
                source = e.advance(source, word[words.SOURCE_STEP])
            for value in values:
                e.store(value, target, align=item)
                target = e.advance(target, word[words.TARGET_STEP])
            steps = (word[words.SOURCE_INNER], word[words.TARGET_INNER])
            return [e.advance(a, s) for a, s in zip(carried, steps, strict=True)]

        def outer(carried: list[Value]) -> list[Value]:
            e.loop(word[words.INNER], carried, inner)
            steps = (word[words.SOURCE_OUTER], word[words.TARGET_OUTER])
            return [e.advance(a, s) for a, s in zip(carried, steps, strict=True)]

        e.loop(word[words.OUTER], [word[words.SOURCE], word[words.TARGET]], outer)

    return kernel(emit)


def recipe(dtype: str, bits: int, count: int) -> Recipe:
    """Return how a move is made."""
    arguments = (("dtype", dtype), ("bits", bits), ("count", count))
    return Recipe("benchmarks.tensors.move", "build", arguments)
