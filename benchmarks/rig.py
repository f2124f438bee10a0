"""The rig: a team, its memory and its kernels, brought together to run one case at a time."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from benchmarks import (
    cases,
    clock,
    division,
    dot,
    exponential,
    fma,
    latency,
    loaded,
    pagefault,
    stream,
)
from benchmarks.arena import Place, map_place
from benchmarks.beside import chain_rates, clock_cases
from benchmarks.buffers import HUGE_PAGE, Buffer, huge_page_fraction
from benchmarks.family import Family, Task
from benchmarks.instrument import Instrument
from benchmarks.kernels import Kernel, KernelCache
from benchmarks.nodes import Nodes, bare
from benchmarks.sampled import Sampled
from benchmarks.subjects.ours import Ours
from benchmarks.subjects.tensors import Tensors
from benchmarks.team import Segment, Team, Timed, joined
from benchmarks.timing import repeats_for, team_elapsed
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.records import Case

FAMILIES: dict[str, Family] = {
    "fma": fma.FAMILY,
    "latency": latency.FAMILY,
    "dot": dot.FAMILY,
    "division": division.FAMILY,
    "exponential": exponential.FAMILY,
    "stream": stream.FAMILY,
    "clock": clock.FAMILY,
    "pagefault": pagefault.FAMILY,
}
_SMALL = 1 << 20
# A sample of that many seconds averages over what disturbs single ones.
_LONG = 0.02


class Rig:
    """Everything that cases share; one a child process.

    Args:
        cpus: one logical CPU a thread, in order of use.
        kernels: the cache to compile through.

    """

    def __init__(self, cpus: Sequence[int], kernels: KernelCache) -> None:
        self.kernels = kernels
        self.team = Team(cpus, kernels)
        self._places: dict[int, Place] = {}
        self._huge: bool | None = True
        self._huge_share: float | None = None
        self._cases: tuple[Case, ...] = ()
        self._repeats: dict[str, int] = {}
        self._instrument = Instrument(self.team, kernels)
        self.clock_cost = float(np.median(self._instrument.timer(64)))
        self._loaded = loaded.Loaded(self.team, kernels)
        self._nodes = Nodes(lambda some: Rig(some, kernels))
        self.convolutions = Ours(self.team, kernels, self.clock_cost)
        self._tensors = Tensors(self.team, kernels, self.clock_cost)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on kernels that were not in the cache."""
        return self.kernels.compile_seconds

    def prepare(self, wanted: Sequence[Case]) -> None:
        """Compile what the cases need and remember how much memory they will share."""
        self._cases = tuple(wanted)
        for case in (bare(c) if cases.benchmark(c).family == "node" else c for c in wanted):
            family = cases.benchmark(case).family
            if family == "conv":
                self.convolutions.prepare(case)
            elif family in ("gemm", "elementwise", "reorder"):
                self._tensors.prepare(case)
            elif family == "loaded":
                for recipe in loaded.recipes(case):
                    self.kernels.get(recipe)
            elif family in FAMILIES:
                for one in (case, *clock_cases(case)):
                    self.kernels.get(_family(one).recipe(one))

    def begin_round(self) -> None:
        """Give all memory back, so that the next case maps fresh pages."""
        self._places = {}

    def run(self, case: Case, samples: int, *, own: bool = False) -> Sampled:
        """Check a case, then time it.

        Args:
            case: what to run.
            samples: how many to take.
            own: map memory for this run alone, instead of using what the round's cases share.

        Raises:
            RooflineError: its answer is wrong, or the team can't be started.

        """
        match cases.benchmark(case).family:
            case "instrument":
                return self._instrument.run(case, samples)
            case "conv":
                return self.convolutions.run(case, samples)
            case "gemm" | "elementwise" | "reorder":
                return self._tensors.run(case, samples)
            case "loaded":
                return self._loaded.run(case, samples, self._memory(case))
            case "pagefault":
                return self._first_touches(case, samples)
            case "node":
                # Half of memory stays free: what the other cases share is mapped again for them.
                self._places = {}
                return self._nodes.run(case, samples)
        if case.parameters.get("prefaulted") is False:
            return self._unprefaulted(case, samples)
        return self.steady(case, samples, self._own(case) if own else self._memory(case))

    def huge_page_fraction(self) -> float | None:
        """Return the share that huge pages backed of the memory last mapped with their advice."""
        return self._huge_share

    def _own(self, case: Case) -> list[Place]:
        huge, rooms = case.parameters.get("huge") is not False, self.rooms(case)
        return list(self.team.each(case.threads, lambda i: map_place(*rooms[i], huge=huge)))

    def rooms(self, case: Case) -> list[tuple[int, int]]:
        """Return the input and output bytes that each thread of a case needs."""
        huge = case.parameters.get("huge") is not False
        return [_room((case,), index, huge=huge) for index in range(case.threads)]

    def steady(self, case: Case, samples: int, places: Sequence[Place]) -> Sampled:
        """Check a case in this memory, then time it."""
        tasks = self._tasks(case, places)
        self._check(case, tasks)
        if warm := cases.warm_up(case):
            self._time(case, [[task.segment(warm)] for task in tasks], 1)
        repeats = self._repeats_of(case, tasks)
        timed = self._samples(case, self._programs(case, tasks, repeats), samples)
        return self._sampled(case, timed, repeats)

    def _samples(self, case: Case, programs: Sequence[Sequence[Segment]], samples: int) -> Timed:
        """Time so many samples, or one where that is long: rounds differ more than samples do."""
        first = self._time(case, programs, 1)
        windows = first.windows[0]
        took = max(w.stamps[-1] for w in windows) - min(w.stamps[0] for w in windows)
        if samples == 1 or took > _LONG:
            return first
        return joined([first, self._time(case, programs, samples - 1)])

    def _programs(self, case: Case, tasks: Sequence[Task], repeats: int) -> list[list[Segment]]:
        clocks = [self._clock_tasks(case) for _ in tasks]
        return [
            [
                *(one.segment(1) for one in clocks[index]),
                task.segment(repeats),
                *(one.segment(1) for one in reversed(clocks[index])),
            ]
            for index, task in enumerate(tasks)
        ]

    def _clock_tasks(self, case: Case) -> list[Task]:
        nowhere = Place(Buffer(0, huge=None), Buffer(0, huge=None))
        return [_family(one).task(one, self._kernel(one), nowhere) for one in clock_cases(case)]

    def _kernel(self, case: Case) -> Kernel:
        return self.kernels.get(_family(case).recipe(case))

    def _tasks(self, case: Case, places: Sequence[Place]) -> list[Task]:
        kernel, family = self._kernel(case), _family(case)
        return list(self.team.each(case.threads, lambda i: family.task(case, kernel, places[i])))

    def _check(self, case: Case, tasks: Sequence[Task]) -> None:
        # Short ones run twice, so that the number of repetitions is checked too.
        for repeats in (1,) if case.working_set_bytes > _SMALL else (1, 2):
            self.team.each(case.threads, lambda i: tasks[i].reset())
            self._time(case, [[task.segment(repeats)] for task in tasks], 1)
            self._require_right(case, tasks, repeats)

    def _require_right(self, case: Case, tasks: Sequence[Task], repeats: int) -> None:
        if not all(self.team.each(case.threads, lambda i: tasks[i].correct(repeats))):
            raise RooflineError(
                f"the kernel of {case.key} computes a wrong answer "
                f"({cases.benchmark(case).check}): nothing it measures can be trusted.",
                CANNOT_MEASURE,
            )

    def _repeats_of(self, case: Case, tasks: Sequence[Task]) -> int:
        if case.key not in self._repeats:

            def trial(repeats: int) -> float:
                programs = [[task.segment(repeats)] for task in tasks]
                return team_elapsed(self._time(case, programs, 1).windows[0], 0)

            self._repeats[case.key] = repeats_for(trial, clock_cost=self.clock_cost)
        return self._repeats[case.key]

    def _time(self, case: Case, programs: Sequence[Sequence[Segment]], samples: int) -> Timed:
        pinned = case.parameters.get("pinned") is not False
        return self.team.time(programs, samples, pinned=pinned)

    def _sampled(self, case: Case, timed: Timed, repeats: int) -> Sampled:
        chains = clock_cases(case)
        index = len(chains)
        return Sampled(
            seconds=[team_elapsed(windows, index) / repeats for windows in timed.windows],
            steps_per_second=chain_rates(timed, chains),
            loops=repeats,
            kernel_digest=self._kernel(case).verdict.digest,
            dropped=timed.attempts - 1,
            disturbance=timed.disturbance,
        )

    def _memory(self, case: Case) -> list[Place]:
        """Return each thread's memory, mapped and touched by that thread if it isn't yet."""
        huge = case.parameters.get("huge") is not False
        if huge != self._huge:
            self._places, self._huge = {}, huge

        def settle(index: int) -> Place:
            place = self._places.get(index)
            # A case that wasn't prepared may need more than what is mapped.
            if place is not None and place.holds(*_room((case,), index, huge=huge)):
                return place
            return map_place(*_room((case, *self._cases), index, huge=huge), huge=huge)

        places = list(self.team.each(case.threads, settle))
        fresh = any(self._places.get(index) is not place for index, place in enumerate(places))
        self._places.update(enumerate(places))
        if huge and fresh:
            resident = sum(place.resident for place in self._places.values())
            self._huge_share = huge_page_fraction(resident)
        return places

    def _unprefaulted(self, case: Case, samples: int) -> Sampled:
        """Time single passes whose output has never been touched, as a fresh allocation's."""
        runs = []
        for _ in range(samples):
            size = cases.array_bytes(case)
            fresh = [
                dataclasses.replace(place, output=Buffer(size, huge=False), near=None)
                for place in self._memory(case)
            ]
            tasks = self._tasks(case, fresh)
            runs.append(self._time(case, [[task.segment(1)] for task in tasks], 1))
            self._require_right(case, tasks, 1)
        return self._sampled(case, joined(runs), 1)

    def _first_touches(self, case: Case, samples: int) -> Sampled:
        """Time walks over fresh mappings; seconds are of one page."""
        huge = bool(case.parameters.get("huge"))
        size = case.working_set_bytes // case.threads
        runs = []
        for _ in range(samples):
            nowhere = Buffer(0, huge=None)
            places = [
                Place(nowhere, Buffer(size + HUGE_PAGE, huge=huge)) for _ in range(case.threads)
            ]
            tasks = self._tasks(case, places)
            runs.append(self._time(case, [[task.segment(1)] for task in tasks], 1))
            self._require_right(case, tasks, 1)
        walks = self._sampled(case, joined(runs), 1)
        per_page = [seconds / cases.pages(case) for seconds in walks.seconds]
        return dataclasses.replace(walks, seconds=per_page)


def _family(case: Case) -> Family:
    return FAMILIES[cases.benchmark(case).family]


def _room(wanted: Sequence[Case], thread: int, *, huge: bool) -> tuple[int, int]:
    """Return the input and output bytes that a thread needs over all cases."""
    inputs = output = 0
    for case in wanted:
        row = cases.benchmark(case)
        same_pages = (case.parameters.get("huge") is not False) == huge
        if case.threads <= thread or not same_pages:
            continue
        if row.family == "loaded":
            needed = loaded.room(case, thread)
            inputs, output = max(inputs, needed[0]), max(output, needed[1])
        elif row.family == "stream":
            size = cases.array_bytes(case)
            inputs = max(inputs, (row.reads - row.in_place) * size)
            output = max(output, row.writes * size)
        elif row.family == "latency":
            output = max(output, case.working_set_bytes // case.threads)
    return inputs, output
