"""Effective bandwidth: curves, what stands in for a missing one, writes, cold data."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.physics.bandwidth import interpolate, level_of, transfer_seconds
from roofline.physics.roof import Pick, curve
from roofline.records import Calibration, Case, Ceiling, Measurement, Traffic, Work
from tests import roof_builders as build
from tests.reference import reference

KIB, MIB = 1 << 10, 1 << 20
READ, WRITTEN = Traffic(read=1000), Traffic(written=1000)
READS = ((32 * KIB, 400e9), (512 * KIB, 200e9), (8 * MIB, 100e9), (64 * MIB, 25e9))
TRIADS = ((32 * KIB, 300e9), (512 * KIB, 150e9), (8 * MIB, 75e9), (64 * MIB, 18e9))
SWINGS = {"high": 1.5, "low": 0.5}


def points(name: str, rates: Sequence[tuple[int, float]], threads: int = 1) -> list[Measurement]:
    """Build a curve of one round from (working set, bytes/s)."""
    return [
        Measurement(
            case=Case(benchmark=name, threads=threads, working_set_bytes=size),
            work=Work(bytes_touched=Traffic(read=size)),
            seconds=((size / rate,),),
        )
        for size, rate in rates
    ]


def rate(name: str, typical: float, threads: int = 1, **more: Any) -> Ceiling:
    """Build a bandwidth whose best round is half as fast again, and its worst half as fast."""
    swung = {pick: typical * swing for pick, swing in SWINGS.items()}
    return build.memory(name, typical, threads, **(swung | more))


CEILINGS = [
    *(rate(f"l{n}-read", r) for n, r in ((1, 410e9), (2, 210e9), (3, 110e9))),
    *(rate(f"l{n}-triad", r) for n, r in ((1, 310e9), (2, 160e9), (3, 80e9))),
    rate("dram-read", 20e9),
    rate("dram-write", 10e9),
    rate("dram-triad", 15e9),
]


def machine(ceilings: Sequence[Ceiling] = CEILINGS, **more: Any) -> Calibration:
    """Build 48 KiB, 1 MiB, 32 MiB of cache (as reported) with both curves of one thread."""
    curves = (*points("read-curve", READS), *points("triad-curve", TRIADS))
    return build.calibration(list(ceilings), **({"measurements": curves} | more))


def bytes_a_second(calibration: Calibration, traffic: Traffic, size: float, **more: Any) -> float:
    found = transfer_seconds(calibration, more.pop("threads", 1), traffic, size, **more)
    assert found is not None
    return traffic.total / found[1]


def test_between_two_points_a_curve_is_straight_in_logarithms() -> None:
    steps = ((100.0, 80.0), (10000.0, 20.0))
    assert interpolate(steps, 1000) == pytest.approx(40)
    assert interpolate(steps, 100) == pytest.approx(80)
    assert interpolate(steps, 10000) == pytest.approx(20)


def test_beyond_its_ends_a_curve_is_constant() -> None:
    steps = ((100.0, 80.0), (10000.0, 20.0))
    assert interpolate(steps, 0) == 80
    assert interpolate(steps, 1e9) == 20
    assert interpolate(steps[:1], 5) == interpolate(steps[:1], 500) == 80


@pytest.mark.parametrize(
    ("size", "threads", "level"),
    [
        (0, 1, "L1"),
        (48 * KIB, 1, "L1"),
        (48 * KIB + 1, 1, "L2"),
        (96 * KIB, 2, "L1"),
        (2 * MIB, 1, "L3"),
        (2 * MIB, 2, "L2"),
        (32 * MIB, 2, "L3"),
        (32 * MIB + 1, 2, "DRAM"),
    ],
)
def test_the_innermost_level_that_holds_the_footprint(size: int, threads: int, level: str) -> None:
    assert level_of(machine(), threads, size) == level


def test_a_found_capacity_counts_before_the_reported_one() -> None:
    found = build.ceiling("capacity", "l1-capacity", "B", 16 * KIB, level="L1")
    calibration = machine([*CEILINGS, found])
    assert level_of(calibration, 1, 16 * KIB) == "L1"
    assert level_of(calibration, 1, 16 * KIB + 1) == "L2"


def test_where_no_cache_is_known_everything_is_memory() -> None:
    spec = replace(build.MACHINE, caches=())
    assert level_of(machine(CEILINGS[-3:], machine=spec), 1, 100) == "DRAM"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, 400e9),
        (32 * KIB, 400e9),
        (128 * KIB, 400e9 / 2**0.5),
        (8 * MIB, 100e9),
        (64 * MIB, 25e9),
    ],
)
def test_reads_go_at_the_rate_of_the_curve(size: int, expected: float) -> None:
    assert bytes_a_second(machine(), READ, size) == pytest.approx(expected)


def test_beyond_curve_and_caches_memory_s_own_ceilings_count() -> None:
    assert bytes_a_second(machine(), READ, 65 * MIB) == pytest.approx(20e9)
    assert bytes_a_second(machine(), WRITTEN, 65 * MIB) == pytest.approx(10e9)


def test_a_curve_that_ends_inside_a_cache_is_constant_beyond() -> None:
    calibration = machine(measurements=tuple(points("read-curve", READS[:3])))
    assert bytes_a_second(calibration, READ, 30 * MIB) == pytest.approx(100e9)


def test_a_triad_takes_the_time_of_its_reads_and_its_write() -> None:
    """At 8 MiB: 1/write = 3/75 - 2/100, 50 GB/s; 2000 B read and 1000 B written give 75 GB/s."""
    assert bytes_a_second(machine(), WRITTEN, 8 * MIB) == pytest.approx(50e9)
    both = Traffic(read=2000, written=1000)
    assert bytes_a_second(machine(), both, 8 * MIB) == pytest.approx(75e9)


def test_a_write_is_never_faster_than_the_triad_nor_slower_than_memory() -> None:
    def writes_at(triad: float) -> float:
        curves = (*points("read-curve", READS), *points("triad-curve", [(8 * MIB, triad)]))
        return bytes_a_second(machine(measurements=curves), WRITTEN, 8 * MIB)

    assert writes_at(140e9) == pytest.approx(140e9)
    assert writes_at(160e9) == pytest.approx(160e9)
    assert writes_at(12e9) == pytest.approx(10e9)


def test_cold_data_comes_from_memory_whatever_the_footprint() -> None:
    found = transfer_seconds(machine(), 1, Traffic(read=2000, written=1000), 100, cold=True)
    assert found is not None
    assert found == ("DRAM", pytest.approx(2000 / 20e9 + 1000 / 10e9))


def test_without_curves_the_level_s_ceilings_count() -> None:
    calibration = machine(measurements=())
    assert bytes_a_second(calibration, READ, 500 * KIB) == pytest.approx(210e9)
    written = 1 / (3 / 160e9 - 2 / 210e9)
    assert bytes_a_second(calibration, WRITTEN, 500 * KIB) == pytest.approx(written)


def test_without_the_level_s_ceiling_the_next_outer_one_reads() -> None:
    left = [c for c in CEILINGS if not c.name.startswith("l2")]
    assert bytes_a_second(machine(left, measurements=()), READ, 500 * KIB) == pytest.approx(110e9)
    left = [c for c in CEILINGS if c.name.startswith("dram")]
    calibration = machine(left, measurements=())
    assert bytes_a_second(calibration, READ, 500 * KIB) == pytest.approx(20e9)
    assert bytes_a_second(calibration, WRITTEN, 500 * KIB) == pytest.approx(10e9)


def test_a_team_without_triads_writes_as_one_thread_does_relative_to_its_reads() -> None:
    """A short plan has no triad curve of all cores."""
    team = [rate("dram-read", 30e9, 2), rate("dram-write", 15e9, 2)]
    curves = points("read-curve", [(2 * size, 2 * speed) for size, speed in READS], 2)
    calibration = machine([*CEILINGS, *team], measurements=tuple(curves))
    triad = 400e9 * 160 / 210
    written = bytes_a_second(calibration, WRITTEN, MIB, threads=2)
    assert written == pytest.approx(1 / (3 / triad - 2 / 400e9))


def test_a_team_without_triads_has_writes_that_swing_as_its_reads() -> None:
    left = [c for c in CEILINGS if c.name != "l3-triad"]
    typical, best = (
        bytes_a_second(machine(left), WRITTEN, 8 * MIB, pick=pick) for pick in ("typical", "high")
    )
    assert best == pytest.approx(1.5 * typical)


@pytest.mark.parametrize(
    "triads",
    [{"dram-triad": 15e9}, {"dram-triad-nt": 15e9}, {"dram-triad": 15e9, "dram-triad-nt": 25e9}],
)
def test_where_memory_is_known_by_a_triad_only_it_stands_for_both(
    triads: dict[str, float],
) -> None:
    """Ordinary stores, where there are both kinds: these are what operators use."""
    calibration = machine([rate(*triad) for triad in triads.items()], measurements=())
    assert bytes_a_second(calibration, READ, 1 << 40) == pytest.approx(15e9)
    assert bytes_a_second(calibration, WRITTEN, 1 << 40) == pytest.approx(15e9)


def test_where_no_bandwidth_is_known_there_is_no_answer() -> None:
    assert transfer_seconds(machine([], measurements=()), 1, READ, 100) is None
    assert transfer_seconds(machine(), 2, READ, 100) is None


@pytest.mark.parametrize("pick", ["high", "low"])
@pytest.mark.parametrize("size", [32 * KIB, 8 * MIB, 100 * MIB])
@pytest.mark.parametrize("traffic", [READ, WRITTEN])
def test_picks_scale_every_figure_as_the_level_s_ceiling(
    pick: Pick, size: int, traffic: Traffic
) -> None:
    typical = bytes_a_second(machine(), traffic, size)
    assert bytes_a_second(machine(), traffic, size, pick=pick) == pytest.approx(
        typical * SWINGS[pick]
    )


def test_reads_that_swing_alone_leave_the_writes_as_they_are() -> None:
    """Written out: with 3/triad - 2/read at picked values, faster reads would slow the writes."""
    steady = {"high": 80e9, "low": 80e9}
    left = [*(c for c in CEILINGS if c.name != "l3-triad"), rate("l3-triad", 80e9, **steady)]
    for pick in ("high", "low"):
        assert bytes_a_second(machine(left), WRITTEN, 8 * MIB, pick=pick) == pytest.approx(50e9)


BYTES = st.integers(min_value=1, max_value=1 << 32)


@given(read=BYTES, written=BYTES, size=BYTES, cold=st.booleans())
def test_the_best_round_is_never_slower_than_the_worst(
    read: int, written: int, size: int, cold: bool
) -> None:
    traffic = Traffic(read=read, written=written)
    high, typical, low = (
        bytes_a_second(machine(), traffic, size, cold=cold, pick=pick)
        for pick in ("high", "typical", "low")
    )
    assert high >= typical >= low


@given(read=BYTES, written=BYTES, size=BYTES)
def test_cold_is_never_faster_than_warm(read: int, written: int, size: int) -> None:
    traffic = Traffic(read=read, written=written)
    warm = bytes_a_second(machine(), traffic, size)
    assert bytes_a_second(machine(), traffic, size, cold=True) <= warm * (1 + 1e-9)


@pytest.mark.parametrize("threads", [1, 2])
def test_on_the_reference_machine_triads_take_the_time_that_was_measured(threads: int) -> None:
    """Where caches hold the arrays: beside memory, a write is held to what memory writes alone."""
    calibration = reference()
    inside = [p for p in curve(calibration, "triad-curve", threads) if 64 * KIB < p[0] < 8 * MIB]
    assert len(inside) >= 5
    for size, measured in inside:
        predicted = bytes_a_second(calibration, Traffic(read=2, written=1), size, threads=threads)
        assert predicted == pytest.approx(measured, rel=0.1)
