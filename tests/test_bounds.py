"""The bound is what hand-computed figures say, and stays a bound whatever is missing or asked."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.physics.bounds import Level, Limits, bound, in_window, limits
from roofline.physics.roof import achieved_roof
from roofline.physics.workload import conv_work
from roofline.records import Cache, Calibration, Ceiling, ConvShape, Traffic, Work
from tests import roof_builders as build
from tests.reference import reference

KIB, MIB = 1 << 10, 1 << 20


def best(name: str, high: float, threads: int = 1) -> Ceiling:
    """Build a bandwidth whose best round is four times its typical one."""
    return build.memory(name, high / 4, threads, high=high)


def capacity(level: str, high: float) -> Ceiling:
    name = f"{level.lower()}-capacity"
    return build.ceiling("capacity", name, "B", high / 2, level=level, high=high)


def peak(high: float, threads: int = 1) -> Ceiling:
    return replace(build.fma("float32", 512, threads), typical=high / 4, high=high)


RATES = {
    "l1-read": 400.0,
    "l1-triad": 500.0,
    "l2-read": 200.0,
    "l2-triad": 150.0,
    "l3-read": 100.0,
    "dram-read": 20.0,
    "dram-triad": 16.0,
    "dram-triad-nt": 25.0,
}


def machine(*more: Ceiling, without: str = "none", threads: int = 1, **facts: Any) -> Calibration:
    """Build 48 KiB, 1 MiB, 32 MiB of cache; rates in bytes/s are `RATES` x 1e9."""
    rates = [best(n, r * 1e9, threads) for n, r in RATES.items() if not n.startswith(without)]
    facts = {"measurements": ()} | facts
    return build.calibration([peak(100e9, threads), *rates, *more], **facts)


def known(calibration: Calibration, threads: int = 1) -> Limits:
    found = limits(calibration, threads, "float32")
    assert found is not None
    return found


def level(found: Limits, name: str) -> Level:
    return next(one for one in found.levels if one.name == name)


def touching(read: int, written: int = 0, flops: int = 0) -> Work:
    return Work(flops=flops, bytes_touched=Traffic(read=read, written=written))


def test_limits_are_the_best_rounds_nearest_level_first() -> None:
    found = known(machine())
    assert found.compute == 100e9
    assert [one.name for one in found.levels] == ["L1", "L2", "L3", "DRAM"]
    assert level(found, "L1") == Level(name="L1", inside_bytes=0, read=400e9, traffic=500e9)
    outer = Level(name="DRAM", inside_bytes=33 * MIB + 48 * KIB, read=20e9, traffic=25e9)
    assert level(found, "DRAM") == outer


def test_traffic_in_any_direction_is_at_least_as_fast_as_reads() -> None:
    assert level(known(machine()), "L2").traffic == 200e9


def test_where_no_read_was_measured_reads_may_be_as_fast_as_anything() -> None:
    assert level(known(machine(without="dram-read")), "DRAM").read == 25e9


def test_only_this_team_and_dtype_count() -> None:
    calibration = machine(best("dram-copy", 900e9, threads=2))
    assert level(known(calibration), "DRAM").traffic == 25e9
    assert limits(calibration, 2, "float32") is None
    assert limits(calibration, 1, "float64") is None


@pytest.mark.parametrize(("found", "inside"), [(40 * KIB, 48 * KIB), (56 * KIB, 56 * KIB)])
def test_the_larger_of_found_and_reported_capacity_counts(found: float, inside: float) -> None:
    calibration = machine(capacity("L1", found))
    assert level(known(calibration), "L2").inside_bytes == inside


def test_private_caches_count_once_a_core_and_shared_ones_once() -> None:
    found = known(machine(threads=2), 2)
    assert level(found, "L3").inside_bytes == 2 * (MIB + 48 * KIB)
    assert level(found, "DRAM").inside_bytes == 2 * (MIB + 48 * KIB) + 32 * MIB


def test_siblings_of_a_core_share_its_caches_and_pairs_of_cores_theirs() -> None:
    caches = (
        Cache(level=1, kind="data", size_bytes=32 * KIB, shared_by=2),
        Cache(level=1, kind="instruction", size_bytes=999 * KIB, shared_by=2),
        Cache(level=2, kind="unified", size_bytes=MIB, shared_by=4),
    )
    spec = replace(build.MACHINE, cores=4, threads=8, caches=caches)
    found = known(machine(threads=4, machine=spec, usable_cores=4), 4)
    assert level(found, "L2").inside_bytes == 4 * 32 * KIB
    assert level(found, "L3").inside_bytes == 4 * 32 * KIB + 2 * MIB


def test_a_team_of_some_cores_may_lie_apart_and_use_a_cache_each() -> None:
    caches = (Cache(level=1, kind="data", size_bytes=MIB, shared_by=4),)
    spec = replace(build.MACHINE, cores=8, threads=8, caches=caches)
    calibration = machine(threads=2, machine=spec)
    assert level(known(calibration, 2), "L2").inside_bytes == 2 * MIB


def test_a_cache_without_a_bandwidth_still_holds_bytes() -> None:
    found = known(machine(without="l2"))
    assert [one.name for one in found.levels] == ["L1", "L3", "DRAM"]
    assert level(found, "L3").inside_bytes == MIB + 48 * KIB


def test_where_no_cache_is_known_memory_binds_cold_data_only() -> None:
    spec = replace(build.MACHINE, caches=())
    found = known(machine(without="l", machine=spec))
    assert level(found, "DRAM").inside_bytes == math.inf
    assert bound(touching(20 << 30), found).seconds == 0
    assert bound(touching(20_000_000), found, cold=True).seconds == pytest.approx(1e-3)


def test_a_gap_in_the_known_caches_leaves_what_lies_beyond_unbound() -> None:
    spec = replace(build.MACHINE, caches=build.MACHINE.caches[1:])
    found = known(machine(machine=spec))
    assert level(found, "L1").inside_bytes == 0
    assert [one.inside_bytes for one in found.levels[1:]] == [math.inf] * 3


@pytest.mark.parametrize(
    ("work", "seconds", "binds"),
    [
        (touching(1000, 1000, flops=10**9), 1e-2, "compute"),
        (touching(40_000), 1e-7, "L1 read"),
        (touching(10_000, 20_000), 6e-8, "L1"),
        (touching(1_000_000), (1_000_000 - 48 * KIB) / 200e9, "L2 read"),
        (touching(500_000, 500_000), (1_000_000 - 48 * KIB) / 200e9, "L2"),
        (touching(20_000_000), (20_000_000 - MIB - 48 * KIB) / 100e9, "L3 read"),
        (touching(10**9), (10**9 - 33 * MIB - 48 * KIB) / 20e9, "DRAM read"),
        (touching(10**9, 10**9), (2 * 10**9 - 33 * MIB - 48 * KIB) / 25e9, "DRAM"),
        (Work(), 0.0, "compute"),
    ],
)
def test_the_slowest_part_binds(work: Work, seconds: float, binds: str) -> None:
    found = bound(work, known(machine()))
    assert found.seconds == pytest.approx(seconds)
    assert found.bound_by == binds


def test_cold_data_crosses_the_memory_bus_whole() -> None:
    found = bound(touching(100_000), known(machine()), cold=True)
    assert found.seconds == pytest.approx(100_000 / 20e9)
    assert found.bound_by == "DRAM read"


def test_cold_data_does_not_empty_the_nearer_caches() -> None:
    """What memory brought in may be kept: only the bus itself is crossed by every byte."""
    calibration = machine()
    fast = in_window(known(calibration), calibration, {"dram-read": 900e9})
    found = bound(touching(1_000_000), fast, cold=True)
    assert found.seconds == pytest.approx((1_000_000 - 48 * KIB) / 200e9)
    assert found.bound_by == "L2 read"


def test_executed_operations_count_not_nominal_ones() -> None:
    work = Work(flops=10**9, flops_executed=9 * 10**8)
    assert bound(work, known(machine())).seconds == pytest.approx(9e-3)


def test_an_accumulator_that_starts_at_the_bias_adds_it_for_free() -> None:
    """A depthwise 3x3 without padding: 9 multiply-adds an output, whether it has a bias or not."""
    plain = ConvShape(
        in_channels=8, height=9, width=9, out_channels=8, kernel=(3, 3), groups=8, dtype="float32"
    )
    biased = replace(plain, bias=True)
    found = known(machine())
    freed = bound(conv_work(biased), found, free_flops=biased.outputs)
    assert freed.bound_by == "compute"
    assert freed.seconds == bound(conv_work(plain), found).seconds
    assert freed.seconds == 18 * plain.outputs / 100e9


def test_an_anchor_replaces_its_own_figure_up_and_down() -> None:
    calibration = machine()
    anchors = {"fma-float32-512": 90e9, "l1-read": 440e9, "dram-read": 15e9, "dram-triad-nt": 24e9}
    found = in_window(known(calibration), calibration, anchors)
    assert found.compute == 90e9
    assert level(found, "L1").read == 440e9
    assert (level(found, "DRAM").read, level(found, "DRAM").traffic) == (15e9, 24e9)


def test_a_level_s_other_figures_are_scaled_by_the_anchor_that_there_is() -> None:
    calibration = machine()
    found = in_window(known(calibration), calibration, {"dram-read": 30e9, "l1-triad": 250e9})
    assert level(found, "DRAM").traffic == pytest.approx(25e9 * 30 / 20)
    assert level(found, "L1").read == pytest.approx(400e9 / 2)
    assert level(found, "L2") == level(known(calibration), "L2")


def test_of_several_anchors_the_largest_ratio_scales() -> None:
    calibration = machine()
    anchors = {"dram-read": 10e9, "dram-triad": 24e9}
    found = level(in_window(known(calibration), calibration, anchors), "DRAM")
    assert found.read == 10e9
    assert found.traffic == pytest.approx(25e9 * 1.5)


def test_traffic_in_a_window_is_never_slower_than_any_of_its_anchors() -> None:
    calibration = machine()
    anchors = {"dram-read": 26e9, "dram-triad-nt": 24e9}
    assert level(in_window(known(calibration), calibration, anchors), "DRAM").traffic == 26e9


def test_without_anchors_nothing_changes() -> None:
    calibration = machine()
    assert in_window(known(calibration), calibration, {}) == known(calibration)
    assert in_window(known(calibration), calibration, {"barrier": 1.0}) == known(calibration)


COUNTS = st.integers(min_value=0, max_value=1 << 32)
WORKS = st.builds(
    lambda flops, read, written: touching(read, written, flops), COUNTS, COUNTS, COUNTS
)
COLD = st.booleans()


@given(work=WORKS, read=COUNTS, written=COUNTS, flops=COUNTS, cold=COLD)
def test_more_to_do_is_never_faster(
    work: Work, read: int, written: int, flops: int, cold: bool
) -> None:
    traffic = Traffic(
        read=work.bytes_touched.read + read, written=work.bytes_touched.written + written
    )
    more = Work(flops=work.flops + flops, bytes_touched=traffic)
    found = known(machine())
    assert bound(more, found, cold=cold).seconds >= bound(work, found, cold=cold).seconds


@given(work=WORKS, size=st.integers(min_value=1, max_value=1 << 30), cold=COLD)
def test_a_larger_cache_never_raises_the_bound(work: Work, size: int, cold: bool) -> None:
    larger = known(machine(capacity("L2", float(MIB + size))))
    assert (
        bound(work, larger, cold=cold).seconds <= bound(work, known(machine()), cold=cold).seconds
    )


@given(work=WORKS)
def test_warm_data_is_never_bound_longer_than_cold(work: Work) -> None:
    found = known(machine())
    assert bound(work, found).seconds <= bound(work, found, cold=True).seconds


@given(work=WORKS)
def test_cold_with_equal_figures_the_achieved_roof_is_never_beaten_by_the_bound(work: Work) -> None:
    """With one figure for all of memory and nearer levels faster, the two are the same formula."""
    rates = [build.memory(name, 20e9, 1, high=20e9) for name in ("dram-read", "dram-triad")]
    near = [best(name, 100e9) for name in ("l1-read", "l2-read", "l3-read")]
    compute = replace(peak(100e9), typical=100e9)
    calibration = build.calibration([compute, *rates, *near], measurements=())
    roof = achieved_roof(calibration, 1)
    assert roof is not None
    assert bound(work, known(calibration), cold=True).seconds == pytest.approx(roof.seconds(work))


@pytest.mark.parametrize("threads", [1, 2])
def test_no_curve_of_the_reference_record_beats_its_own_bound(threads: int) -> None:
    """Every working set of both curves was walked through again and again: warm traffic."""
    calibration = reference()
    found = known(calibration, threads)
    checked = 0
    for one in calibration.measurements:
        if one.case.benchmark.endswith("-curve") and one.case.threads == threads:
            least = bound(replace(one.work, flops=0), found).seconds
            seconds = sorted(min(samples) for samples in one.seconds)
            assert least <= seconds[len(seconds) // 2]
            checked += 1
    assert checked >= 30
