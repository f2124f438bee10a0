"""The compute cases of a plan: the roof's own instruction, others, and the chains of the clock."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks import cases
from roofline.physics.isa import Vector
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Case, MachineSpec

_DTYPES = ("float32", "float64")
# Dot products of narrow numbers, and the feature that has them in the widest registers.
_DOTS = {"bfloat16": "avx512_bf16", "int8": "avx512_vnni"}
_DOT_BITS = 512
# Multiply-adds and additions side by side need 12 chains of each: fewer don't hide the latency.
_MIXED_REGISTERS = 26


def roofs(vectors: Sequence[Vector], threads: int, *, quick: bool) -> Iterator[Case]:
    """Yield the roof's own instruction at every width, the widest first."""
    for vector in vectors:
        for dtype in _dtypes(vectors, vector, quick=quick):
            yield _arithmetic("fma" if vector.fused else "mul+add", vector, dtype, threads)


def _dtypes(vectors: Sequence[Vector], vector: Vector, *, quick: bool) -> Sequence[str]:
    """Return both precisions; when quick, narrow vectors in single precision only."""
    return _DTYPES[:1] if quick and vector is not vectors[0] else _DTYPES


def mixes(
    machine: MachineSpec, vectors: Sequence[Vector], threads: int, *, quick: bool
) -> Iterator[Case]:
    """Yield the other instructions at full width, and scalar ones; quick: what beats the roof."""
    widest = vectors[0]
    beside = ("fma+add",) if widest.registers >= _MIXED_REGISTERS else ()
    if widest.fused:
        for mix in beside if quick else (*beside, "fp-add", "fp-mul", "mul+add"):
            for dtype in _DTYPES[:1] if quick else _DTYPES:
                yield _arithmetic(mix, widest, dtype, threads)
    for dtype, flag in _DOTS.items():
        if widest.bits == _DOT_BITS and flag in machine.features:
            yield _arithmetic("dot", widest, dtype, threads)
    if not quick:
        for dtype in _DTYPES:
            scalar = replace(widest, bits=8 * ITEM_BYTES[dtype])
            yield _arithmetic("fma" if widest.fused else "mul+add", scalar, dtype, threads)


def _arithmetic(benchmark: str, vector: Vector, dtype: str, threads: int) -> Case:
    enough = cases.accumulators(vector.registers, fused=vector.fused)
    stated = {"fused": True} if vector.fused and benchmark == "mul+add" else {}
    return Case(
        benchmark=benchmark,
        parameters={"accumulators": enough, **stated},
        dtype=dtype,
        isa=vector.isa,
        bits=vector.bits,
        threads=threads,
    )


def chains(vectors: Sequence[Vector], threads: int, *, quick: bool) -> Iterator[Case]:
    """Chains run alone, from which the cycles of a step and the light-load clock follow."""
    if threads > 1:
        return
    for chain in ("add", "imul"):
        yield Case(benchmark="chain", parameters={"chain": chain, "fused": False})
    for vector in vectors:
        for dtype in _dtypes(vectors, vector, quick=quick):
            yield Case(
                benchmark="chain",
                parameters={"chain": "vector", "fused": vector.fused},
                dtype=dtype,
                isa=vector.isa,
                bits=vector.bits,
            )
