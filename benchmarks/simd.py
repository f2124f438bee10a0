"""Explicit vector IR for Numba: lanes and dtype are parameters, one source for every ISA.

The auto-vectoriser is no route to a roof (it reaches 3-9 % of peak on convolutions), so kernels
are written instruction by instruction through llvmlite's builder and enter Numba as intrinsics.
Every kernel takes one int64, the address of a block of int64 parameters, and returns an int64.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I8 = ir.IntType(8)
I32 = ir.IntType(32)
I64 = ir.IntType(64)
VOID = ir.VoidType()
ELEMENTS = {
    "float16": ir.HalfType(),
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "int64": I64,
}
ITEM_BYTES = {"float16": 2, "float32": 4, "float64": 8, "int64": 8}
# One instruction that picks lanes by a vector of indices, by dtype and register width.
PERMUTES = {
    ("float32", 512): "llvm.x86.avx512.permvar.sf.512",
    ("float32", 256): "llvm.x86.avx2.permps",
    ("float64", 512): "llvm.x86.avx512.permvar.df.512",
}
_SUFFIX = {"float16": "f16", "float32": "f32", "float64": "f64"}

Value = Any
Emit = Callable[[Any, Value], Value | None]


def declare(builder: Any, name: str, result: Any, arguments: Sequence[Any]) -> Value:
    """Declare an external or LLVM-intrinsic function in the builder's module."""
    kind = ir.FunctionType(result, list(arguments))
    return cgutils.get_or_insert_function(builder.module, kind, name)


def kernel(emit: Emit) -> Callable[[int], int]:
    """Make a kernel of ``emit(builder, block_address)``; None as its value returns 0."""

    def entry(_typing_context: Any, _block: Any) -> Any:
        def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Value:
            value = emit(builder, arguments[0])
            return ir.Constant(I64, 0) if value is None else value

        return types.int64(types.int64), codegen

    return cast(Callable[[int], int], intrinsic(entry))


class Emitter:
    """Writes vector instructions of one width and dtype into a builder.

    Args:
        builder: llvmlite's IRBuilder.
        dtype: "float16", "float32", "float64" or "int64".
        bits: width of a vector register, a multiple of the element's; of one element: a scalar.

    """

    def __init__(self, builder: Any, dtype: str, bits: int) -> None:
        self.builder = builder
        self.dtype = dtype
        self.vector_bytes = bits // 8
        self.lanes = self.vector_bytes // ITEM_BYTES[dtype]
        element = ELEMENTS[dtype]
        # A vector of one lane would become half of a wider one where registers hold both.
        self.vector = element if self.lanes == 1 else ir.VectorType(element, self.lanes)

    def integer(self, value: int) -> Value:
        """Return an int64 constant."""
        return ir.Constant(I64, value)

    def parameter(self, block: Value, index: int) -> Value:
        """Load the int64 at that index of the parameter block."""
        pointer = self._pointer(block, self.integer(8 * index), I64)
        return self.builder.load(pointer)

    def advance(self, address: Value, count: int | Value) -> Value:
        """Return an address moved by a number of bytes."""
        return self.builder.add(address, self.integer(count) if isinstance(count, int) else count)

    def load(
        self,
        address: Value,
        offset: int = 0,
        align: int | None = None,
        mask: Value | None = None,
    ) -> Value:
        """Load a vector; `align` in bytes, the whole vector's when not given.

        With a mask, the other lanes are zero and nothing is read for them.
        """
        if mask is not None:
            pointer = self._pointer(address, self.integer(offset), self.vector)
            zero = ir.Constant(self.vector, [0.0] * self.lanes)
            return self._masked("load", self.vector, pointer, align, mask, zero)
        instruction = self.builder.load(self._pointer(address, self.integer(offset), self.vector))
        instruction.align = align or self.vector_bytes
        return instruction

    def store(
        self,
        value: Value,
        address: Value,
        offset: int = 0,
        *,
        non_temporal: bool = False,
        align: int | None = None,
        mask: Value | None = None,
    ) -> None:
        """Store a vector, past the caches if asked; `align` and `mask` as in `load`."""
        pointer = self._pointer(address, self.integer(offset), self.vector)
        if mask is not None:
            self._masked("store", VOID, pointer, align, mask, value)
            return
        instruction = self.builder.store(value, pointer)
        instruction.align = align or self.vector_bytes
        if non_temporal:
            one = self.builder.module.add_metadata([ir.Constant(I32, 1)])
            instruction.set_metadata("nontemporal", one)

    def within(self, first: Value, limit: Value) -> Value:
        """Return the mask of the lanes that number `first` (an int64) and following, in 0..limit.

        Unsigned, so that a number below 0 is beyond any limit.
        """
        kind = ir.IntType(8 * ITEM_BYTES[self.dtype])
        numbers = ir.VectorType(kind, self.lanes)
        start, end = (
            self._everywhere(self.builder.trunc(value, kind) if kind.width < 64 else value, numbers)
            for value in (first, limit)
        )
        counted = self.builder.add(start, ir.Constant(numbers, list(range(self.lanes))))
        return self.builder.icmp_unsigned("<", counted, end)

    def _masked(
        self, name: str, result: Any, pointer: Value, align: int | None, mask: Value, value: Value
    ) -> Value:
        full = f"llvm.masked.{name}.v{self.lanes}{_SUFFIX[self.dtype]}.p0"
        aligned = ir.Constant(I32, align or self.vector_bytes)
        beside = [pointer, aligned, mask]
        arguments = [*beside, value] if name == "load" else [value, *beside]
        kinds = [argument.type for argument in arguments]
        return self.builder.call(declare(self.builder, full, result, kinds), arguments)

    def prefetch(self, address: Value, offset: int = 0) -> None:
        """Ask for the cache line at an address, which may be invalid."""
        name, kinds = "llvm.prefetch.p0", [I8.as_pointer(), I32, I32, I32]
        function = declare(self.builder, name, VOID, kinds)
        # To be read, into all levels, as data.
        hints = [ir.Constant(I32, number) for number in (0, 3, 1)]
        self.builder.call(function, [self._pointer(address, self.integer(offset), I8), *hints])

    def zero(self) -> Value:
        """Return a vector of zeros."""
        return ir.Constant(self.vector, [0] * self.lanes)

    def splat(self, scalar: Value) -> Value:
        """Return a vector with the scalar in every lane."""
        return self._everywhere(scalar, self.vector)

    def _everywhere(self, scalar: Value, kind: Any) -> Value:
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        mask = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, mask)

    def broadcast(self, address: Value, offset: int = 0) -> Value:
        """Load one element into every lane."""
        kind = ELEMENTS[self.dtype]
        scalar = self.builder.load(self._pointer(address, self.integer(offset), kind))
        scalar.align = ITEM_BYTES[self.dtype]
        return self.splat(scalar)

    def shuffle(self, vector: Value, lanes: Sequence[int]) -> Value:
        """Return a vector whose lanes are those of another, by a constant pattern."""
        mask = ir.Constant(ir.VectorType(I32, self.lanes), list(lanes))
        return self.builder.shuffle_vector(vector, ir.Constant(self.vector, ir.Undefined), mask)

    def load_indices(self, address: Value) -> Value:
        """Load the pattern of `permute`: one integer a lane, as wide as an element."""
        width = ir.IntType(8 * ITEM_BYTES[self.dtype])
        pointer = self._pointer(address, self.integer(0), ir.VectorType(width, self.lanes))
        instruction = self.builder.load(pointer)
        instruction.align = self.vector_bytes
        return instruction

    def permute(self, vector: Value, indices: Value) -> Value:
        """Return a vector whose lanes are picked by indices that are known at run time.

        Raises:
            KeyError: no instruction does that for this dtype and width (see `PERMUTES`).

        """
        name = PERMUTES[self.dtype, 8 * self.vector_bytes]
        function = declare(self.builder, name, self.vector, [self.vector, indices.type])
        return self.builder.call(function, [vector, indices])

    def fma(self, a: Value, x: Value, c: Value) -> Value:
        """Return a * x + c, rounded once."""
        return self._call("fma", a, x, c)

    def square_root(self, value: Value) -> Value:
        """Return the square root, rounded once."""
        return self._call("sqrt", value)

    def rectified(self, value: Value) -> Value:
        """Return max(value, 0), lane by lane; NaN stays NaN."""
        zero = ir.Constant(self.vector, [0.0] * self.lanes if self.lanes > 1 else 0.0)
        # Like this, and not with the operands turned round, NaN stays NaN.
        negative = self.builder.fcmp_ordered("<", value, zero)
        return self.builder.select(negative, zero, value)

    def multiply_add(self, a: Value, x: Value, c: Value) -> Value:
        """Return a * x + c as two instructions, rounded twice."""
        return self.builder.fadd(self.builder.fmul(a, x), c)

    def loop(
        self,
        count: Value,
        carried: Sequence[Value],
        body: Callable[[list[Value]], list[Value]],
        *,
        as_written: bool = False,
    ) -> list[Value]:
        """Run the body `count` >= 1 times; the carried values stay in registers as phis.

        If `as_written`, the compiler can't count its turns, and so makes none of several of them.
        """
        builder = self.builder
        before = builder.block
        head = builder.function.append_basic_block("loop")
        done = builder.function.append_basic_block("done")
        builder.branch(head)
        builder.position_at_end(head)
        remaining = builder.phi(I64)
        remaining.add_incoming(count, before)
        phis = [builder.phi(value.type) for value in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, before)
        results = body(list(phis))
        left = builder.sub(remaining, self.integer(1))
        if as_written:
            same = ir.FunctionType(I64, [I64])
            left = builder.asm(same, "", "=r,0", [left], side_effect=False)
        remaining.add_incoming(left, builder.block)
        for phi, value in zip(phis, results, strict=True):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed(">", left, self.integer(0)), head, done)
        builder.position_at_end(done)
        return results

    def hold(self) -> None:
        """Let the compiler move no load from below to above: no instruction comes of it.

        Its scheduler loads ahead as far as code is straight, and then may have too few registers.
        """
        nothing = ir.FunctionType(VOID, [])
        self.builder.asm(nothing, "", "~{memory}", [], side_effect=True)

    def store_fence(self) -> None:
        """Make non-temporal stores visible before what follows (x86 orders them weakly)."""
        if is_x86(self.builder):
            self.builder.call(declare(self.builder, "llvm.x86.sse.sfence", VOID, []), [])
        else:
            self.builder.fence("seq_cst")

    def _call(self, name: str, *arguments: Value) -> Value:
        lanes = "" if self.lanes == 1 else f"v{self.lanes}"
        full = f"llvm.{name}.{lanes}{_SUFFIX[self.dtype]}"
        function = declare(self.builder, full, self.vector, [self.vector] * len(arguments))
        return self.builder.call(function, arguments)

    def _pointer(self, address: Value, offset: Value, kind: Any) -> Value:
        base = self.builder.inttoptr(address, I8.as_pointer())
        return self.builder.bitcast(self.builder.gep(base, [offset]), kind.as_pointer())


def is_x86(builder: Any) -> bool:
    """Whether the builder's module is for x86, 32 or 64 bit."""
    triple: str = builder.module.triple
    return triple.startswith(("x86_64", "i386", "i686"))
