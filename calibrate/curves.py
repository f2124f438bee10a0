"""Ceilings by cache level: levels found in the one-thread read curve, read off for every team."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks import cases
from calibrate import levels
from calibrate.levels import Level, Point
from calibrate.summary import best, ceiling, summarise
from roofline.physics import robust
from roofline.records import Ceiling, Finding, MachineSpec, Measurement

# Teams' working sets are rounded otherwise: up to this factor a size is the wanted one.
_ABOUT = 1.2
# Measured over all working sets, and at a few inside of each level only.
CURVES = ("read-curve", "triad-curve")
POINTS = ("write-curve", "copy-curve", "update-curve")


@dataclass(frozen=True, slots=True)
class Rung:
    """One cache level of the machine.

    Attributes:
        name: "L1", "L2", …
        wanted: working set of one core, in bytes, at which its bandwidth is read off.
        shared: whether all cores of the team share it.
        capacities: in bytes, by round; empty where it couldn't be told from the next level.
        plateau: B/s that one thread reads.

    """

    name: str
    wanted: float
    shared: bool
    capacities: tuple[float, ...] = ()
    capacity: float | None = None
    plateau: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The machine's cache levels, nearest first, and what is doubtful about them."""

    rungs: tuple[Rung, ...] = ()
    findings: tuple[Finding, ...] = ()


def levels_of(machine: MachineSpec, measurements: Sequence[Measurement]) -> Found:
    """Find the cache levels in the read curve of one thread."""
    curve = _curve(measurements, "read-curve", 1)
    if not curve:
        return Found()
    reported = _reported(machine)
    found = levels.find([_point(one) for one in curve], [*reported.values()])
    expected = reported or {place + 1: 0 for place in found.places}
    usual = tuple(
        Rung(f"L{level}", size / 2, is_shared(machine, level, last=place == len(expected) - 1))
        for place, (level, size) in enumerate(expected.items())
    )
    told = {
        place: _told(curve, found.levels, i, usual[place], [*expected.values()][place] or None)
        for i, place in enumerate(found.places)
    }
    rungs = tuple(told.get(place, rung) for place, rung in enumerate(usual))
    return Found(rungs, tuple(_alike(rungs)))


def _reported(machine: MachineSpec) -> dict[int, int]:
    """Return the size in bytes of each data cache that the system reports, by level."""
    caches = sorted(machine.caches, key=lambda cache: cache.level)
    return {cache.level: cache.size_bytes for cache in caches if cache.kind != "instruction"}


def _told(
    curve: Sequence[Measurement],
    found: Sequence[Level],
    index: int,
    usual: Rung,
    reported: float | None,
) -> Rung:
    """Return the index-th found level, with the capacities that each round alone would find."""
    sizes = [one.case.working_set_bytes for one in curve]
    rounds = range(min(len(one.seconds) for one in curve))
    alone = [levels.split([_point(one, r) for one in curve], len(found)) for r in rounds]
    return replace(
        usual,
        wanted=levels.representative(found[index], reported).size,
        capacities=tuple(_sharpened(one[index].capacity or 0, sizes, reported) for one in alone),
        capacity=_sharpened(found[index].capacity or 0, sizes, reported),
        plateau=found[index].plateau,
    )


def _sharpened(capacity: float, sizes: Sequence[float], reported: float | None) -> float:
    """Return a capacity, or what is reported where the curve can't tell the two apart.

    A knee lies between two measured sizes; interpolation may put it beyond the cache's end.
    """
    held = max((size for size in sizes if size <= capacity), default=0)
    return float(reported) if reported and held <= reported < capacity else capacity


def is_shared(machine: MachineSpec, level: int, *, last: bool) -> bool:
    """Whether cores share the caches of a level; `last`: whether it is the outermost."""
    per_core = machine.threads_per_core
    sharing = {c.level: c.shared_by > per_core for c in machine.caches if c.kind != "instruction"}
    # Where nothing is reported: as everywhere, only the last cache is shared.
    return sharing.get(level, last)


def _alike(rungs: Sequence[Rung]) -> Iterator[Finding]:
    for rung in rungs:
        if rung.capacity is None:
            yield Finding(
                severity="note",
                what=f"{rung.name} can't be told from the next level by bandwidth",
                why_it_matters="its figure is read at half of the size that the system reports",
            )


def _curve(measurements: Sequence[Measurement], benchmark: str, threads: int) -> list[Measurement]:
    chosen = [
        m for m in measurements if m.case.benchmark == benchmark and m.case.threads == threads
    ]
    return sorted(chosen, key=lambda m: m.case.working_set_bytes)


def _point(one: Measurement, number: int | None = None) -> Point:
    rounds = one.seconds if number is None else (one.seconds[number],)
    seconds = robust.median([robust.median(samples) for samples in rounds])
    return Point(one.case.working_set_bytes, one.work.bytes_touched.total / seconds)


def ceilings(found: Found, measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield the found capacities, and the bandwidth of each level, direction and team."""
    yield from _capacities(found)
    for threads in sorted({m.case.threads for m in measurements}):
        for benchmark in (*CURVES, *POINTS):
            curve = _curve(measurements, benchmark, threads)
            yield from (_bandwidth(one, name) for name, one in _read_off(found, curve, threads))


def unused(found: Found, measurements: Sequence[Measurement]) -> set[str]:
    """Return the keys of points inside of levels that no ceiling was read off from."""
    keys = set()
    for threads in sorted({m.case.threads for m in measurements}):
        for benchmark in POINTS:
            curve = _curve(measurements, benchmark, threads)
            used = {one.case.key for _, one in _read_off(found, curve, threads)}
            keys |= {one.case.key for one in curve} - used
    return keys


def _capacities(found: Found) -> Iterator[Ceiling]:
    for rung in found.rungs:
        if rung.capacity is not None:
            yield Ceiling(
                kind="capacity",
                name=f"{rung.name.lower()}-capacity",
                unit="B",
                typical=rung.capacity,
                high=max(rung.capacities),
                low=min(rung.capacities),
                interval=robust.median_interval(rung.capacities),
                spread=round(robust.spread(rung.capacities), 4),
                level=rung.name,
                evidence={"plateau": rung.plateau},
            )


def _read_off(
    found: Found, curve: Sequence[Measurement], threads: int
) -> Iterator[tuple[str, Measurement]]:
    """Yield each level's name, and the largest working set that it holds and none before does."""
    outgrown = 0.0
    for rung in found.rungs:
        team = 1 if rung.shared else threads
        most = _ABOUT * rung.wanted * team
        inside = [m for m in curve if outgrown < m.case.working_set_bytes <= most]
        if inside:
            yield rung.name, inside[-1]
        outgrown = (rung.capacity or 2 * rung.wanted) * team


def _bandwidth(one: Measurement, level: str) -> Ceiling:
    nominal, operation = one.work.bytes_touched.total, cases.operation(one.case)
    summary = summarise(one.seconds, lambda seconds: nominal / seconds)
    store = one.case.parameters.get("store")
    return ceiling(
        "bandwidth",
        f"{level.lower()}-{operation}",
        "B/s",
        summary,
        mix=cases.benchmark(one.case).mix,
        threads=one.case.threads,
        level=level,
        direction=operation,
        store=str(store) if store else None,
        dtype=one.case.dtype,
        isa=one.case.isa,
        bits=one.case.bits,
        evidence={
            "working_set": one.case.working_set_bytes,
            "best": best(one.seconds, lambda seconds: nominal / seconds),
        },
    )
