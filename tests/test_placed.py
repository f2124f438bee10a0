"""Fits rest on what was run with cores placed as they were calibrated."""

from dataclasses import replace

import pytest

from calibrate.fitting.conclude import conclude
from calibrate.fitting.placed import placed
from roofline.comparing.session import VISITS
from roofline.physics.drift import as_rate
from roofline.physics.predict import BARRIER
from roofline.records import Anchor, Sweep
from tests.efficiency_builders import operators, planted_sweep

ROUNDS = 3


def met(speeds: list[float], sweep: Sweep) -> Sweep:
    """Return a sweep whose team met at its barrier so fast, against the calibration, by visit."""
    ceiling = operators(sweep.threads).calibration.ceiling(BARRIER, sweep.threads)
    assert ceiling is not None
    usual = as_rate(ceiling, ceiling.typical)
    rates = tuple(usual * one for one in speeds)
    return replace(sweep, anchors=(Anchor(ceiling=BARRIER, unit="1/s", rates=rates),))


@pytest.fixture(scope="module")
def two() -> Sweep:
    return planted_sweep(noise=0.01, threads=2)


def test_rounds_that_were_run_elsewhere_are_left_out(two: Sweep) -> None:
    """From the fourth of seven visits on: the first round is left, and the second's first half."""
    speeds = [1.0] * 3 + [0.33] * (VISITS * ROUNDS + 1 - 3)
    told, share = placed(met(speeds, two), operators(2).calibration)
    assert share == pytest.approx(4 / 7)
    assert {len(timing.seconds) for timing in told.timings} == {1}
    assert [one.seconds[0] for one in told.timings] == [one.seconds[0] for one in two.timings]
    assert len(told.anchors[0].rates) == 3


def test_each_round_begins_further_on_in_the_list(two: Sweep) -> None:
    """Of the second round, the visits before and after its first half were fine."""
    speeds = [0.33, 0.33, 1.0, 1.0, 0.33, 0.33, 0.33]
    told, _ = placed(met(speeds, two), operators(2).calibration)
    total = len(two.timings)
    kept = [
        place
        for place, (one, old) in enumerate(zip(told.timings, two.timings, strict=True))
        if one.seconds == (old.seconds[1],)
    ]
    assert kept == list(range(total // ROUNDS, total // ROUNDS + total // 2))
    # The others were never run as calibrated, and keep all.
    assert sum(len(one.seconds) == ROUNDS for one in told.timings) == total - total // 2


@pytest.mark.parametrize("speeds", [[1.0] * 7, [0.9, 1.1, 0.7, 1.0, 1.0, 1.0, 1.0], [0.3] * 4])
def test_all_is_kept_where_nothing_moved_or_nothing_can_be_told(
    speeds: list[float], two: Sweep
) -> None:
    sweep = met(speeds, two)
    assert placed(sweep, operators(2).calibration) == (sweep, 0.0)


def test_one_core_meets_nobody() -> None:
    sweep = planted_sweep()
    assert placed(sweep, operators().calibration) == (sweep, 0.0)


def test_a_fit_is_not_moved_by_what_ran_elsewhere(two: Sweep) -> None:
    """Two rounds of three took 1.4 times as long; they are kept in the record, and said."""
    slow = tuple(
        replace(
            one, seconds=(one.seconds[0], *(tuple(1.4 * s for s in r) for r in one.seconds[1:]))
        )
        for one in two.timings
    )
    sweep = met([1.0] * 3 + [0.33] * 4, replace(two, timings=slow))
    plain, told = conclude(two, operators(2)), conclude(sweep, operators(2))
    found = {one.name: one.value for one in told.parameters}
    usual = {one.name: one.value for one in plain.parameters}
    assert found["computing"] == pytest.approx(usual["computing"], rel=0.05)
    assert told.timings == slow
    assert any("further apart" in one.what for one in told.findings)
    assert not any("further apart" in one.what for one in plain.findings)


def test_a_fit_of_another_place_says_so(two: Sweep) -> None:
    told = conclude(met([0.33] * 7, two), operators(2))
    assert [one.severity for one in told.findings if "another place" in one.what] == ["warning"]
