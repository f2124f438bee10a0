"""Samples and what makes them trustworthy: how often to repeat, and when a team's time begins.

Time is a parameter: whatever runs something so many times and returns seconds will do, so that
this is tested without a clock.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roofline.errors import CANNOT_MEASURE, RooflineError

# A sample is this long at least, and this many times the cost of reading the clock.
SHORTEST_SAMPLE = 1e-3
CLOCK_READS = 1000
# Trials grow until one is a sample: by this factor at most, and aiming a tenth above the goal.
_GROWTH = 8
_MARGIN = 1.1
_MOST_REPEATS = 1 << 40


def repeats_for(
    run: Callable[[int], float], *, clock_cost: float, shortest: float = SHORTEST_SAMPLE
) -> int:
    """Return how many repetitions make one sample.

    Args:
        run: runs that many repetitions and returns the seconds they took.
        clock_cost: seconds that one reading of the clock takes.
        shortest: seconds that a sample must last at least.

    Raises:
        RooflineError: the clock stands still.

    """
    goal = max(shortest, CLOCK_READS * clock_cost)
    repeats = 1
    while repeats < _MOST_REPEATS:
        # The faster of two: a stolen time slice would pass one repetition off as a sample.
        seconds = min(run(repeats), run(repeats))
        if seconds >= goal:
            return repeats
        # A clock too coarse to see a trial reads zero: grow without dividing by it.
        growth = min(_MARGIN * goal / seconds, _GROWTH) if seconds > 0 else _GROWTH
        repeats = max(repeats + 1, math.ceil(repeats * growth))
    raise RooflineError("the system's clock stands still: no time can be taken.", CANNOT_MEASURE)


@dataclass(frozen=True, slots=True)
class Window:
    """One sample of one thread: when each segment of the program ended.

    Attributes:
        stamps: seconds; the first is the start, then one a segment.

    """

    stamps: tuple[float, ...]

    def segment(self, index: int) -> float:
        """Return how long a segment took."""
        return self.stamps[index + 1] - self.stamps[index]


def team_elapsed(windows: Sequence[Window], index: int) -> float:
    """Return a segment's time for a team: from its first start to its last end."""
    first = min(window.stamps[index] for window in windows)
    last = max(window.stamps[index + 1] for window in windows)
    return last - first
