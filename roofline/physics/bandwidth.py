"""How long traffic takes by footprint, direction and kind of store: effective bandwidth.

Reads go at the rate of the read curve at that footprint. What a write costs follows from the
triad curve: of each triad byte two thirds are read and one third is written, so that
1/write = 3/triad - 2/read. All rates are in bytes/s of nominal traffic: a store's write-allocate
is inside.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

from roofline.physics.remembered import remembered
from roofline.physics.roof import (
    MEMORY,
    Pick,
    cache_levels,
    caches,
    curve,
    instances,
    triad_ceiling,
    value,
)
from roofline.records import Calibration, Traffic

Points = Sequence[tuple[float, float]]


def transfer_seconds(
    calibration: Calibration,
    threads: int,
    traffic: Traffic,
    footprint_bytes: float,
    *,
    cold: bool = False,
    pick: Pick = "typical",
) -> tuple[str, float] | None:
    """Return where traffic over such a footprint goes to, and how long it takes in seconds.

    Args:
        calibration: its curves are used where the team has them, its level ceilings elsewhere.
        threads: size of the team.
        traffic: bytes in each direction, by all threads.
        footprint_bytes: distinct bytes that are used again and again, over all threads.
        cold: no cache holds any of it.
        pick: the ceilings' typical value, that of the best round ("high") or the worst ("low");
            a curve's points are scaled as the ceiling of that level.

    Returns:
        The innermost level that holds the footprint, and the time of both directions one after
        the other; None where the calibration knows no bandwidth.

    """
    level = MEMORY if cold else level_of(calibration, threads, footprint_bytes)
    size = math.inf if cold else footprint_bytes
    read = _read_rate(calibration, threads, level, size, pick)
    write = _write_rate(calibration, threads, level, size, pick)
    if read is None or write is None:
        return None
    return level, traffic.read / read + traffic.written / write


def level_of(calibration: Calibration, threads: int, footprint_bytes: float) -> str:
    """Return the innermost level whose caches, of all threads together, hold a footprint.

    What was found counts before what is reported.
    """
    held = _held(calibration, threads)
    return next((level for level, size in held if footprint_bytes <= size), MEMORY)


@remembered
def _held(calibration: Calibration, threads: int) -> Sequence[tuple[str, float]]:
    """Return how many bytes the caches of each level hold, of all threads together."""
    held = []
    for level in cache_levels(calibration):
        found = [c for c in calibration.ceilings if (c.kind, c.level) == ("capacity", level)]
        sizes = [c.typical for c in found] or [
            float(c.size_bytes) for c in caches(calibration.machine, level)
        ]
        if sizes:
            held.append((level, max(sizes) * instances(calibration, threads, level)))
    return held


def interpolate(points: Points, size: float) -> float:
    """Return a curve's value at a size: linear in the logarithms, constant beyond both ends."""
    place = bisect_right(points, size, key=itemgetter(0))
    if place in (0, len(points)):
        return points[0 if place == 0 else -1][1]
    (near, slow), (far, fast) = points[place - 1], points[place]
    share = math.log(size / near) / math.log(far / near)
    return slow * math.pow(fast / slow, share)


def _read_rate(
    calibration: Calibration, threads: int, level: str, size: float, pick: Pick
) -> float | None:
    rate = _on_curve(calibration, "read-curve", threads, level, size)
    if rate is not None:
        return rate * _swing(calibration, threads, level, "read", pick)
    for outer in _outward(calibration, level):
        rate = _ceiling(calibration, threads, f"{outer}-read", pick)
        if rate is not None:
            return rate
    return _memory_triad(calibration, threads, pick)


def _write_rate(
    calibration: Calibration, threads: int, level: str, size: float, pick: Pick
) -> float | None:
    """Return the cost of a write, at least what memory writes and at most what a triad reaches."""
    memory = _ceiling(calibration, threads, "dram-write", pick)
    if memory is None:
        memory = _memory_triad(calibration, threads, pick)
    read = _read_rate(calibration, threads, level, size, "typical")
    triad = _triad_rate(calibration, threads, level, size)
    if read is None or triad is None:
        return memory
    # Split at typical values: two rates that are picked apart would split into nonsense.
    rate = _split(read, triad) * _swing(calibration, threads, level, "triad", pick)
    return max(rate, memory or 0.0)


def _split(read: float, triad: float) -> float:
    cost = 3 / triad - 2 / read
    return 1 / max(cost, 1 / triad)


def _triad_rate(calibration: Calibration, threads: int, level: str, size: float) -> float | None:
    """Return the typical triad at a footprint; None where memory's own figure says more."""
    rate = _on_curve(calibration, "triad-curve", threads, level, size)
    if rate is not None or level == MEMORY:
        return rate
    name = level.lower()
    rate = _ceiling(calibration, threads, f"{name}-triad")
    read = _read_rate(calibration, threads, level, size, "typical")
    alone, alone_read = (_ceiling(calibration, 1, f"{name}-{kind}") for kind in ("triad", "read"))
    if rate is None and read and alone and alone_read:
        # A short plan has no triads of a team: they relate to its reads as on one thread.
        rate = read * alone / alone_read
    return rate


def _on_curve(
    calibration: Calibration, benchmark: str, threads: int, level: str, size: float
) -> float | None:
    points = curve(calibration, benchmark, threads)
    if not points or (level == MEMORY and size > points[-1][0]):
        return None
    return interpolate(points, size)


def _outward(calibration: Calibration, level: str) -> Iterator[str]:
    names = (*cache_levels(calibration), MEMORY)
    return (name.lower() for name in names[names.index(level) :])


@remembered
def _swing(calibration: Calibration, threads: int, level: str, direction: str, pick: Pick) -> float:
    """Return how far a level's best or worst round lies from the typical one; reads for triads."""
    for kind in (direction, "read"):
        ceiling = calibration.ceiling(f"{level.lower()}-{kind}", threads)
        if ceiling is not None:
            return value(ceiling, pick) / ceiling.typical
    return 1.0


@remembered
def _ceiling(
    calibration: Calibration, threads: int, name: str, pick: Pick = "typical"
) -> float | None:
    ceiling = calibration.ceiling(name, threads)
    return None if ceiling is None else value(ceiling, pick)


@remembered
def _memory_triad(calibration: Calibration, threads: int, pick: Pick) -> float | None:
    ceiling = calibration.ceiling("dram-triad", threads) or triad_ceiling(calibration, threads)
    return None if ceiling is None else value(ceiling, pick)
