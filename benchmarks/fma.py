"""The compute roofs: independent chains of arithmetic, enough of them to hide the latency."""

import math
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


def build(
    mix: str, dtype: str, bits: int, accumulators: int, unroll: int, sums: int = 0
) -> Callable[[int], int]:
    """Make the kernel: TURNS x unroll times the steps of a `turn`.

    OPERANDS names vectors a, x and then the accumulators' starts; they end at RESULTS. Each step
    of an accumulator is one instruction, by `kinds`: c = a * x + c, s = s + x, p = p * x. In
    "mul+add" a sum takes its product, s = s + p, so that neither half can run ahead of the other.
    With `sums` x stands for a, too: one register holds the operands.
    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        operands = e.parameter(block, OPERANDS)
        x = e.load(operands, e.vector_bytes)
        a = x if sums else e.load(operands)
        starts = [e.load(operands, (2 + i) * e.vector_bytes) for i in range(accumulators)]

        def step(values: list[Value]) -> list[Value]:
            if mix == "mul+add":
                products, totals = halves(values)
                added = [builder.fadd(s, m) for s, m in zip(totals, products, strict=True)]
                return [*(builder.fmul(m, x) for m in products), *added]
            stepped = {
                "fma": lambda c: e.fma(a, x, c),
                "add": lambda c: builder.fadd(c, x),
                "mul": lambda c: builder.fmul(c, x),
            }
            names, ends = kinds(mix, accumulators, sums), list(values)
            for index in turn(accumulators, sums):
                ends[index] = stepped[names[index]](ends[index])
            return ends

        def body(carried: list[Value]) -> list[Value]:
            for _ in range(unroll):
                carried = step(carried)
            return carried

        ends = e.loop(e.parameter(block, TURNS), starts, body)
        results = e.parameter(block, RESULTS)
        for index, end in enumerate(ends):
            e.store(end, results, index * e.vector_bytes)

    return kernel(emit)


def turn(accumulators: int, sums: int = 0) -> list[int]:
    """Return which accumulator each instruction of a turn belongs to: each once.

    With `sums`, the last so many accumulators step more often than the others, so that both kinds
    start equally often, in pairs of a kind.
    """
    if not sums:
        return list(range(accumulators))
    fused, order = accumulators - sums, []
    for index in range(0, math.lcm(fused, sums), 2):
        pair = (index, index + 1)
        order += [*(i % fused for i in pair), *(fused + i % sums for i in pair)]
    return order


def kinds(mix: str, accumulators: int, sums: int = 0) -> list[str]:
    """Return what each accumulator's instruction is; mixed ones take turns, but for `sums`."""
    if sums:
        return ["fma"] * (accumulators - sums) + ["add"] * sums
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
    count, sums = _chains(case)
    names = {"fma": fused_multiply_add, "add": add, "mul": multiply}
    mix = cases.benchmark(case).mix
    each = kinds(mix, count, sums)
    used = [each[index] for index in turn(count, sums)]
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
        *((("sums", sums),) if sums else ()),
    )
    return Recipe("benchmarks.fma", "build", arguments, expected)


def _chains(case: Case) -> tuple[int, int]:
    """Return the accumulators of a case, and how many of them are sums of their own pace."""
    return int(case.parameters["accumulators"] or 0), int(case.parameters.get("sums") or 0)


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
        """Return `repeats` times the case's turns: in one call, in float16 a call each."""
        half = self.case.dtype == "float16"
        turns = cases.turns(self.case) * (1 if half else repeats)
        block = np.array([turns, self.operands.ctypes.data, self.results.ctypes.data], np.int64)
        return Segment(self.kernel, block, repeats if half else 1, keep=self)

    def reset(self) -> None:
        """Spoil the results."""
        self.results[:] = np.nan

    def correct(self, repeats: int) -> bool:
        """Compare with the closed form in float64; float16 is exact, and begins anew each call."""
        half, sums = self.case.dtype == "float16", _chains(self.case)[1]
        turns = cases.turns(self.case) * cases.FMA_UNROLL * (1 if half else repeats)
        expected = reference(self.operands, cases.lanes(self.case), turns, self.mix, sums)
        results = self.results.reshape(expected.shape)
        if half:
            return bool((results == expected).all())
        # Rounding in float32 grows with the steps; half of the work would be off by a half.
        scale = np.median(np.abs(expected), axis=1, keepdims=True)
        return bool((np.abs(results - expected) <= 5e-3 * np.abs(expected) + 1e-3 * scale).all())


def reference(
    operands: NDArray[Any], lanes: int, turns: int, mix: str, sums: int = 0
) -> NDArray[np.float64]:
    """Return the accumulators after so many turns, shape (accumulators, lanes), in float64."""
    rows = operands.astype(np.float64).reshape(-1, lanes)
    x, starts = rows[1], rows[2:]
    a = x if sums else rows[0]
    if mix == "mul+add":
        products, totals = np.split(starts, 2)
        power = x**turns
        return np.vstack([products * power, totals + products * (1 - power) / (1 - x)])
    after = {
        "fma": lambda start, steps: start + steps * a * x,
        "add": lambda start, steps: start + steps * x,
        "mul": lambda start, steps: start * x**steps,
    }
    order, pairs = turn(len(starts), sums), zip(kinds(mix, len(starts), sums), starts, strict=True)
    return np.array(
        [after[kind](start, turns * order.count(i)) for i, (kind, start) in enumerate(pairs)]
    )


def task(case: Case, kernel: Kernel, _place: Place) -> FmaTask:
    """Return one thread's part, on operands drawn from a normal distribution."""
    count = int(case.parameters["accumulators"] or 0)
    lanes = cases.lanes(case)
    operands = aligned((2 + count) * lanes, case.dtype)
    if case.dtype == "float16":
        operands[:] = _whole_numbers(count, lanes)
        return FmaTask(case, kernel, operands, aligned(count * lanes, case.dtype))
    operands[:] = random_normal(operands.size, case.dtype, seed=3)
    if "mul" in cases.benchmark(case).mix:
        # A factor so near to one that a sample's millions of steps make no denormals.
        # Not nearer: half of the steps must make a difference that rounding doesn't.
        operands[lanes : 2 * lanes] = 1 - 5e-6 * (1 + np.abs(operands[lanes : 2 * lanes]))
    return FmaTask(case, kernel, operands, aligned(count * lanes, case.dtype))


def _whole_numbers(count: int, lanes: int) -> NDArray[np.float16]:
    """Return operands of float16 whose sums stay exact: steps of one, from far below to far above.

    Rounded sums would stand still after 2048 steps, and tell nothing of those after them.
    """
    draw = np.random.default_rng(3)
    a, x = draw.choice((-1.0, 1.0), (2, lanes))
    middles = draw.integers(-100, 101, (count, lanes))
    starts = middles - a * x * cases.HALF_TURNS * cases.FMA_UNROLL / 2
    return np.vstack([a, x, starts]).ravel().astype(np.float16)


FAMILY = Family(recipe, task)
