"""The compute roofs: independent chains of arithmetic, enough of them to hide the latency."""

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
from benchmarks.mnemonics import add, fused_multiply_add, multiply
from benchmarks.simd import Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.records import Case

# Words of the parameter block.
TURNS, OPERANDS, RESULTS = range(3)


def build(mix: str, dtype: str, bits: int, accumulators: int, unroll: int) -> Callable[[int], int]:
    """Make the kernel: TURNS x unroll steps on each accumulator.

    OPERANDS names vectors a, x and then the accumulators' starts; they end at RESULTS. Each step
    of an accumulator is one instruction, by `kinds`: c = a * x + c, s = s + x, p = p * x. In
    "mul+add" a sum takes its product, s = s + p, so that neither half can run ahead of the other.
    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        operands = e.parameter(block, OPERANDS)
        a, x = e.load(operands), e.load(operands, e.vector_bytes)
        starts = [e.load(operands, (2 + i) * e.vector_bytes) for i in range(accumulators)]

        def step(values: list[Value]) -> list[Value]:
            if mix == "mul+add":
                products, sums = halves(values)
                added = [builder.fadd(s, m) for s, m in zip(sums, products, strict=True)]
                return [*(builder.fmul(m, x) for m in products), *added]
            stepped = {
                "fma": lambda c: e.fma(a, x, c),
                "add": lambda c: builder.fadd(c, x),
                "mul": lambda c: builder.fmul(c, x),
            }
            pairs = zip(kinds(mix, accumulators), values, strict=True)
            return [stepped[kind](value) for kind, value in pairs]

        def body(carried: list[Value]) -> list[Value]:
            for _ in range(unroll):
                carried = step(carried)
            return carried

        ends = e.loop(e.parameter(block, TURNS), starts, body)
        results = e.parameter(block, RESULTS)
        for index, end in enumerate(ends):
            e.store(end, results, index * e.vector_bytes)

    return kernel(emit)


def kinds(mix: str, accumulators: int) -> list[str]:
    """Return what each accumulator's instruction is; mixed ones take turns."""
    if mix == "mul+add":
        return ["mul"] * (accumulators // 2) + ["add"] * (accumulators - accumulators // 2)
    names = mix.split("+")
    return [names[index % len(names)] for index in range(accumulators)]


def halves(values: list[Value]) -> tuple[list[Value], list[Value]]:
    """Return the products and the sums among a mul+add kernel's accumulators."""
    middle = len(values) // 2
    return values[:middle], values[middle:]


def recipe(case: Case) -> Recipe:
    """Return how the kernel of a case is made, and what its hot loop must hold."""
    count = int(case.parameters["accumulators"] or 0)
    names = {"fma": fused_multiply_add, "add": add, "mul": multiply}
    mix = cases.benchmark(case).mix
    used = kinds(mix, count)
    expected = tuple(
        Expectation(
            instruction=names[kind](case.dtype, scalar=cases.lanes(case) == 1),
            register=registers(case.bits),
            count=used.count(kind) * cases.FMA_UNROLL,
        )
        for kind in dict.fromkeys(used)
    )
    arguments = (
        ("mix", mix),
        ("dtype", case.dtype),
        ("bits", case.bits),
        ("accumulators", count),
        ("unroll", cases.FMA_UNROLL),
    )
    return Recipe("benchmarks.fma", "build", arguments, expected)


@dataclass(slots=True)
class FmaTask:
    """One thread's accumulators; vectors a, x, then the starts, as the kernel wants them."""

    case: Case
    kernel: Kernel
    operands: NDArray[Any]
    results: NDArray[Any]

    @property
    def mix(self) -> str:
        """Its instructions."""
        return cases.benchmark(self.case).mix

    def segment(self, repeats: int) -> Segment:
        """Return `repeats` x FMA_TURNS turns in one call."""
        turns = repeats * cases.FMA_TURNS
        block = np.array([turns, self.operands.ctypes.data, self.results.ctypes.data], np.int64)
        return Segment(self.kernel, block, keep=self)

    def reset(self) -> None:
        """Spoil the results."""
        self.results[:] = np.nan

    def correct(self, repeats: int) -> bool:
        """Compare with the closed form in float64."""
        steps = repeats * cases.FMA_TURNS * cases.FMA_UNROLL
        expected = reference(self.operands, cases.lanes(self.case), steps, self.mix)
        results = self.results.reshape(expected.shape)
        # Rounding in float32 grows with the steps; half of the work would be off by a half.
        scale = np.median(np.abs(expected), axis=1, keepdims=True)
        return bool((np.abs(results - expected) <= 5e-3 * np.abs(expected) + 1e-3 * scale).all())


def reference(operands: NDArray[Any], lanes: int, steps: int, mix: str) -> NDArray[np.float64]:
    """Return the accumulators after so many steps, shape (accumulators, lanes), in float64."""
    rows = operands.astype(np.float64).reshape(-1, lanes)
    a, x, starts = rows[0], rows[1], rows[2:]
    if mix == "mul+add":
        products, sums = np.split(starts, 2)
        power = x**steps
        return np.vstack([products * power, sums + products * (1 - power) / (1 - x)])
    after = {
        "fma": lambda start: start + steps * a * x,
        "add": lambda start: start + steps * x,
        "mul": lambda start: start * x**steps,
    }
    pairs = zip(kinds(mix, len(starts)), starts, strict=True)
    return np.array([after[kind](start) for kind, start in pairs])


def task(case: Case, kernel: Kernel, _place: Place) -> FmaTask:
    """Return one thread's part, on operands drawn from a normal distribution."""
    count = int(case.parameters["accumulators"] or 0)
    lanes = cases.lanes(case)
    operands = aligned((2 + count) * lanes, case.dtype)
    operands[:] = random_normal(operands.size, case.dtype, seed=3)
    if "mul" in cases.benchmark(case).mix:
        # A factor so near to one that a sample's millions of steps make no denormals.
        # Not nearer: half of the steps must make a difference that rounding doesn't.
        operands[lanes : 2 * lanes] = 1 - 5e-6 * (1 + np.abs(operands[lanes : 2 * lanes]))
    return FmaTask(case, kernel, operands, aligned(count * lanes, case.dtype))


FAMILY = Family(recipe, task)
