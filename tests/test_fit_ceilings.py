"""Ceilings beside the roof: each mix by its name, latencies, overheads; the roof stays on FMA."""

from dataclasses import replace

import pytest

from benchmarks import cases
from calibrate import clocks, latencies, plan
from calibrate.fit import Fit, fit
from roofline.physics import isa, theory
from roofline.physics.roof import compute_ceiling
from roofline.records import Case, Ceiling, Finding, Measurement
from tests.builders import make_calibration, make_machine
from tests.fake_child import SLOW, Level, Planted, measured

FEATURES = (
    *("avx", "avx2", "avx512_bf16", "avx512_vnni", "avx512bw", "avx512dq", "avx512f", "avx512vl"),
    *("fma", "sse2"),
)
MACHINE = make_machine(features=FEATURES, fma_pipes=None)
SHARED = Planted(adders=0.0)


def everything(planted: Planted) -> tuple[Measurement, ...]:
    """Return what a full plan measures on a planted machine."""
    resources = plan.Resources(
        machine=MACHINE, threads=2, vectors=isa.vectors(MACHINE), memory_available=8 << 30
    )
    drawn = plan.draw_up(resources, quick=False)
    return measured(planted, [step.case for step in drawn.steps])


@pytest.fixture(scope="module")
def measurements() -> tuple[Measurement, ...]:
    """Return the measurements of a core with two pipes of each kind."""
    return everything(Planted())


@pytest.fixture(scope="module")
def fitted(measurements: tuple[Measurement, ...]) -> Fit:
    """Return what is concluded of them."""
    return fit(MACHINE, measurements)


def named(found: Fit, name: str, threads: int = 1) -> Ceiling:
    (one,) = [c for c in found.ceilings if (c.name, c.threads) == (name, threads)]
    return one


def objections(found: Fit) -> list[Finding]:
    return [finding for finding in found.findings if finding.severity in ("invalid", "warning")]


def test_each_mix_has_a_ceiling_of_its_name_at_full_width(fitted: Fit) -> None:
    names = {c.name for c in fitted.ceilings if c.kind == "compute" and c.mix != "fma"}
    mixes = ("fma+add", "add", "mul", "mul+add")
    vectors = {f"{mix}-{dtype}-512" for mix in mixes for dtype in ("float32", "float64")}
    assert names == {*vectors, "dot-bfloat16-512", "dot-int8-512"}
    scalars = {c.name for c in fitted.ceilings if c.kind == "compute" and (c.bits or 0) < 128}
    assert scalars == {"fma-float32-32", "fma-float64-64"}


def test_every_name_stands_once_for_each_team(fitted: Fit) -> None:
    names = [(one.name, one.threads) for one in fitted.ceilings]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("planted", "pipes"),
    [
        (Planted(), {"fma+add": 3.0, "add": 1.0, "mul": 1.0, "mul+add": 2.0}),
        (SHARED, {"fma+add": 1.5, "add": 1.0, "mul": 1.0, "mul+add": 1.0}),
    ],
    ids=["pipes of their own", "pipes in common"],
)
def test_a_core_with_and_one_without_pipes_for_additions_are_both_sound(
    planted: Planted, pipes: dict[str, float]
) -> None:
    found = fit(MACHINE, everything(planted))
    assert objections(found) == []
    for mix, count in pipes.items():
        for dtype, lanes in (("float32", 16), ("float64", 8)):
            one = named(found, f"{mix}-{dtype}-512")
            assert one.evidence["pipes"] == pytest.approx(count, rel=0.01)
            assert one.typical == pytest.approx(count * 2 * lanes * 3e9, rel=0.01)


@pytest.mark.parametrize("threads", [1, 2])
def test_dot_products_count_the_narrow_numbers(fitted: Fit, threads: int) -> None:
    for dtype, lanes in (("bfloat16", 32), ("int8", 64)):
        one = named(fitted, f"dot-{dtype}-512", threads)
        assert one.evidence["flop_per_cycle"] == pytest.approx(2 * 2 * lanes, rel=0.01)
        assert one.dtype == dtype


def test_scalar_code_is_a_vector_of_one_lane(fitted: Fit) -> None:
    for name in ("fma-float32-32", "fma-float64-64"):
        one = named(fitted, name)
        assert one.evidence["flop_per_cycle"] == pytest.approx(4.0, rel=0.01)
        assert one.evidence["pipes"] == pytest.approx(2.0, rel=0.01)


def test_paper_is_of_its_vectors_and_the_clock_of_the_roofs_own_load(fitted: Fit) -> None:
    own = {f"fma-{dtype}-{bits}" for dtype in ("float32", "float64") for bits in (128, 256, 512)}
    computed = [c for c in fitted.ceilings if c.kind == "compute"]
    assert {c.name for c in computed if c.theoretical is not None} == own
    timed = {c.name for c in fitted.ceilings if c.kind == "clock"}
    loads = own | {"fma-float32-32", "fma-float64-64"}
    assert timed == {"clock-light"} | {f"clock-{name.removeprefix('fma-')}" for name in loads}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_roof_stands_on_the_widest_multiply_add_whatever_beats_it(
    fitted: Fit, dtype: str, threads: int
) -> None:
    calibration = make_calibration(machine=MACHINE, ceilings=fitted.ceilings)
    roof = compute_ceiling(calibration, threads, dtype)
    assert roof is not None
    assert roof.name == f"fma-{dtype}-512"
    assert named(fitted, f"fma+add-{dtype}-512", threads).typical > 1.4 * roof.typical


def test_a_mix_at_five_sixths_of_its_limit_is_refused(
    measurements: tuple[Measurement, ...],
) -> None:
    """80 of 96 operations a cycle: the latency of one kind of instruction isn't hidden."""

    def slower(one: Measurement) -> Measurement:
        if one.case.benchmark != "fma+add":
            return one
        return replace(one, seconds=tuple(tuple(s * 6 / 5 for s in row) for row in one.seconds))

    found = fit(MACHINE, [slower(one) for one in measurements])
    words = [f.what for f in found.findings if f.severity == "invalid"]
    assert any("fma+add-float32-512" in what and "2.50 pipes" in what for what in words)


def test_operations_are_results_a_second_with_their_cycles(fitted: Fit) -> None:
    found = [c for c in fitted.ceilings if c.kind == "operation"]
    assert {c.name for c in found} == {f"{name}-{dtype}-512" for name, dtype in SLOW}
    for one in found:
        cycles = SLOW[str(one.mix), str(one.dtype)]
        assert (one.unit, one.threads, one.theoretical) == ("1/s", 1, None)
        assert one.evidence["cycles"] == pytest.approx(cycles, rel=0.01)
        lanes = theory.lanes(str(one.dtype), 512)
        assert one.typical == pytest.approx(3e9 / cycles * lanes, rel=0.01)
        assert one.evidence["verdict"] == "steady"


@pytest.mark.parametrize(
    ("name", "dtype", "cycles", "word"),
    [
        ("divide", "float32", 0.4, "the multiplications in it alone 0.50"),
        ("sqrt", "float64", 3.0, "3.00 cycles a vector and 6.50 in float32"),
        ("exp", "float32", 4.0, "the multiplications in it alone 4.50"),
    ],
)
def test_an_operation_that_is_quicker_than_its_parts_is_refused(
    name: str, dtype: str, cycles: float, word: str
) -> None:
    found = fit(MACHINE, everything(Planted(slow={**SLOW, (name, dtype): cycles})))
    (finding,) = objections(found)
    assert finding.severity == "invalid"
    assert word in finding.what


def test_latencies_are_told_by_level_and_by_page(fitted: Fit) -> None:
    found = [c for c in fitted.ceilings if c.kind == "latency"]
    assert [(c.name, c.level, c.unit) for c in found] == [
        ("l1-latency", "L1", "s"),
        ("l2-latency", "L2", "s"),
        ("l3-latency", "L3", "s"),
        ("dram-latency", "DRAM", "s"),
        ("dram-latency-4k", "DRAM", "s"),
        ("dram-latency-loaded", "DRAM", "s"),
    ]
    assert {c.evidence["verdict"] for c in found} == {"steady"}
    assert all(c.high <= c.typical <= c.low for c in found)


def test_latency_under_load_says_how_many_read_how_much_meanwhile(fitted: Fit) -> None:
    busy = named(fitted, "dram-latency-loaded", 2)
    assert busy.typical == pytest.approx(2 * Planted().memory_wait, rel=0.01)
    assert busy.evidence["loaders"] == 1
    assert busy.evidence["load_bandwidth"] == pytest.approx(15e9, rel=0.02)


def test_a_latency_without_a_clock_has_no_cycles(measurements: tuple[Measurement, ...]) -> None:
    known = list(latencies.ceilings(measurements, 2e9))
    unknown = list(latencies.ceilings(measurements, None))
    for one, other in zip(known, unknown, strict=True):
        assert one.evidence["cycles"] == pytest.approx(2e9 * one.typical, rel=5e-3)
        assert "cycles" not in other.evidence
        assert one.typical == other.typical


def test_latencies_that_swing_are_called_noisy() -> None:
    case = Case(benchmark="latency", parameters={"level": "L3"}, dtype="int64")
    one = replace(
        measured(Planted(), [case], rounds=1)[0],
        seconds=tuple((cases.CHASE_STEPS * wait * 1e-9,) for wait in (20, 21, 21, 30, 35, 40, 90)),
    )
    (found,) = latencies.ceilings([one], 3e9)
    assert (found.low, found.high) == pytest.approx((90e-9, 20e-9))
    assert str(found.evidence["verdict"]).startswith("noisy")


def test_a_level_that_waits_less_than_a_nearer_one_is_refused() -> None:
    sound = Planted().caches
    caches = (sound[0], replace(sound[1], wait=1e-9), sound[2])
    found = fit(MACHINE, everything(Planted(caches=caches)))
    (finding,) = objections(found)
    assert finding.severity == "invalid"
    assert "from L2" in finding.what


def test_the_instruments_own_costs_are_overheads(fitted: Fit) -> None:
    costs = {(c.name, c.threads): c.typical for c in fitted.ceilings if c.kind == "overhead"}
    assert costs["call", 1] == pytest.approx(2.5e-9, rel=0.01)
    assert costs["timer", 1] == pytest.approx(2.5e-8, rel=0.01)
    assert costs["barrier", 2] == pytest.approx(1.5e-7, rel=0.01)
    assert costs["migration", 2] == pytest.approx(3e-5, rel=0.01)


@pytest.mark.parametrize(
    ("benchmark", "parameters", "bits", "roof"),
    [
        ("fma", {}, 512, True),
        ("fma", {}, 32, False),
        ("mul+add", {}, 128, True),
        ("mul+add", {"fused": False}, 128, True),
        ("mul+add", {"fused": True}, 128, False),
        ("mul+add", {}, 32, False),
        ("fma+add", {}, 512, False),
        ("fp-add", {}, 512, False),
        ("fp-mul", {}, 512, False),
    ],
)
def test_the_roof_is_the_best_multiply_add_that_the_host_has(
    benchmark: str, parameters: dict[str, bool], bits: int, roof: bool
) -> None:
    case = Case(benchmark=benchmark, parameters=parameters, dtype="float32", bits=bits)
    assert clocks.is_roof(case) is roof


def test_a_dot_product_is_no_roof() -> None:
    for dtype in ("int8", "bfloat16"):
        assert not clocks.is_roof(Case(benchmark="dot", dtype=dtype, bits=512))


@pytest.mark.parametrize(
    ("benchmark", "dtype", "bits", "name"),
    [
        ("fma+add", "float64", 512, "vector:fma:float64:512"),
        ("dot", "int8", 512, "vector:fma:float32:512"),
        ("dot", "bfloat16", 512, "vector:fma:float32:512"),
        ("fma", "float32", 32, "vector:fma:float32:128"),
        ("fma", "float64", 64, "vector:fma:float64:128"),
        ("mul+add", "float64", 64, "vector:mul+add:float64:128"),
    ],
)
def test_every_load_reads_the_clock_by_a_chain_that_was_run_alone(
    benchmark: str, dtype: str, bits: int, name: str
) -> None:
    case = Case(benchmark=benchmark, dtype=dtype, bits=bits)
    assert clocks.vector_chain(case, fused=cases.fused(case)) == name


def test_a_planted_machine_waits_as_its_levels_do() -> None:
    planted = Planted(caches=(Level(1 << 15, 1e11, wait=1e-9), Level(1 << 20, 1e10, wait=5e-9)))

    def walk(size: int, **parameters: bool) -> Case:
        return Case(benchmark="latency", parameters=parameters, working_set_bytes=size)

    assert planted.wait(walk(1 << 14)) == 1e-9
    assert planted.wait(walk(1 << 16)) == 5e-9
    assert planted.wait(walk(1 << 24)) == planted.memory_wait
    assert planted.wait(walk(1 << 24, huge=False)) > planted.memory_wait
