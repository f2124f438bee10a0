"""Rounds are made as planned, then as long as patience lasts, and each says what others did."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from calibrate.plan import Plan, Step
from calibrate.rounds import A_CHILD, MOST_ROUNDS, Rounds
from roofline.host.activity import Lookout
from roofline.records import Case, Software
from tests.fake_child import FakeChild, Watch
from tests.machine_trees import put

STEPS = tuple(
    Step(case=Case(benchmark=name, threads=threads), samples=3)
    for threads in (1, 2)
    for name in ("timer", "barrier")
)
# The fake child lets a hundredth of a second pass in each run.
ROUND = 0.01 * len(STEPS)


def made(
    tmp_path: Path, watch: Watch, opened: list[FakeChild], planned: tuple[int, ...] = (2, 1)
) -> Rounds:
    """Return rounds that are still to be made, of children that are kept."""

    def open_child() -> FakeChild:
        opened.append(FakeChild(watch=watch, seed=len(opened), cpu_seconds=0.02))
        return opened[-1]

    lookout = Lookout(tmp_path, clock=watch, own=lambda: 0.0, per_second=100)
    plan = Plan(steps=STEPS, rounds=planned)
    software = Software(python="3.11", suite_version="0.1.0")
    return Rounds(plan, open_child, software, clock=watch, lookout=lookout)


@pytest.fixture
def watch() -> Watch:
    """Return a clock that only the children move."""
    return Watch()


def counted(answers: list[bool]) -> Callable[[], bool]:
    """Return a question that is answered by these in turn."""
    return lambda: answers.pop(0)


def test_planned_rounds_remember_their_child(tmp_path: Path, watch: Watch) -> None:
    opened: list[FakeChild] = []
    rounds = made(tmp_path, watch, opened)
    rounds.make_planned()
    assert [one.child for one in rounds.made] == [0, 0, 1]
    assert [one.seconds for one in rounds.made] == pytest.approx([ROUND] * 3)
    assert [one.switches for one in rounds.made] == [2, 2, 2]
    # Two of the four cases are barriers, each of which drops one.
    assert [one.dropped for one in rounds.made] == [2, 2, 2]
    assert all(child.ended for child in opened)
    assert {len(one.seconds) for one in rounds.measurements()} == {3}


def test_a_host_that_hides_its_time_leaves_others_unknown(tmp_path: Path, watch: Watch) -> None:
    rounds = made(tmp_path, watch, [])
    rounds.make_planned()
    assert {(one.others, one.stolen) for one in rounds.made} == {(None, None)}


class Busy(FakeChild):
    """A child beside which others use half a CPU: /proc/stat moves with its clock."""

    root = Path()
    ticks = 0

    def ask(self, verb: str, **arguments: object) -> object:
        """Answer; the host's time passes in each run."""
        if verb == "run":
            # In each hundredth of a second: one tick of ours in two runs, one of theirs.
            Busy.ticks += 2
            put(Busy.root, "proc/stat", f"cpu {Busy.ticks} 0 0 {Busy.ticks} 0 0 0 0 0 0")
        return super().ask(verb, **arguments)


def test_the_childs_own_time_is_taken_out(tmp_path: Path, watch: Watch) -> None:
    Busy.root, Busy.ticks = tmp_path, 0
    put(tmp_path, "proc/stat", "cpu 0 0 0 0 0 0 0 0 0 0")
    lookout = Lookout(tmp_path, clock=watch, own=lambda: 0.0, per_second=100)
    software = Software(python="3.11", suite_version="0.1.0")
    rounds = Rounds(
        Plan(steps=STEPS, rounds=(1,)),
        lambda: Busy(watch=watch, cpu_seconds=0.06),
        software,
        clock=watch,
        lookout=lookout,
    )
    rounds.make_planned()
    (one,) = rounds.made
    # Eight ticks of 10 ms were busy within 40 ms, six of them the child's.
    assert one.others == pytest.approx((0.08 - 0.06) / 0.04)
    assert one.stolen == 0.0


def test_patience_adds_rounds_in_fresh_children_until_it_is_enough(
    tmp_path: Path, watch: Watch
) -> None:
    opened: list[FakeChild] = []
    rounds = made(tmp_path, watch, opened)
    rounds.make_planned()
    rounds.go_on(1e9, counted([False, False, True]))
    assert len(opened) == 2 + 2
    assert len(rounds.made) == 3 + 2 * A_CHILD
    assert [one.child for one in rounds.made][3:] == [2] * A_CHILD + [3] * A_CHILD


def test_what_has_settled_needs_no_patience(tmp_path: Path, watch: Watch) -> None:
    rounds = made(tmp_path, watch, [])
    rounds.make_planned()
    rounds.go_on(1e9, counted([True]))
    assert len(rounds.made) == 3


@pytest.mark.parametrize(("patience", "more"), [(0.5, 0), (1.5, 1), (4.5, 4)])
def test_no_round_is_begun_that_would_end_after_the_patience(
    patience: float, more: int, tmp_path: Path, watch: Watch
) -> None:
    rounds = made(tmp_path, watch, [])
    rounds.make_planned()
    begin = watch.now
    rounds.go_on(patience * ROUND, lambda: False)
    assert len(rounds.made) == 3 + more
    assert watch.now - begin <= patience * ROUND


def test_a_record_can_hold_only_so_many_rounds(tmp_path: Path, watch: Watch) -> None:
    rounds = made(tmp_path, watch, [])
    rounds.make_planned()
    rounds.go_on(1e9, lambda: False)
    assert len(rounds.made) == MOST_ROUNDS


def test_a_child_is_opened_only_if_its_start_leaves_time_for_a_round(
    tmp_path: Path, watch: Watch
) -> None:
    opened: list[FakeChild] = []
    rounds = made(tmp_path, watch, opened)
    rounds.make_planned()
    rounds.go_on(0.0, lambda: False)
    assert len(opened) == 2


def test_progress_of_patience_is_the_share_of_it_that_is_gone(tmp_path: Path, watch: Watch) -> None:
    told: list[tuple[int, int, str]] = []
    software = Software(python="3.11", suite_version="0.1.0")
    rounds = Rounds(
        Plan(steps=STEPS, rounds=(1,)),
        lambda: FakeChild(watch=watch),
        software,
        progress=lambda *so_far: told.append(so_far),
        clock=watch,
        lookout=Lookout(tmp_path, clock=watch, own=lambda: 0.0),
    )
    rounds.make_planned()
    told.clear()
    rounds.go_on(1.0, lambda: False)
    assert told
    assert {total for _, total, _ in told} == {1}
    assert all(0 <= done <= total for done, total, _ in told)


def test_later_rounds_begin_between_the_planned_ones() -> None:
    many = tuple(
        Step(case=dataclasses.replace(STEPS[0].case, working_set_bytes=n), samples=1)
        for n in range(60)
    )
    plan = Plan(steps=many, rounds=(3, 3))
    firsts = [plan.in_round(number)[0].step.case.key for number in range(12)]
    assert len(set(firsts)) == 12
    assert [plan.in_round(number) for number in (12, 13)] == [plan.in_round(0), plan.in_round(1)]
