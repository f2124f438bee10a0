"""Drift: what anchors say of the ceilings that a sweep is judged by."""

from dataclasses import replace

import pytest

from roofline.physics import drift
from roofline.records import Anchor, Calibration
from tests.builders import make_bandwidth, make_calibration, make_ceiling
from tests.comparison_builders import predicted, shape

RATE = 1e10
# Rounds between 90 % and 105 % of the typical rate.
CEILING = make_bandwidth(
    "DRAM", 2, name="dram-read", typical=RATE, low=0.9 * RATE, high=1.05 * RATE
)


@pytest.fixture
def calibration() -> Calibration:
    """Return a calibration of that ceiling, and of a slower one of a single thread."""
    alone = make_bandwidth("DRAM", 1, name="dram-read", typical=0.5 * RATE)
    return make_calibration(ceilings=(alone, CEILING))


def anchor(*ratios: float, name: str = "dram-read") -> Anchor:
    """Build visits at these multiples of the typical rate."""
    return Anchor(ceiling=name, unit="B/s", rates=tuple(ratio * RATE for ratio in ratios))


def test_drift_is_the_median_visit_against_the_typical_rate(calibration: Calibration) -> None:
    seen = drift.drift(calibration, 2, [anchor(0.5, 0.8, 3.0)])
    assert seen == pytest.approx({"dram-read": 0.8})


def test_drift_is_against_the_same_team(calibration: Calibration) -> None:
    assert drift.drift(calibration, 1, [anchor(0.5)]) == pytest.approx({"dram-read": 1.0})


def test_what_takes_seconds_drifts_by_its_speed() -> None:
    """A barrier that takes three times as long is at a third of its speed."""
    barrier = make_ceiling(
        kind="overhead", name="barrier", unit="s", threads=2, typical=1e-7, high=9e-8, low=1.2e-7
    )
    record = make_calibration(ceilings=(barrier,))
    slow, usual = (Anchor(ceiling="barrier", unit="1/s", rates=(r,)) for r in (1e7 / 3, 0.9e7))
    assert drift.drift(record, 2, [slow]) == pytest.approx({"barrier": 1 / 3})
    (finding,) = drift.moved(record, 2, [slow])
    assert "33 % of its calibrated speed" in finding.what
    assert drift.moved(record, 2, [usual]) == ()
    made = predicted(shape(64), 3.0, {"a": 1.0, "d": 3.0})
    made = replace(made, terms={"compute": 1.0, "overhead": 2.0})
    assert drift.undrifted(made, {"barrier": 0.5}, "fma-float32-512") == 1.0 + 4.0


def test_what_the_calibration_does_not_know_has_no_drift(calibration: Calibration) -> None:
    unknown = [anchor(1.0, name="l9-read"), anchor()]
    assert drift.drift(calibration, 2, unknown) == {}
    assert drift.drift(calibration, 4, [anchor(0.1)]) == {}
    assert drift.moved(calibration, 2, unknown) == ()
    assert drift.moved(calibration, 4, [anchor(0.1)]) == ()


def test_bounds_are_judged_by_the_best_visit() -> None:
    assert drift.best([anchor(0.5, 1.2, 0.8), anchor(0.3, name="l2-read")]) == pytest.approx(
        {"dram-read": 1.2 * RATE, "l2-read": 0.3 * RATE}
    )


def test_each_part_of_a_prediction_goes_at_the_rate_of_now() -> None:
    """A clock at half its rate, memory at twice; what has no ceiling stays as it is."""
    made = predicted(shape(64), 7.0, {"a": 1.0, "d": 7.0})
    made = replace(made, terms={"compute": 1.0, "L2": 2.0, "DRAM": 3.0, "overhead": 1.0})
    ratios = {"fma-float32-512": 0.5, "dram-read": 2.0}
    assert drift.undrifted(made, ratios, "fma-float32-512") == 2.0 + 2.0 + 1.5 + 1.0
    assert drift.undrifted(replace(made, rungs={"a": 7.0}), ratios, "fma-float32-512") is None
    assert drift.undrifted(replace(made, seconds=6.0), ratios, "fma-float32-512") is None


def test_without_a_visit_there_is_no_best() -> None:
    assert drift.best([anchor()]) == {}


@pytest.mark.parametrize(
    ("ratio", "moves"),
    [
        (1.0, False),
        (0.9, False),
        (0.88, False),
        (0.87, True),
        (0.5, True),
        (1.05, False),
        (1.08, False),
        (1.09, True),
        (2.0, True),
    ],
)
def test_a_ceiling_moves_when_it_leaves_the_range_of_its_rounds_by_3_percent(
    calibration: Calibration, ratio: float, *, moves: bool
) -> None:
    findings = drift.moved(calibration, 2, [anchor(ratio)])
    assert len(findings) == moves


def test_one_odd_visit_moves_nothing(calibration: Calibration) -> None:
    assert drift.moved(calibration, 2, [anchor(0.1, 1.0, 1.0)]) == ()


def test_a_finding_says_what_moved_how_far_and_what_to_do(calibration: Calibration) -> None:
    (finding,) = drift.moved(calibration, 2, [anchor(0.62, 0.62, 2.0)])
    assert finding.severity == "warning"
    assert finding.what == "dram-read moved: it is at 62 % of its calibrated value"
    assert finding.command == "make calibrate"
    assert finding.why_it_matters


def test_findings_follow_the_order_of_the_anchors() -> None:
    names = ("b", "a", "c")
    ceilings = tuple(make_bandwidth("L2", 2, name=name, typical=RATE) for name in sorted(names))
    anchors = [anchor(0.1, name=name) for name in names]
    findings = drift.moved(make_calibration(ceilings=ceilings), 2, anchors)
    assert [finding.what[0] for finding in findings] == list(names)
