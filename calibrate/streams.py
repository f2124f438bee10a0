"""The bandwidth cases of a plan: curves over the working set, each cache level, memory."""

from collections.abc import Iterator, Sequence

from benchmarks import cases
from calibrate.curves import is_shared
from roofline.physics import ahead
from roofline.physics.isa import Vector
from roofline.records import Case, MachineSpec, Scalar

_MEMORY = ("write", "copy", "scale", "add", "triad")
# Scale moves what copy does, and add what a triad does.
_ALIKE = ("scale", "add")
_STORES = ("ordinary", "non-temporal")
# Reads and triads have whole curves; these are measured inside of the levels only.
_INSIDE = ("write", "copy", "update")
# What a cache is taken to hold where the system reports none.
_USUAL = {1: 32 << 10, 2: 1 << 20, 3: 32 << 20}


def stream(name: str, vector: Vector, threads: int, size: int, **parameters: Scalar) -> Case:
    """Return a case of a stream kernel over a working set of all threads together."""
    extra = {} if vector.fused else {"fused": False}
    return Case(
        benchmark=name,
        parameters={**extra, **parameters},
        isa=vector.isa,
        bits=vector.bits,
        threads=threads,
        working_set_bytes=size,
    )


def curves(
    machine: MachineSpec, vector: Vector, threads: int, sizes: Sequence[int], *, quick: bool
) -> Iterator[Case]:
    """Yield the curves; the levels are found in the finest, that of one thread's reads."""
    coarse = sizes[::2] if quick else sizes
    for size in sizes if threads == 1 else coarse:
        asked = ahead.of_reads(machine, threads, size)
        yield stream("read-curve", vector, threads, size, **asked)
    if threads == 1 or not quick:
        for size in coarse:
            yield stream("triad-curve", vector, threads, size, store="ordinary")


def inside(machine: MachineSpec, vector: Vector, threads: int, most: int) -> Iterator[Case]:
    """Yield the other directions at sizes of which one is near half of what will be found.

    Args:
        machine: its caches.
        vector: the widest.
        threads: size of the team.
        most: bytes of the largest working set that may be mapped.

    """
    for size in (size for size in _inside_sizes(machine, threads) if size <= most):
        for name in _INSIDE:
            yield stream(f"{name}-curve", vector, threads, size, store="ordinary")


def _inside_sizes(machine: MachineSpec, threads: int) -> Iterator[int]:
    """Yield half and a quarter of each cache of a team; an eighth of the last, a guest's share."""
    data = [cache for cache in machine.caches if cache.kind != "instruction"]
    reported = {
        level: min(cache.size_bytes for cache in data if cache.level == level)
        for level in sorted({cache.level for cache in data})
    }
    nearer, last = 0, max(reported or _USUAL)
    for level, size in (reported or _USUAL).items():
        whole = size * (1 if is_shared(machine, level, last=level == last) else threads)
        for part in (8, 4, 2) if level == last else (4, 2):
            if whole // part > nearer:
                yield whole // part
        nearer = whole


def read(vector: Vector, threads: int, array: int) -> Case:
    """Return plain reads of memory."""
    return stream("read", vector, threads, array, **ahead.of_memory())


def memory(vector: Vector, threads: int, array: int, *, quick: bool) -> Iterator[Case]:
    """Yield STREAM's kernels, plain reads and writes, with either kind of store.

    When quick, without those that move the same bytes as another.
    """
    yield read(vector, threads, array)
    for name in (name for name in _MEMORY if not (quick and name in _ALIKE)):
        row = cases.BENCHMARKS[name]
        for store in _STORES:
            yield stream(name, vector, threads, array * row.arrays, store=store)


def updates(vector: Vector, threads: int, array: int) -> Case:
    """Return the update of memory in place: no line is fetched only to be overwritten."""
    return stream("update", vector, threads, array, store="ordinary")


def four_arrays(vector: Vector, threads: int, array: int) -> Case:
    """Return three reads and a write past the caches: the mix that memory sees, too."""
    return stream("schoenauer", vector, threads, 4 * array, store="non-temporal")
