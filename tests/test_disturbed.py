"""What neighbours explain of a guest's figure, and what they don't."""

from dataclasses import replace

import pytest

from roofline.physics import disturbed
from roofline.records import Ceiling, Scalar
from tests.builders import make_ceiling, make_machine

BARE = make_machine()
GUEST = make_machine(hypervisor="KVM")
NOISY: dict[str, Scalar] = {"verdict": "noisy: -20% to +3%"}
STEADY: dict[str, Scalar] = {"verdict": "steady"}
OFTEN: dict[str, Scalar] = {"set_apart": 20, "windows": 49}
SELDOM: dict[str, Scalar] = {"set_apart": 5, "windows": 49}


def fma(pipes: float, evidence: dict[str, Scalar], mix: str = "fma") -> Ceiling:
    per_cycle = {"flop_per_cycle": 16 * pipes}
    return make_ceiling(mix=mix, dtype="float64", bits=512, evidence=per_cycle | evidence)


def test_a_team_may_differ_by_more_than_one_thread_but_not_at_first() -> None:
    assert disturbed.limits(1) == (0.03,)
    assert disturbed.limits(2) == (0.03, 0.1)


@pytest.mark.parametrize(("some", "few"), [(0, False), (36, False), (37, True), (49, True)])
def test_a_quarter_of_the_windows_must_be_left(some: int, few: bool) -> None:
    assert disturbed.too_few_left(some, 49) is few


def test_nothing_counted_is_nothing_set_apart() -> None:
    assert disturbed.counts(fma(2.0, STEADY)) == (0, 0)
    assert disturbed.counts(fma(2.0, OFTEN)) == (20, 49)
    assert not disturbed.too_few_left(0, 0)


@pytest.mark.parametrize("evidence", [NOISY, STEADY | OFTEN])
def test_rounds_that_differ_and_windows_set_apart_show_a_neighbour(
    evidence: dict[str, Scalar],
) -> None:
    assert disturbed.shaken(GUEST, fma(2.0, evidence))


@pytest.mark.parametrize("evidence", [STEADY, STEADY | SELDOM, {}])
def test_a_guest_that_is_left_alone_shows_none(evidence: dict[str, Scalar]) -> None:
    assert not disturbed.shaken(GUEST, fma(2.0, evidence))


def test_without_a_hypervisor_there_is_no_neighbour() -> None:
    assert not disturbed.shaken(BARE, fma(2.0, NOISY | OFTEN))
    assert not disturbed.held_back(BARE, fma(1.87, NOISY))


@pytest.mark.parametrize(("pipes", "mix"), [(1.87, "dot"), (1.78, "fma"), (0.9, "fma")])
def test_a_little_less_than_whole_pipes_may_be_a_neighbour(pipes: float, mix: str) -> None:
    assert disturbed.held_back(GUEST, fma(pipes, NOISY, mix))
    assert not disturbed.held_back(GUEST, fma(pipes, STEADY, mix))


@pytest.mark.parametrize(
    ("pipes", "mix"), [(0.6, "fma"), (1.43, "fma"), (1.7, "fma"), (1.65, "dot"), (1.8, "fma+add")]
)
def test_more_than_a_neighbour_takes_is_not_explained(pipes: float, mix: str) -> None:
    """A spill, a clock off by 1.4, and what lies in the middle between whole numbers."""
    assert not disturbed.held_back(GUEST, fma(pipes, NOISY | OFTEN, mix))


def test_whole_pipes_need_no_explanation() -> None:
    for pipes in (1.93, 2.0, 2.05):
        assert not disturbed.held_back(GUEST, fma(pipes, NOISY))


@pytest.mark.parametrize(("pipes", "mix"), [(2.15, "fma"), (1.08, "fma"), (1.06, "dot")])
def test_a_little_more_than_whole_pipes_may_be_chains_that_were_held_up(
    pipes: float, mix: str
) -> None:
    """Only where windows were set apart: rounds that differ say nothing of the clock."""
    assert disturbed.run_ahead(GUEST, fma(pipes, OFTEN, mix))
    assert disturbed.own_pipes(GUEST, fma(pipes, OFTEN, mix)) is None
    assert not disturbed.run_ahead(GUEST, fma(pipes, NOISY | SELDOM, mix))
    assert not disturbed.run_ahead(BARE, fma(pipes, OFTEN, mix))


def half(pipes: float) -> dict[str, Scalar]:
    """Return the evidence of what half of the windows read."""
    return {"flop_per_cycle_median": 16 * pipes}


def test_a_few_windows_of_a_noisy_figure_may_run_ahead_of_the_clock() -> None:
    """INT8 dot products of a busy guest: 2.065 pipes in the best windows, 1.92 in most."""
    assert disturbed.run_ahead(GUEST, fma(2.065, NOISY | SELDOM | half(1.92)))
    assert not disturbed.run_ahead(BARE, fma(2.065, NOISY | SELDOM | half(1.92)))
    assert not disturbed.run_ahead(GUEST, fma(2.065, STEADY | SELDOM | half(1.92)))
    # A chain that is wrong is wrong in all windows, and by more.
    assert not disturbed.run_ahead(GUEST, fma(2.065, NOISY | SELDOM | half(2.04)))
    assert not disturbed.run_ahead(GUEST, fma(2.15, NOISY | SELDOM | half(1.92)))
    assert not disturbed.run_ahead(GUEST, fma(2.065, NOISY | SELDOM))


@pytest.mark.parametrize("pipes", [1.0, 1.9, 2.0, 2.05, 2.4, 2.8, 4.0])
def test_whole_pipes_and_a_clock_that_is_wrong_are_no_such_case(pipes: float) -> None:
    assert not disturbed.run_ahead(GUEST, fma(pipes, OFTEN))


def test_figures_are_compared_by_the_pipes_that_neighbours_left_a_little_of() -> None:
    assert disturbed.own_pipes(GUEST, fma(1.87, NOISY)) == 2.0
    assert disturbed.own_pipes(GUEST, fma(1.87, STEADY)) == pytest.approx(1.87)
    assert disturbed.own_pipes(GUEST, fma(1.5, NOISY)) == pytest.approx(1.5)
    assert disturbed.own_pipes(BARE, fma(1.93, NOISY)) == pytest.approx(1.93)


def test_no_figure_is_compared_by_less_than_it_reads() -> None:
    """Whole numbers must not hide a count that is too high."""
    assert disturbed.own_pipes(GUEST, fma(2.05, NOISY)) == pytest.approx(2.05)


def test_what_a_crowded_core_or_no_clock_leaves_is_unknown() -> None:
    assert disturbed.own_pipes(GUEST, replace(fma(2.0, {}), evidence={})) is None
    assert disturbed.own_pipes(GUEST, fma(2.4, NOISY, "fma+add")) is None
