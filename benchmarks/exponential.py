"""The exponential of an array that lives in L1, by explicit vector code: what feeds a softmax.

exp(x) = 2^n exp(r) with n = round(x / ln 2) and r = x - n ln 2 in two pieces, so that no digit of r
is lost; exp(r) = 1 + r + r^2 q(r) with q interpolated at Chebyshev's points of |r| <= ln 2 / 2
(Muller, Elementary Functions, 3rd ed., chapters 3 and 11). The power of two is added to the
exponent's bits, which holds while the result is a normal number: inputs stay inside `RANGE`.
"""

from collections.abc import Callable, Sequence
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
from benchmarks.mnemonics import fused_multiply_add
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.records import Case

# Words of the parameter block.
PASSES, INPUT, OUTPUT, COUNT, TABLE = range(5)
# The table's first vectors, which stay in registers; the coefficients follow.
LOG2_E, MAGIC, HIGH, LOW, ONE = range(5)
FIXED = 5
# Vectors in a turn. Where registers hold all of the table their polynomials run side by side; else
# each coefficient is read by the instruction that needs it, vector by vector.
UNROLL = 4
# Results are normal numbers: none overflows, none is denormal.
RANGE = {"float32": (-80.0, 80.0), "float64": (-700.0, 700.0)}
# The relative error against NumPy in float64.
TOLERANCE = {"float32": 2e-7, "float64": 4e-16}
# Coefficients of q, the highest power first; its own relative error is 6e-9 and 1.4e-17.
COEFFICIENTS: dict[str, tuple[float, ...]] = {
    "float32": (
        0.0013926183587713494,
        0.008363179052722578,
        0.041666554617204574,
        0.16666576989698775,
        0.5,
    ),
    "float64": (
        2.510038549551032e-08,
        2.7620088445409746e-07,
        2.7557268459997064e-06,
        2.4801521295954376e-05,
        0.00019841269863053618,
        0.0013888888917213717,
        0.008333333333330062,
        0.04166666666662413,
        0.16666666666666669,
        0.5000000000000001,
    ),
}
_LOG2_E = 1.4426950408889634
# ln 2, rounded to the dtype, and what that left over.
_LN2 = {
    "float32": (0.6931471824645996, -1.904654299957768e-09),
    "float64": (0.6931471805599453, 2.3190468138462996e-17),
}
# 1.5 x 2^mantissa: a sum with it has the nearest whole number in its lowest bits.
_MANTISSA = {"float32": 23, "float64": 52}
# Output begins a quarter of a page further than input: no load behind a store of like address.
_STAGGER = 1024


def build(dtype: str, bits: int, held: bool) -> Callable[[int], int]:
    """Make the kernel: PASSES times over COUNT vectors at INPUT, results to OUTPUT.

    TABLE names vectors of constants, see `table`; `held` has them all in registers.
    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        passes, start, out, count, table = (e.parameter(block, index) for index in range(5))

        def constants(first: int, last: int) -> list[Value]:
            return [e.load(table, index * e.vector_bytes) for index in range(first, last)]

        end, places = FIXED + len(COEFFICIENTS[dtype]), range(0, UNROLL * e.vector_bytes, bits // 8)
        fixed, kept = constants(0, FIXED), constants(FIXED, end) if held else []

        def turn(carried: list[Value]) -> list[Value]:
            source, target = carried
            for together in [places] if held else [[place] for place in places]:
                vectors = [e.load(source, place) for place in together]
                # Read again for each vector: the store before it might have changed the table.
                known = [*fixed, *(kept or constants(FIXED, end))]
                for place, result in zip(together, _exponentials(e, vectors, known), strict=True):
                    e.store(result, target, place)
            return [e.advance(one, UNROLL * e.vector_bytes) for one in (source, target)]

        def one_pass(carried: list[Value]) -> list[Value]:
            e.loop(builder.udiv(count, e.integer(UNROLL)), [start, out], turn)
            return carried

        e.loop(passes, [], one_pass)

    return kernel(emit)


def _exponentials(e: Emitter, vectors: Sequence[Value], known: Sequence[Value]) -> list[Value]:
    """Emit the exponentials of several vectors, a step of all at a time."""
    builder, mantissa = e.builder, _MANTISSA[e.dtype]
    words = ir.VectorType(ir.IntType(8 * ITEM_BYTES[e.dtype]), e.lanes)
    shifted = [e.fma(x, known[LOG2_E], known[MAGIC]) for x in vectors]
    whole = [builder.fsub(t, known[MAGIC]) for t in shifted]
    rest = [e.fma(n, known[HIGH], x) for n, x in zip(whole, vectors, strict=True)]
    rest = [e.fma(n, known[LOW], r) for n, r in zip(whole, rest, strict=True)]
    first, *others = (*known[FIXED:], known[ONE], known[ONE])
    values = [first for _ in rest]
    for term in others:
        values = [e.fma(p, r, term) for p, r in zip(values, rest, strict=True)]
    places = ir.Constant(words, [mantissa] * e.lanes)
    powers = [builder.shl(builder.bitcast(t, words), places) for t in shifted]
    sums = (builder.add(builder.bitcast(p, words), n) for p, n in zip(values, powers, strict=True))
    return [builder.bitcast(bits, e.vector) for bits in sums]


def table(dtype: str, lanes: int) -> NDArray[Any]:
    """Return the constants as the kernel wants them, a vector each."""
    high, low = _LN2[dtype]
    fixed = (_LOG2_E, 1.5 * 2.0 ** _MANTISSA[dtype], -high, -low, 1.0)
    values = np.repeat((*fixed, *COEFFICIENTS[dtype]), lanes)
    constants = aligned(values.size, dtype)
    constants[:] = values
    return constants


def recipe(case: Case) -> Recipe:
    """Return how the kernel of a case is made, and what its hot loop must hold."""
    held = bool(case.parameters["held"])
    wanted = Expectation(
        instruction=fused_multiply_add(case.dtype),
        register=registers(case.bits),
        count=UNROLL * cases.multiplications(case),
    )
    arguments = (("dtype", case.dtype), ("bits", case.bits), ("held", held))
    return Recipe("benchmarks.exponential", "build", arguments, (wanted,))


@dataclass(slots=True)
class ExponentialTask:
    """One thread's array of inputs, and the array of results."""

    case: Case
    kernel: Kernel
    inputs: NDArray[Any]
    results: NDArray[Any]
    constants: NDArray[Any]

    def segment(self, repeats: int) -> Segment:
        """Return `repeats` passes over the array in one call."""
        count = cases.exponentials(self.case) // cases.lanes(self.case)
        start, out, table = (a.ctypes.data for a in (self.inputs, self.results, self.constants))
        words = [repeats, start, out, count, table]
        return Segment(self.kernel, np.array(words, np.int64), keep=self)

    def reset(self) -> None:
        """Spoil the results."""
        self.results[:] = np.nan

    def correct(self, _repeats: int) -> bool:
        """Compare with NumPy; every pass writes the same."""
        expected = np.exp(self.inputs.astype(np.float64))
        error = np.abs(self.results.astype(np.float64) - expected) / expected
        return bool((error <= TOLERANCE[self.case.dtype]).all())


def task(case: Case, kernel: Kernel, _place: Place) -> ExponentialTask:
    """Return one thread's part, on inputs drawn evenly from the range, its ends included."""
    count, item = cases.exponentials(case), ITEM_BYTES[case.dtype]
    both = aligned(2 * count + _STAGGER // item, case.dtype)
    inputs, results = both[:count], both[-count:]
    inputs[:] = np.random.default_rng(8).uniform(*RANGE[case.dtype], count)
    inputs[:2] = RANGE[case.dtype]
    return ExponentialTask(case, kernel, inputs, results, table(case.dtype, cases.lanes(case)))


FAMILY = Family(recipe, task)
