"""Latency under load: one thread walks through memory while the others of its team read it.

The walk counts only in windows in which every other thread read from its first load to its last.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks import cases, latency, stream
from benchmarks.arena import Place
from benchmarks.family import Task
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.sampled import Sampled
from benchmarks.team import Disturbance, Segment, Team
from benchmarks.timing import SHORTEST_SAMPLE, Window
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.records import Case

# The walk takes that share of a pass of the slowest reader, and readers go on for so much longer.
_SHARE, _LONGER = 0.6, 1.5
_FEWEST_CALLS = 2
_ATTEMPTS = 4
# The team leaves its barrier together to this share of a walk.
_TOGETHER = 0.02


def walk(case: Case) -> Case:
    """Return what the first thread does."""
    size = int(case.parameters["walk"] or 0)
    level = {"level": case.parameters["level"]}
    return Case(benchmark="latency", parameters=level, dtype="int64", working_set_bytes=size)


def load(case: Case) -> Case:
    """Return what all the others do."""
    return replace(case, benchmark="read", parameters={}, dtype="float64", threads=case.threads - 1)


def recipes(case: Case) -> tuple[Recipe, Recipe]:
    """Return how the kernels of both are made."""
    return latency.recipe(walk(case)), stream.recipe(load(case))


def room(case: Case, thread: int) -> tuple[int, int]:
    """Return the input and output bytes that a thread needs."""
    return (cases.array_bytes(load(case)), 0) if thread else (0, walk(case).working_set_bytes)


@dataclass(frozen=True, slots=True)
class _Length:
    """Calls of the walk and passes of each reader in one sample."""

    calls: int
    passes: int


class Loaded:
    """A walk and its load on the threads of one team."""

    def __init__(self, team: Team, kernels: KernelCache) -> None:
        self._team, self._kernels = team, kernels

    def run(self, case: Case, samples: int, places: Sequence[Place]) -> Sampled:
        """Check both answers, then time them together; seconds are of one call of the walk.

        Raises:
            RooflineError: an answer is wrong, or the load never lasted as long as the walk.

        """
        tasks = self._tasks(case, places)
        once = _Length(1, 1)
        self._team.each(case.threads, lambda i: tasks[i].reset())
        self._time(tasks, once, 1)
        if not all(self._team.each(case.threads, lambda i: tasks[i].correct(1))):
            raise RooflineError(
                f"the kernels of {case.key} compute a wrong answer: nothing they measure can be "
                "trusted.",
                CANNOT_MEASURE,
            )
        length = _length(self._time(tasks, once, 1)[0][0])
        for attempt in range(_ATTEMPTS):
            windows, disturbance = self._time(tasks, length, samples)
            kept = [window for window in windows if lasted(window)]
            if kept:
                dropped = attempt * samples + len(windows) - len(kept)
                return self._sampled(case, kept, length, dropped, disturbance)
            length = replace(length, passes=2 * length.passes)
        raise RooflineError(
            f"{case.threads - 1} threads could not read for as long as another walked: other "
            "processes hold the CPUs. Stop them, or use fewer threads (--threads).",
            CANNOT_MEASURE,
        )

    def _tasks(self, case: Case, places: Sequence[Place]) -> list[Task]:
        chasing, reading = (self._kernels.get(recipe) for recipe in recipes(case))
        chase, read = walk(case), load(case)

        def made(index: int) -> Task:
            if index == 0:
                return latency.task(chase, chasing, places[0])
            return stream.task(read, reading, places[index])

        return list(self._team.each(case.threads, made))

    def _time(
        self, tasks: Sequence[Task], length: _Length, samples: int
    ) -> tuple[list[list[Window]], Disturbance]:
        programs: list[list[Segment]] = [[tasks[0].segment(length.calls)]]
        programs += [[task.segment(length.passes)] for task in tasks[1:]]
        timed = self._team.time(programs, samples)
        return timed.windows, timed.disturbance

    def _sampled(
        self,
        case: Case,
        windows: Sequence[Sequence[Window]],
        length: _Length,
        dropped: int,
        disturbance: Disturbance,
    ) -> Sampled:
        size = length.passes * cases.array_bytes(load(case))
        return Sampled(
            seconds=[window[0].segment(0) / length.calls for window in windows],
            steps_per_second={
                cases.LOAD: [sum(size / one.segment(0) for one in window[1:]) for window in windows]
            },
            loops=length.calls,
            kernel_digest=self._kernels.get(recipes(case)[0]).verdict.digest,
            dropped=dropped,
            disturbance=disturbance,
        )


def lasted(window: Sequence[Window]) -> bool:
    """Whether every reader began with the walk and was still at it when that ended."""
    begin, end = window[0].stamps
    late = begin + _TOGETHER * (end - begin)
    return all(one.stamps[0] <= late and one.stamps[-1] >= end for one in window[1:])


def _length(trial: Sequence[Window]) -> _Length:
    """Return how long a sample must be, from one call of the walk beside one pass of the load."""
    call = trial[0].segment(0)
    one_pass = min(window.segment(0) for window in trial[1:])
    enough = max(_FEWEST_CALLS, math.ceil(SHORTEST_SAMPLE / call))
    calls = max(enough, int(_SHARE * one_pass / call))
    return _Length(calls, max(1, math.ceil(_LONGER * calls * call / one_pass)))
