"""The order of a round: every step in turn, and again where a level may be read off."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from calibrate.turns import Plan, Step, visits
from roofline.records import Case
from tests.builders import make_machine

KIB = 1024


def steps(*again: int) -> tuple[Step, ...]:
    return tuple(
        Step(case=Case(benchmark=f"{n}"), samples=1, visits=count) for n, count in enumerate(again)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 3), max_size=60), st.integers(0, 8))
def test_a_round_makes_every_visit_and_only_the_first_is_not_again(
    wanted: list[int], number: int
) -> None:
    plan = Plan(steps=steps(*wanted), rounds=(3, 3, 3))
    turns = plan.in_round(number)
    assert len(turns) == plan.visits == sum(wanted)
    seen: set[str] = set()
    for turn in turns:
        assert turn.again == (turn.step.case.key in seen)
        seen.add(turn.step.case.key)
    assert len(seen) == len(wanted)


def test_visits_to_a_case_are_as_far_apart_as_a_round_allows() -> None:
    for chosen in (0, 7, 29):
        counts = [3 if n == chosen else 1 for n in range(30)]
        turns = Plan(steps=steps(*counts), rounds=(3, 3, 3)).in_round(4)
        places = [i for i, turn in enumerate(turns) if turn.step.case.benchmark == f"{chosen}"]
        apart = [(b - a) % len(turns) for a, b in zip(places, places[1:] + places[:1], strict=True)]
        assert min(apart) >= 9


def test_half_of_each_level_is_visited_again_and_larger_arrays_are_not() -> None:
    machine = make_machine()
    for cache in machine.caches:
        if cache.kind != "instruction":
            half = Case(benchmark="read-curve", working_set_bytes=cache.size_bytes // 2)
            assert visits(machine, half) > 1
            whole = replace(half, working_set_bytes=8 * cache.size_bytes)
            nearest = all(
                not 0.1 < whole.working_set_bytes / other.size_bytes < 1 for other in machine.caches
            )
            assert visits(machine, whole) == 1 or not nearest
    assert visits(machine, Case(benchmark="triad", working_set_bytes=1 << 32)) == 1
    assert visits(machine, Case(benchmark="read-curve", working_set_bytes=1 << 32)) == 1


def test_plain_reads_of_memory_are_visited_again() -> None:
    machine = make_machine()
    for threads in (1, 2):
        case = Case(benchmark="read", threads=threads, working_set_bytes=1 << 32)
        assert visits(machine, case) > 1


def test_a_team_s_share_decides_in_private_levels() -> None:
    machine = make_machine()
    nearest = min(c.size_bytes for c in machine.caches if c.kind != "instruction")
    for threads in (1, 2):
        size = threads * nearest // 2
        case = Case(benchmark="triad-curve", threads=threads, working_set_bytes=size)
        assert visits(machine, case) > 1


def test_without_reported_caches_every_case_is_visited_once() -> None:
    machine = replace(make_machine(), caches=())
    assert visits(machine, Case(benchmark="read-curve", working_set_bytes=16 * KIB)) == 1
