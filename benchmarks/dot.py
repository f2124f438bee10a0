"""The roofs of narrow dtypes: dot products of BF16 pairs and of INT8 quadruples, accumulated wide.

One instruction multiplies every pair (or quadruple) of two vectors and adds its sum to a lane of
float32 (or int32). Numbers count as the narrow dtype's: 2 operations a narrow lane.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from benchmarks import cases
from benchmarks.arena import Place
from benchmarks.assembly import Expectation, registers
from benchmarks.buffers import aligned
from benchmarks.family import Family
from benchmarks.kernels import Kernel, Recipe
from benchmarks.simd import I32, Emitter, Value, declare, kernel
from benchmarks.team import Segment
from roofline.records import Case

# Words of the parameter block.
TURNS, OPERANDS, RESULTS = range(3)
# Narrow numbers that one wide lane sums up.
GROUP = {"bfloat16": 2, "int8": 4}
_WIDE = {"bfloat16": "float32", "int8": "int32"}
_MNEMONICS = {"bfloat16": "vdpbf16ps", "int8": "vpdpbusd"}


class BFloat(ir.Type):
    """LLVM's bfloat, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        """Whether the other is bfloat, too."""
        return isinstance(other, BFloat)

    def __hash__(self) -> int:
        """Equal ones have equal hashes."""
        return hash("bfloat")


def build(dtype: str, bits: int, accumulators: int, unroll: int) -> Callable[[int], int]:
    """Make the kernel: TURNS x unroll dot products into each accumulator.

    OPERANDS names vectors a, x and then the accumulators' starts; they end at RESULTS.
    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, "float32", bits)
        words = ir.VectorType(I32, bits // 32)
        step = _bfloat_step(e, builder) if dtype == "bfloat16" else _integer_step(e, builder)
        operands = e.parameter(block, OPERANDS)

        def load(index: int) -> Value:
            return builder.bitcast(e.load(operands, index * e.vector_bytes), words)

        a, x = load(0), load(1)
        starts = [load(2 + index) for index in range(accumulators)]

        def body(carried: list[Value]) -> list[Value]:
            for _ in range(unroll):
                carried = [step(c, a, x) for c in carried]
            return carried

        ends = e.loop(e.parameter(block, TURNS), starts, body)
        results = e.parameter(block, RESULTS)
        for index, end in enumerate(ends):
            e.store(builder.bitcast(end, e.vector), results, index * e.vector_bytes)

    return kernel(emit)


Step = Callable[[Value, Value, Value], Value]


def _integer_step(e: Emitter, builder: Any) -> Step:
    words = ir.VectorType(I32, e.lanes)
    name = f"llvm.x86.avx512.vpdpbusd.{8 * e.vector_bytes}"

    def step(c: Value, a: Value, x: Value) -> Value:
        return builder.call(declare(builder, name, words, [words] * 3), [c, a, x])

    return step


def _bfloat_step(e: Emitter, builder: Any) -> Step:
    words = ir.VectorType(I32, e.lanes)
    narrow = ir.VectorType(BFloat(), 2 * e.lanes)
    name = f"llvm.x86.avx512bf16.dpbf16ps.{8 * e.vector_bytes}"

    def step(c: Value, a: Value, x: Value) -> Value:
        function = declare(builder, name, e.vector, [e.vector, narrow, narrow])
        pair = [builder.bitcast(one, narrow) for one in (a, x)]
        return builder.bitcast(builder.call(function, [builder.bitcast(c, e.vector), *pair]), words)

    return step


def recipe(case: Case) -> Recipe:
    """Return how the kernel of a case is made, and what its hot loop must hold."""
    count = int(case.parameters["accumulators"] or 0)
    wanted = Expectation(
        instruction=_MNEMONICS[case.dtype],
        register=registers(case.bits),
        count=count * cases.FMA_UNROLL,
    )
    arguments = (
        ("dtype", case.dtype),
        ("bits", case.bits),
        ("accumulators", count),
        ("unroll", cases.FMA_UNROLL),
    )
    return Recipe("benchmarks.dot", "build", arguments, (wanted,))


@dataclass(slots=True)
class DotTask:
    """One thread's accumulators; vectors a, x, then the starts, as raw 32-bit words."""

    case: Case
    kernel: Kernel
    operands: NDArray[Any]
    results: NDArray[Any]

    def segment(self, repeats: int) -> Segment:
        """Return `repeats` x FMA_TURNS turns in one call."""
        turns = repeats * cases.FMA_TURNS
        block = np.array([turns, self.operands.ctypes.data, self.results.ctypes.data], np.int64)
        return Segment(self.kernel, block, keep=self)

    def reset(self) -> None:
        """Spoil the results."""
        self.results.view(np.int32)[:] = -1

    def correct(self, repeats: int) -> bool:
        """Compare with exact integers modulo 2^32, or with the closed form in float64."""
        steps = repeats * cases.FMA_TURNS * cases.FMA_UNROLL
        sums = dot(self.operands, self.case.dtype, self.case.bits)
        rows = self.operands.reshape(-1, self.case.bits // 32)[2:]
        results = self.results.reshape(rows.shape)
        if self.case.dtype == "int8":
            expected = (rows.view(np.int32).astype(np.int64) + steps * sums) & 0xFFFFFFFF
            return bool((results.view(np.uint32) == expected).all())
        exact = rows.astype(np.float64) + steps * sums
        return bool(np.allclose(results, exact, rtol=5e-3, atol=1e-3 * np.abs(exact).max()))


def dot(operands: NDArray[Any], dtype: str, bits: int) -> NDArray[Any]:
    """Return what one step adds to each wide lane: int64 for int8, float64 for bfloat16."""
    raw = operands.reshape(-1, bits // 32)[:2]
    if dtype == "int8":
        a, x = raw[0].view(np.uint8).astype(np.int64), raw[1].view(np.int8).astype(np.int64)
    else:
        a, x = (_widened(row.view(np.uint16)) for row in raw)
    return np.asarray((a * x).reshape(-1, GROUP[dtype]).sum(axis=1))


def _widened(halves: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return bfloat16 numbers, which are the upper halves of float32, as float64."""
    return (halves.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def task(case: Case, kernel: Kernel, _place: Place) -> DotTask:
    """Return one thread's part, on random operands of the narrow dtype."""
    count, lanes = int(case.parameters["accumulators"] or 0), case.bits // 32
    operands = aligned((2 + count) * lanes, "float32")
    draw = np.random.default_rng(3)
    operands[:] = draw.standard_normal(operands.size)
    narrow = operands[: 2 * lanes]
    if case.dtype == "int8":
        narrow.view(np.uint8)[:] = draw.integers(0, 256, narrow.nbytes, np.uint8)
        starts = operands[2 * lanes :].view(np.int32)
        starts[:] = draw.integers(-1000, 1000, starts.size)
    else:
        values = draw.standard_normal(2 * narrow.size).astype(np.float32)
        narrow.view(np.uint16)[:] = (values.view(np.uint32) >> 16).astype(np.uint16)
    return DotTask(case, kernel, operands, aligned(count * lanes, "float32"))


FAMILY = Family(recipe, task)
