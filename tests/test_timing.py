"""Repetitions, costs and windows, tested without a clock: time is what the test says."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from benchmarks.timing import (
    CLOCK_READS,
    SHORTEST_SAMPLE,
    Window,
    repeats_for,
    team_elapsed,
)
from roofline.errors import RooflineError

CHEAP_CLOCK = 25e-9


class Subject:
    """Something to repeat, that takes as long as it is told to and remembers being run."""

    def __init__(self, cost: Callable[[int], float]) -> None:
        self.cost = cost
        self.runs: list[int] = []

    def __call__(self, repeats: int) -> float:
        """Take the time of so many repetitions."""
        self.runs.append(repeats)
        return self.cost(repeats)


@pytest.mark.parametrize("each", [1e-9, 3.7e-7, 1e-5, 9e-4])
def test_a_sample_of_linear_cost_lasts_long_enough_and_not_much_longer(each: float) -> None:
    repeats = repeats_for(lambda n: n * each, clock_cost=CHEAP_CLOCK)
    assert SHORTEST_SAMPLE <= repeats * each <= 1.3 * SHORTEST_SAMPLE + each


def test_a_dear_clock_asks_for_longer_samples() -> None:
    clock = 1e-4
    repeats = repeats_for(lambda n: n * 1e-5, clock_cost=clock)
    assert repeats * 1e-5 >= CLOCK_READS * clock


def test_a_call_with_a_fixed_cost_still_gives_long_samples() -> None:
    def affine(n: int) -> float:
        return 3e-4 + n * 1e-6

    assert affine(repeats_for(affine, clock_cost=CHEAP_CLOCK)) >= SHORTEST_SAMPLE


def test_what_lasts_long_enough_alone_is_not_repeated() -> None:
    subject = Subject(lambda n: n * 0.25)
    assert repeats_for(subject, clock_cost=CHEAP_CLOCK) == 1
    assert set(subject.runs) == {1}


def test_a_clock_too_coarse_for_one_repetition_is_outgrown() -> None:
    tick = 4e-3

    def coarse(n: int) -> float:
        return int(n * 1e-7 / tick) * tick

    repeats = repeats_for(coarse, clock_cost=CHEAP_CLOCK)
    assert repeats * 1e-7 >= SHORTEST_SAMPLE


def test_the_trials_of_a_fast_subject_grow_and_stay_short() -> None:
    subject = Subject(lambda n: n * 1e-9)
    repeats_for(subject, clock_cost=CHEAP_CLOCK)
    assert subject.runs == sorted(subject.runs)
    assert sum(subject.runs) * 1e-9 < 3 * SHORTEST_SAMPLE


def test_a_slow_first_call_does_not_make_short_samples() -> None:
    # A page fault or a stolen time slice in the trial; the next call is a thousand times faster.
    calls = count()
    repeats = repeats_for(
        lambda n: n * 1e-6 + (5e-3 if next(calls) == 0 else 0), clock_cost=CHEAP_CLOCK
    )
    assert repeats * 1e-6 >= SHORTEST_SAMPLE


def test_a_clock_that_stands_still_is_refused_and_not_waited_for() -> None:
    with pytest.raises(RooflineError, match="clock"):
        repeats_for(lambda _n: 0.0, clock_cost=CHEAP_CLOCK)


def ticking(*steps: float) -> Iterator[float]:
    """Yield a clock's readings: each step, again and again, is what the next reading adds."""
    now = 0.0
    while True:
        for step in steps:
            yield now
            now += step


def test_a_team_takes_from_its_first_start_to_its_last_end() -> None:
    early, late = Window((1.0, 3.0, 4.0)), Window((1.5, 3.5, 3.75))
    assert team_elapsed([early, late], 0) == 2.5
    assert team_elapsed([early, late], 1) == 1.0
    assert team_elapsed([late, early], 0) == team_elapsed([early, late], 0)


def test_a_segment_takes_from_the_stamp_before_to_its_own() -> None:
    window = Window((2.0, 2.25, 5.0))
    assert [window.segment(0), window.segment(1)] == [0.25, 2.75]
    assert team_elapsed([window], 1) == window.segment(1)
