"""Divides and square roots: rates of their own, on chains that can't be folded or run dry."""

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
from benchmarks.mnemonics import divide, square_root
from benchmarks.simd import Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.records import Case

# Words of the parameter block.
TURNS, OPERANDS, RESULTS = range(3)
# Half of the steps would be off by 1 %, all roundings together by 0.02 %.
TOLERANCE = 2e-3


def build(
    operation: str, dtype: str, bits: int, fused: bool, accumulators: int, steps: int
) -> Callable[[int], int]:
    """Make the kernel: TURNS x steps on each chain, an even number a turn.

    OPERANDS names vectors a, b and then the chains' starts; they end at RESULTS. Two divides
    q = a / q, q = b / q scale a chain by b / a. A root v = sqrt(v * v + a) adds to its square; the
    multiply-add before it runs in the shade of other chains' roots.
    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        operands = e.parameter(block, OPERANDS)
        a, b = e.load(operands), e.load(operands, e.vector_bytes)
        starts = [e.load(operands, (2 + i) * e.vector_bytes) for i in range(accumulators)]
        multiply_add = e.fma if fused else e.multiply_add

        def body(carried: list[Value]) -> list[Value]:
            for step in range(steps):
                if operation == "divide":
                    carried = [builder.fdiv(b if step % 2 else a, q) for q in carried]
                else:
                    carried = [e.square_root(multiply_add(v, v, a)) for v in carried]
            return carried

        ends = e.loop(e.parameter(block, TURNS), starts, body)
        results = e.parameter(block, RESULTS)
        for index, end in enumerate(ends):
            e.store(end, results, index * e.vector_bytes)

    return kernel(emit)


def recipe(case: Case) -> Recipe:
    """Return how the kernel of a case is made, and what its hot loop must hold."""
    count = int(case.parameters["accumulators"] or 0)
    name = divide if case.benchmark == "divide" else square_root
    wanted = Expectation(
        instruction=name(case.dtype),
        register=registers(case.bits),
        count=count * cases.DIVISION_STEPS,
    )
    arguments = (
        ("operation", case.benchmark),
        ("dtype", case.dtype),
        ("bits", case.bits),
        ("fused", cases.fused(case)),
        ("accumulators", count),
        ("steps", cases.DIVISION_STEPS),
    )
    return Recipe("benchmarks.division", "build", arguments, (wanted,))


@dataclass(slots=True)
class DivisionTask:
    """One thread's chains; vectors a, b, then the starts, as the kernel wants them."""

    case: Case
    kernel: Kernel
    operands: NDArray[Any]
    results: NDArray[Any]

    def segment(self, repeats: int) -> Segment:
        """Return `repeats` x DIVISION_TURNS turns in one call."""
        turns = repeats * cases.DIVISION_TURNS
        block = np.array([turns, self.operands.ctypes.data, self.results.ctypes.data], np.int64)
        return Segment(self.kernel, block, keep=self)

    def reset(self) -> None:
        """Spoil the results."""
        self.results[:] = np.nan

    def correct(self, repeats: int) -> bool:
        """Compare with the closed form in float64."""
        steps = repeats * cases.DIVISION_TURNS * cases.DIVISION_STEPS
        expected = reference(self.operands, cases.lanes(self.case), steps, self.case.benchmark)
        results = self.results.reshape(expected.shape)
        return bool((np.abs(results - expected) <= TOLERANCE * expected).all())


def reference(
    operands: NDArray[Any], lanes: int, steps: int, operation: str
) -> NDArray[np.float64]:
    """Return the chains after an even number of steps, shape (chains, lanes), in float64."""
    rows = operands.astype(np.float64).reshape(-1, lanes)
    a, b, starts = rows[0], rows[1], rows[2:]
    if operation == "divide":
        return np.asarray(starts * (b / a) ** (steps // 2))
    return np.asarray(np.sqrt(starts**2 + steps * a))


def task(case: Case, kernel: Kernel, _place: Place) -> DivisionTask:
    """Return one thread's part: random starts from 1 to 2, and steps that leave them ordinary."""
    count, lanes = int(case.parameters["accumulators"] or 0), cases.lanes(case)
    operands = aligned((2 + count) * lanes, case.dtype)
    drawn = np.abs(random_normal(operands.size, case.dtype, seed=7))
    operands[:] = 1 + drawn / (1 + drawn)
    a, b = operands[:lanes], operands[lanes : 2 * lanes]
    if case.benchmark == "divide":
        b[:] = a * (1 - 2e-5 * (1 + drawn[:lanes]))
    else:
        a[:] = 1e-3 * (1 + drawn[:lanes])
    return DivisionTask(case, kernel, operands, aligned(count * lanes, case.dtype))


FAMILY = Family(recipe, task)
