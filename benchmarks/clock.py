"""Dependent chains: the effective core clock, read next to the load and inside its window.

A chain's time a step, in cycles, is a whole number that the core's designers chose. Three chains
that LLVM can't fold: add then xor (two one-cycle instructions on every core of interest),
xor then integer multiply, and a vector multiply-add that feeds itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import cases
from benchmarks.arena import Place
from benchmarks.assembly import Expectation, registers
from benchmarks.buffers import aligned, random_normal
from benchmarks.family import Family
from benchmarks.kernels import Kernel, Recipe
from benchmarks.mnemonics import fused_multiply_add, multiply, scalar_multiply, scalar_xor
from benchmarks.simd import I64, Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.records import Case

ADD_XOR = "add"
MULTIPLY = "imul"
VECTOR = "vector"
STEPS_PER_TURN = cases.CHAIN_STEPS_PER_TURN
# Words of a chain's parameter block.
TURNS, OPERANDS = range(2)


def build_scalar(chain: str) -> Callable[[int], int]:
    """Make the "add" or "imul" chain: TURNS x STEPS_PER_TURN steps from the words at OPERANDS.

    The value is left behind the two operands.
    """

    def step(builder: Any, value: Value, other: Value) -> Value:
        if chain == ADD_XOR:
            return builder.xor(builder.add(value, other), other)
        return builder.mul(builder.xor(value, other), other)

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, "int64", 64)
        operands = builder.inttoptr(e.parameter(block, OPERANDS), I64.as_pointer())
        start = builder.load(operands)
        other = builder.load(builder.gep(operands, [e.integer(1)]))

        def body(carried: list[Value]) -> list[Value]:
            value = carried[0]
            for _ in range(STEPS_PER_TURN[chain]):
                value = step(builder, value, other)
            return [value]

        end = e.loop(e.parameter(block, TURNS), [start], body)[0]
        builder.store(end, builder.gep(operands, [e.integer(2)]))

    return kernel(emit)


def build_vector(dtype: str, bits: int, fused: bool) -> Callable[[int], int]:
    """Make the vector chain: TURNS x STEPS_PER_TURN steps of v = v * x + y.

    The vectors v, x, y are read at OPERANDS; the result is stored behind them.
    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        operands = e.parameter(block, OPERANDS)
        start, x, y = (e.load(operands, index * e.vector_bytes) for index in range(3))
        step = e.fma if fused else e.multiply_add

        def body(carried: list[Value]) -> list[Value]:
            value = carried[0]
            for _ in range(STEPS_PER_TURN[VECTOR]):
                value = step(value, x, y)
            return [value]

        result = e.loop(e.parameter(block, TURNS), [start], body)[0]
        e.store(result, operands, 3 * e.vector_bytes)

    return kernel(emit)


def recipe(case: Case) -> Recipe:
    """Return how a chain is made, and what its hot loop must hold."""
    chain = str(case.parameters["chain"])
    if chain == VECTOR:
        return _vector_recipe(case)
    instruction = scalar_multiply() if chain == MULTIPLY else scalar_xor()
    wanted = Expectation(instruction=instruction, register="", count=STEPS_PER_TURN[chain])
    return Recipe("benchmarks.clock", "build_scalar", (("chain", chain),), (wanted,))


def _vector_recipe(case: Case) -> Recipe:
    fused = bool(case.parameters["fused"])
    wanted = Expectation(
        instruction=fused_multiply_add(case.dtype) if fused else multiply(case.dtype),
        register=registers(case.bits),
        count=STEPS_PER_TURN[VECTOR],
    )
    arguments = (("dtype", case.dtype), ("bits", case.bits), ("fused", fused))
    return Recipe("benchmarks.clock", "build_vector", arguments, (wanted,))


@dataclass(slots=True)
class ChainTask:
    """One thread's chain and its operands."""

    case: Case
    kernel: Kernel
    operands: NDArray[Any]

    @property
    def chain(self) -> str:
        """Which of the three it is."""
        return str(self.case.parameters["chain"])

    def segment(self, repeats: int) -> Segment:
        """Return `repeats` calls of CHAIN_TURNS turns."""
        block = np.array([cases.CHAIN_TURNS, self.operands.ctypes.data], np.int64)
        return Segment(self.kernel, block, repeats, keep=self)

    def reset(self) -> None:
        """Spoil the result."""
        width = cases.lanes(self.case) if self.chain == VECTOR else 1
        self.operands[-width:] = 0

    def correct(self, _repeats: int) -> bool:
        """Compare the last call's value with Python's; every call starts from the operands."""
        steps = cases.chain_steps(self.case)
        if self.chain == VECTOR:
            return _vector_right(self.operands.reshape(4, -1).astype(np.float64), steps)
        start, other, end = (int(word) for word in self.operands)
        return _scalar_value(self.chain, start, other, steps) == end


def _scalar_value(chain: str, value: int, other: int, steps: int) -> int:
    mask = (1 << 64) - 1
    value, other = value & mask, other & mask
    for _ in range(steps):
        added, multiplied = (value + other) & mask, ((value ^ other) * other) & mask
        value = added ^ other if chain == ADD_XOR else multiplied
    return value - (1 << 64) if value >> 63 else value


def _vector_right(rows: NDArray[np.float64], steps: int) -> bool:
    start, x, y, end = rows
    power = x**steps
    expected = start * power + y * (1 - power) / (1 - x)
    return bool(np.allclose(end, expected, rtol=0, atol=1e-3 * np.abs(expected).max()))


def task(case: Case, kernel: Kernel, _place: Place) -> ChainTask:
    """Return one thread's chain on random operands."""
    if case.parameters["chain"] != VECTOR:
        operands = aligned(3, "int64")
        operands[:2] = np.random.default_rng(4).integers(1 << 40, 1 << 60, 2) | 1
        return ChainTask(case, kernel, operands)
    lanes = cases.lanes(case)
    operands = aligned(4 * lanes, case.dtype)
    operands[: 3 * lanes] = random_normal(3 * lanes, case.dtype, seed=5)
    # A factor just below one: the value still tells the steps apart after thousands.
    operands[lanes : 2 * lanes] = 1 - 1e-5 * np.abs(operands[lanes : 2 * lanes])
    return ChainTask(case, kernel, operands)


FAMILY = Family(recipe, task)
