"""What is measured between one core and all, and how many arrays that maps."""

import pytest

from benchmarks import cases
from calibrate import plan, scaling
from tests.test_plan import GIB, made, of, room, time_enough

# A fixture that pytest finds here: these are plans that aren't thinned.
__all__ = ["time_enough"]


@pytest.mark.parametrize(
    ("threads", "teams"),
    [(1, ()), (2, ()), (3, (2,)), (4, (2,)), (16, (2, 4, 8)), (24, (2, 4, 8, 16))],
)
def test_teams_double_up_to_all_cores(threads: int, teams: tuple[int, ...]) -> None:
    assert scaling.between(threads) == teams


def test_memory_and_the_clock_are_read_at_every_team_size() -> None:
    drawn = plan.draw_up(made(threads=16, memory=512 * GIB), quick=False)
    teams = {1, 2, 4, 8, 16}
    assert {case.threads for case in of(drawn, "read")} == teams
    past = [c for c in of(drawn, "triad") if c.parameters["store"] == "non-temporal"]
    assert {case.threads for case in past} == teams
    widths = {(case.threads, case.bits) for case in of(drawn, "fma") if case.dtype == "float32"}
    assert widths == {(team, bits) for team in teams for bits in (32, 128, 256, 512)}
    assert len({step.case.key for step in drawn.steps}) == len(drawn.steps)


@pytest.mark.parametrize(
    ("threads", "loaders"), [(1, set()), (2, {1}), (3, {1, 2}), (16, {1, 2, 4, 8, 15})]
)
def test_ever_more_and_all_others_load_memory_while_one_waits(
    threads: int, loaders: set[int]
) -> None:
    drawn = plan.draw_up(made(threads=threads, memory=512 * GIB), quick=False)
    found = of(drawn, "loaded-latency")
    assert {case.threads - 1 for case in found} == loaders
    (array,) = {case.working_set_bytes for case in of(drawn, "update", 1)}
    for case in found:
        # Both lie in memory, however few read.
        assert case.parameters["walk"] == array
        assert case.working_set_bytes == array


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 6, 12, 16, 24, 64])
def test_no_more_arrays_are_mapped_than_were_counted(threads: int) -> None:
    drawn = plan.draw_up(made(threads=threads, memory=4096 * GIB), quick=False)
    (array,) = {case.working_set_bytes for case in of(drawn, "update", 1)}
    counted = scaling.arrays_held(threads) * array
    assert 0.9 * counted < room(drawn, huge=True) <= 1.01 * counted


def test_what_holds_more_arrays_is_left_out_where_they_do_not_fit_and_that_is_said() -> None:
    whole = plan.draw_up(made(threads=16, memory=64 * GIB), quick=False)
    assert of(whole, "schoenauer")
    (array,) = {case.working_set_bytes for case in of(whole, "update", 1)}
    scarce = plan.draw_up(made(threads=16, memory=14 * array), quick=False)
    assert {step.case.threads for step in scarce.steps} == {1, 16}
    assert not of(scarce, "schoenauer")
    (finding,) = scarce.findings
    assert finding.severity == "note"
    assert "left out" in finding.what


def test_quick_plans_leave_all_of_it_out() -> None:
    drawn = plan.draw_up(made(threads=16, memory=512 * GIB), quick=True)
    assert {step.case.threads for step in drawn.steps} == {1, 16}
    new = {"update", "schoenauer", "loaded-latency", "write-curve", "copy-curve", "update-curve"}
    assert not {step.case.benchmark for step in drawn.steps} & new


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_some_size_lies_within_a_factor_of_half_of_whatever_a_level_holds(threads: int) -> None:
    """The last level is a guest's share, down to a quarter of what is reported."""
    resources = made(threads=threads, memory=512 * GIB)
    drawn = plan.draw_up(resources, quick=False)
    sizes = {case.working_set_bytes for case in of(drawn, "copy-curve", threads)}
    l1, l2, l3 = 32 << 10, 1 << 20, 32 << 20
    for size, least in ((threads * l1, 0.5), (threads * l2, 0.5), (l3, 0.25)):
        for share in (1.0, 0.7, least):
            half = share * size / 2
            assert any(half / 1.5 <= one <= 1.5 * half for one in sizes)
    assert {c.parameters["store"] for c in of(drawn, "copy-curve")} == {"ordinary"}
    assert all(cases.array_bytes(c) > 0 for c in of(drawn, "update-curve"))
