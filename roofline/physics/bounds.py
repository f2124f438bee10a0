"""The time that nothing beats: executed operations and touched bytes against the best rounds.

bound = max( executed FLOPs / compute,
             for each level: (bytes read - capacity inside) / the fastest read,
                             (bytes read and written - capacity inside) / the fastest traffic ).

Where something isn't known, what makes the bound smaller is taken: a bound that is too low is
loose, one that is too high is wrong.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from roofline.physics.remembered import remembered
from roofline.physics.roof import (
    MEMORY,
    bandwidths,
    cache_levels,
    caches,
    compute_ceiling,
    instances,
)
from roofline.records import Bound, Calibration, Ceiling, Traffic, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one level of the memory hierarchy yields at best, to all threads together.

    Attributes:
        name: "L1", "L2", …, "DRAM".
        inside_bytes: capacity of everything nearer to the cores; infinite where unknown.
        read: bytes/s of the best round that only reads.
        traffic: bytes/s of the best round in any mix of directions that was measured.

    """

    name: str
    inside_bytes: float
    read: float
    traffic: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The best that a team was seen to reach.

    Attributes:
        compute: FLOP/s of the best round of the roof's ceiling.
        levels: those with a bandwidth, nearest to the core first.

    """

    threads: int
    dtype: str
    compute: float
    levels: tuple[Level, ...]


@remembered
def limits(calibration: Calibration, threads: int, dtype: str) -> Limits | None:
    """Return the best that a calibration saw of a team, or None without a compute ceiling."""
    compute = compute_ceiling(calibration, threads, dtype)
    if compute is None:
        return None
    levels = tuple(_levels(calibration, threads))
    return Limits(threads=threads, dtype=dtype, compute=compute.high, levels=levels)


def in_window(limits: Limits, calibration: Calibration, anchors: Mapping[str, float]) -> Limits:
    """Return the limits as they were in one run: clocks and neighbours change between two.

    A figure with an anchor becomes that rate. The other figures of the same level are scaled by
    the ratio of the anchor that there is (the largest ratio, of several): what slows a level
    slows its reads and writes alike. A level without any anchor keeps what the calibration saw.

    Args:
        limits: of that calibration.
        calibration: whose ceilings the anchors repeat.
        anchors: the highest rate of this run, in the ceiling's unit, by ceiling name.

    """
    compute = compute_ceiling(calibration, limits.threads, limits.dtype)
    return replace(
        limits,
        compute=anchors.get(compute.name, limits.compute) if compute else limits.compute,
        levels=tuple(
            _anchored(level, bandwidths(calibration, limits.threads, level.name), anchors)
            for level in limits.levels
        ),
    )


def bound(work: Work, limits: Limits, *, cold: bool = False, free_flops: int = 0) -> Bound:
    """Return the least time that a work can take, and what binds it.

    The time is of one call among many that follow each other. What the caches inside a level
    hold can be there from the call before, or stay there for the next, but not both: of all
    touched bytes, that much and no more is spared. Capacities of nearer caches add up, as if no
    byte lay in two of them; the largest of found and reported size counts. Registers spare
    nothing: each address that a tap names is loaded. The mix of directions that was fastest
    stands for every mix.

    Args:
        work: its executed operations (all, where they aren't told apart) and touched bytes.
        limits: see `limits` and `in_window`.
        cold: no cache held any of it, so that all of it crosses the memory bus. Nearer levels
            keep their capacities: they are faster than memory and don't bind.
        free_flops: executed operations that need no instruction on the multiply-add units: the
            addition of a bias, from which an accumulator can start.

    """
    executed = work.flops if work.flops_executed is None else work.flops_executed
    times = [("compute", max(0, executed - free_flops) / limits.compute)]
    for level in limits.levels:
        times += _times(level, work.bytes_touched, cold=cold)
    name, seconds = max(times, key=lambda time: time[1])
    return Bound(seconds=seconds, bound_by=name)


def _times(level: Level, traffic: Traffic, *, cold: bool) -> Iterator[tuple[str, float]]:
    spared = 0.0 if cold and level.name == MEMORY else level.inside_bytes
    yield f"{level.name} read", max(0.0, traffic.read - spared) / level.read
    yield level.name, max(0.0, traffic.total - spared) / level.traffic


def _levels(calibration: Calibration, threads: int) -> Iterator[Level]:
    inside = 0.0
    for name in cache_levels(calibration):
        yield from _level(calibration, threads, name, inside)
        inside += _capacity(calibration, threads, name)
    # A machine that tells of no cache has some all the same.
    yield from _level(calibration, threads, MEMORY, inside or math.inf)


def _level(calibration: Calibration, threads: int, name: str, inside: float) -> Iterator[Level]:
    found = bandwidths(calibration, threads, name)
    if found:
        traffic = max(c.high for c in found)
        # Where no read was measured it may be as fast as anything.
        read = max((c.high for c in found if c.direction == "read"), default=traffic)
        yield Level(name=name, inside_bytes=inside, read=read, traffic=traffic)


def _capacity(calibration: Calibration, threads: int, name: str) -> float:
    """Return the most that a team's caches of a level can hold, infinite where unknown."""
    found = [c.high for c in calibration.ceilings if (c.kind, c.level) == ("capacity", name)]
    reported = [float(c.size_bytes) for c in caches(calibration.machine, name)]
    return instances(calibration, threads, name) * max((*found, *reported), default=math.inf)


def _anchored(level: Level, found: Sequence[Ceiling], anchors: Mapping[str, float]) -> Level:
    seen = [c for c in found if c.name in anchors]
    if not seen:
        return level
    ratio = max(anchors[c.name] / c.high for c in seen)
    reads = [anchors[c.name] for c in seen if c.direction == "read"]
    read = max(reads, default=ratio * level.read)
    fastest = max(found, key=lambda c: c.high)
    traffic = anchors.get(fastest.name, ratio * level.traffic)
    return replace(level, read=read, traffic=max(traffic, *(anchors[c.name] for c in seen)))
