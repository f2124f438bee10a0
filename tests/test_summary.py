"""Samples by round turned into a ceiling's figures: over rounds, never over samples."""

import pytest

from calibrate.summary import best, ceiling, condensed, flat, summarise
from roofline.physics.steady import NOISY
from roofline.records import Rounds
from tests.builders import make_measurement


def rounds_of(*medians: float) -> Rounds:
    """Return rounds of three samples about these medians, one of them far off."""
    return tuple((0.99 * median, median, 50 * median) for median in medians)


def test_the_typical_figure_is_the_median_of_the_rounds_medians() -> None:
    summary = summarise(rounds_of(5.0, 1.0, 3.0, 2.0, 4.0))
    assert (summary.low, summary.typical, summary.high) == (1.0, 3.0, 5.0)


def test_a_round_of_an_even_number_says_what_its_median_seconds_do() -> None:
    """A record keeps these; the median of the rates would be another figure."""
    summary = summarise(((1.0, 2.0), (1.0, 2.0)), lambda seconds: 6 / seconds)
    assert summary.typical == 4.0 != 4.5


def test_the_largest_sample_is_not_the_high_figure() -> None:
    assert summarise(rounds_of(1.0, 2.0, 3.0)).high == 3.0


@pytest.mark.parametrize(("count", "interval"), [(5, None), (7, (1.0, 7.0)), (9, (2.0, 8.0))])
def test_the_interval_is_over_rounds(count: int, interval: tuple[float, float] | None) -> None:
    medians = [float(n) for n in range(1, count + 1)]
    assert summarise(rounds_of(*medians)).interval == interval


def test_the_spread_is_of_the_rounds() -> None:
    # Medians 9, 10, 11: their median deviation is 1.
    assert summarise(rounds_of(9.0, 10.0, 11.0)).spread == 0.1483


@pytest.mark.parametrize("kind", NOISY)
def test_each_kind_has_its_limit_of_noise(kind: str) -> None:
    (one,) = (known for known in NOISY if known == kind)
    limit = NOISY[one]
    calm = summarise(rounds_of(1 - 0.6 * limit, 1.0, 1 + 0.6 * limit))
    wild = summarise(rounds_of(1 - 0.8 * limit, 1.0, 1 + 0.8 * limit))
    assert calm.verdict(one) == "steady"
    off = f"{0.8 * limit:.0%}"
    assert wild.verdict(one) == f"noisy: -{off} to +{off}"


def test_a_second_mode_in_a_few_rounds_is_noise_too() -> None:
    rounds = rounds_of(*[1.0] * 7, 1.5, 1.5)
    assert summarise(rounds).spread == 0
    assert summarise(rounds).verdict("bandwidth") == "noisy: +0% to +50%"
    assert summarise(rounds_of(*[1.0] * 7, 1.3, 1.3)).verdict("bandwidth") == "steady"


def test_a_ceiling_carries_its_verdict_beside_its_evidence() -> None:
    summary = summarise(rounds_of(0.8, 1.0, 1.2))
    made = ceiling("clock", "c", "Hz", summary, threads=2, evidence={"working_set": 64})
    assert made.evidence == {"verdict": "noisy: -20% to +20%", "working_set": 64}
    assert (made.typical, made.high, made.low) == (1.0, 1.2, 0.8)
    assert (made.threads, made.spread, made.interval) == (2, summary.spread, None)


def test_flat_is_every_sample_in_order() -> None:
    assert flat(((1.0, 2.0), (), (3.0,))) == [1.0, 2.0, 3.0]


def test_a_condensed_measurement_keeps_one_median_a_round() -> None:
    whole = make_measurement(
        seconds=((3.0, 1.0, 2.0), (7.0,)),
        steps_per_second={"imul": ((1.0, 9.0, 5.0), (2.0,))},
        loops=(3, 3),
    )
    (short,) = condensed([whole])
    assert short.seconds == ((2.0,), (7.0,))
    assert short.steps_per_second == {}
    assert short.loops == ()
    assert (short.case, short.work, short.checked) == (whole.case, whole.work, whole.checked)
    assert short.kernel_digest == whole.kernel_digest


def test_a_condensed_median_has_four_digits() -> None:
    (short,) = condensed([make_measurement(seconds=((1.23456789e-5,),))])
    assert short.seconds == ((1.235e-5,),)


def test_the_best_is_what_one_sample_in_twenty_exceeds() -> None:
    seconds = tuple(tuple(1 / (20 * r + s + 1) for s in range(20)) for r in range(5))
    assert best(seconds, lambda one: 1 / one) == pytest.approx(95, abs=0.1)
    # Half of all windows disturbed: still the same.
    halved = tuple(tuple(2 * one if i % 2 else one for i, one in enumerate(r)) for r in seconds)
    assert best(halved, lambda one: 1 / one) == pytest.approx(95, rel=0.07)
