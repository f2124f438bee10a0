"""What a plan measures beside the roof: other mixes, dot products, latencies, overheads."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cases
from calibrate import clocks, plan
from calibrate.plan import Plan, Resources
from roofline.physics import isa
from roofline.records import Cache, Case
from tests.builders import make_machine
from tests.test_plan import AVX2, AVX512, BOTH, EXAMPLES, GIB, MIB, SSE2, arrays, made, of, room

DOTS = ("avx512_bf16", "avx512_vnni")
MIXES = ("fma+add", "fp-add", "fp-mul", "mul+add")


def beside_the_roof(drawn: Plan) -> dict[str, set[tuple[str, int]]]:
    """Return the dtypes and widths of each compute case that isn't the roof's own."""
    found: dict[str, set[tuple[str, int]]] = {}
    for step in drawn.steps:
        if cases.benchmark(step.case).family in ("fma", "dot") and not clocks.is_roof(step.case):
            kinds = found.setdefault(step.case.benchmark, set())
            kinds.add((step.case.dtype, step.case.bits))
    return found


def capped(cap: str) -> Resources:
    """Return a machine with everything whose user asked for a lesser extension."""
    whole = made(features=(*AVX512, *DOTS))
    return replace(whole, vectors=isa.vectors(whole.machine, cap))


def test_a_full_plan_measures_every_mix_at_full_width_and_scalar_multiply_adds() -> None:
    both = {("float32", 512), ("float64", 512)}
    assert beside_the_roof(plan.draw_up(made(), quick=False)) == {
        **dict.fromkeys(MIXES, both),
        "fma": {("float32", 32), ("float64", 64)},
    }


def test_a_quick_plan_keeps_what_beats_the_roof() -> None:
    drawn = plan.draw_up(made(features=(*AVX512, *DOTS)), quick=True)
    assert beside_the_roof(drawn) == {
        "fma+add": {("float32", 512)},
        "dot": {("bfloat16", 512), ("int8", 512)},
    }


def test_mixes_need_hardware_that_fuses() -> None:
    drawn = plan.draw_up(made(features=SSE2), quick=False)
    assert beside_the_roof(drawn) == {"mul+add": {("float32", 32), ("float64", 64)}}
    assert not [c for name in ("fma", "fma+add", "fp-add", "fp-mul") for c in of(drawn, name)]


@BOTH
def test_multiply_adds_beside_additions_need_registers_enough_to_hide_both(quick: bool) -> None:
    """On 16 registers one operand serves all, and each kind steps at its own pace."""
    drawn = plan.draw_up(made(features=AVX2), quick=quick)
    dtypes = {"float32"} if quick else {"float32", "float64"}
    assert {(c.dtype, c.bits) for c in of(drawn, "fma+add")} == {(d, 256) for d in dtypes}
    for case in of(drawn, "fma+add"):
        assert case.parameters == {"accumulators": 14, "sums": 6}
    assert bool(of(drawn, "fp-add")) is not quick
    for case in of(plan.draw_up(made(), quick=quick), "fma+add"):
        assert case.parameters == {"accumulators": 24}


@pytest.mark.parametrize("features", [AVX512, AVX2, SSE2], ids=["avx512", "avx2", "sse2"])
def test_divides_roots_and_exponentials_are_one_threads_in_full_plans(
    features: tuple[str, ...],
) -> None:
    names = ("divide", "sqrt", "exp")
    quick = plan.draw_up(made(features=features), quick=True)
    assert not [case for name in names for case in of(quick, name)]
    drawn = plan.draw_up(made(features=features), quick=False)
    widest = made(features=features).vectors[0]
    for name in names:
        # Without products that aren't rounded an exponential would lose its last digits.
        dtypes = set() if name == "exp" and features == SSE2 else {"float32", "float64"}
        found = {(case.dtype, case.bits, case.threads) for case in of(drawn, name)}
        assert found == {(dtype, widest.bits, 1) for dtype in dtypes}
    assert {case.parameters["held"] for case in of(drawn, "exp")} <= {features == AVX512}


def halves(resources: Resources, *, quick: bool = False) -> list[tuple[int, int]]:
    """Return width and threads of what a plan measures in half precision."""
    drawn = plan.draw_up(resources, quick=quick)
    found = [s.case for s in drawn.steps if s.case.dtype == "float16"]
    assert {case.benchmark for case in found} <= {"fma"}
    return [(case.bits, case.threads) for case in found]


def test_half_precision_needs_its_feature_and_the_widest_vectors() -> None:
    whole = made(features=(*AVX512, "avx512_fp16"))
    assert halves(whole) == [(512, 1), (512, 2)]
    assert halves(whole, quick=True) == []
    assert halves(made()) == []
    for cap in ("avx2", "sse2"):
        assert halves(replace(whole, vectors=isa.vectors(whole.machine, cap))) == []


@pytest.mark.parametrize(
    ("features", "teams"),
    [(("asimd",), []), (("asimd", "fphp"), []), (("asimd", "asimdhp", "fphp"), [1, 2])],
)
def test_half_precision_of_aarch64_needs_both_of_its_features(
    features: tuple[str, ...], teams: list[int]
) -> None:
    machine = replace(make_machine(features=features), architecture="aarch64")
    resources = replace(made(), machine=machine, vectors=isa.vectors(machine))
    assert halves(resources) == [(128, threads) for threads in teams]


@BOTH
@pytest.mark.parametrize(
    ("features", "dtypes"),
    [
        ((), set()),
        (("avx512_bf16",), {"bfloat16"}),
        (("avx512_vnni",), {"int8"}),
        (DOTS, {"bfloat16", "int8"}),
    ],
)
def test_a_dot_product_needs_its_feature(
    features: tuple[str, ...], dtypes: set[str], quick: bool
) -> None:
    drawn = plan.draw_up(made(features=(*AVX512, *features)), quick=quick)
    found = of(drawn, "dot")
    assert {(case.dtype, case.bits) for case in found} == {(dtype, 512) for dtype in dtypes}
    assert {case.threads for case in found} == ({1, 2} if dtypes else set())


@BOTH
@pytest.mark.parametrize("cap", ["avx2", "sse2"])
def test_a_dot_product_needs_the_widest_vectors(cap: str, quick: bool) -> None:
    drawn = plan.draw_up(capped(cap), quick=quick)
    assert of(drawn, "dot") == []
    bits = {s.case.bits for s in drawn.steps if cases.benchmark(s.case).family in ("fma", "stream")}
    assert max(bits) == {"avx2": 256, "sse2": 128}[cap]


def test_products_and_sums_of_their_own_read_the_clock_of_fused_hardware() -> None:
    (case, *_) = of(plan.draw_up(made(), quick=False), "mul+add")
    assert cases.fused(case)
    assert not clocks.is_roof(case)
    (plain, *_) = of(plan.draw_up(made(features=SSE2), quick=False), "mul+add")
    assert not cases.fused(plain)
    assert clocks.is_roof(plain)


def latencies(drawn: Plan) -> list[Case]:
    return of(drawn, "latency")


def caches(*sizes: int) -> tuple[Cache, ...]:
    """Return caches of one core each, nearest first, and one for instructions."""
    code = Cache(level=1, kind="instruction", size_bytes=GIB, shared_by=1)
    levels = (
        Cache(level=number, kind="unified", size_bytes=size, shared_by=1)
        for number, size in enumerate(sizes, start=1)
    )
    return (code, *levels)


def with_caches(sizes: Sequence[int], memory: int = 64 * GIB) -> Resources:
    machine = make_machine(features=AVX512, cores=1, threads=1, caches=caches(*sizes))
    vectors = isa.vectors(machine)
    return Resources(machine=machine, threads=1, vectors=vectors, memory_available=memory)


def test_latencies_are_of_one_thread_in_full_plans() -> None:
    assert latencies(plan.draw_up(made(), quick=True)) == []
    found = latencies(plan.draw_up(made(), quick=False))
    assert {case.threads for case in found} == {1}
    assert [case.parameters for case in found] == [
        {"level": "L1"},
        {"level": "L2"},
        {"level": "L3"},
        {"level": "DRAM"},
        {"level": "DRAM", "huge": False},
    ]


@pytest.mark.parametrize(
    "sizes",
    [
        (32 << 10, MIB, 32 * MIB),
        (48 << 10, 2 * MIB, 105 * MIB),
        (32 << 10, 512 << 10, 256 * MIB),
        (64 << 10, 32 * MIB),
        (32 << 10, 256 << 10, 8 * MIB, 128 * MIB),
        (48 << 10,),
    ],
)
def test_a_walk_lies_inside_its_level_and_outside_of_the_nearer_ones(
    sizes: tuple[int, ...],
) -> None:
    drawn = plan.draw_up(with_caches(sizes), quick=False)
    *inside, memory, small_pages = latencies(drawn)
    assert [case.parameters["level"] for case in inside] == [f"L{n + 1}" for n in range(len(sizes))]
    for place, (case, size) in enumerate(zip(inside, sizes, strict=True)):
        assert case.working_set_bytes <= size / 2
        assert case.working_set_bytes >= (2 * sizes[place - 1] if place else size / 2)
        # Two rounds bring all of it in.
        assert 64 * cases.warm_up(case) * cases.CHASE_STEPS >= 2 * case.working_set_bytes
    for case in (memory, small_pages):
        # Caches of hundreds of MiB are outgrown by less, for the sake of time.
        assert case.working_set_bytes >= min(4 * max(sizes), max(512 * MIB, 2 * max(sizes)))
        assert cases.warm_up(case) == 0


def test_where_cores_differ_a_walk_lies_inside_the_smallest() -> None:
    small = Cache(level=1, kind="data", size_bytes=32 << 10, shared_by=1)
    large = Cache(level=1, kind="data", size_bytes=128 << 10, shared_by=1)
    for both in ((small, large), (large, small)):
        machine = make_machine(features=AVX512, cores=1, threads=1, caches=both)
        hybrid = replace(with_caches(()), machine=machine)
        assert latencies(plan.draw_up(hybrid, quick=False))[0].working_set_bytes == 16 << 10


def test_without_known_caches_only_memory_is_walked_through() -> None:
    found = latencies(plan.draw_up(with_caches(()), quick=False))
    assert {case.parameters["level"] for case in found} == {"DRAM"}


@EXAMPLES
@given(
    memory=st.integers(48 * MIB, 2 * GIB),
    nearest=st.integers(16 << 10, 256 << 10),
    growth=st.lists(st.integers(2, 400), max_size=3),
)
def test_no_walk_takes_more_than_half_of_what_is_free(
    memory: int, nearest: int, growth: list[int]
) -> None:
    sizes = [nearest]
    for factor in growth:
        sizes.append(sizes[-1] * factor)
    drawn = plan.draw_up(with_caches(sizes, memory), quick=False)
    largest = max(arrays(drawn))
    assert all(case.working_set_bytes <= largest for case in latencies(drawn))
    for huge in (True, False):
        assert room(drawn, huge=huge) <= memory / 2


@pytest.mark.parametrize("threads", [1, 2])
@BOTH
def test_the_clock_and_a_call_are_timed_on_one_thread(threads: int, quick: bool) -> None:
    drawn = plan.draw_up(made(threads=threads), quick=quick)
    assert [case.threads for name in ("timer", "call") for case in of(drawn, name)] == [1, 1]


@BOTH
def test_a_barrier_and_a_migration_need_two_threads(quick: bool) -> None:
    for threads in (1, 2, 8):
        drawn = plan.draw_up(made(threads=threads), quick=quick)
        teams = [case.threads for name in ("barrier", "migration") for case in of(drawn, name)]
        assert teams == ([] if threads == 1 else [threads] * 2)
