"""CV+ intervals: exact ranks on small lists, and the promised coverage on exchangeable layers."""

import math
from random import Random

import pytest

from roofline.physics.cross import COVERAGE, central, interval


def test_the_ends_are_ranks_of_what_each_error_would_make_of_the_layer() -> None:
    residuals = [k / 100 for k in range(-10, 9)]  # 19 of them: ranks 2 and 18
    low, high = interval([0.0], [0] * 19, residuals)
    assert math.log(low) == pytest.approx(-0.09)
    assert math.log(high) == pytest.approx(0.07)


def test_each_error_is_laid_around_its_own_member() -> None:
    low, high = interval([0.0, 1.0], [0, 1], [0.5, -0.5])
    assert math.log(low) == math.log(high) == pytest.approx(0.5)


def test_the_prediction_is_the_median_of_the_members() -> None:
    assert central([0.0, 1.0, 5.0]) == pytest.approx(math.e)


def test_new_layers_lie_in_their_interval_as_often_as_said() -> None:
    rng, folds, count = Random(7), 5, 200
    held = trials = 0
    for _ in range(20):
        times = [rng.gauss(0, 0.2) for _ in range(count)]
        fold_of = [k % folds for k in range(count)]
        others = [[t for t, f in zip(times, fold_of, strict=True) if f != k] for k in range(folds)]
        means = [sum(some) / len(some) for some in others]
        residuals = [t - means[f] for t, f in zip(times, fold_of, strict=True)]
        low, high = interval(means, fold_of, residuals)
        fresh = [math.exp(rng.gauss(0, 0.2)) for _ in range(100)]
        held += sum(low <= one <= high for one in fresh)
        trials += len(fresh)
    assert abs(held / trials - COVERAGE) < 0.04
