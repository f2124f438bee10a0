"""Cache levels found in a curve of bandwidth over the working set.

Sizes that the system reports are often wrong in a container or a virtual machine, so only the
*number* of levels is taken from it; where each ends, and what it yields, is found.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from roofline.physics import robust

_FEWEST_POINTS = 2
# Neighbouring levels that differ by less than this can't be told apart by bandwidth.
DISTINCT = 0.95


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


def find(points: Sequence[Point], count: int) -> list[Level]:
    """Split a curve into `count` levels, or as many as its points allow.

    The split minimises the sum of absolute deviations of log bandwidth from each level's median:
    absolute, so that the few points on a slope between two plateaus don't make a level.
    """
    ordered = sorted(points, key=lambda point: point.size)
    count = max(1, min(count, len(ordered) // _FEWEST_POINTS))
    pieces = [ordered[start:end] for start, end in pairwise(_best_cuts(ordered, count))]
    plateaus = [robust.median([point.bandwidth for point in piece]) for piece in pieces]
    capacities: list[float | None] = [
        _crossing(ordered, math.sqrt(near * far), pieces[index][0].size)
        for index, (near, far) in enumerate(pairwise(plateaus))
    ]
    return [
        Level(tuple(piece), plateau, capacity)
        for piece, plateau, capacity in zip(pieces, plateaus, [*capacities, None], strict=True)
    ]


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


def _crossing(points: Sequence[Point], bandwidth: float, start: float) -> float:
    """Return the first size from `start` on where the curve falls through a bandwidth."""
    for near, far in pairwise(points):
        if far.size > start and near.bandwidth >= bandwidth > far.bandwidth:
            share = math.log(near.bandwidth / bandwidth) / math.log(near.bandwidth / far.bandwidth)
            return near.size * math.exp(share * math.log(far.size / near.size))
    return points[-1].size


def representative(level: Level) -> Point:
    """Return the point that stands for a level: nearest to half of its capacity.

    Near the capacity a level shares its traffic with the next; memory is read at the largest.
    """
    if level.capacity is None:
        return max(level.points, key=lambda point: point.size)
    goal = math.log(level.capacity / 2)
    return min(level.points, key=lambda point: abs(math.log(point.size) - goal))


def name(index: int, count: int) -> str:
    """Return "L1", "L2", … and "DRAM" for the outermost of so many levels."""
    return "DRAM" if index == count - 1 else f"L{index + 1}"
