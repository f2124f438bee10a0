"""A call that a whole team shares ends when every thread has ended, or the sample is given up."""

from pathlib import Path

import numpy as np
import pytest
from numba import cfunc

from benchmarks import team
from benchmarks.assembly import Verdict
from benchmarks.kernels import Kernel, KernelCache, cache_folder
from benchmarks.primitives import atomic_load, atomic_store, load_word, now, pause, store_word
from benchmarks.team import Segment, Team
from roofline.errors import RooflineError

# Words of one thread's block: where its calls and the other thread's are counted, how far the other
# was behind at most, when its own last call ended, how long one takes, and in how many of them it
# stands still until the other gives up.
MINE, OTHER, LEAD, ENDED, SLOW, STALLS, ABORT = range(7)
CALLS = 300
NANOSECOND = 1e-9


@cfunc("int64(int64)")
def _count(block: int) -> int:
    """Count a call, which takes some time."""
    mine, other = load_word(block + 8 * MINE), load_word(block + 8 * OTHER)
    done = atomic_load(mine)
    lead = done - atomic_load(other)
    store_word(block + 8 * LEAD, max(lead, load_word(block + 8 * LEAD)))
    for _ in range(load_word(block + 8 * SLOW)):
        pause()
    stalls = load_word(block + 8 * STALLS)
    if stalls > 0:
        store_word(block + 8 * STALLS, stalls - 1)
        # Rather fail than hang.
        patience = now() + 20_000_000_000
        while atomic_load(load_word(block + 8 * ABORT)) == 0 and now() < patience:
            pause()
    atomic_store(mine, done + 1)
    store_word(block + 8 * ENDED, now())
    return 0


COUNT = Kernel(_count.address, Verdict(digest="", hot_instructions=0), _count)


class Pair:
    """What two threads share: blocks, and counters on cache lines of their own."""

    def __init__(self, crew: Team, stalls: int = 0) -> None:
        self.counters = np.zeros(32, np.int64)
        first, second = self.counters.ctypes.data, self.counters[16:].ctypes.data
        abort = crew._shared.ctypes.data + 128
        # The second thread takes longer.
        self.blocks = [
            np.array([first, second, -1, 0, 0, 0, abort], np.int64),
            np.array([second, first, -1, 0, 3000, stalls, abort], np.int64),
        ]

    def programs(self, *, joined: bool, repeats: int = CALLS) -> list[list[Segment]]:
        """Return what each thread does."""
        return [[Segment(COUNT, block, repeats, joined)] for block in self.blocks]

    @property
    def calls(self) -> tuple[int, int]:
        """Return how often each thread was called."""
        return int(self.counters[0]), int(self.counters[16])

    @property
    def lead(self) -> int:
        """Return how many calls a thread had ended beyond the other when it began one more."""
        return max(int(block[LEAD]) for block in self.blocks)


@pytest.fixture
def crew(cache_home: Path, two_cpus: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> Team:
    """Return a team of two that waits as long as it takes."""
    monkeypatch.setattr(team, "BARRIER_DEADLINE", 60.0)
    return Team(two_cpus, KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)})))


def test_a_call_begins_when_all_have_ended_the_last_one(crew: Team) -> None:
    pair = Pair(crew)
    crew.time(pair.programs(joined=True), samples=3)
    assert pair.calls == (3 * CALLS, 3 * CALLS)
    assert pair.lead == 0


def test_threads_that_are_not_joined_run_ahead(crew: Team) -> None:
    """Else the test above would tell nothing."""
    pair = Pair(crew)
    crew.time(pair.programs(joined=False), samples=1)
    assert pair.calls == (CALLS, CALLS)
    assert pair.lead > 1


@pytest.mark.parametrize("repeats", [1, 2, CALLS])
def test_the_stamp_of_the_quickest_is_after_the_end_of_the_slowest(
    crew: Team, repeats: int
) -> None:
    pair = Pair(crew)
    timed = crew.time(pair.programs(joined=True, repeats=repeats), samples=4)
    ended = max(int(block[ENDED]) for block in pair.blocks) * NANOSECOND
    assert all(window.stamps[1] >= ended for window in timed.windows[-1])


def test_joined_segments_follow_each_other_and_others(crew: Team) -> None:
    """Barriers of calls and of samples are counted on one word: none may be missed or doubled."""
    pair = Pair(crew)
    joined, alone = pair.programs(joined=True, repeats=5), pair.programs(joined=False, repeats=7)
    programs = [[*a, *b, *c] for a, b, c in zip(joined, alone, joined, strict=True)]
    timed = crew.time(programs, samples=6)
    assert pair.calls == (6 * 17, 6 * 17)
    assert [len(window.stamps) for sample in timed.windows for window in sample] == [4] * 12
    assert int(crew._shared[8]) == 2 * 6 * (1 + 5 + 5)


def test_one_thread_alone_waits_for_nobody(crew: Team) -> None:
    pair = Pair(crew)
    timed = crew.time(pair.programs(joined=True)[:1], samples=3)
    assert pair.calls == (3 * CALLS, 0)
    assert timed.attempts == 1
    # A barrier a sample, none a call.
    assert int(crew._shared[8]) == 3


def test_a_call_that_not_all_end_is_given_up_and_tried_again(
    crew: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "BARRIER_DEADLINE", 0.3)
    pair = Pair(crew, stalls=1)
    timed = crew.time(pair.programs(joined=True, repeats=10), samples=2)
    assert timed.attempts == 2
    assert len(timed.windows) == 2
    assert pair.blocks[1][STALLS] == 0
    stamps = [stamp for sample in timed.windows for window in sample for stamp in window.stamps]
    assert min(stamps) > 0


def test_a_thread_that_never_ends_a_call_in_time_is_a_sentence(
    crew: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "BARRIER_DEADLINE", 0.05)
    pair = Pair(crew, stalls=1_000_000)
    with pytest.raises(RooflineError, match="could not be started together") as refused:
        crew.time(pair.programs(joined=True, repeats=3), samples=2)
    assert refused.value.exit_code == 3
    assert pair.blocks[1][STALLS] <= 1_000_000 - team.ATTEMPTS


def test_a_stall_in_the_last_call_of_all_is_noticed(
    crew: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No barrier follows: the thread that ends late must not call the sample good."""
    monkeypatch.setattr(team, "BARRIER_DEADLINE", 0.3)
    pair = Pair(crew, stalls=1)
    timed = crew.time(pair.programs(joined=True, repeats=1), samples=1)
    assert timed.attempts == 2
