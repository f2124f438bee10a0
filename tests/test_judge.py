"""Judgement: each verdict at its edge, errors by hand, noise that a drift doesn't feign."""

import math
import statistics
from typing import Any

import pytest

from roofline.physics.judge import (
    errors,
    judge,
    measured,
    noise_floor,
    round_medians,
    rung_errors,
    summary,
    tightness,
)
from roofline.records import Bound, Comparison, Layer, Measured
from tests.comparison_builders import predicted, row, shape, timed

DENSE, DEPTHWISE = shape(64), shape(64, groups=64)
LAYER = Layer(name="layer", shape=DENSE)


def verdict(
    seconds: float, high: float | None = None, bound_by: str = "compute", **more: Any
) -> str | None:
    """Judge a time against a prediction of 1 s and a bound of 0.5 s."""
    seen = Measured(seconds=seconds, low=seconds * 0.9, high=high or seconds)
    limit = Bound(seconds=0.5, bound_by=bound_by)
    made = judge(LAYER, predicted(DENSE, 1.0), limit, seen, **more)
    assert made.ratio == seconds
    return made.verdict


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1.0, "within"), (1.25, "within"), (1.26, "slower"), (0.8, "within"), (0.79, "faster")],
)
def test_a_time_is_within_a_quarter_either_way(seconds: float, expected: str) -> None:
    assert verdict(seconds) == expected


def test_the_tolerance_is_the_caller_s() -> None:
    assert verdict(1.15, tolerance=0.1) == "slower"
    assert verdict(0.9, tolerance=0.1) == "faster"
    assert verdict(1.9, tolerance=1.0) == "within"


def test_only_a_slow_end_clearly_below_the_bound_beats_the_roof() -> None:
    assert verdict(0.48) == "faster-than-roof"
    assert verdict(0.486) == "faster"
    assert verdict(0.4, high=0.49) == "faster"
    assert verdict(0.4, high=0.48, tolerance=9.0) == "faster-than-roof"


def test_a_library_may_skip_operations_but_no_bytes() -> None:
    assert verdict(0.4, may_skip_operations=True) == "fewer-operations-than-counted"
    assert verdict(0.4, may_skip_operations=True, bound_by="L2 read") == "faster-than-roof"
    assert verdict(0.6, may_skip_operations=True) == "faster"


def test_what_was_not_measured_is_not_judged() -> None:
    made = judge(LAYER, predicted(DENSE), Bound(seconds=1.0, bound_by="DRAM"), None)
    assert (made.name, made.shape) == ("layer", DENSE)
    assert (made.measured, made.ratio, made.verdict) == (None, None, None)


def off(*shares: float) -> list[Comparison]:
    """Build dense layers of 1 s that were predicted so far off."""
    return [row(prediction=predicted(DENSE, 1 + s), measured=timed(1.0)) for s in shares]


def test_errors_are_shares_of_the_measured_time() -> None:
    found = errors([*off(0.5, -0.0625, 0.125, -0.25), row(ratio=None)])
    assert found is not None
    assert found.n == 4
    assert found.median_ape == pytest.approx((0.125 + 0.25) / 2)
    assert found.bias == pytest.approx((0.125 - 0.0625) / 2)
    assert (found.within_10, found.within_25) == (0.25, 0.75)


def test_a_rung_is_judged_by_its_own_seconds_where_it_has_any() -> None:
    rungs = {"a": 0.5, "b": None}
    rows = [row(prediction=predicted(DENSE, 1.0, rungs), measured=timed(1.0))]
    for rung, expected in (("a", 0.5), (None, 0.0)):
        found = errors(rows, rung)
        assert found is not None
        assert found.median_ape == expected
    assert errors(rows, "b") is errors(rows, "f") is errors([], None) is None


def test_classes_stand_in_their_order_behind_all() -> None:
    rows = [row(one=DEPTHWISE), row(one=DENSE), row(one=DENSE, ratio=None)]
    rows.append(row(one=shape(64, groups=4), ratio=None))
    found = summary(rows)
    assert list(found) == ["all", "dense", "depthwise"]
    assert [one.n for one in found.values()] == [2, 1, 1]
    assert summary([row(ratio=None)]) == {}


def test_rungs_that_predict_nothing_are_left_out() -> None:
    rows = [row(one=DENSE), row(one=DEPTHWISE)]
    found = rung_errors(rows)
    assert list(found) == ["a", "b", "c", "d"]
    assert list(found["a"]) == ["all", "dense", "depthwise"]
    assert found["d"] == summary(rows)
    assert found["a"] != found["d"]
    assert rung_errors([row(ratio=None)]) == {}


def test_tightness_ranks_each_class_by_bound_over_measured() -> None:
    limit = Bound(seconds=0.5, bound_by="compute")
    times = [(DENSE, 1.0), (DENSE, 0.625), (DEPTHWISE, 5.0)]
    rows = [row(one=one, bound=limit, measured=timed(seconds)) for one, seconds in times]
    found = tightness([*rows, row(one=shape(64, groups=4), ratio=None)])
    assert found == {"dense": (0.8, 0.5), "depthwise": (0.1,)}


def test_the_noise_floor_sets_even_rounds_against_odd_ones() -> None:
    assert noise_floor([[1.1, 1.0, 1.1, 1.0]]) == pytest.approx(0.1)
    assert noise_floor([[0.9, 1.0]]) == pytest.approx(0.1)
    assert noise_floor([[1.2, 1.0], [1.0, 1.0], [1.1, 1.0], [7.0]]) == pytest.approx(0.1)
    assert noise_floor([[1.0], []]) is noise_floor([]) is None


def test_a_steady_drift_is_little_noise() -> None:
    drifting = [1.0 + 0.01 * n for n in range(20)]
    halves = statistics.median(drifting[10:]) / statistics.median(drifting[:10]) - 1
    found = noise_floor([drifting])
    assert found is not None
    assert found < halves / 5


def test_a_time_is_the_median_of_round_medians_with_its_extremes() -> None:
    rounds = ((1.0, 1.1, 9.0), (2.0, 2.0), (), (1.5,))
    assert round_medians(rounds) == (1.1, 2.0, 1.5)
    assert measured(rounds) == Measured(seconds=1.5, low=1.1, high=2.0)
    assert math.isclose(measured(((3.0,),)).high, 3.0)


def test_no_samples_are_no_time() -> None:
    with pytest.raises(statistics.StatisticsError):
        measured(((), ()))
