"""Cache levels found in a curve of bandwidth over the working set.

Sizes that the system reports are often wrong in a container or a virtual machine: where a level
ends, and what it yields, is found. What is reported only says how many to expect, and their names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from roofline.physics import robust

_FEWEST_POINTS = 2
# Neighbouring levels that differ by less than this can't be told apart by bandwidth.
DISTINCT = 0.95
# Half of a plateau's points, at least, lie this near to it, in log bandwidth.
_FLAT = 0.12
# A working set up to this share of the found capacity lies in the level alone.
_INSIDE = 0.75
# A cache ends where the time of a byte begins to rise; it rises until the cache holds nothing of
# what is walked through, long after it ceased to hold all. Noise on a plateau doesn't reach the
# first share of the way. How far the end lies before that, the way from there to the second tells;
# a third of the straight line, so that one disturbed point beside a steep end moves it little.
_BEGUN, _LARGELY = 0.2, 0.6
_DRAWN_BACK = 0.3 * _BEGUN / (_LARGELY - _BEGUN)
# Caches nearer to each other than this factor are one, and a stretch of the slope behind it.
_APART = 2.5
# A cache ends at this multiple of its reported size at most; at less, anywhere: a guest's share.
_BEYOND = 3.0
# Levels to expect where the system reports no caches.
_USUAL_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Point:
    """A working set in bytes (of one thread) and the bandwidth there in B/s."""

    size: float
    bandwidth: float


@dataclass(frozen=True, slots=True)
class Level:
    """A stretch of the curve: its points, its plateau in B/s, where it ends in bytes.

    Attributes:
        capacity: None for the outermost, which is memory.

    """

    points: tuple[Point, ...]
    plateau: float
    capacity: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """The levels of a curve, memory last, and the place of each cache among the reported ones."""

    levels: tuple[Level, ...]
    places: tuple[int, ...]


def find(points: Sequence[Point], reported: Sequence[float] = ()) -> Found:
    """Split a curve into as many levels as differ, and say which of the reported each one is.

    Levels differ when each reads clearly slower than the one before, and is a plateau: a few
    points on the slope between two levels are none. One that ends far beyond what is reported of
    it holds another level that reads as fast.

    Args:
        points: the curve of one thread.
        reported: capacities in bytes that the system reports, nearest first.

    """
    for count in range(len(reported) + 1 if reported else _USUAL_LEVELS, 1, -1):
        levels = split(points, count)
        if len(levels) == count and all(map(_is_plateau, levels[:-1])) and _differ(levels):
            capacities = [level.capacity or 0.0 for level in levels[:-1]]
            places = match(capacities, reported) if reported else tuple(range(count - 1))
            if places is not None:
                return Found(tuple(levels), places)
    return Found(tuple(split(points, 1)), ())


def split(points: Sequence[Point], count: int) -> list[Level]:
    """Split a curve into so many levels, or as many as its points allow.

    The split minimises the sum of absolute deviations of log bandwidth from each level's median:
    absolute, so that the few points on a slope between two plateaus weigh little.
    """
    ordered = sorted(points, key=lambda point: point.size)
    smooth = _smoothed(ordered)
    count = max(1, min(count, len(ordered) // _FEWEST_POINTS))
    cuts = _best_cuts(smooth, count) if count > 1 else (0, len(ordered))
    pieces = [ordered[start:end] for start, end in pairwise(cuts)]
    plateaus = [robust.median([point.bandwidth for point in piece]) for piece in pieces]
    capacities: list[float | None] = [
        _end(smooth, near, far, cut)
        for cut, (near, far) in zip(cuts[1:-1], pairwise(plateaus), strict=True)
    ]
    return [
        Level(tuple(piece), plateau, capacity)
        for piece, plateau, capacity in zip(pieces, plateaus, [*capacities, None], strict=True)
    ]


def _smoothed(points: Sequence[Point]) -> list[Point]:
    """Return the curve without lone outliers: a median of three leaves every slope as it is."""
    inner = [
        Point(middle.size, robust.median([near.bandwidth, middle.bandwidth, far.bandwidth]))
        for near, middle, far in zip(points, points[1:], points[2:], strict=False)
    ]
    return [*points[:1], *inner, *points[1:][-1:]]


def _is_plateau(level: Level) -> bool:
    near = [abs(math.log(p.bandwidth / level.plateau)) < _FLAT for p in level.points]
    return 2 * sum(near) > len(near)


def _differ(levels: Sequence[Level]) -> bool:
    """Whether each level is slower than the one before, and each cache larger."""
    sizes = [level.capacity for level in levels if level.capacity is not None]
    slower = all(far.plateau <= DISTINCT * near.plateau for near, far in pairwise(levels))
    return slower and all(far >= _APART * near for near, far in pairwise(sizes))


def match(found: Sequence[float], reported: Sequence[float]) -> tuple[int, ...] | None:
    """Return which reported capacity each found one is, in order, by the least total log distance.

    None where some found capacity exceeds every reported one that it could be.
    """

    def distance(places: tuple[int, ...]) -> float:
        pairs = zip(found, places, strict=True)
        return sum(abs(math.log(size / reported[place])) for size, place in pairs)

    fitting = [
        places
        for places in combinations(range(len(reported)), len(found))
        if all(size <= _BEYOND * reported[i] for size, i in zip(found, places, strict=True))
    ]
    return min(fitting, key=distance) if fitting else None


def _best_cuts(points: Sequence[Point], count: int) -> tuple[int, ...]:
    """Return the cuts 0 < … < len(points) of least total cost, by dynamic programming."""
    logs = [math.log(point.bandwidth) for point in points]
    costs: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {(0, 0): (0.0, (0,))}
    for piece in range(1, count + 1):
        for end in range(piece * _FEWEST_POINTS, len(logs) + 1):
            options = [
                (before + _deviation(logs[start:end]), (*cuts, end))
                for start in range(end - _FEWEST_POINTS + 1)
                if (found := costs.get((piece - 1, start))) is not None
                for before, cuts in (found,)
            ]
            if options:
                costs[piece, end] = min(options)
    return costs[count, len(logs)][1]


def _deviation(logs: Sequence[float]) -> float:
    centre = robust.median(logs)
    return sum(abs(value - centre) for value in logs)


def _end(points: Sequence[Point], near: float, far: float, cut: int) -> float:
    """Return where a cache ends, between a plateau and the next."""
    begun, largely = (
        _crossing(points, 1 / ((1 - share) / near + share / far), cut)
        for share in (_BEGUN, _LARGELY)
    )
    return begun - _DRAWN_BACK * max(0.0, largely - begun)


def _crossing(points: Sequence[Point], bandwidth: float, cut: int) -> float:
    """Return the size, nearest to a cut, at which the curve falls through a bandwidth."""
    falls = [
        index
        for index, (near, far) in enumerate(pairwise(points))
        if near.bandwidth >= bandwidth > far.bandwidth
    ]
    if not falls:
        return points[cut].size
    index = min(falls, key=lambda index: abs(index + 1 - cut))
    near, far = points[index], points[index + 1]
    share = math.log(near.bandwidth / bandwidth) / math.log(near.bandwidth / far.bandwidth)
    return near.size * math.exp(share * math.log(far.size / near.size))


def representative(level: Level, reported: float | None = None) -> Point:
    """Return the point that stands for a level: nearest to half of its capacity.

    Near the capacity a level shares its traffic with the next; memory is read at the largest. What
    is found moves by a fifth from run to run, and a curve within a level by a tenth from point to
    point. So that a calibration reads off where the one before did, capacity is that of the
    reported one, its half, its quarter …, which is nearest to what was found.
    """
    if level.capacity is None:
        return max(level.points, key=lambda point: point.size)
    goal = math.log(_whole_octaves(level.capacity, reported) / 2)
    inside = [point for point in level.points if point.size <= _INSIDE * level.capacity]
    return min(inside or level.points[:1], key=lambda point: abs(math.log(point.size) - goal))


def _whole_octaves(found: float, reported: float | None) -> float:
    return reported * 2.0 ** round(math.log2(found / reported)) if reported else found
