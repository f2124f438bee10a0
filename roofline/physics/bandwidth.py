"""How long traffic takes by footprint, direction and kind of store: effective bandwidth.

Reads go at the rate of the read curve at that footprint. What a write costs follows from the
triad curve: of each triad byte two thirds are read and one third is written, so that
1/write = 3/triad - 2/read. All rates are in bytes/s of nominal traffic: a store's write-allocate
is inside.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from roofline.physics.remembered import remembered
from roofline.physics.roof import (
    MEMORY,
    PICKS,
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
Rates = Mapping[Pick, tuple[float, float]]
"""Bytes/s of reads and of writes."""


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
    found = transfers(calibration, threads, traffic, footprint_bytes, cold=cold)
    return None if found is None else (found[0], found[1][pick])


def transfers(
    calibration: Calibration,
    threads: int,
    traffic: Traffic,
    footprint_bytes: float,
    *,
    cold: bool = False,
) -> tuple[str, Mapping[Pick, float]] | None:
    """Return the same by every pick; see `transfer_seconds`."""
    level = MEMORY if cold else level_of(calibration, threads, footprint_bytes)
    rates = _rates(_place(calibration, threads, level), math.inf if cold else footprint_bytes)
    if rates is None:
        return None
    return level, {
        pick: traffic.read / read + traffic.written / write for pick, (read, write) in rates.items()
    }


def level_of(calibration: Calibration, threads: int, footprint_bytes: float) -> str:
    """Return the innermost level whose caches, of all threads together, hold a footprint.

    What was found counts before what is reported.
    """
    for level, size in _held(calibration, threads):
        if footprint_bytes <= size:
            return level
    return MEMORY


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a team gets from a level, in bytes/s; None where nothing tells.

    Attributes:
        reads, triads: curves, empty where the team has none.
        ends: whether footprints beyond a curve's last point are not on it.
        read: where no curve tells, by pick.
        triad: the same, typically; or else as a share of the reads.
        memory: what memory writes, by pick.
        read_swing, triad_swing: how far rounds lie from the typical one, by pick.

    """

    reads: Points
    triads: Points
    ends: bool
    read: Mapping[Pick, float | None]
    triad: float | None
    triad_share: float | None
    memory: Mapping[Pick, float | None]
    read_swing: Mapping[Pick, float]
    triad_swing: Mapping[Pick, float]


@remembered
def _place(calibration: Calibration, threads: int, level: str) -> _Place:
    far = level == MEMORY
    return _Place(
        reads=curve(calibration, "read-curve", threads),
        triads=curve(calibration, "triad-curve", threads),
        ends=far,
        read={pick: _level_read(calibration, threads, level, pick) for pick in PICKS},
        # Memory's own figure says more.
        triad=None if far else _ceiling(calibration, threads, f"{level.lower()}-triad"),
        triad_share=None if far else _triad_share(calibration, level),
        memory={pick: _memory_write(calibration, threads, pick) for pick in PICKS},
        read_swing={pick: _swing(calibration, threads, level, "read", pick) for pick in PICKS},
        triad_swing={pick: _swing(calibration, threads, level, "triad", pick) for pick in PICKS},
    )


def _rates(place: _Place, size: float) -> Rates | None:
    """Return a place's rates at a footprint.

    A write costs at least what memory writes and at most what a triad reaches.
    """
    read = _on_curve(place, place.reads, size)
    # Split at typical values: two rates that are picked apart would split into nonsense.
    write = _typical_write(place, place.read["typical"] if read is None else read, size)
    found: dict[Pick, tuple[float, float]] = {}
    for pick in PICKS:
        reads = place.read[pick] if read is None else read * place.read_swing[pick]
        writes = place.memory[pick]
        if write is not None:
            writes = max(write * place.triad_swing[pick], writes or 0.0)
        if reads is None or writes is None:
            return None
        found[pick] = reads, writes
    return found


def _typical_write(place: _Place, read: float | None, size: float) -> float | None:
    """Return what a triad leaves for its writes; None where memory's own figure says more."""
    triad = _on_curve(place, place.triads, size)
    triad = place.triad if triad is None else triad
    if triad is None and read and place.triad_share:
        triad = read * place.triad_share
    if read is None or triad is None:
        return None
    return 1 / max(3 / triad - 2 / read, 1 / triad)


def _on_curve(place: _Place, points: Points, size: float) -> float | None:
    if not points or (place.ends and size > points[-1][0]):
        return None
    return interpolate(points, size)


def _level_read(calibration: Calibration, threads: int, level: str, pick: Pick) -> float | None:
    for outer in _outward(calibration, level):
        rate = _ceiling(calibration, threads, f"{outer}-read", pick)
        if rate is not None:
            return rate
    return _memory_triad(calibration, threads, pick)


def _triad_share(calibration: Calibration, level: str) -> float | None:
    """Return one thread's triads as a share of its reads: a short plan has no triads of a team."""
    name = level.lower()
    triad, read = (_ceiling(calibration, 1, f"{name}-{kind}") for kind in ("triad", "read"))
    return triad / read if triad and read else None


def _memory_write(calibration: Calibration, threads: int, pick: Pick) -> float | None:
    rate = _ceiling(calibration, threads, "dram-write", pick)
    return _memory_triad(calibration, threads, pick) if rate is None else rate


def _outward(calibration: Calibration, level: str) -> Iterator[str]:
    names = (*cache_levels(calibration), MEMORY)
    return (name.lower() for name in names[names.index(level) :])


def _swing(calibration: Calibration, threads: int, level: str, direction: str, pick: Pick) -> float:
    """Return how far a level's best or worst round lies from the typical one; reads for triads."""
    for kind in (direction, "read"):
        ceiling = calibration.ceiling(f"{level.lower()}-{kind}", threads)
        if ceiling is not None:
            return value(ceiling, pick) / ceiling.typical
    return 1.0


def _ceiling(
    calibration: Calibration, threads: int, name: str, pick: Pick = "typical"
) -> float | None:
    ceiling = calibration.ceiling(name, threads)
    return None if ceiling is None else value(ceiling, pick)


def _memory_triad(calibration: Calibration, threads: int, pick: Pick) -> float | None:
    ceiling = calibration.ceiling("dram-triad", threads) or triad_ceiling(calibration, threads)
    return None if ceiling is None else value(ceiling, pick)
