"""What to measure on a machine: its vectors, caches, cores and memory turned into cases."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import cases
from calibrate import arithmetic, budget, nodes, scaling, streams, thinning
from calibrate.turns import Plan, Step, visits
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.physics.isa import Vector
from roofline.records import Case, Finding, MachineSpec
from roofline.records.nodes import MemoryNode
from roofline.units import capacity

__all__ = ["Plan", "Resources", "Step", "draw_up", "last_level_bytes"]

_MIB = 1 << 20
# STREAM's rule: each array at least four times the last-level caches together.
CACHE_MULTIPLE = 4
_QUICK_MULTIPLE = 2
_LEAST_ARRAY, _LEAST_QUICK_ARRAY = 64 * _MIB, 32 * _MIB
# Where caches are so large that the rule would take minutes, arrays are this large, or this
# multiple of the caches: a triad's three together then are several times as large.
_GREAT_ARRAY, _GREAT_QUICK_ARRAY = 512 * _MIB, 256 * _MIB
_GREAT_MULTIPLE, _GREAT_QUICK_MULTIPLE = 2, 1.5
_UNKNOWN_CACHE = 32 * _MIB
# A 1-thread and an all-core team each hold three arrays, the order of a walk through memory takes
# half an array while it is drawn, and half of what is free stays free. What holds more arrays is
# left out where they don't fit (see `scaling.arrays_held`).
_MEMORY_SHARE = 1 / 13
# No array is smaller, and each thread's share is a multiple of the second.
_LEAST_ANYWHERE, _TINY = 7 * _MIB // 2, 56 * 1024
# First touch maps pages of its own beside the arrays, on all threads together.
_TOUCHED_SHARE = 1 / 8
_CURVE_START = 4 * 1024
# Pages and margins beyond the arrays themselves.
_ROUNDING = 0.01
_ROUNDS, _QUICK_ROUNDS = (3, 3, 3), (3, 2, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a plan may use.

    Attributes:
        threads: size of the largest team; 1 is measured, too.
        vectors: register widths, widest first.
        memory_available: bytes.
        huge_pages: whether memory that asks for huge pages may get them.
        nodes: those of memory.

    """

    machine: MachineSpec
    threads: int
    vectors: tuple[Vector, ...]
    memory_available: int
    huge_pages: bool = True
    nodes: tuple[MemoryNode, ...] = ()


def draw_up(resources: Resources, *, quick: bool) -> Plan:
    """Return the plan for a machine: 9 rounds in 3 children, or 7 in 3 when quick or too long.

    Raises:
        RooflineError: there is too little memory for any array.

    """
    array, findings = _array_bytes(resources, quick=quick)
    steps = _steps(resources, array, quick=quick)
    if not quick and not findings and not _holds_more(resources, array):
        findings = (_left_out(resources),)
    if quick or budget.seconds(steps, sum(_ROUNDS)) <= budget.LONGEST:
        return Plan(steps=steps, rounds=_QUICK_ROUNDS if quick else _ROUNDS, findings=findings)
    return _thinned(resources, array, findings)


def _thinned(resources: Resources, array: int, findings: tuple[Finding, ...]) -> Plan:
    """Return a thinned plan; over smaller arrays where that isn't enough."""
    quick, _ = _array_bytes(resources, quick=True)
    own = _wanted(last_level_bytes(resources.machine, 1) or _UNKNOWN_CACHE, quick=False)
    for size, alone in ((array, array), (array, min(array, own)), (quick, min(quick, own))):
        steps = _steps(resources, size, quick=False, alone=alone)
        thin = thinning.thinned(steps, (*findings, *thinning.smaller(array, size, alone)))
        if budget.seconds(thin.steps, sum(thin.rounds)) <= budget.LONGEST:
            break
    return thin


def _steps(
    resources: Resources, array: int, *, quick: bool, alone: int | None = None
) -> tuple[Step, ...]:
    """Return all steps over arrays of so many bytes, and of so many `alone`, for one core."""
    arrays = {1: alone or array}
    teams = sorted({1, resources.threads})
    steps = [
        Step(case=case, samples=samples, visits=1 if quick else visits(resources.machine, case))
        for threads in teams
        for case, samples in _team_cases(
            resources, threads, arrays.get(threads, array), quick=quick
        )
    ]
    if not quick and _holds_more(resources, array):
        more = _beyond(resources, teams, array, arrays)
        steps += [Step(case=case, samples=samples) for case, samples in more]
        matrix = nodes.plan(resources.vectors[0], resources.nodes, array)
        steps += [Step(case=case, samples=samples) for case, samples in matrix]
    return tuple(steps)


def _holds_more(resources: Resources, array: int) -> bool:
    held = scaling.arrays_held(resources.threads) * array
    return held * (1 + _ROUNDING) <= resources.memory_available / 2


def _beyond(
    resources: Resources, teams: Sequence[int], array: int, arrays: Mapping[int, int]
) -> Iterator[tuple[Case, int]]:
    """Yield what holds more arrays: three inputs, teams between one and all, latency under load."""
    widest, threads = resources.vectors[0], resources.threads
    for team in teams:
        yield streams.four_arrays(widest, team, arrays.get(team, array)), 3
    yield from ((case, 5) for case in scaling.compute(resources.vectors, threads))
    yield from ((case, 3) for case in scaling.memory(widest, threads, array))
    yield from ((case, 3) for case in scaling.loaded(widest, threads, array))


def _left_out(resources: Resources) -> Finding:
    free = capacity(resources.memory_available)
    return Finding(
        severity="note",
        what=f"three reads with a write, teams between one core and all, and latency under load "
        f"were left out, since {free} of memory may be used",
        why_it_matters="where memory saturates isn't known",
        command="free memory, or raise the container's limit (docker update --memory)",
    )


def _team_cases(
    resources: Resources, threads: int, array: int, *, quick: bool
) -> Iterator[tuple[Case, int]]:
    widest = resources.vectors[0]
    mixes = arithmetic.mixes(resources.machine, resources.vectors, threads, quick=quick)
    chains = arithmetic.chains(resources.vectors, threads, quick=quick)
    for case in (*arithmetic.roofs(resources.vectors, threads, quick=quick), *mixes, *chains):
        yield case, 7
    for case in arithmetic.operations(resources.vectors, threads, quick=quick):
        yield case, 5
    sizes = _curve_sizes(resources, threads, array, quick=quick)
    for case in streams.curves(resources.machine, widest, threads, sizes, quick=quick):
        yield case, 5
    for case in streams.memory(widest, threads, array, quick=quick):
        yield case, 3
    if not quick:
        yield streams.updates(widest, threads, array), 3
        for case in streams.inside(resources.machine, widest, threads, array):
            yield case, 3
    if threads == 1 and not quick:
        yield from ((case, 5) for case in _latencies(resources.machine, array))
    yield from _operating_system(resources, threads, array)


def _latencies(machine: MachineSpec, array: int) -> Iterator[Case]:
    """Yield a walk in each level, well inside it, and in memory with and without huge pages."""
    data = [cache for cache in machine.caches if cache.kind != "instruction"]
    nearer = 0
    for level in sorted({cache.level for cache in data}):
        # Where cores differ, what lies inside the smallest lies inside all.
        size = min(cache.size_bytes for cache in data if cache.level == level)
        # Of a shared level, what lies next to the private ones: the rest is others', too.
        inside = min(size // 2, 2 * nearer or size, array)
        yield _latency(f"L{level}", inside)
        nearer = size
    for huge in (True, False):
        yield _latency(cases.MEMORY, array, huge=huge)


def _latency(level: str, size: int, *, huge: bool = True) -> Case:
    extra = {} if huge else {"huge": False}
    return Case(
        benchmark="latency",
        parameters={"level": level, **extra},
        dtype="int64",
        working_set_bytes=size,
    )


def _operating_system(resources: Resources, threads: int, array: int) -> Iterator[tuple[Case, int]]:
    """Yield what the operating system costs: pages, placement, and the instrument itself."""
    size = 3 * (array // 4)
    widest = resources.vectors[0]
    compute = next(arithmetic.roofs(resources.vectors[:1], threads, quick=True))
    loose = {**compute.parameters, "pinned": False}
    yield _with(compute, loose), 7
    for extra in ({}, {"pinned": False}, {"huge": False}, {"huge": False, "prefaulted": False}):
        yield streams.stream("triad", widest, threads, size, store="ordinary", **extra), 3
    kinds = (False, True) if resources.huge_pages else (False,)
    for huge in kinds:
        case = Case(
            benchmark="first-touch",
            parameters={"huge": huge},
            threads=threads,
            working_set_bytes=threads * _touched(resources, threads, huge=huge),
        )
        yield case, 3
    for name in ("barrier", "migration") if threads > 1 else ("timer", "call"):
        yield Case(benchmark=name, threads=threads), 5


def _touched(resources: Resources, threads: int, *, huge: bool) -> int:
    """Return the bytes that each thread touches for the first time, in whole pages."""
    page, most = (cases.HUGE_PAGE, 32 * _MIB) if huge else (cases.SMALL_PAGE, 8 * _MIB)
    share = int(resources.memory_available * _TOUCHED_SHARE) // threads
    return max(1, min(most, share) // page) * page


def _with(case: Case, parameters: dict[str, str | int | float | bool | None]) -> Case:
    return Case(
        benchmark=case.benchmark,
        parameters=parameters,
        dtype=case.dtype,
        isa=case.isa,
        bits=case.bits,
        threads=case.threads,
    )


def last_level_bytes(machine: MachineSpec, threads: int) -> int | None:
    """Return what the outermost caches of so many cores hold together, None if unknown."""
    data = [c for c in machine.caches if c.kind != "instruction"]
    if not data:
        return None
    outer = max(data, key=lambda cache: cache.level)
    instances = math.ceil(threads * machine.threads_per_core / outer.shared_by)
    return outer.size_bytes * instances


def _array_bytes(resources: Resources, *, quick: bool) -> tuple[int, tuple[Finding, ...]]:
    """Return the size of a DRAM array, and what to say when memory doesn't allow the right one."""
    cache = last_level_bytes(resources.machine, resources.threads) or _UNKNOWN_CACHE
    wanted = _wanted(cache, quick=quick)
    allowed = int(resources.memory_available * _MEMORY_SHARE)
    if allowed >= wanted:
        return wanted, ()
    if allowed < max(_LEAST_ANYWHERE, _TINY * resources.threads):
        raise RooflineError(
            f"only {capacity(resources.memory_available)} of memory may be used: free some, or "
            "raise the container's limit.",
            CANNOT_MEASURE,
        )
    size = allowed // (_TINY * resources.threads) * _TINY * resources.threads
    return size, (_smaller(resources, size, wanted),)


def _wanted(cache: int, *, quick: bool) -> int:
    """Return the size of an array that caches of so many bytes call for."""
    multiple, least = (
        (_QUICK_MULTIPLE, _LEAST_QUICK_ARRAY) if quick else (CACHE_MULTIPLE, _LEAST_ARRAY)
    )
    great, times = (
        (_GREAT_QUICK_ARRAY, _GREAT_QUICK_MULTIPLE) if quick else (_GREAT_ARRAY, _GREAT_MULTIPLE)
    )
    return max(least, min(multiple * cache, max(great, int(times * cache))))


def _smaller(resources: Resources, size: int, wanted: int) -> Finding:
    return Finding(
        severity="warning",
        what=f"a smaller plan: arrays of {capacity(size)} instead of {capacity(wanted)}, "
        f"since {capacity(resources.memory_available)} of memory may be used",
        why_it_matters="DRAM figures may hold a share of the last-level cache",
        command="free memory, or raise the container's limit (docker update --memory)",
    )


def _curve_sizes(resources: Resources, threads: int, array: int, *, quick: bool) -> tuple[int, ...]:
    """Return working sets from well inside L1 to well outside the last level.

    Half octaves on one thread, octaves on all cores and when quick.
    """
    per_octave = 1 if quick or threads > 1 else 2
    cache = last_level_bytes(resources.machine, threads) or _UNKNOWN_CACHE
    # Two arrays of inputs are mapped, which is as far as a read can go.
    end = min(2 * array, CACHE_MULTIPLE * cache)
    start = _CURVE_START * threads
    count = int(math.log2(end / start) * per_octave)
    sizes = [start * 2 ** (step / per_octave) for step in range(count + 1)]
    # Whole arrays for one and for three of them, and never above the octave: a cache is one, too.
    quantum = cases.ARRAY_QUANTUM * threads * 3
    return tuple(max(int(size / quantum), 1) * quantum for size in sizes)
