"""The cases between one core and all: where memory saturates, the clock, latency under load."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks import cases
from calibrate import arithmetic, streams
from roofline.physics.isa import Vector
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Case

# While the order of a walk through memory is drawn, it takes half an array.
_DRAWN = 0.5


def between(threads: int) -> tuple[int, ...]:
    """Return the powers of two between one thread and all of them."""
    return tuple(1 << power for power in range(1, threads.bit_length()) if 1 << power < threads)


def memory(vector: Vector, threads: int, array: int) -> Iterator[Case]:
    """Yield what shows where memory saturates: reads, and triads past the caches."""
    for team in between(threads):
        yield streams.read(vector, team, array)
        yield streams.stream("triad", vector, team, 3 * array, store="non-temporal")


def loaded(vector: Vector, threads: int, array: int) -> Iterator[Case]:
    """Yield a walk through memory on one core while ever more, and all, of the others read.

    Without any others it is the plain latency of memory.
    """
    for loaders in _loaders(threads) if threads > 1 else ():
        yield Case(
            benchmark="loaded-latency",
            parameters={"level": cases.MEMORY, "walk": array},
            dtype="int64",
            isa=vector.isa,
            bits=vector.bits,
            threads=1 + loaders,
            working_set_bytes=array,
        )


def compute(vectors: Sequence[Vector], threads: int) -> Iterator[Case]:
    """Yield the loads under which the clock is read: every width, the widest first, and scalar."""
    scalar = replace(vectors[0], bits=8 * ITEM_BYTES["float32"])
    for team in between(threads):
        yield from arithmetic.roofs([*vectors, scalar], team, quick=True)


def arrays_held(threads: int) -> float:
    """Return how many arrays all cases of a full plan hold together, at most.

    Thread 0 holds three inputs and the output of a team of one. Any other holds its largest share
    of a larger team's inputs, or of what is read as a load, and of an output.
    """
    held = 4.0 + _DRAWN
    teams = (*between(threads), threads)
    for thread in range(1, threads):
        smallest = min(team for team in teams if team > thread)
        load = min(loaders for loaders in _loaders(threads) if loaders >= thread)
        held += max(3 / threads, 2 / smallest, 1 / load) + 1 / smallest
    return held


def _loaders(threads: int) -> list[int]:
    return sorted({1, *between(threads), threads - 1} - {0})
