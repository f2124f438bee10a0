"""Machine primitives inside compiled code: memory words, atomics, the clock, calls by address."""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from benchmarks.simd import I32, I64, VOID, Value, declare, is_x86

CLOCK_MONOTONIC_RAW = 4


def _primitive(arity: int, emit: Callable[..., Value]) -> Callable[..., int]:
    """Wrap ``emit(builder, *int64 values) -> int64 value`` as a Numba intrinsic."""

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Value:
        return emit(builder, *arguments)

    signature = types.int64(*[types.int64] * arity)
    # Numba reads the number of parameters from the function itself: one definition an arity.
    typings: dict[int, Callable[..., Any]] = {
        0: lambda _context: (signature, codegen),
        1: lambda _context, _a: (signature, codegen),
        2: lambda _context, _a, _b: (signature, codegen),
    }
    return cast(Callable[..., int], intrinsic(typings[arity]))


def _word(builder: Any, address: Value) -> Value:
    return builder.inttoptr(address, I64.as_pointer())


def _load(builder: Any, address: Value) -> Value:
    return builder.load(_word(builder, address))


def _store(builder: Any, address: Value, value: Value) -> Value:
    builder.store(value, _word(builder, address))
    return value


def _atomic_add(builder: Any, address: Value, value: Value) -> Value:
    return builder.atomic_rmw("add", _word(builder, address), value, "seq_cst")


def _atomic_load(builder: Any, address: Value) -> Value:
    return builder.load_atomic(_word(builder, address), "acquire", 8)


def _atomic_store(builder: Any, address: Value, value: Value) -> Value:
    builder.store_atomic(value, _word(builder, address), "release", 8)
    return value


def _pause(builder: Any) -> Value:
    if is_x86(builder):
        builder.call(declare(builder, "llvm.x86.sse2.pause", VOID, []), [])
    else:
        # Hint 1 is AArch64's YIELD.
        builder.call(declare(builder, "llvm.aarch64.hint", VOID, [I32]), [ir.Constant(I32, 1)])
    return ir.Constant(I64, 0)


def _give_way(builder: Any) -> Value:
    status = builder.call(declare(builder, "sched_yield", I32, []), [])
    return builder.sext(status, I64)


def _now(builder: Any) -> Value:
    # The array is made in the entry block: in a loop it would grow the stack at each turn.
    with builder.goto_entry_block():
        time = builder.alloca(ir.ArrayType(I64, 2))
    first = builder.bitcast(time, I64.as_pointer())
    gettime = declare(builder, "clock_gettime", I32, [I32, I64.as_pointer()])
    builder.call(gettime, [ir.Constant(I32, CLOCK_MONOTONIC_RAW), first])
    seconds = builder.load(first)
    nanoseconds = builder.load(builder.gep(first, [ir.Constant(I64, 1)]))
    return builder.add(builder.mul(seconds, ir.Constant(I64, 1_000_000_000)), nanoseconds)


def _call(builder: Any, address: Value, block: Value) -> Value:
    function = ir.FunctionType(I64, [I64]).as_pointer()
    return builder.call(builder.inttoptr(address, function), [block])


load_word = _primitive(1, _load)
store_word = _primitive(2, _store)
atomic_add = _primitive(2, _atomic_add)
atomic_load = _primitive(1, _atomic_load)
atomic_store = _primitive(2, _atomic_store)
pause = _primitive(0, _pause)
give_way = _primitive(0, _give_way)
now = _primitive(0, _now)
call_kernel = _primitive(2, _call)
