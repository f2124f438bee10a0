"""Element-by-element kernels: an addition, ReLU, a copy, x * scale + shift, piece by piece.

A piece is contiguous: elements one by one until the output is aligned, turns of several vectors,
single vectors, and the elements that are left. Inputs need no alignment.
"""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.assembly import Expectation
from benchmarks.kernels import Recipe
from benchmarks.mnemonics import stored, stores, vector_store
from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel
from benchmarks.tensors import words

UNROLL = 8


def build(
    operation: str, dtype: str, bits: int, fused: bool, non_temporal: bool
) -> Callable[[int], int]:
    """Make the kernel of an operation; `non_temporal` stores full vectors past the caches."""

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        table, pieces = e.parameter(block, words.TABLE), e.parameter(block, words.PIECES)
        passes = e.parameter(block, words.PASSES)

        def at(place: Value) -> _Piece:
            return _Piece(builder, place, operation, dtype, bits, fused, non_temporal)

        def each(run: Callable[[_Piece], None]) -> None:
            def piece(carried: list[Value]) -> list[Value]:
                run(at(carried[0]))
                return [e.advance(carried[0], words.PIECE_WORDS * words.WORD)]

            def one_pass(_nothing: list[Value]) -> list[Value]:
                e.loop(pieces, [table], piece)
                return []

            e.loop(passes, [], one_pass)

        # What is short is asked nothing in between: some passes through L1 take 130 cycles.
        whole = builder.icmp_signed("!=", e.parameter(block, words.ALL_WHOLE), e.integer(0))
        alone = builder.icmp_signed("==", pieces, e.integer(1))
        with builder.if_else(whole) as (turns_only, all_of_them):
            with turns_only, builder.if_else(alone) as (of_one, of_many):
                with of_one:
                    at(table).repeated(passes)
                with of_many:
                    each(_Piece.turns)
            with all_of_them:
                each(_Piece.run)
        if non_temporal:
            e.store_fence()

    return kernel(emit)


class _Piece:
    """The loops over one piece, whose words lie at an address."""

    def __init__(
        self,
        builder: Any,
        place: Value,
        operation: str,
        dtype: str,
        bits: int,
        fused: bool,
        non_temporal: bool,
    ) -> None:
        self.builder, self.place = builder, place
        self.operation, self.fused, self.non_temporal = operation, fused, non_temporal
        self.item = ITEM_BYTES[dtype]
        self.vectors = Emitter(builder, dtype, bits)
        self.scalars = Emitter(builder, dtype, 8 * self.item)
        # The second input of a scaled copy is a vector of factors and one of summands.
        self.inputs = 2 if operation == "add" else 1

    def run(self) -> None:
        """Emit the four loops, each left out at run time where it has nothing to do."""
        at = self._starts()
        for count, e, unroll in (
            (words.HEAD, self.scalars, 1),
            (words.TURNS, self.vectors, UNROLL),
            (words.VECTORS, self.vectors, 1),
            (words.TAIL, self.scalars, 1),
        ):
            turns = self.vectors.parameter(self.place, count)
            with self.builder.if_then(self.builder.icmp_signed(">", turns, e.integer(0))):
                self._turns(e, turns, unroll, at)
            length = self.builder.mul(turns, e.integer(unroll * e.vector_bytes))
            at = [e.advance(address, length) for address in at]

    def turns(self) -> None:
        """Emit the loop of a piece of whole turns."""
        turns, starts = self._whole()
        self._turns(self.vectors, turns, UNROLL, starts)

    def repeated(self, passes: Value) -> None:
        """Emit so many passes over such a piece, whose words are read once."""
        turns, starts = self._whole()

        def one_pass(_nothing: list[Value]) -> list[Value]:
            self._turns(self.vectors, turns, UNROLL, starts)
            return []

        self.vectors.loop(passes, [], one_pass)

    def _whole(self) -> tuple[Value, list[Value]]:
        return self.vectors.parameter(self.place, words.TURNS), self._starts()

    def _starts(self) -> list[Value]:
        names = (words.OUT, words.FIRST, words.SECOND)[: 1 + self.inputs]
        return [self.vectors.parameter(self.place, name) for name in names]

    def _turns(self, e: Emitter, turns: Value, unroll: int, at: Sequence[Value]) -> None:
        step = unroll * e.vector_bytes
        trained = self._trained(e)

        def turn(carried: list[Value]) -> list[Value]:
            for offset in range(0, step, e.vector_bytes):
                loaded = [e.load(address, offset, align=self.item) for address in carried[1:]]
                past = self.non_temporal and e is self.vectors
                value = self._value(e, [*loaded, *trained])
                e.store(value, carried[0], offset, non_temporal=past)
            return [e.advance(address, step) for address in carried]

        e.loop(turns, at, turn, as_written=True)

    def _trained(self, e: Emitter) -> list[Value]:
        """Load what a scaled copy multiplies by and adds: the same in every lane."""
        if self.operation != "affine":
            return []
        place = self.vectors.parameter(self.place, words.SECOND)
        return [e.load(place, n * self.vectors.vector_bytes) for n in range(2)]

    def _value(self, e: Emitter, x: Sequence[Value]) -> Value:
        match self.operation:
            case "add":
                return self.builder.fadd(x[0], x[1])
            case "relu":
                return e.rectified(x[0])
            case "concat":
                return x[0]
            case "affine":
                multiply_add = e.fma if self.fused else e.multiply_add
                return multiply_add(x[0], x[1], x[2])
        raise ValueError(f"no element-by-element operation {self.operation!r}")


def recipe(operation: str, dtype: str, bits: int, *, fused: bool, non_temporal: bool) -> Recipe:
    """Return how a kernel is made, and what its hot loop must hold."""
    wanted = Expectation(
        instruction=vector_store(non_temporal=non_temporal),
        register=stored(bits),
        count=stores(UNROLL, non_temporal=non_temporal),
    )
    arguments = (
        ("operation", operation),
        ("dtype", dtype),
        ("bits", bits),
        ("fused", fused),
        ("non_temporal", non_temporal),
    )
    return Recipe("benchmarks.tensors.elementwise", "build", arguments, (wanted,))
