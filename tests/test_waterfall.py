"""Waterfalls: steps add up to the measured time, and each is the difference that its name says."""

import dataclasses
from typing import Any

import pytest

from roofline.physics.bandwidth import transfer_seconds
from roofline.physics.roof import achieved_roof, clock_roof, compute_ceiling, paper_roof
from roofline.physics.waterfall import Machine, Timed, waterfall
from roofline.physics.workload import conv_work
from roofline.records import Calibration, Waterfall, Work
from roofline.shapes import default_sweep, parse_shape
from roofline.view import waterfall_rows
from tests.reference import reference

LARGE = conv_work(parse_shape("64x56x56 -> 64, 3x3 p1"))
THIN = conv_work(parse_shape("64x56x56 -> 64, 3x3 p1 g64"))


def fall(
    work: Work, timed: Timed, calibration: Calibration | None = None, **more: Any
) -> Waterfall:
    """Return a layer's waterfall on two cores of the reference machine."""
    place = Machine(calibration=calibration or reference(), threads=2, dtype="float32", **more)
    found = waterfall("layer", work, place, timed)
    assert found is not None
    return found


def steps(one: Waterfall) -> dict[str, float | None]:
    """Return each step's seconds."""
    return {loss.name: loss.seconds for loss in one.losses}


def end(one: Waterfall) -> float:
    """Return what the steps add up to."""
    return one.start + sum(loss.seconds or 0.0 for loss in one.losses)


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("unprepared", [None, 3.1e-3])
def test_steps_add_up_to_the_measured_time(unprepared: float | None, cold: bool) -> None:
    for layer in default_sweep()[::5]:
        timed = Timed(pinned=1.7e-3, unpinned=1.8e-3, unprepared=unprepared)
        one = fall(conv_work(layer.shape), timed, cold=cold)
        assert one.seconds == (unprepared or 1.7e-3)
        assert end(one) == pytest.approx(one.seconds, rel=1e-12)
        assert one.system_measured == (unprepared is not None)


def test_each_step_is_the_difference_of_two_roofs() -> None:
    place = (reference(), 2, "float32")
    roofs = [
        roof for roof in (paper_roof(*place), clock_roof(*place), achieved_roof(*place)) if roof
    ]
    for work in (LARGE, THIN):
        paper, clock, hardware = (roof.seconds(work) for roof in roofs)
        assert paper is not None
        assert clock is not None
        assert hardware is not None
        one = fall(work, Timed(pinned=1e-3))
        assert (one.basis, one.start) == ("paper", paper)
        found = steps(one)
        assert found["clock"] == pytest.approx(clock - paper, abs=1e-15)
        assert found["hardware"] == pytest.approx(hardware - clock, abs=1e-15)


def test_caches_and_padding_are_gains_where_data_stay_near_and_taps_are_left_out() -> None:
    peak = compute_ceiling(reference(), 2, "float32")
    assert peak is not None
    small = conv_work(parse_shape("512x7x7 -> 512, 3x3 p1"))
    moved = transfer_seconds(reference(), 2, THIN.bytes_touched, THIN.bytes_touched.total)
    assert moved is not None
    thin, dense = steps(fall(THIN, Timed(pinned=1e-3))), steps(fall(small, Timed(pinned=1e-3)))
    assert (thin["caches"] or 0) < 0
    spared = small.flops - (small.flops_executed or 0)
    assert dense["padding"] == pytest.approx(-spared / peak.typical, rel=1e-9)
    cold = steps(fall(THIN, Timed(pinned=1e-3), cold=True))
    assert (cold["caches"] or 0) > (thin["caches"] or 0)


def test_what_the_system_costs_is_the_unprepared_run_beyond_the_pinned_one_and_counted_once() -> (
    None
):
    plain, whole = Timed(pinned=2e-4), Timed(pinned=2e-4, unpinned=2.2e-4, unprepared=9e-4)
    without, with_it = fall(THIN, plain), fall(THIN, whole)
    assert steps(without)["operating system"] is None
    assert steps(with_it)["operating system"] == pytest.approx(7e-4)
    assert steps(with_it)["software"] == steps(without)["software"]
    assert "not measured" in without.losses[-2].about
    assert "threads not pinned + 20 µs, first touch of the output + 680 µs" in (
        with_it.losses[-2].about
    )


def test_an_interval_around_nothing_is_told_by_its_width() -> None:
    told = {(-1e-5, 2e-5): "none measurable", (-1e-4, 2e-5): "undecided", (1e-5, 2e-5): ""}
    for interval, words in told.items():
        timed = Timed(pinned=2e-4, unpinned=2e-4, unprepared=2.1e-4, interval=interval)
        one = fall(THIN, timed)
        assert one.losses[-2].measurable is not bool(words)
        rows = {row[0]: row for row in waterfall_rows.waterfall(one).rows}
        assert rows["operating system"][3].startswith(f"{words}: " if words else "threads")


def test_a_machine_without_paper_falls_from_its_measured_roof() -> None:
    bare = [dataclasses.replace(one, theoretical=None) for one in reference().ceilings]
    calibration = dataclasses.replace(reference(), ceilings=tuple(bare))
    one = fall(LARGE, Timed(pinned=1e-3), calibration)
    assert one.basis == "hardware"
    assert "clock" not in steps(one)
    assert end(one) == pytest.approx(1e-3, rel=1e-12)
    assert waterfall_rows.waterfall(one).rows[0][0] == "hardware"


def test_without_any_roof_there_is_no_waterfall() -> None:
    nothing = dataclasses.replace(reference(), ceilings=(), measurements=())
    place = Machine(calibration=nothing, threads=2, dtype="float32")
    assert waterfall("layer", LARGE, place, Timed(pinned=1e-3)) is None
