"""The instrument's own cost: the clock, a call, a barrier of the team, a thread's migration."""

import os
import time
from collections.abc import Callable

import numpy as np

from benchmarks.kernels import KernelCache, Recipe
from benchmarks.sampled import Sampled
from benchmarks.simd import kernel
from benchmarks.team import DRIVER, Segment, Team
from roofline.records import Case

# Stamps without anything between them, and bare barriers, in one call.
_EMPTY_SEGMENTS = 64
_BARRIERS = 2000
_CALLS = 1 << 17
_MOVES = 64


def build_nothing() -> Callable[[int], int]:
    """Make the kernel that returns at once."""
    return kernel(lambda _builder, _block: None)


NOTHING = Recipe("benchmarks.instrument", "build_nothing")


class Instrument:
    """What times everything else, timed."""

    def __init__(self, team: Team, kernels: KernelCache) -> None:
        self._team, self._kernels = team, kernels

    def run(self, case: Case, samples: int) -> Sampled:
        """Time the clock, a call, a barrier or a thread's migration; seconds are of one."""
        digest = self._kernels.get(DRIVER).verdict.digest
        match case.benchmark:
            case "timer":
                seconds = self.timer(samples)
            case "call":
                seconds = self._call(samples)
            case "migration":
                seconds = self._migration(case, samples)
            case _:
                seconds = self._barrier(case, samples)
        return Sampled(seconds=seconds, kernel_digest=digest)

    def timer(self, samples: int) -> list[float]:
        """Return the seconds that a time stamp takes, by sample."""
        # Repeated zero times: only the stamps around it remain.
        empty = Segment(self._kernels.get(NOTHING), np.zeros(3, np.int64), 0)
        windows = self._team.time([[empty] * _EMPTY_SEGMENTS], samples).windows
        return [(w[0].stamps[-1] - w[0].stamps[0]) / _EMPTY_SEGMENTS for w in windows]

    def _call(self, samples: int) -> list[float]:
        empty = Segment(self._kernels.get(NOTHING), np.zeros(3, np.int64), _CALLS)
        windows = self._team.time([[empty]], samples).windows
        return [window[0].segment(0) / _CALLS for window in windows]

    def _barrier(self, case: Case, samples: int) -> list[float]:
        programs: list[list[Segment]] = [[] for _ in range(case.threads)]
        seconds = []
        for _ in range(samples):
            windows = self._team.time(programs, _BARRIERS).windows
            elapsed = windows[-1][0].stamps[0] - windows[0][0].stamps[0]
            seconds.append(elapsed / (_BARRIERS - 1))
        return seconds

    def _migration(self, case: Case, samples: int) -> list[float]:
        """Time a thread that is sent from CPU to CPU, from the request until it runs there."""
        cpus = self._team.cpus[: case.threads]

        def moved() -> float:
            # From the CPU that comes last, so that every request is a move.
            os.sched_setaffinity(0, {cpus[-1]})
            started = time.perf_counter()
            for index in range(_MOVES):
                os.sched_setaffinity(0, {cpus[index % len(cpus)]})
            return (time.perf_counter() - started) / _MOVES

        def all_moves(_index: int) -> list[float]:
            return [moved() for _ in range(samples)]

        return list(self._team.each(1, all_moves)[0])
