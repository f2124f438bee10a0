"""Plans for captured hosts: the right cases, arrays beyond the caches, within half of memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import cases
from calibrate import budget, clocks, plan
from calibrate.plan import Plan, Resources, Step
from roofline.errors import RooflineError
from roofline.host.machine import memory_available, read_machine, usable_cpus
from roofline.physics import isa
from roofline.records import Cache, Case, MachineSpec
from tests.builders import make_machine
from tests.machine_trees import NAMES, expand, put

Hosts = Mapping[str, Resources]
MIB, GIB = 1 << 20, 1 << 30
SSE2 = ("sse2",)
AVX2 = (*SSE2, "avx", "avx2", "fma")
AVX512 = (*AVX2, "avx512f", "avx512vl", "avx512dq", "avx512bw")
# Time on a busy machine says nothing about a plan.
EXAMPLES = settings(deadline=None, max_examples=50)
BOTH = pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])


def captured(name: str, root: Path) -> Resources:
    """Return what a session on that host would plan with."""
    expand(name, root)
    machine = read_machine(root)
    return Resources(
        machine=machine,
        threads=len(usable_cpus(root, range(machine.threads or 1))),
        vectors=isa.vectors(machine),
        memory_available=memory_available(root),
    )


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans that aren't thinned: what time takes away is tested in test_thinning.py."""
    monkeypatch.setattr(budget, "LONGEST", float("inf"))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    """Return every captured host; none of them is changed."""
    return {name: captured(name, tmp_path_factory.mktemp(name)) for name in NAMES}


def made(
    threads: int = 2, memory: int = 16 * GIB, features: tuple[str, ...] = AVX512, **facts: bool
) -> Resources:
    """Return the resources of a machine with 32 MiB of last-level cache."""
    machine = make_machine(features=features, cores=threads, threads=2 * threads)
    return Resources(
        machine=machine,
        threads=threads,
        vectors=isa.vectors(machine),
        memory_available=memory,
        **facts,
    )


def room(drawn: Plan, *, huge: bool) -> int:
    """Return the bytes that the threads map for the arrays of every case on such pages.

    Each thread keeps its largest input and its largest output over all cases. The order of a walk
    is drawn beside it: four words a line while it is made.
    """
    same = [
        step.case
        for step in drawn.steps
        if cases.benchmark(step.case).family in ("stream", "latency", "loaded")
        and (step.case.parameters.get("huge") is not False) == huge
    ]
    walks = [mapped_for(c, "writes", 0) for c in same if "latency" in c.benchmark]
    mapped = 4 * 8 * (max(walks, default=0) // 64)
    for thread in range(max(case.threads for case in same)):
        mine = [case for case in same if case.threads > thread]
        for arrays in ("reads", "writes"):
            mapped += max(mapped_for(case, arrays, thread) for case in mine)
    return mapped


def mapped_for(case: Case, arrays: str, thread: int) -> int:
    """Return the bytes of a case's inputs ("reads") or output ("writes") on one thread."""
    row = cases.benchmark(case)
    if row.family == "latency":
        return case.working_set_bytes // case.threads if arrays == "writes" else 0
    if row.family == "loaded" and thread == 0:
        return int(case.parameters["walk"] or 0) if arrays == "writes" else 0
    if row.family == "loaded":
        return case.working_set_bytes // (case.threads - 1) if arrays == "reads" else 0
    inputs = row.reads - row.in_place
    return (inputs if arrays == "reads" else row.writes) * cases.array_bytes(case)


def touched(drawn: Plan) -> int:
    """Return the most that a first-touch case maps beside the arrays."""
    return max(s.case.working_set_bytes for s in drawn.steps if s.case.benchmark == "first-touch")


def of(drawn: Plan, benchmark: str, threads: int | None = None) -> list[Case]:
    """Return the cases of a benchmark, of one team or of all."""
    found = [step.case for step in drawn.steps if step.case.benchmark == benchmark]
    return [case for case in found if threads in (None, case.threads)]


def arrays(drawn: Plan) -> set[int]:
    """Return the array sizes, over all threads, of the main streams."""
    largest = max(case.working_set_bytes for case in of(drawn, "triad"))
    main = [case for case in of(drawn, "triad") if case.working_set_bytes == largest]
    return {case.working_set_bytes // 3 for case in main}


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_a_plan_measures_every_width_precision_and_stream_on_one_and_on_all_cores(
    name: str, quick: bool, hosts: Hosts
) -> None:
    resources = hosts[name]
    drawn = plan.draw_up(resources, quick=quick)
    teams = {1, resources.threads}
    compute = {
        (step.case.dtype, step.case.bits, step.case.threads)
        for step in drawn.steps
        if cases.benchmark(step.case).family == "fma" and clocks.is_roof(step.case)
        if step.case.threads in teams
    }
    widest, *narrower = [vector.bits for vector in resources.vectors]
    wanted = {(d, widest, t) for d in ("float32", "float64") for t in teams}
    # What time a quick plan has, goes to single precision.
    dtypes = ("float32",) if quick else ("float32", "float64")
    wanted |= {(d, b, t) for d in dtypes for b in narrower for t in teams}
    if not quick and "asimdhp" in resources.machine.features:
        wanted |= {("float16", widest, t) for t in teams}
    assert compute == wanted
    # Nor does it repeat what another kernel moves.
    alike = () if quick else ("scale", "add")
    for benchmark in ("read", "write", "copy", *alike, "triad", "read-curve"):
        assert {case.threads for case in of(drawn, benchmark)} >= teams
    for benchmark in ("write", "copy", *alike, "triad"):
        stores = {case.parameters["store"] for case in of(drawn, benchmark)}
        assert stores == {"ordinary", "non-temporal"}


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_every_chain_that_reads_a_clock_is_also_run_alone(
    name: str, quick: bool, hosts: Hosts
) -> None:
    drawn = plan.draw_up(hosts[name], quick=quick)
    chains = of(drawn, "chain")
    assert {case.threads for case in chains} == {1}
    assert {"add", "imul"} <= {case.parameters["chain"] for case in chains}
    alone = {clocks.chain_name(case) for case in chains}
    beside = {
        clocks.vector_chain(step.case, fused=cases.fused(step.case))
        for step in drawn.steps
        if cases.benchmark(step.case).clocked
    }
    assert alone == beside | {"add", "imul"}


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_no_two_steps_are_the_same_case(name: str, quick: bool, hosts: Hosts) -> None:
    drawn = plan.draw_up(hosts[name], quick=quick)
    counts = Counter(step.case.key for step in drawn.steps)
    assert counts.most_common(1)[0][1] == 1


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_one_of_the_table(name: str, quick: bool, hosts: Hosts) -> None:
    drawn = plan.draw_up(hosts[name], quick=quick)
    assert all(cases.benchmark(step.case) and step.samples > 0 for step in drawn.steps)


@pytest.mark.parametrize(
    ("name", "caches"),
    [
        ("small-vm", 32 * MIB),
        ("two-sockets", 2 * 48 * MIB),
        ("hybrid", 20 * MIB),
        ("neoverse", 32 * MIB),
        ("bare-container", 32 * MIB),
    ],
)
def test_arrays_are_four_times_the_last_level_caches(name: str, caches: int, hosts: Hosts) -> None:
    """The bare container shows no caches; 32 MiB are assumed."""
    resources = hosts[name]
    full, quick = (plan.draw_up(resources, quick=quick) for quick in (False, True))
    assert full.findings == quick.findings == ()
    assert arrays(full) == {max(64 * MIB, 4 * caches)}
    assert arrays(quick) == {max(32 * MIB, 2 * caches)}


@pytest.mark.parametrize(
    ("threads", "expected"), [(1, 48 * MIB), (2, 48 * MIB), (3, 96 * MIB), (4, 96 * MIB)]
)
def test_only_the_caches_of_the_used_cores_count(threads: int, expected: int, hosts: Hosts) -> None:
    machine = hosts["two-sockets"].machine
    assert plan.last_level_bytes(machine, threads) == expected


def test_a_cache_for_each_core_adds_up() -> None:
    private = make_machine(
        cores=4,
        threads=4,
        caches=(
            Cache(level=1, kind="instruction", size_bytes=GIB, shared_by=1),
            Cache(level=1, kind="data", size_bytes=32 << 10, shared_by=1),
            Cache(level=2, kind="unified", size_bytes=8 * MIB, shared_by=1),
        ),
    )
    assert plan.last_level_bytes(private, 3) == 24 * MIB


@pytest.mark.parametrize(("quick", "mebibytes"), [(False, 600), (True, 450)])
def test_caches_of_hundreds_of_mebibytes_are_outgrown_by_a_triad(
    quick: bool, mebibytes: int
) -> None:
    """Four times as large, each array would take minutes to walk through."""
    caches = (Cache(level=3, kind="unified", size_bytes=300 * MIB, shared_by=32),)
    machine = replace(made(16).machine, caches=caches)
    drawn = plan.draw_up(replace(made(16, 128 * GIB), machine=machine), quick=quick)
    assert arrays(drawn) == {mebibytes * MIB}


def test_unknown_caches_are_unknown() -> None:
    assert plan.last_level_bytes(MachineSpec(architecture="x86_64"), 4) is None


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_no_captured_host_maps_more_than_half_of_its_memory(
    name: str, quick: bool, hosts: Hosts
) -> None:
    resources = hosts[name]
    drawn = plan.draw_up(resources, quick=quick)
    for huge in (True, False):
        assert room(drawn, huge=huge) <= resources.memory_available / 2


@EXAMPLES
@given(
    memory=st.integers(48 * MIB, 8 * GIB),
    threads=st.integers(1, 12),
    quick=st.booleans(),
)
def test_no_plan_maps_more_than_half_of_what_is_available(
    memory: int, threads: int, quick: bool
) -> None:
    drawn = plan.draw_up(made(threads, memory), quick=quick)
    for huge in (True, False):
        assert room(drawn, huge=huge) <= memory / 2
    # First touch comes on top; a page on each thread is the least.
    assert touched(drawn) <= max(memory / 8, threads * cases.HUGE_PAGE)


@BOTH
def test_too_little_memory_for_the_right_arrays_gives_smaller_ones_and_says_so(
    quick: bool,
) -> None:
    drawn = plan.draw_up(made(memory=256 * MIB), quick=quick)
    (finding,) = drawn.findings
    assert finding.severity == "warning"
    assert finding.what.startswith("a smaller plan")
    assert finding.why_it_matters
    assert finding.command
    assert max(arrays(drawn)) <= 256 * MIB / 13
    assert len({step.case.key for step in drawn.steps}) == len(drawn.steps)


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    whole = captured("quota", tmp_path)
    assert plan.draw_up(whole, quick=False).findings == ()
    # 2 GiB are in use, of which 1 GiB can be dropped: 300 MiB are left.
    put(tmp_path, "sys/fs/cgroup/pod/box/memory.max", str(GIB + 300 * MIB))
    limited = replace(whole, memory_available=memory_available(tmp_path))
    drawn = plan.draw_up(limited, quick=False)
    assert "300 MiB" in drawn.findings[0].what
    assert room(drawn, huge=True) <= 150 * MIB


@BOTH
@pytest.mark.parametrize(
    ("threads", "memory"), [(1, 0), (1, 12 * MIB), (8, 40 * MIB), (128, 90 * MIB)]
)
def test_hopeless_memory_is_refused_in_a_sentence(threads: int, memory: int, quick: bool) -> None:
    with pytest.raises(RooflineError) as caught:
        plan.draw_up(made(threads, memory), quick=quick)
    assert caught.value.exit_code == 3
    assert str(caught.value).endswith(".")
    assert "memory" in str(caught.value)


@pytest.mark.parametrize("memory", [48 * MIB, 64 * MIB, 100 * MIB])
def test_the_least_memory_that_is_accepted_still_gives_different_cases(memory: int) -> None:
    drawn = plan.draw_up(made(memory=memory), quick=False)
    assert len({step.case.key for step in drawn.steps}) == len(drawn.steps)


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_plan_is_smaller_in_every_way(name: str, hosts: Hosts) -> None:
    resources = hosts[name]
    full, quick = (plan.draw_up(resources, quick=quick) for quick in (False, True))
    assert len(quick.steps) < len(full.steps)
    assert sum(quick.rounds) < sum(full.rounds)
    assert room(quick, huge=True) < room(full, huge=True)


@pytest.mark.parametrize(("quick", "rounds"), [(True, 7), (False, 9)])
def test_rounds_are_spread_over_three_children(quick: bool, rounds: int) -> None:
    drawn = plan.draw_up(made(), quick=quick)
    assert len(drawn.rounds) == 3
    assert sum(drawn.rounds) == rounds
    assert min(drawn.rounds) >= 2


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_every_round_is_another_order_of_the_same_steps(
    name: str, quick: bool, hosts: Hosts
) -> None:
    drawn = plan.draw_up(hosts[name], quick=quick)
    orders = [
        tuple(visit.step.case.key for visit in drawn.in_round(number) if not visit.again)
        for number in range(sum(drawn.rounds))
    ]
    assert len(set(orders)) == len(orders)
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(orders[0]))}
    assert len(orders[0]) == len(drawn.steps)


@EXAMPLES
@given(steps=st.integers(9, 200), rounds=st.sampled_from([(3, 2, 2), (3, 3, 3)]))
def test_rounds_differ_whatever_the_number_of_steps(steps: int, rounds: tuple[int, ...]) -> None:
    many = tuple(Step(case=Case(benchmark=f"{n}"), samples=1) for n in range(steps))
    drawn = Plan(steps=many, rounds=rounds)
    firsts = [drawn.in_round(number)[0].step.case.key for number in range(sum(rounds))]
    assert len(set(firsts)) == len(firsts)


@BOTH
def test_cases_on_small_pages_stay_together_at_the_end_of_every_round(quick: bool) -> None:
    drawn = plan.draw_up(made(), quick=quick)
    for number in range(sum(drawn.rounds)):
        turns = [visit.step for visit in drawn.in_round(number)]
        plain = [step.case.parameters.get("huge") is False for step in turns]
        assert any(plain)
        assert plain == sorted(plain)


def test_a_plan_without_steps_has_empty_rounds() -> None:
    assert Plan(steps=(), rounds=(1,)).in_round(3) == ()


@pytest.mark.parametrize(
    ("features", "benchmark", "bits", "identifier"),
    [
        (SSE2, "mul+add", {128}, "sse2"),
        (AVX2, "fma", {256, 128}, "avx2"),
        (AVX512, "fma", {512, 256, 128}, "avx512"),
    ],
)
def test_each_extension_gets_its_widths_and_its_instructions(
    features: tuple[str, ...], benchmark: str, bits: set[int], identifier: str
) -> None:
    drawn = plan.draw_up(made(features=features), quick=True)
    assert {case.bits for case in of(drawn, benchmark)} == bits
    other = "fma" if benchmark == "mul+add" else "mul+add"
    assert of(drawn, other) == []
    streams = [*of(drawn, "triad"), *of(drawn, "read-curve")]
    assert {(case.isa, case.bits) for case in streams} == {(identifier, max(bits))}


def test_streams_without_fma_are_told_so() -> None:
    assert {c.parameters.get("fused") for c in of(plan.draw_up(made(), quick=True), "triad")} == {
        None
    }
    plain = plan.draw_up(made(features=SSE2), quick=True)
    assert {c.parameters.get("fused") for c in of(plain, "triad")} == {False}


@BOTH
def test_independent_chains_fit_in_the_registers(quick: bool) -> None:
    for features, registers in ((SSE2, 16), (AVX2, 16), (AVX512, 32)):
        for step in plan.draw_up(made(features=features), quick=quick).steps:
            count = step.case.parameters.get("accumulators")
            assert count is None or 8 <= int(count) <= registers - 2


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_curves_climb_from_inside_the_first_cache_to_outside_the_last(
    name: str, quick: bool, hosts: Hosts
) -> None:
    resources = hosts[name]
    drawn = plan.draw_up(resources, quick=quick)
    caches = plan.last_level_bytes(resources.machine, 1) or 32 * MIB
    for threads in sorted({1, resources.threads}):
        sizes = [case.working_set_bytes for case in of(drawn, "read-curve", threads)]
        assert sizes == sorted(set(sizes))
        assert sizes[0] <= 8192 * threads
        assert sizes[-1] >= 2 * caches * (threads == 1)


@EXAMPLES
@given(memory=st.integers(48 * MIB, 8 * GIB), threads=st.integers(1, 64), quick=st.booleans())
def test_curves_stay_within_what_the_streams_have_mapped(
    memory: int, threads: int, quick: bool
) -> None:
    drawn = plan.draw_up(made(threads, memory), quick=quick)
    inputs = 2 * max(arrays(drawn))
    for team in {1, threads}:
        for case in of(drawn, "read-curve", team):
            # Sizes are rounded to what divides among threads and arrays.
            assert case.working_set_bytes <= inputs + 1536 * team
            assert cases.work(case).bytes_touched.total == case.working_set_bytes


def test_one_thread_needs_no_barrier_and_is_measured_once() -> None:
    drawn = plan.draw_up(made(threads=1), quick=False)
    assert {step.case.threads for step in drawn.steps} == {1}
    assert of(drawn, "barrier") == []
    assert len(of(drawn, "timer")) == 1
    assert len({step.case.key for step in drawn.steps}) == len(drawn.steps)


def test_a_team_has_a_barrier() -> None:
    assert [case.threads for case in of(plan.draw_up(made(threads=3), quick=True), "barrier")] == [
        3
    ]


@pytest.mark.parametrize("huge", [True, False])
def test_huge_pages_are_touched_only_where_there_may_be_any(huge: bool) -> None:
    drawn = plan.draw_up(made(huge_pages=huge), quick=True)
    kinds = {case.parameters["huge"] for case in of(drawn, "first-touch")}
    assert kinds == ({False, True} if huge else {False})


@BOTH
def test_each_loss_has_a_base_to_compare_with(quick: bool) -> None:
    drawn = plan.draw_up(made(), quick=quick)
    for threads in (1, 2):
        triads = [c for c in of(drawn, "triad", threads) if c.parameters["store"] == "ordinary"]
        small = min(case.working_set_bytes for case in triads)
        variants = [
            {k: v for k, v in case.parameters.items() if k in ("pinned", "huge", "prefaulted")}
            for case in triads
            if case.working_set_bytes == small
        ]
        assert sorted(map(repr, variants)) == sorted(
            map(
                repr,
                [{}, {"pinned": False}, {"huge": False}, {"huge": False, "prefaulted": False}],
            )
        )
