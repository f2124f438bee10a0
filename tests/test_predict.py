"""The ladder: each rung from hand-computed figures, its range, and the source article's facts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.errors import RooflineError
from roofline.physics.bounds import bound, limits
from roofline.physics.predict import Moving, overhead, predict
from roofline.physics.workload import conv_work
from roofline.records import RUNGS, Calibration, Ceiling, ConvShape, Theoretical, Traffic, Work
from tests import roof_builders as build
from tests.article_builder import article
from tests.reference import reference

PAPER = Theoretical(paper=40e9, basis="spec", source="a figure by hand")


def rate(name: str, typical: float) -> Ceiling:
    return build.memory(name, typical, 1, PAPER, high=2 * typical, low=typical / 2)


PEAK = build.ceiling(
    *("compute", "fma-float32-512", "FLOP/s", 100e9),
    high=125e9,
    low=50e9,
    mix="fma",
    dtype="float32",
    bits=512,
    theoretical=Theoretical(paper=200e9, basis="spec", source="a figure by hand"),
)
MEMORY = [rate("dram-read", 20e9), rate("dram-write", 10e9), rate("dram-triad", 16e9)]
# A triad of 150 GB/s over reads of 200 splits into writes of 100; 240 over 300 into 171.4.
CACHES = [
    *(rate("l1-read", 300e9), rate("l1-triad", 240e9)),
    *(rate("l2-read", 200e9), rate("l2-triad", 150e9)),
]


def machine(ceilings: Sequence[Ceiling] = (PEAK, *MEMORY, *CACHES), **more: Any) -> Calibration:
    """Build one core with 48 KiB of L1 and 1 MiB of L2, level ceilings only."""
    return build.calibration(list(ceilings), **({"measurements": ()} | more))


def work(flops: int = 0, read: int = 0, written: int = 0, whole: Traffic | None = None) -> Work:
    touched = Traffic(read=read, written=written)
    return Work(flops=flops, bytes_touched=touched, bytes_compulsory=whole)


def seconds(rungs: Mapping[str, float | None], name: str) -> float:
    found = rungs[name]
    assert found is not None
    return found


HALF_MIB = work(read=400_000, written=100_000, whole=Traffic(read=1_900_000, written=100_000))


def test_every_rung_has_its_own_formula() -> None:
    found = predict(HALF_MIB, "float32", machine(), 1, overhead_seconds=1e-6)
    assert set(found.rungs) == set(RUNGS)
    assert found.rungs["a"] == pytest.approx(2_000_000 / 40e9)
    assert found.rungs["b"] == pytest.approx(2_000_000 / 16e9)
    assert found.rungs["c"] == pytest.approx(400_000 / 200e9 + 100_000 / 100e9 + 1e-6)
    assert [found.rungs[name] for name in "def"] == [None] * 3


def test_where_operations_take_longest_every_rung_counts_nominal_ones() -> None:
    found = predict(replace(HALF_MIB, flops=10**9, flops_executed=1), "float32", machine(), 1)
    assert [found.rungs[name] for name in "abc"] == pytest.approx([5e-3, 1e-2, 1e-2])


def test_the_prediction_is_the_highest_rung_and_its_terms_say_what_it_is_made_of() -> None:
    found = predict(
        replace(HALF_MIB, flops=100_000), "float32", machine(), 1, overhead_seconds=2e-6
    )
    assert found.seconds == found.rungs["c"]
    assert found.terms == pytest.approx({"compute": 1e-6, "L2": 3e-6, "overhead": 2e-6})
    assert found.work.flops == 100_000


def test_in_core_time_and_traffic_beyond_l1_add_up() -> None:
    found = predict(
        *(HALF_MIB, "float32", machine(), 1),
        overhead_seconds=2e-6,
        core_seconds={"typical": 5e-6, "low": 4e-6, "high": 8e-6},
    )
    inside = 400_000 / 300e9 + 100_000 * (3 / 240e9 - 2 / 300e9)
    beyond = 3e-6 - inside
    assert found.terms == pytest.approx({"compute": 5e-6, "L2": beyond, "overhead": 2e-6})
    assert found.seconds == found.rungs["d"] == pytest.approx(7e-6 + beyond)
    # Twice and half the bandwidths: the best and the worst rounds.
    assert found.low == pytest.approx(4e-6 + beyond / 2 + 2e-6)
    assert found.high == pytest.approx(8e-6 + beyond * 2 + 2e-6)


@pytest.mark.parametrize(
    ("ports", "overlap", "both"),
    [(0, 1, 7), (0, 2, 5), (0, 1000, 4), (3, 1000, 6), (1, 2, 32**0.5)],
)
def test_arithmetic_hides_what_loads_and_traffic_take_as_its_power_says(
    ports: int, overlap: float, both: float
) -> None:
    """Four of arithmetic, three of traffic: seven, sides of a right angle, or the longer of them.

    Traffic takes turns with loads and stores.
    """
    alone = predict(HALF_MIB, "float32", machine(), 1, core_seconds={"typical": 5e-6})
    third = alone.terms["L2"] / 3
    found = predict(
        *(HALF_MIB, "float32", machine(), 1),
        core_seconds={"typical": 4 * third},
        moving=Moving(beside={"typical": (4 * third, ports * third)}, overlap=overlap),
    )
    assert found.seconds == pytest.approx(both * third)
    assert found.terms["compute"] == 4 * third
    assert sum(found.terms.values()) == pytest.approx(found.seconds)


def test_what_overlaps_takes_no_less_than_the_core() -> None:
    """Loads bind in the core: five, of which arithmetic is one and traffic three."""
    alone = predict(HALF_MIB, "float32", machine(), 1, core_seconds={"typical": 5e-6})
    third = alone.terms["L2"] / 3
    found = predict(
        *(HALF_MIB, "float32", machine(), 1),
        core_seconds={"typical": 5 * third},
        moving=Moving(beside={"typical": (third, third)}, overlap=3),
    )
    assert found.seconds == 5 * third
    assert found.terms["L2"] == 0.0


def test_what_fills_only_some_sets_of_a_cache_needs_a_larger_one() -> None:
    core, small = {"typical": 5e-6}, work(read=30_000)
    spread = Moving(spread=30_000)
    found = predict(small, "float32", machine(), 1, core_seconds=core, moving=spread)
    assert found.terms["L2"] == pytest.approx(30_000 / 200e9 - 30_000 / 300e9)


def test_in_core_extremes_may_be_named_by_clock_or_by_time() -> None:
    by_time = {"typical": 5e-6, "low": 4e-6, "high": 8e-6}
    by_clock = {"typical": 5e-6, "low": 8e-6, "high": 4e-6}
    one, other = (
        predict(HALF_MIB, "float32", machine(), 1, core_seconds=core)
        for core in (by_time, by_clock)
    )
    assert one == other


def test_data_in_l1_adds_nothing_to_the_in_core_time() -> None:
    core = {"typical": 5e-6}
    found = predict(work(read=30_000, written=9_000), "float32", machine(), 1, core_seconds=core)
    assert found.terms == {"compute": 5e-6, "L1": 0.0, "overhead": 0.0}
    cold = predict(work(read=30_000), "float32", machine(), 1, core_seconds=core, cold=True)
    assert cold.terms["DRAM"] == pytest.approx(30_000 / 20e9 - 30_000 / 300e9)


def test_empty_lanes_are_moved_in_the_additive_rung_only() -> None:
    """Twice the bytes inside: the same work takes longer, and only rung d knows."""
    core = {"typical": 5e-6}
    wider = Traffic(read=500_000, written=150_000)
    plain, padded = (
        predict(HALF_MIB, "float32", machine(), 1, core_seconds=core, moving=Moving(inside=inside))
        for inside in (None, wider)
    )
    assert [padded.rungs[name] for name in "abc"] == [plain.rungs[name] for name in "abc"]
    near = 500_000 / 300e9 + 150_000 * (3 / 240e9 - 2 / 300e9)
    beyond = 500_000 / 200e9 + 150_000 / 100e9 - near
    assert padded.terms == pytest.approx({"compute": 5e-6, "L2": beyond, "overhead": 0.0})
    assert padded.seconds > plain.seconds
    assert padded.low < padded.seconds < padded.high


def test_without_lanes_to_fill_the_additive_rung_moves_what_is_touched() -> None:
    core = {"typical": 5e-6}
    touched, unsaid = (
        predict(HALF_MIB, "float32", machine(), 1, core_seconds=core, moving=Moving(inside=inside))
        for inside in (HALF_MIB.bytes_touched, None)
    )
    assert touched == unsaid


def test_padded_data_may_lie_a_level_further_out() -> None:
    """30 kB are at home in L1; with lanes that stay empty they need L2."""
    core, small = {"typical": 5e-6}, work(read=30_000)
    assert predict(small, "float32", machine(), 1, core_seconds=core).terms["L1"] == 0.0
    padded = predict(
        *(small, "float32", machine(), 1),
        core_seconds=core,
        moving=Moving(inside=Traffic(read=60_000)),
    )
    assert padded.terms["L2"] == pytest.approx(60_000 / 200e9 - 60_000 / 300e9)
    assert padded.rungs["c"] == pytest.approx(30_000 / 300e9)


@given(more=st.integers(0, 1 << 24), extra=st.integers(1, 1 << 24), cold=st.booleans())
def test_more_bytes_inside_never_make_it_faster(more: int, extra: int, cold: bool) -> None:
    less, greater = (
        predict(
            *(HALF_MIB, "float32", machine(), 1),
            cold=cold,
            core_seconds={"typical": 5e-6},
            moving=Moving(inside=Traffic(read=400_000 + read, written=100_000)),
        )
        for read in (more, more + extra)
    )
    assert greater.seconds > less.seconds


@pytest.mark.parametrize(("high", "low"), [(9e12, 150e9), (300e9, 50e9)])
def test_an_l1_that_swings_alone_leaves_the_prediction_in_its_range(
    high: float, low: float
) -> None:
    """A faster L1 leaves more traffic beyond it, a slower one less."""
    near = [replace(c, high=high, low=low) for c in CACHES[:2]]
    far = [replace(c, high=c.typical, low=c.typical) for c in CACHES[2:]]
    calibration = machine((PEAK, *MEMORY, *near, *far))
    found = predict(HALF_MIB, "float32", calibration, 1, core_seconds={"typical": 5e-6})
    assert found.low <= found.seconds <= found.high


def test_a_footprint_that_is_faster_than_l1_s_first_takes_nothing_off() -> None:
    """On a virtual machine the smallest working sets of a curve needn't be the fastest."""
    slow = [replace(c, typical=c.typical / 4) for c in CACHES[:2]]
    calibration = machine((PEAK, *MEMORY, *slow, *CACHES[2:]))
    found = predict(HALF_MIB, "float32", calibration, 1, core_seconds={"typical": 5e-6})
    assert found.terms["L2"] == 0.0


def test_where_l1_is_unknown_all_traffic_is_beyond_it() -> None:
    spec = replace(build.MACHINE, caches=())
    calibration = machine((PEAK, *MEMORY), machine=spec)
    found = predict(work(read=20_000), "float32", calibration, 1, core_seconds={"typical": 0.0})
    assert found.seconds == pytest.approx(1e-6)


def test_cold_data_comes_from_memory() -> None:
    found = predict(HALF_MIB, "float32", machine(), 1, cold=True)
    assert found.rungs["c"] == pytest.approx(400_000 / 20e9 + 100_000 / 10e9)
    assert "L2" not in found.terms


def test_low_and_high_are_the_best_and_the_worst_rounds() -> None:
    memory = predict(HALF_MIB, "float32", machine(), 1, overhead_seconds=1e-6)
    assert (memory.low, memory.high) == pytest.approx((2.5e-6, 7e-6))
    compute = predict(work(flops=10**9), "float32", machine(), 1)
    assert (compute.low, compute.seconds, compute.high) == pytest.approx((8e-3, 1e-2, 2e-2))


def test_where_only_paper_knows_memory_its_roof_is_the_prediction() -> None:
    found = predict(HALF_MIB, "float32", machine((PEAK, rate("dram-copy", 9e9))), 1)
    assert [found.rungs[name] for name in "bc"] == [None, None]
    assert found.seconds == found.low == found.high == pytest.approx(2_000_000 / 40e9)
    assert found.terms == pytest.approx({"compute": 0.0, "DRAM": 2_000_000 / 40e9})


def test_where_paper_is_silent_the_first_rung_is_empty() -> None:
    found = predict(HALF_MIB, "float32", build.without_memory_theory(), 2)
    assert found.rungs["a"] is None
    assert found.rungs["b"] is not None


def test_a_team_s_barrier_is_its_overhead() -> None:
    assert overhead(build.calibration(), 2) == 0.4e-6
    alone = build.ceiling("overhead", "barrier", "s", 1.0)
    assert overhead(machine((alone,)), 1) == 0.0
    assert overhead(machine((alone,)), 2) == 0.0


@pytest.mark.parametrize(
    ("threads", "dtype", "ceilings", "says"),
    [
        (4, "float32", None, "no float32 roof for 4 threads, but for 1 and 2:"),
        (1, "float16", None, "no compute roof in float16"),
        (1, "float32", [PEAK], "no bandwidth for 1 thread:"),
    ],
)
def test_what_every_rung_needs_is_said_in_one_sentence(
    threads: int, dtype: str, ceilings: list[Ceiling] | None, says: str
) -> None:
    calibration = build.calibration() if ceilings is None else machine(ceilings)
    with pytest.raises(RooflineError, match=says) as caught:
        predict(HALF_MIB, dtype, calibration, threads)
    assert str(caught.value).count(". ") == 0
    assert str(caught.value).endswith(".")


COUNTS = st.integers(min_value=0, max_value=1 << 32)
CORES = st.sampled_from([None, {"typical": 2e-6, "low": 1e-6, "high": 5e-6}])


@given(flops=COUNTS, read=COUNTS, written=COUNTS, cold=st.booleans(), core=CORES)
def test_the_range_holds_the_prediction(
    flops: int, read: int, written: int, cold: bool, core: Mapping[str, float] | None
) -> None:
    found = predict(
        *(work(flops, read, written), "float32", build.calibration(), 2),
        cold=cold,
        core_seconds=core,
    )
    assert found.low <= found.seconds <= found.high


@given(flops=COUNTS, read=COUNTS, written=COUNTS, cold=st.booleans())
def test_the_bound_lies_below_rung_c(flops: int, read: int, written: int, cold: bool) -> None:
    asked = work(flops, read, written)
    best = limits(machine(), 1, "float32")
    assert best is not None
    found = predict(asked, "float32", machine(), 1, cold=cold)
    assert bound(asked, best, cold=cold).seconds <= seconds(found.rungs, "c") * (1 + 1e-9)


def conv(c_in: int, c_out: int, size: int, groups: int = 1) -> Work:
    """Count the article's kind of convolution: 3x3, padded by one, with a bias."""
    shape = ConvShape(
        in_channels=c_in,
        out_channels=c_out,
        height=size,
        width=size,
        kernel=(3, 3),
        padding=(1, 1),
        groups=groups,
        bias=True,
    )
    return conv_work(shape)


def on_paper(asked: Work) -> float:
    return seconds(predict(asked, "float32", article(), 16).rungs, "a")


def test_a_hundredth_of_the_operations_takes_a_sixth_of_the_time_on_paper() -> None:
    """The article says 130 times; with the shapes that fit its other facts it is 121 times."""
    dense, depthwise = conv(128, 128, 20), conv(128, 128, 20, groups=128)
    assert dense.flops / depthwise.flops == pytest.approx(130, rel=0.08)
    assert on_paper(dense) / on_paper(depthwise) == pytest.approx(6, rel=0.03)


@pytest.mark.parametrize("channels", [4, 8, 16, 20])
def test_thin_dense_and_depthwise_convolutions_take_equal_time_on_a_knee_of_48(
    channels: int,
) -> None:
    dense, depthwise = conv(channels, channels, 224), conv(channels, channels, 224, channels)
    assert dense.flops > 3 * depthwise.flops
    assert on_paper(dense) == pytest.approx(on_paper(depthwise), rel=0.005)


def test_beyond_the_knee_of_48_a_depthwise_convolution_does_gain() -> None:
    assert on_paper(conv(24, 24, 224)) > 1.05 * on_paper(conv(24, 24, 224, groups=24))


def test_the_corrected_roofline_is_rung_b() -> None:
    asked = conv(128, 128, 20)
    found = predict(asked, "float32", article(), 16)
    assert found.rungs["b"] == pytest.approx(asked.flops / 2.86e12)
    assert found.rungs["a"] == pytest.approx(asked.flops / 4.608e12)


def test_on_the_reference_machine_the_ladder_stands_on_its_figures() -> None:
    calibration = reference()
    dense, streaming = conv(64, 64, 56), conv(64, 64, 224, groups=64)
    for threads in (1, 2):
        best = limits(calibration, threads, "float32")
        assert best is not None
        found = predict(dense, "float32", calibration, threads)
        assert found.terms["compute"] > 10 * found.terms["L3"]
        assert found.seconds == pytest.approx(seconds(found.rungs, "b"))
        assert bound(dense, best).seconds < found.low * 1.01
        cold = predict(streaming, "float32", calibration, threads, cold=True)
        assert cold.terms["DRAM"] > cold.terms["compute"]
        assert bound(streaming, best, cold=True).seconds < cold.low
