"""Medians, spreads and intervals against values worked out by hand and by the exact binomial."""

import math
import random
import statistics
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roofline.physics import robust

# Time on a busy machine says nothing about arithmetic.
EXAMPLES = settings(deadline=None)


def exact_coverage(count: int, rank: int) -> Fraction:
    """Return the chance that the rank-th smallest and largest of so many hold the median.

    They miss it when fewer than `rank` values fall on one of its sides.
    """
    missed = sum(math.comb(count, k) for k in range(rank))
    return 1 - 2 * Fraction(missed, 2**count)


def rank_of(count: int, confidence: float = 0.95) -> int:
    """Return which order statistic bounds the interval of the values 1 to count; 0 for none."""
    interval = robust.median_interval([float(n) for n in range(1, count + 1)], confidence)
    return 0 if interval is None else int(interval[0])


@pytest.mark.parametrize(
    ("values", "expected"), [([3.0], 3.0), ([1.0, 9.0, 2.0], 2.0), ([4.0, 1.0, 2.0, 8.0], 3.0)]
)
def test_the_median_is_the_middle_of_the_sorted_values(
    values: list[float], expected: float
) -> None:
    assert robust.median(values) == expected


def test_there_is_no_median_of_nothing() -> None:
    with pytest.raises(statistics.StatisticsError):
        robust.median([])


def test_the_spread_is_the_scaled_median_deviation_over_the_median() -> None:
    # Median 10; deviations 2, 1, 0, 1, 4; their median is 1.
    assert robust.spread([8.0, 9.0, 10.0, 11.0, 14.0]) == pytest.approx(0.14826)


def test_one_wild_value_does_not_move_the_spread() -> None:
    assert robust.spread([8.0, 9.0, 10.0, 11.0, 1e9]) == pytest.approx(0.14826)


def test_equal_values_have_no_spread() -> None:
    assert robust.spread([5.0] * 7) == 0.0


def test_the_spread_about_zero_is_infinite() -> None:
    assert robust.spread([-1.0, 0.0, 1.0]) == math.inf


def test_negative_values_spread_as_their_mirror_image() -> None:
    assert robust.spread([-8.0, -10.0, -13.0]) == robust.spread([8.0, 10.0, 13.0]) > 0


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 10.0), (0.25, 17.5), (0.5, 25.0), (0.95, 38.5), (1.0, 40.0)],
)
def test_a_percentile_is_linear_between_order_statistics(share: float, expected: float) -> None:
    assert robust.percentile([40.0, 10.0, 30.0, 20.0], share) == pytest.approx(expected)


def test_every_percentile_of_one_value_is_that_value() -> None:
    assert {robust.percentile([7.0], share) for share in (0.0, 0.05, 0.95, 1.0)} == {7.0}


@EXAMPLES
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_half_percentile_is_the_median(values: list[float]) -> None:
    assert robust.percentile(values, 0.5) == pytest.approx(robust.median(values), abs=1e-9)


@pytest.mark.parametrize("count", range(1, 6))
def test_five_values_or_fewer_have_no_interval(count: int) -> None:
    assert robust.median_interval([1.0] * count) is None


# Conover's table: the smallest and largest of 6 to 8 values, the second of each end of 9.
@pytest.mark.parametrize(("count", "rank"), [(6, 1), (7, 1), (8, 1), (9, 2), (12, 3), (15, 4)])
def test_the_interval_is_bounded_by_the_tabulated_ranks(count: int, rank: int) -> None:
    assert rank_of(count) == rank


def test_the_interval_takes_the_same_rank_from_both_ends() -> None:
    assert robust.median_interval([9.0, 2.0, 7.0, 1.0, 8.0, 3.0, 6.0, 4.0, 5.0]) == (2.0, 8.0)


@EXAMPLES
@given(count=st.integers(1, 150), confidence=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_the_interval_is_the_narrowest_that_covers_as_promised(
    count: int, confidence: float
) -> None:
    rank, most = rank_of(count, confidence), count // 2
    assert rank == 0 or exact_coverage(count, rank) >= confidence
    assert rank == most or exact_coverage(count, rank + 1) < confidence


@pytest.mark.parametrize("count", [6, 7, 9, 12])
def test_every_way_to_fall_about_the_median_is_covered_as_often_as_promised(count: int) -> None:
    held = 0
    for pattern in range(2**count):
        # A bit for each value: above the true median 0, or below it.
        values = [k + 1.0 if pattern >> k & 1 else -k - 1.0 for k in range(count)]
        interval = robust.median_interval(values)
        assert interval is not None
        held += interval[0] <= 0 <= interval[1]
    assert held / 2**count >= 0.95


def test_the_modified_z_score_counts_scaled_deviations() -> None:
    # Median 10, median deviation 1: the value 14 is 4 / 1.4826 away.
    scores = robust.modified_z_scores([8.0, 9.0, 10.0, 11.0, 14.0])
    assert scores == pytest.approx([-2 / 1.4826, -1 / 1.4826, 0.0, 1 / 1.4826, 4 / 1.4826])


def test_iglewicz_and_hoaglin_would_call_only_the_outlier_one() -> None:
    values = [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3]
    outliers = [abs(score) > 3.5 for score in robust.modified_z_scores(values)]
    assert outliers == [False] * 8 + [True] * 2


def test_a_value_apart_from_equal_ones_is_infinitely_far() -> None:
    assert robust.modified_z_scores([5.0, 5.0, 5.0, 4.0, 9.0]) == [0, 0, 0, -math.inf, math.inf]


def test_a_trend_is_the_rise_from_first_to_last_with_an_interval() -> None:
    change, (low, high) = robust.trend([10 + 0.5 * k for k in range(9)]) or (0.0, (0.0, 0.0))
    assert (change, low, high) == pytest.approx((4.0, 4.0, 4.0))


def test_a_lone_outlier_moves_no_trend() -> None:
    values = [1.0, 1.01, 0.99, 1.0, 9.0, 1.0, 1.01, 0.99, 1.0]
    change, (low, high) = robust.trend(values) or (9.0, (9.0, 9.0))
    assert abs(change) < 0.1
    assert low < 0 < high


@pytest.mark.parametrize("count", range(4))
def test_too_few_values_have_no_trend(count: int) -> None:
    assert robust.trend([1.0] * count) is None


def test_intervals_of_trends_hold_none_where_there_is_none() -> None:
    draw = random.Random(5)
    held = 0
    for _ in range(400):
        found = robust.trend([draw.gauss(0, 1) for _ in range(9)])
        assert found is not None
        held += found[1][0] <= 0 <= found[1][1]
    assert held >= 0.94 * 400
