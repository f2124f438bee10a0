"""The roofs that a calibration yields, and what they say where something is missing."""

from dataclasses import replace

import pytest

from roofline.physics.roof import (
    Roof,
    achieved_roof,
    bound_by,
    clock_roof,
    compute_ceiling,
    curve,
    efficiency,
    level_bandwidths,
    paper_roof,
    team_sizes,
    triads,
    whole_socket,
)
from roofline.records import Case, Measurement, Traffic, Work
from tests import roof_builders as build


def test_attainable_is_the_lower_of_the_two_limits() -> None:
    roof = Roof(name="x", compute=100.0, bandwidth=10.0)
    assert roof.knee == 10
    assert roof.attainable(5) == 50
    assert roof.attainable(10) == 100
    assert roof.attainable(500) == 100
    assert efficiency(roof, 5) == 0.5
    assert bound_by(roof, 9.9) == "memory"
    assert bound_by(roof, 10) == "compute"


def test_time_is_the_longer_of_the_two_parts() -> None:
    roof = Roof(name="x", compute=100.0, bandwidth=10.0)
    assert roof.seconds(Work(flops=1000, bytes_compulsory=Traffic(read=20))) == 10
    assert roof.seconds(Work(flops=10, bytes_compulsory=Traffic(read=20, written=30))) == 5


@pytest.mark.parametrize("half", [{"compute": None}, {"bandwidth": None}])
def test_half_a_roof_has_no_knee_and_no_answer(half: dict[str, None]) -> None:
    roof = replace(Roof(name="x", compute=1.0, bandwidth=1.0), **half)
    assert roof.knee is None
    assert roof.attainable(1) is None
    assert roof.seconds(Work(flops=1)) is None
    assert efficiency(roof, 1) is None
    assert bound_by(roof, 1) is None


def test_the_achieved_roof_stands_on_the_widest_fma_and_the_faster_triad() -> None:
    roof = achieved_roof(build.calibration(), 2)
    assert roof is not None
    assert (roof.basis, roof.memory_basis) == ("fma-float32-512", "dram-triad-nt")
    assert roof.bandwidth == 74e9


def test_a_slower_non_temporal_triad_is_passed_over() -> None:
    slow = [build.memory("dram-triad", 50e9, 1), build.memory("dram-triad-nt", 40e9, 1)]
    roof = achieved_roof(build.calibration(slow), 1)
    assert roof is not None
    assert roof.bandwidth == 50e9
    assert roof.compute is None


def test_without_fma_the_roof_stands_on_multiply_then_add() -> None:
    plain = build.ceiling("compute", "x", "FLOP/s", 59e9, mix="mul+add", dtype="float32", bits=128)
    other = build.ceiling("compute", "y", "FLOP/s", 99e9, mix="fma+add", dtype="float32", bits=512)
    found = compute_ceiling(build.calibration([plain, other]), 1, "float32")
    assert found == plain


def test_paper_and_clock_differ_in_compute_only() -> None:
    calibration = build.calibration()
    paper, clock = paper_roof(calibration, 2), clock_roof(calibration, 2)
    assert paper is not None
    assert clock is not None
    assert paper.compute == pytest.approx(1.1 * (clock.compute or 0))
    assert paper.bandwidth == clock.bandwidth == 460.8e9
    assert (paper.basis, paper.memory_basis) == ("derived", "datasheet")


def test_unknown_theory_leaves_half_a_roof_and_nothing_leaves_none() -> None:
    paper = paper_roof(build.without_memory_theory(), 2)
    assert paper is not None
    assert paper.bandwidth is None
    empty = build.calibration([])
    assert paper_roof(empty, 2) is None
    assert clock_roof(empty, 2) is None
    assert achieved_roof(empty, 2) is None
    assert team_sizes(empty) == ()


def test_double_precision_has_half_the_roof() -> None:
    calibration = build.calibration()
    single, double = (achieved_roof(calibration, 2, t) for t in ("float32", "float64"))
    assert single is not None
    assert double is not None
    assert single.compute == pytest.approx(2 * (double.compute or 0))


def test_levels_are_reads_of_caches_nearest_first() -> None:
    levels = level_bandwidths(build.calibration(), 2)
    assert list(levels) == ["L1", "L2", "L3"]
    assert levels["L1"].typical == 882e9


def test_triads_rank_by_speed() -> None:
    assert [c.store for c in triads(build.calibration(), 1)] == ["non-temporal", "ordinary"]


def test_a_whole_socket_s_figure_is_told_from_ones_own() -> None:
    assert whole_socket(build.SOCKET)
    assert not whole_socket(
        replace(build.SOCKET, source="2 x 4.8 GT/s x 8 B, whole socket at its most")
    )
    assert not whole_socket(None)


def test_a_curve_is_the_median_over_rounds_of_each_round_s_median() -> None:
    work = Work(bytes_touched=Traffic(read=100))
    case = Case(benchmark="read-curve", threads=1, working_set_bytes=4096)
    rounds = ((1.0, 2.0, 9.0), (4.0,), (5.0,))
    point = Measurement(case=case, work=work, seconds=rounds)
    unseen = Measurement(case=case, work=work, seconds=((),))
    calibration = build.calibration(measurements=(point, unseen))
    assert curve(calibration, "read-curve", 1) == ((4096.0, 25.0),)
    assert curve(calibration, "read-curve", 2) == ()
