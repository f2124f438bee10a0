"""Every kernel of this host as a case, for the tests that run them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from benchmarks import cases
from roofline.host.machine import read_machine
from roofline.physics import ahead, isa
from roofline.physics.isa import Vector
from roofline.records import Case, Scalar

VECTORS = isa.vectors(read_machine())
WIDEST = VECTORS[0]
DTYPES = ("float64", "float32")
MIXES = ("fma", "mul+add", "fp-add", "fp-mul", "fma+add")
# A prime number of quanta: no power of two hides a wrong end.
ARRAY = 13 * cases.ARRAY_QUANTUM


def compute_cases(vector: Vector) -> Iterator[Case]:
    """Yield the compute kernels of a width."""
    for dtype in DTYPES:
        for name in MIXES if vector.fused else ("mul+add",):
            yield at(vector, name, enough(vector), dtype=dtype)


def scalar_cases(vector: Vector) -> Iterator[Case]:
    """Yield scalar arithmetic beside vectors of a width."""
    for dtype, bits in (("float32", 32), ("float64", 64)):
        for name in MIXES if vector.fused else ("mul+add",):
            yield at(replace(vector, bits=bits), name, enough(vector), dtype=dtype)


def enough(vector: Vector) -> dict[str, Scalar]:
    """Return the parameters of a compute case: its chains, and whether the host fuses."""
    fused = {"fused": False} if not vector.fused else {}
    count = cases.accumulators(vector.registers, fused=vector.fused)
    return {"accumulators": count, **fused}


def paced_cases(vector: Vector) -> Iterator[Case]:
    """Yield multiply-adds beside additions as 16 registers hold them: each kind at its pace."""
    for dtype in DTYPES if vector.fused else ():
        yield at(vector, "fma+add", cases.arithmetic("fma+add", 16, fused=True), dtype=dtype)


def slow_cases(vector: Vector) -> Iterator[Case]:
    """Yield the divides and square roots of a width, and both forms of its exponential."""
    fused = {"fused": False} if not vector.fused else {}
    for dtype in DTYPES:
        for name in ("divide", "sqrt"):
            yield at(vector, name, {"accumulators": cases.DIVISION_CHAINS, **fused}, dtype=dtype)
        if vector.fused:
            yield at(vector, "exp", {"held": False}, dtype=dtype)
        if vector.registers == 32:
            yield at(vector, "exp", {"held": True}, dtype=dtype)


def chain_cases(vector: Vector) -> Iterator[Case]:
    """Yield the vector chains of a width."""
    for dtype in DTYPES:
        for fused in (True, False) if vector.fused else (False,):
            yield at(vector, "chain", {"chain": "vector", "fused": fused}, dtype=dtype)


def stream_cases(vector: Vector) -> Iterator[Case]:
    """Yield the stream kernels of a width, with either kind of store."""
    for name, row in cases.BENCHMARKS.items():
        if row.family != "stream" or name.endswith("-curve"):
            continue
        # LLVM merges narrow stores of a constant into wide ones: see the test of that below.
        if name == "write" and vector != WIDEST:
            continue
        size = ARRAY * row.arrays
        for store in ("ordinary", "non-temporal") if row.writes else (None,):
            parameters: dict[str, Scalar] = {"fused": vector.fused}
            if store is not None:
                parameters["store"] = store
            yield at(vector, name, parameters, working_set_bytes=size)
            if not row.writes:
                asking = {**parameters, **ahead.of_memory()}
                yield at(vector, name, asking, working_set_bytes=size)


def at(vector: Vector, name: str, parameters: Mapping[str, Scalar], **fields: Any) -> Case:
    """Return a case of one thread at a width."""
    return Case(benchmark=name, parameters=parameters, isa=vector.isa, bits=vector.bits, **fields)


def other_cases() -> Iterator[Case]:
    """Yield what has no width."""
    for name in ("add", "imul"):
        yield Case(benchmark="chain", parameters={"chain": name, "fused": False})
    yield Case(benchmark="first-touch", parameters={"huge": False}, working_set_bytes=1 << 20)
    yield Case(benchmark="first-touch", parameters={"huge": True}, working_set_bytes=4 << 20)
    # A power of two of lines, of which the steps of a repetition are no multiple.
    yield Case(benchmark="latency", dtype="int64", working_set_bytes=16 << 10)


def dot_cases() -> Iterator[Case]:
    """Yield the dot products that this host has."""
    for dtype, flag in (("bfloat16", "avx512_bf16"), ("int8", "avx512_vnni")):
        if WIDEST.bits == 512 and flag in read_machine().features:
            yield at(WIDEST, "dot", {"accumulators": 24}, dtype=dtype)


def every_case() -> Iterator[Case]:
    """Yield every kernel of this host."""
    for vector in VECTORS:
        yield from compute_cases(vector)
        if vector == WIDEST:
            yield from scalar_cases(vector)
        yield from paced_cases(vector)
        yield from slow_cases(vector)
        yield from chain_cases(vector)
        yield from stream_cases(vector)
    yield from other_cases()
    yield from dot_cases()


EVERY = tuple(every_case())
