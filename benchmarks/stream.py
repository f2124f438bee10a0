"""Bandwidth kernels after McCalpin's STREAM (copy, scale, add, triad), and others beside them.

Plain read and write, an update in place, and Schoenauer's triad (a = b + c d).

Loads and stores of one full vector, eight to a turn, at working sets that the caller chooses;
stores go through the caches or past them (non-temporal).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import cases
from benchmarks.arena import Place
from benchmarks.assembly import Expectation, registers
from benchmarks.buffers import Buffer, aligned
from benchmarks.family import Family
from benchmarks.kernels import Kernel, Recipe
from benchmarks.mnemonics import exclusive_or, prefetch, stored, stores, vector_store
from benchmarks.simd import ELEMENTS, Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.physics.ahead import PARAMETER
from roofline.records import Case

SCALAR = 3.0
# An update multiplies by this again and again: no number of passes makes its array overflow.
FLIP = -1.0
# Words of the parameter block.
TURNS, PASSES, A, B, C, D, FACTOR, RESULT = range(8)
# Four stores to a turn run at two speeds on Zen 5, 500 or 680 GB/s in L1, as they happen to begin.
UNROLL = 8
LINE = 64


def build_read(bits: int, ahead: int = 0) -> Callable[[int], int]:
    """Make the read kernel: all vectors of A xored into one at RESULT.

    Exclusive or has a latency of one cycle and an answer that can be checked bit by bit; a sum
    that nobody stores would be removed.

    Args:
        bits: of a register.
        ahead: how many bytes ahead each cache line is asked for; never when 0.

    """

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, "int64", bits)

        start, turns = e.parameter(block, A), e.parameter(block, TURNS)

        def turn(carried: list[Value]) -> list[Value]:
            address, folds = carried[0], carried[1:]
            for line in range(0, UNROLL * e.vector_bytes if ahead else 0, LINE):
                e.prefetch(address, ahead + line)
            loaded = [e.load(address, i * e.vector_bytes) for i in range(UNROLL)]
            folded = [builder.xor(f, v) for f, v in zip(folds, loaded, strict=True)]
            return [e.advance(address, UNROLL * e.vector_bytes), *folded]

        def one_pass(folds: list[Value]) -> list[Value]:
            return e.loop(turns, [start, *folds], turn)[1:]

        ends = e.loop(e.parameter(block, PASSES), [e.zero()] * UNROLL, one_pass)
        total = ends[0]
        for end in ends[1:]:
            total = builder.xor(total, end)
        e.store(total, e.parameter(block, RESULT))

    return kernel(emit)


def build(
    operation: str, dtype: str, bits: int, non_temporal: bool, fused: bool
) -> Callable[[int], int]:
    """Make one of the kernels that write A, which read A (update) or B, C and D."""

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        scalar = e.splat(ELEMENTS[dtype](SCALAR))
        multiply_add = e.fma if fused else e.multiply_add
        # Read at run time: the compiler knows that to multiply by -1 is to flip a sign.
        factor = e.broadcast(block, 8 * FACTOR) if operation == "update" else scalar

        def value(arrays: list[Value], offset: int) -> Value:
            a, b, c, d = arrays
            match operation:
                case "write":
                    return scalar
                case "copy":
                    return e.load(b, offset)
                case "scale":
                    return builder.fmul(scalar, e.load(b, offset))
                case "update":
                    return builder.fmul(factor, e.load(a, offset))
                case "add":
                    return builder.fadd(e.load(b, offset), e.load(c, offset))
                case "triad":
                    return multiply_add(scalar, e.load(c, offset), e.load(b, offset))
                case "schoenauer":
                    return multiply_add(e.load(c, offset), e.load(d, offset), e.load(b, offset))
            raise ValueError(f"no stream operation {operation!r}")

        def turn(carried: list[Value]) -> list[Value]:
            a = carried[0]
            for i in range(UNROLL):
                offset = i * e.vector_bytes
                e.store(value(carried, offset), a, offset, non_temporal=non_temporal)
            return [e.advance(address, UNROLL * e.vector_bytes) for address in carried]

        turns = e.parameter(block, TURNS)
        starts = [e.parameter(block, word) for word in (A, B, C, D)]

        def one_pass(_nothing: list[Value]) -> list[Value]:
            e.loop(turns, starts, turn)
            return []

        e.loop(e.parameter(block, PASSES), [], one_pass)
        if non_temporal:
            e.store_fence()

    return kernel(emit)


def recipe(case: Case) -> Recipe:
    """Return how the kernel of a case is made, and what its hot loop must hold."""
    operation = cases.operation(case)
    if operation == "read":
        wanted = Expectation(
            instruction=exclusive_or(), register=registers(case.bits), count=UNROLL
        )
        return _read_recipe(case, wanted)
    non_temporal = case.parameters["store"] == "non-temporal"
    wanted = Expectation(
        instruction=vector_store(non_temporal=non_temporal),
        register=stored(case.bits),
        count=stores(UNROLL, non_temporal=non_temporal),
    )
    arguments = (
        ("operation", operation),
        ("dtype", case.dtype),
        ("bits", case.bits),
        ("non_temporal", non_temporal),
        ("fused", case.parameters.get("fused", True)),
    )
    return Recipe("benchmarks.stream", "build", arguments, (wanted,))


def _read_recipe(case: Case, folds: Expectation) -> Recipe:
    ahead = case.parameters.get(PARAMETER)
    if not ahead:
        return Recipe("benchmarks.stream", "build_read", (("bits", case.bits),), (folds,))
    lines = UNROLL * case.bits // 8 // LINE
    asked = Expectation(instruction=prefetch(), register="", count=lines)
    arguments = (("bits", case.bits), (PARAMETER, ahead))
    return Recipe("benchmarks.stream", "build_read", arguments, (folds, asked))


# Slices of the output that are compared: both ends, and some drawn between. A team compares about
# as many together, since one interpreter does it for all its threads in turn.
_SLICES, _FEWEST_SLICES = 32, 4
_SLICE_BYTES = 4096


@dataclass(slots=True)
class StreamTask:
    """One thread's arrays: the output A, the inputs B, C and D."""

    case: Case
    kernel: Kernel
    place: Place
    folded: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Bytes of each array."""
        return cases.array_bytes(self.case)

    def segment(self, repeats: int) -> Segment:
        """Return so many passes over the arrays in one call."""
        turns = self.size // (UNROLL * self.case.bits // 8)
        inputs = [self._address(index) for index in range(3)]
        a = inputs[0] if self._reads_only else self._address(None)
        words = [turns, repeats, a, *inputs, 0, self.folded.ctypes.data]
        block = np.array(words, np.int64)
        block[FACTOR : FACTOR + 1].view(self.case.dtype)[0] = FLIP
        return Segment(self.kernel, block, keep=self)

    @property
    def _reads_only(self) -> bool:
        return cases.operation(self.case) == "read"

    def reset(self) -> None:
        """Spoil the slices that will be compared, or set what an update begins with."""
        self.folded[:] = -1
        output = self._array(None)
        if self._updates:
            # All of it: what other kernels leave behind may be numbers that are slow to multiply.
            output[:] = 1.0
        if not self._reads_only:
            for piece in self._slices():
                output[piece] = self._counted(piece) if self._updates else np.nan

    def correct(self, repeats: int) -> bool:
        """Compare with NumPy: slices of the output, or the exclusive or of everything read."""
        if self._reads_only:
            return self._folded_right(repeats)
        output = self._array(None)
        return all(
            np.allclose(output[piece], self._expected(piece, repeats), rtol=1e-12, atol=1e-12)
            for piece in self._slices()
        )

    def _folded_right(self, repeats: int) -> bool:
        lanes = self.folded.size
        rows = self._array(0).view(np.int64).reshape(-1, lanes)
        # An even number of passes folds everything twice, which leaves nothing.
        expected = np.bitwise_xor.reduce(rows, axis=0) * (repeats % 2)
        return bool((self.folded == expected).all())

    def _expected(self, piece: slice, repeats: int) -> NDArray[Any]:
        match cases.operation(self.case):
            case "write":
                return np.full(piece.stop - piece.start, SCALAR)
            case "update":
                return self._counted(piece) * FLIP**repeats
        rows = cases.benchmark(self.case).reads
        b, c, d = (self._array(min(index, rows - 1))[piece] for index in range(3))
        match cases.operation(self.case):
            case "copy":
                return b
            case "scale":
                return SCALAR * b
            case "add":
                return b + c
            case "schoenauer":
                return b + c * d
        return b + SCALAR * c

    @property
    def _updates(self) -> bool:
        return cases.benchmark(self.case).in_place

    @staticmethod
    def _counted(piece: slice) -> NDArray[Any]:
        """Return what each element of an update begins with: its own number."""
        return np.arange(piece.start + 1, piece.stop + 1, dtype=np.float64)

    def _array(self, index: int | None) -> NDArray[Any]:
        buffer, skip = self._where(index)
        return buffer.view("float64")[skip // 8 : (skip + self.size) // 8]

    def _address(self, index: int | None) -> int:
        buffer, skip = self._where(index)
        return buffer.address + skip

    def _where(self, index: int | None) -> tuple[Buffer, int]:
        if index is None:
            return self.place.output_array(self.size)
        return self.place.input_array(index, self.size)

    def _slices(self) -> Iterator[slice]:
        count, length = self.size // 8, min(_SLICE_BYTES, self.size) // 8
        drawn = max(_FEWEST_SLICES, 2 * _SLICES // (1 + self.case.threads))
        starts = np.random.default_rng(count).integers(0, count - length + 1, drawn)
        for start in (0, count - length, *starts.tolist()):
            yield slice(start, start + length)


def task(case: Case, kernel: Kernel, place: Place) -> StreamTask:
    """Return one thread's part on its memory."""
    return StreamTask(case, kernel, place, aligned(case.bits // 64, "int64"))


FAMILY = Family(recipe, task)
