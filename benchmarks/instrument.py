"""The instrument's own cost: reading the clock, and a barrier of the team."""

import numpy as np

from benchmarks import pagefault
from benchmarks.kernels import KernelCache
from benchmarks.sampled import Sampled
from benchmarks.team import DRIVER, Segment, Team
from roofline.records import Case

# Stamps without anything between them, and bare barriers, in one call.
_EMPTY_SEGMENTS = 64
_BARRIERS = 2000


class Instrument:
    """What times everything else, timed."""

    def __init__(self, team: Team, kernels: KernelCache) -> None:
        self._team, self._kernels = team, kernels

    def run(self, case: Case, samples: int) -> Sampled:
        """Time the clock ("timer") or a barrier ("barrier"); seconds are of one."""
        digest = self._kernels.get(DRIVER).verdict.digest
        seconds = self.timer(samples) if case.benchmark == "timer" else self._barrier(case, samples)
        return Sampled(seconds=seconds, kernel_digest=digest)

    def timer(self, samples: int) -> list[float]:
        """Return the seconds that a time stamp takes, by sample."""
        kernel = self._kernels.get(pagefault.recipe(Case(benchmark="first-touch")))
        # Repeated zero times: only the stamps around it remain.
        empty = Segment(kernel, np.zeros(3, np.int64), 0)
        windows = self._team.time([[empty] * _EMPTY_SEGMENTS], samples).windows
        return [(w[0].stamps[-1] - w[0].stamps[0]) / _EMPTY_SEGMENTS for w in windows]

    def _barrier(self, case: Case, samples: int) -> list[float]:
        programs: list[list[Segment]] = [[] for _ in range(case.threads)]
        seconds = []
        for _ in range(samples):
            windows = self._team.time(programs, _BARRIERS).windows
            elapsed = windows[-1][0].stamps[0] - windows[0][0].stamps[0]
            seconds.append(elapsed / (_BARRIERS - 1))
        return seconds
