"""Samples and what makes them trustworthy: how often to repeat, what the instrument itself costs.

Time is a parameter: whatever runs something so many times and returns seconds will do, so that
this is tested without a clock.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# A sample is this long at least, and this many times the cost of reading the clock.
SHORTEST_SAMPLE = 1e-3
CLOCK_READS = 1000
# Trial runs grow until they are long enough to extrapolate from.
_TRIAL_SHARE = 0.2
_GROWTH = 8
_MOST_REPEATS = 1 << 40


def repeats_for(
    run: Callable[[int], float], *, clock_cost: float, shortest: float = SHORTEST_SAMPLE
) -> int:
    """Return how many repetitions make one sample.

    Args:
        run: runs that many repetitions and returns the seconds they took.
        clock_cost: seconds that one reading of the clock takes.
        shortest: seconds that a sample must last at least.

    """
    goal = max(shortest, CLOCK_READS * clock_cost)
    repeats = 1
    seconds = run(repeats)
    while seconds < _TRIAL_SHARE * goal and repeats < _MOST_REPEATS:
        # A clock too coarse to see one repetition reads zero: grow without dividing by it.
        growth = min(_TRIAL_SHARE * goal / seconds, _GROWTH) if seconds > 0 else _GROWTH
        repeats = max(repeats + 1, math.ceil(repeats * growth))
        seconds = run(repeats)
    # A tenth more: the trial may have been slow by chance.
    return max(1, math.ceil(1.1 * repeats * goal / seconds)) if seconds < goal else repeats


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


def clock_cost(now: Callable[[], float], readings: int = 200) -> float:
    """Return the median cost of reading a clock, in seconds.

    The clock may tick more coarsely than it can be read: the cost is of many readings together.
    """
    costs = []
    for _ in range(9):
        start = now()
        for _ in range(readings):
            end = now()
        costs.append((end - start) / readings)
    return sorted(costs)[len(costs) // 2]
