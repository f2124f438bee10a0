"""A team starts together, runs where it was told, and gives up rather than hang."""

import os
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import clock, driver, fma, team
from benchmarks.kernels import Kernel, KernelCache, cache_folder
from benchmarks.team import DRIVER, Disturbance, Segment, Team
from roofline.errors import RooflineError
from roofline.records import Case

ADD = Case(benchmark="chain", parameters={"chain": "add", "fused": False})


@pytest.fixture(scope="module")
def kernels(cache_home: Path) -> KernelCache:
    """Return the tests' own cache of kernels."""
    return KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))


@pytest.fixture(scope="module")
def alone(cpu: int, kernels: KernelCache) -> Team:
    """Return a team of one."""
    return Team([cpu], kernels)


@pytest.fixture(scope="module")
def pair(two_cpus: tuple[int, int], kernels: KernelCache) -> Team:
    """Return a team of two on two CPUs."""
    return Team(two_cpus, kernels)


@pytest.fixture(scope="module")
def crowd(kernels: KernelCache) -> Team:
    """Return a team of four, on two CPUs where there are two."""
    allowed = sorted(os.sched_getaffinity(0))[:2]
    return Team([allowed[i % len(allowed)] for i in range(4)], kernels)


def chain(kernels: KernelCache, turns: int = 10) -> Segment:
    """Return a short piece of work, its operands in the block itself, which outlives the run."""
    block = np.array([turns, 0, 1 << 40, 12345, 0], np.int64)
    block[clock.OPERANDS] = block[2:].ctypes.data
    return Segment(kernels.get(clock.recipe(ADD)), block)


@pytest.mark.parametrize(("name", "threads"), [("alone", 1), ("pair", 2), ("crowd", 4)])
def test_windows_come_by_sample_and_thread_with_a_stamp_around_each_segment(
    request: pytest.FixtureRequest, kernels: KernelCache, name: str, threads: int
) -> None:
    subject: Team = request.getfixturevalue(name)
    pieces = [[chain(kernels) for _ in range(3)] for _ in range(threads)]
    timed = subject.time(pieces, samples=5)
    assert len(timed.windows) == 5
    assert all(len(sample) == threads for sample in timed.windows)
    assert all(len(window.stamps) == 4 for sample in timed.windows for window in sample)
    assert timed.attempts >= 1


@pytest.mark.parametrize("name", ["alone", "pair", "crowd"])
def test_stamps_never_run_backwards(
    request: pytest.FixtureRequest, kernels: KernelCache, name: str
) -> None:
    subject: Team = request.getfixturevalue(name)
    pieces = [[chain(kernels), chain(kernels)] for _ in subject.cpus]
    windows = subject.time(pieces, samples=20).windows
    for thread in range(len(subject.cpus)):
        stamps = [stamp for sample in windows for stamp in sample[thread].stamps]
        assert stamps == sorted(stamps)
        assert stamps[0] > 0
        assert stamps[-1] > stamps[0]


@pytest.mark.parametrize("name", ["pair", "crowd"])
def test_nobody_starts_a_sample_before_all_have_ended_the_last(
    request: pytest.FixtureRequest, kernels: KernelCache, name: str
) -> None:
    subject: Team = request.getfixturevalue(name)
    # Thread i has i times the work of thread 1: without a barrier the first would run ahead.
    pieces = [[chain(kernels, 1 + 4000 * index)] for index in range(len(subject.cpus))]
    windows = subject.time(pieces, samples=10).windows
    for earlier, later in pairwise(windows):
        ended = max(window.stamps[0] for window in earlier)
        assert all(window.stamps[0] >= ended for window in later)


def test_a_program_without_segments_is_only_barriers(alone: Team) -> None:
    windows = alone.time([[]], samples=3).windows
    assert [len(sample[0].stamps) for sample in windows] == [1, 1, 1]


def test_no_samples_are_no_windows(alone: Team) -> None:
    assert alone.time([[]], samples=0).windows == []


def test_a_segment_is_called_as_often_as_it_says(alone: Team, kernels: KernelCache) -> None:
    # A kernel that ends where it starts goes on with each call: the value counts the calls.
    case = Case(benchmark="mul+add", parameters={"accumulators": 12}, bits=128)
    operands = np.zeros((14, 2))
    operands[1], operands[2:8] = 1.0, 1.0
    block = np.array([1, operands.ctypes.data, operands[2:].ctypes.data], np.int64)
    kernel = kernels.get(fma.recipe(case))
    alone.time([[Segment(kernel, block, repeats=5), Segment(kernel, block)]], samples=3)
    # Each of the sums grows by one a step, and a turn has FMA_UNROLL steps.
    assert (operands[8:] == 3 * 6 * fma.cases.FMA_UNROLL).all()


def test_every_thread_runs_on_its_own_cpu(pair: Team, two_cpus: tuple[int, int]) -> None:
    seen = pair.each(2, lambda _: (os.sched_getaffinity(0), threading.get_ident()))
    assert [affinity for affinity, _ in seen] == [{two_cpus[0]}, {two_cpus[1]}]
    assert len({thread for _, thread in seen}) == 2
    assert threading.get_ident() not in {thread for _, thread in seen}


def test_compiled_code_runs_on_the_cpu_that_was_asked_for(
    alone: Team, kernels: KernelCache
) -> None:
    alone.time([[chain(kernels)]], samples=2)
    assert alone.each(1, lambda _: team._libc.sched_getcpu()) == [alone.cpus[0]]


def test_an_unpinned_team_may_run_wherever_the_process_may(alone: Team) -> None:
    allowed = os.sched_getaffinity(0)
    assert alone.each(1, lambda _: os.sched_getaffinity(0), pinned=False) == [allowed]
    assert alone.each(1, lambda _: os.sched_getaffinity(0)) == [{alone.cpus[0]}]


def test_pinning_the_team_leaves_the_callers_affinity_alone(alone: Team) -> None:
    before = os.sched_getaffinity(0)
    alone.each(1, lambda _: None)
    assert os.sched_getaffinity(0) == before


def test_a_thread_that_cannot_be_pinned_is_a_sentence(kernels: KernelCache) -> None:
    with pytest.raises(RooflineError, match=r"would not pin.*CPU 100000") as refused:
        Team([100_000], kernels).each(1, lambda _: None)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("threads", [0, 2])
def test_a_team_cannot_be_larger_than_it_is(alone: Team, threads: int) -> None:
    with pytest.raises(RooflineError, match="a team of 1"):
        alone.each(threads, lambda _: None)


def test_results_come_in_the_order_of_the_team(crowd: Team) -> None:
    assert crowd.each(4, lambda index: index * index) == [0, 1, 4, 9]


@pytest.mark.parametrize("guilty", [0, 3])
def test_a_members_error_reaches_the_caller_and_the_team_lives_on(crowd: Team, guilty: int) -> None:
    def work(index: int) -> int:
        if index == guilty:
            raise KeyError("from a member")
        return index

    with pytest.raises(KeyError, match="from a member"):
        crowd.each(4, work)
    assert crowd.each(4, lambda index: index) == [0, 1, 2, 3]


class Barrier:
    """A driver's block for one thread, with the words that a team shares."""

    def __init__(self, compiled: Kernel, *, size: int, samples: int, deadline: float) -> None:
        self.compiled = compiled
        self.shared = np.zeros(32, np.int64)
        self.stamps = np.zeros(samples, np.int64)
        self.block = np.zeros(driver.BLOCK_WORDS, np.int64)
        self.block[driver.BARRIER] = self.shared.ctypes.data
        self.block[driver.ABORT] = self.shared[16:].ctypes.data
        self.block[driver.TEAM] = size
        self.block[driver.SAMPLES] = samples
        self.block[driver.STAMPS] = self.stamps.ctypes.data
        self.block[driver.DEADLINE] = int(deadline * 1e9)

    def enter(self) -> int:
        """Run the driver on a thread of its own; fail rather than wait for ever."""
        status: list[int] = []
        thread = threading.Thread(
            target=lambda: status.append(self.compiled.call(self.block.ctypes.data)), daemon=True
        )
        thread.start()
        thread.join(20)
        assert status, "the barrier hangs"
        return status[0]


def test_a_barrier_of_one_opens_at_once(kernels: KernelCache) -> None:
    barrier = Barrier(kernels.get(DRIVER), size=1, samples=4, deadline=10)
    assert barrier.enter() == 0
    assert (np.diff(barrier.stamps) >= 0).all()
    assert barrier.shared[0] == 4


def test_a_barrier_that_a_member_never_reaches_ends_with_a_status(kernels: KernelCache) -> None:
    barrier = Barrier(kernels.get(DRIVER), size=2, samples=3, deadline=0.01)
    assert barrier.enter() == 1
    assert not barrier.stamps.any()
    assert barrier.shared[16] == 1


def test_a_member_that_comes_after_all_gave_up_does_not_wait(kernels: KernelCache) -> None:
    barrier = Barrier(kernels.get(DRIVER), size=3, samples=3, deadline=0.01)
    assert barrier.enter() == 1
    # An hour's patience, and still it returns: the abort flag is up.
    barrier.block[driver.DEADLINE] = int(3600e9)
    assert barrier.enter() == 1


def test_a_team_that_cannot_start_together_says_so_after_a_few_attempts(
    alone: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def give_up(*_: object) -> tuple[int, Disturbance]:
        attempts.append(1)
        return 1, Disturbance()

    monkeypatch.setattr(team._Run, "go", give_up)
    with pytest.raises(RooflineError, match="could not be started together") as refused:
        alone.time([[]], samples=1)
    assert refused.value.exit_code == 3
    assert len(attempts) == team.ATTEMPTS


def test_an_attempt_that_failed_is_made_again_and_counted(
    alone: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = team._Run.go, [1, 1]

    def go(run: team._Run, compiled: Kernel) -> tuple[int, Disturbance]:
        return (failures.pop(), Disturbance()) if failures else real(run, compiled)

    monkeypatch.setattr(team._Run, "go", go)
    timed = alone.time([[]], samples=2)
    assert timed.attempts == 3
    assert len(timed.windows) == 2
