"""Ceilings by cache level: levels found in the one-thread read curve, read off for every team."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import cases
from calibrate import levels
from calibrate.levels import Level, Point
from calibrate.summary import ceiling, summarise
from roofline.physics import robust
from roofline.records import Ceiling, Finding, MachineSpec, Measurement

# Levels to expect where the system reports no caches.
_USUAL_LEVELS = 4
# At a representative point further than this factor from the wanted size, there is no figure.
_NEAR = 2.5


@dataclass(frozen=True, slots=True)
class Found:
    """The levels, the capacities of each round, and what is doubtful about them.

    Attributes:
        shared: by level, whether all cores of the team share it.

    """

    levels: tuple[Level, ...]
    capacities: tuple[tuple[float, ...], ...]
    shared: tuple[bool, ...]
    findings: tuple[Finding, ...]


def levels_of(machine: MachineSpec, measurements: Sequence[Measurement]) -> Found:
    """Find the cache levels in the read curve of one thread."""
    curve = _curve(measurements, "read-curve", 1)
    if not curve:
        return Found((), (), (), ())
    reported = sorted({c.level for c in machine.caches if c.kind != "instruction"})
    count = len(reported) + 1 if reported else _USUAL_LEVELS
    found = tuple(levels.find([_point(one) for one in curve], count))
    rounds = min(len(one.seconds) for one in curve)
    by_round = [levels.find([_point(m, r) for m in curve], count) for r in range(rounds)]
    capacities = tuple(
        tuple(one[i].capacity or math.inf for one in by_round) for i in range(len(found) - 1)
    )
    return Found(found, capacities, _shared(machine, len(found)), tuple(_alike(found)))


def _curve(measurements: Sequence[Measurement], benchmark: str, threads: int) -> list[Measurement]:
    chosen = [
        m for m in measurements if m.case.benchmark == benchmark and m.case.threads == threads
    ]
    return sorted(chosen, key=lambda m: m.case.working_set_bytes)


def _point(one: Measurement, number: int | None = None) -> Point:
    rounds = one.seconds if number is None else (one.seconds[number],)
    seconds = robust.median([robust.median(samples) for samples in rounds])
    return Point(one.case.working_set_bytes, one.work.bytes_touched.total / seconds)


def _shared(machine: MachineSpec, count: int) -> tuple[bool, ...]:
    per_core = max(1, (machine.threads or 1) // (machine.cores or machine.threads or 1))
    sharing = {c.level: c.shared_by > per_core for c in machine.caches if c.kind != "instruction"}
    # Where nothing is reported: as everywhere, only the last cache is shared.
    return tuple(sharing.get(index + 1, index >= count - 2) for index in range(count))


def _alike(found: Sequence[Level]) -> Iterator[Finding]:
    for index in range(len(found) - 1):
        near, far = found[index].plateau, found[index + 1].plateau
        if far > levels.DISTINCT * near:
            names = [levels.name(i, len(found)) for i in (index, index + 1)]
            yield Finding(
                severity="note",
                what=f"{names[0]} and {names[1]} read at the same speed "
                f"({near / 1e9:.0f} and {far / 1e9:.0f} GB/s on one thread)",
                why_it_matters="where one ends and the other begins can't be told by bandwidth",
            )


def ceilings(found: Found, measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield the found capacities, and read and triad bandwidth of each level and team."""
    yield from _capacities(found)
    teams = sorted({m.case.threads for m in measurements})
    for threads in teams:
        for benchmark in ("read-curve", "triad-curve"):
            curve = _curve(measurements, benchmark, threads)
            if curve:
                yield from _bandwidths(found, curve, threads)


def _capacities(found: Found) -> Iterator[Ceiling]:
    for index, rounds in enumerate(found.capacities):
        name = levels.name(index, len(found.levels))
        yield Ceiling(
            kind="capacity",
            name=f"{name.lower()}-capacity",
            unit="B",
            typical=found.levels[index].capacity or robust.median(rounds),
            high=max(rounds),
            low=min(rounds),
            interval=robust.median_interval(rounds),
            spread=robust.spread(rounds),
            level=name,
            evidence={"plateau": found.levels[index].plateau},
        )


def _bandwidths(found: Found, curve: Sequence[Measurement], threads: int) -> Iterator[Ceiling]:
    for index, level in enumerate(found.levels[:-1]):
        scale = 1 if found.shared[index] else threads
        wanted = levels.representative(level).size * scale
        one = min(curve, key=lambda m: abs(math.log(m.case.working_set_bytes / wanted)))
        if 1 / _NEAR < one.case.working_set_bytes / wanted < _NEAR:
            yield _bandwidth(one, levels.name(index, len(found.levels)))


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
        },
    )
