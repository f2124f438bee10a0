"""The kernels that turn planes of channels into blocks of them and back: squares, transposed.

As many positions of as many planes as a vector has lanes are a square of registers. The positions
that are left are gathered one by one.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from benchmarks.assembly import Expectation
from benchmarks.kernels import Recipe
from benchmarks.mnemonics import stored, stores, vector_store
from benchmarks.simd import I32, ITEM_BYTES, Emitter, Value, kernel
from benchmarks.tensors import words

# Shuffles are cheap within so many bytes.
_NEAR = 16


def build(dtype: str, bits: int, blocked: bool) -> Callable[[int], int]:
    """Make the kernel of one direction: into blocks, or out of them."""

    def emit(builder: Any, entry: Value) -> None:
        _Square(builder, entry, dtype, bits, blocked).run()

    return kernel(emit)


class _Square:
    """The loops over one block's positions."""

    def __init__(self, builder: Any, entry: Value, dtype: str, bits: int, blocked: bool) -> None:
        self.builder, self.item, self.blocked = builder, ITEM_BYTES[dtype], blocked
        self.vectors = Emitter(builder, dtype, bits)
        self.scalars = Emitter(builder, dtype, 8 * self.item)
        self.word = {n: self.vectors.parameter(entry, n) for n in range(words.PACKED, 7)}
        # Here, before the loops: the compiler can't know that no store changes it.
        self.mask: Value = self.vectors.load_indices(self.word[words.MASK]) if blocked else None

    def run(self) -> None:
        """Emit both loops, each left out at run time where it has nothing to do."""
        at = [self.word[words.PACKED], self.word[words.PLANE]]
        e, one = self.vectors, self._into_blocks if self.blocked else self._into_planes
        at = self._loop(self.word[words.WHOLE], at, e.lanes, one)
        self._loop(self.word[words.SINGLE], at, 1, self._gather if self.blocked else self._scatter)

    def _loop(
        self, turns: Value, at: Sequence[Value], positions: int, body: Callable[..., None]
    ) -> list[Value]:
        e = self.vectors
        steps = (positions * e.vector_bytes, positions * self.item)

        def turn(carried: list[Value]) -> list[Value]:
            body(*carried)
            return [e.advance(a, step) for a, step in zip(carried, steps, strict=True)]

        with self.builder.if_then(self.builder.icmp_signed(">", turns, e.integer(0))):
            e.loop(turns, at, turn)
        moved = [self.builder.mul(turns, e.integer(step)) for step in steps]
        return [e.advance(a, step) for a, step in zip(at, moved, strict=True)]

    def _plane(self, lane: int, plane: Value) -> Value:
        """Return where a lane's channel lies; read anew, as no core has registers for all."""
        return self.vectors.advance(self.vectors.parameter(self.word[words.PLANES], lane), plane)

    def _into_blocks(self, packed: Value, plane: Value) -> None:
        e = self.vectors
        rows = [e.load(self._plane(n, plane), align=self.item) for n in range(e.lanes)]
        for position, value in enumerate(transposed(e, rows)):
            e.store(self._masked(value), packed, position * e.vector_bytes)

    def _into_planes(self, packed: Value, plane: Value) -> None:
        e = self.vectors
        rows = [e.load(packed, position * e.vector_bytes) for position in range(e.lanes)]
        # A lane without a channel is written to the first one's plane, which comes after it.
        for lane, value in reversed(list(enumerate(transposed(e, rows)))):
            e.store(value, self._plane(lane, plane), align=self.item)

    def _gather(self, packed: Value, plane: Value) -> None:
        e = self.vectors
        value = ir.Constant(e.vector, ir.Undefined)
        for lane in range(e.lanes):
            scalar = self.scalars.load(self._plane(lane, plane))
            value = self.builder.insert_element(value, scalar, ir.Constant(I32, lane))
        e.store(self._masked(value), packed)

    def _scatter(self, packed: Value, plane: Value) -> None:
        value = self.vectors.load(packed)
        for lane in reversed(range(self.vectors.lanes)):
            scalar = self.builder.extract_element(value, ir.Constant(I32, lane))
            self.scalars.store(scalar, self._plane(lane, plane))

    def _masked(self, value: Value) -> Value:
        """Return a vector with zeros in lanes that have no channel."""
        kept = self.builder.and_(self.builder.bitcast(value, self.mask.type), self.mask)
        return self.builder.bitcast(kept, self.vectors.vector)


def transposed(e: Emitter, rows: Sequence[Value]) -> list[Value]:
    """Return the columns of a square of vectors.

    Neighbours are interleaved within 16 bytes, one instruction each; then whole such pieces change
    places.
    """
    near = min(e.lanes, _NEAR // ITEM_BYTES[e.dtype])
    values: list[Value] = []
    for first in range(0, e.lanes, near):
        group, unit = list(rows[first : first + near]), 1
        while unit < near:
            pairs = [(n, n + unit) for n in range(near) if not n & unit]
            group = [
                _shuffled(e, group[a], group[b], _interleaved(e.lanes, near, unit, half))
                for a, b in pairs
                for half in (0, 1)
            ]
            unit *= 2
        values += group
    while near < e.lanes:
        for low in (n for n in range(e.lanes) if not n & near):
            a, b = values[low], values[low | near]
            values[low] = _shuffled(e, a, b, _exchanged(e.lanes, near, 0))
            values[low | near] = _shuffled(e, a, b, _exchanged(e.lanes, near, near))
        near *= 2
    return values


def _interleaved(lanes: int, near: int, unit: int, half: int) -> list[int]:
    """Return the pattern that takes turns between two vectors, from one half of each piece."""
    start = half * near // 2
    one = [
        vector * lanes + start + step + place
        for step in range(0, near // 2, unit)
        for vector in (0, 1)
        for place in range(unit)
    ]
    return [first + lane for first in range(0, lanes, near) for lane in one]


def _exchanged(lanes: int, size: int, from_: int) -> list[int]:
    """Return the pattern that takes one of each two pieces of both vectors."""
    return [(n & ~size | from_) + (lanes if n & size else 0) for n in range(lanes)]


def _shuffled(e: Emitter, a: Value, b: Value, pattern: Sequence[int]) -> Value:
    mask = ir.Constant(ir.VectorType(I32, e.lanes), list(pattern))
    return e.builder.shuffle_vector(a, b, mask)


def recipe(dtype: str, bits: int, *, blocked: bool) -> Recipe:
    """Return how a kernel is made, and what its hot loop must hold."""
    lanes = bits // (8 * ITEM_BYTES[dtype])
    wanted = Expectation(
        instruction=vector_store(non_temporal=False),
        register=stored(bits),
        count=stores(lanes, non_temporal=False),
    )
    arguments = (("dtype", dtype), ("bits", bits), ("blocked", blocked))
    return Recipe("benchmarks.tensors.transpose", "build", arguments, (wanted,))
