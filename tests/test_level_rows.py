"""Cache levels and knees in words, each with its interval."""

from dataclasses import replace

import pytest

from roofline.physics.knees import knees
from roofline.records import Calibration, Ceiling
from roofline.view import level_rows
from tests.builders import make_bandwidth, make_calibration, make_ceiling

PEAK = make_ceiling(
    name="fma-float32-512", dtype="float32", typical=2e11, interval=(1.9e11, 2.1e11)
)


def level(name: str, direction: str, rate: float, **facts: object) -> Ceiling:
    return make_bandwidth(
        name,
        name=f"{name.lower()}-{direction}",
        direction=direction,
        typical=rate,
        interval=(0.8 * rate, 1.25 * rate),
        **facts,
    )


def calibrated() -> Calibration:
    capacity = Ceiling(
        kind="capacity",
        name="l1-capacity",
        unit="B",
        typical=30 << 10,
        high=32 << 10,
        low=28 << 10,
        interval=(28 << 10, 32 << 10),
        level="L1",
    )
    slow = level("DRAM", "triad", 1e10)
    past = replace(slow, name="dram-triad-nt", store="non-temporal", typical=2e10)
    return make_calibration(
        ceilings=(
            PEAK,
            capacity,
            level("L1", "read", 4e11),
            level("L1", "write", 1e11),
            level("L2", "update", 5e10),
            slow,
            past,
        )
    )


def test_a_level_says_what_it_holds_and_how_fast_each_direction_is() -> None:
    calibration = calibrated()
    assert level_rows.level_columns(calibration)[5:] == (">read", ">write", ">update")
    first, second = level_rows.levels(calibration)
    assert first == ("L1", "30 KiB", "28 KiB - 32 KiB", "32 KiB", "1", "400", "100", "")
    assert second == ("L2", "", "", "1 MiB", "1", "", "", "50.0")


def test_a_knee_is_the_peak_over_the_bandwidth_by_both_intervals() -> None:
    found = {(knee.level, knee.direction): knee for knee in knees(calibrated(), 1, "float32")}
    assert found["L1", "read"].typical == 0.5
    assert found["L1", "read"].interval == pytest.approx((1.9 / 5, 2.1 / 3.2))
    # The faster triad is the one that the achieved roof stands on.
    assert found["DRAM", "triad"].typical == 10
    assert set(found) == {("L1", "read"), ("DRAM", "triad")}


def test_a_peak_without_an_interval_gives_a_knee_without() -> None:
    bare = replace(PEAK, interval=None)
    calibration = replace(calibrated(), ceilings=(bare, level("L1", "read", 4e11)))
    (knee,) = knees(calibration, 1, "float32")
    assert knee.interval is None
    assert list(level_rows.knee_rows(calibration)) == [("L1", "0.500", "")]


def test_no_peak_has_no_knee() -> None:
    calibration = make_calibration(ceilings=(level("L1", "read", 4e11),))
    assert list(level_rows.knee_rows(calibration)) == []
