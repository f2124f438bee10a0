"""Halved rounds are told apart from slow ones, from all rounds alike, and from a moment's loss."""

from collections.abc import Sequence
from typing import Any

import pytest

from roofline.physics.halves import Halved, find
from roofline.records import Case, Measurement, Traffic, Work
from tests.builders import make_measurement


def load(speeds: Sequence[float], *, threads: int = 2, **facts: Any) -> Measurement:
    """Return all cores' computing at these speeds, round by round."""
    return make_measurement(
        **{
            "case": Case(benchmark="fma", threads=threads, parameters=facts.pop("parameters", {})),
            "work": Work(flops=1000),
            "seconds": tuple((1 / speed,) for speed in speeds),
            **facts,
        }
    )


@pytest.mark.parametrize("threads", [2, 16])
def test_rounds_at_exactly_half_speed_are_found_whatever_the_team(threads: int) -> None:
    speeds = [1.0, 0.99, 0.5, 0.97, 1.0, 0.51, 0.98]
    assert find([load(speeds, threads=threads)]) == Halved(loads=1, rounds=2, of=7)


def test_the_same_round_of_two_loads_is_one_round() -> None:
    speeds = [1.0, 0.99, 0.5, 0.97, 1.0, 0.98, 0.98]
    assert find([load(speeds), load(speeds)]) == Halved(loads=2, rounds=1, of=7)


@pytest.mark.parametrize(
    "speeds",
    [
        [1.0] * 7,
        [1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0],
        [1.0, 1.0, 0.7, 0.72, 1.0, 1.0, 1.0],
        [1.0, 0.8, 0.5, 0.7, 0.65, 0.5, 0.75],
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
    ],
    ids=["steady", "one moment", "two thirds", "anything", "all alike"],
)
def test_what_is_not_half_of_whole_rounds_is_not_sharing(speeds: list[float]) -> None:
    assert find([load(speeds)]) is None


def test_only_computing_by_pinned_threads_tells() -> None:
    speeds = [1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    stream = Work(flops=10, bytes_touched=Traffic(read=8))
    assert find([load(speeds)])
    assert find([load(speeds, work=stream)]) is None
    assert find([load(speeds, parameters={"pinned": False})]) is None
    assert find([]) is None


@pytest.mark.parametrize(("threads", "alone"), [(1, True), (2, False)])
def test_one_thread_at_half_speed_shares_with_a_stranger(threads: int, alone: bool) -> None:
    found = find([load([1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0], threads=threads)])
    assert found is not None
    assert found.alone is alone


def test_rounds_with_another_reason_do_not_count() -> None:
    speeds = [1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    excused = [False, True, True, False, False, False, False]
    assert find([load(speeds)], excused) is None
    assert find([load(speeds)], [not one for one in excused])
