"""Every kernel is right at every width, and the check of its answer catches one that is wrong."""

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import benchmarks.rig as rig_module
from benchmarks import cases, clock, dot, fma, latency, pagefault, stream
from benchmarks.arena import Place, map_place
from benchmarks.assembly import HOST_IS_X86
from benchmarks.buffers import Buffer
from benchmarks.conditions import huge_page_policy
from benchmarks.kernels import KernelCache, cache_folder, generator_digest
from benchmarks.rig import FAMILIES, Rig
from benchmarks.team import Segment
from roofline.errors import RooflineError
from roofline.host.machine import read_machine
from roofline.host.worker import Worker
from roofline.physics import ahead, isa
from roofline.physics.isa import Vector
from roofline.records import Case, Scalar
from tests.kernel_cases import (
    ARRAY,
    DTYPES,
    EVERY,
    MIXES,
    VECTORS,
    WIDEST,
    at,
    chain_cases,
    compute_cases,
    dot_cases,
    other_cases,
    scalar_cases,
    stream_cases,
)


@pytest.fixture(scope="module")
def kernels(cache_home: Path) -> KernelCache:
    """Return the tests' own cache of kernels."""
    return KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))


@pytest.fixture(scope="module")
def rig(cpu: int, kernels: KernelCache) -> Rig:
    """Return a rig on one CPU."""
    return Rig([cpu], kernels)


@pytest.fixture(scope="module")
def wide_rig(two_cpus: tuple[int, int], kernels: KernelCache) -> Rig:
    """Return a rig on two CPUs."""
    return Rig(two_cpus, kernels)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.key)
def test_a_kernel_is_right_on_one_thread(rig: Rig, case: Case) -> None:
    sampled = rig.run(case, samples=1)
    assert sampled.checked
    assert len(sampled.seconds) == 1
    assert sampled.seconds[0] > 0
    assert sampled.kernel_digest


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.key)
def test_a_kernel_is_right_on_two_threads(wide_rig: Rig, case: Case) -> None:
    both = replace(case, threads=2, working_set_bytes=2 * case.working_set_bytes)
    sampled = wide_rig.run(both, samples=1)
    assert sampled.checked
    assert sampled.seconds[0] > 0


@pytest.mark.skipif(len(VECTORS) < 2, reason="this host has one width")
def test_a_kernel_that_the_compiler_widened_is_refused_and_any_other_is_narrow(
    rig: Rig, kernels: KernelCache
) -> None:
    case = at(VECTORS[-1], "write", {"fused": False, "store": "ordinary"}, working_set_bytes=ARRAY)
    with suppress(RooflineError):
        rig.run(case, samples=1)
    listing = kernels.folder / f"kernel_{generator_digest(stream.recipe(case))}.s"
    refused = 'problem": null' not in listing.with_suffix(".json").read_text()
    assert refused == bool(re.search(r"%[yz]mm", listing.read_text()))


def test_every_family_is_among_the_cases() -> None:
    run = {cases.BENCHMARKS[case.benchmark].family for case in EVERY}
    # Which dot products there are, the host decides.
    assert run | {"dot"} == set(FAMILIES)


@pytest.mark.parametrize("parameters", [{"pinned": False}, {"huge": False}], ids=str)
def test_a_kernel_is_right_where_the_system_decides(
    rig: Rig, parameters: dict[str, Scalar]
) -> None:
    (case,) = (c for c in stream_cases(WIDEST) if "triad" in c.key and "non-" not in c.key)
    assert rig.run(replace(case, parameters={**case.parameters, **parameters}), 2).checked


def test_pages_that_nobody_touched_before_get_the_right_answer(rig: Rig) -> None:
    (case,) = (c for c in stream_cases(WIDEST) if "triad" in c.key and "non-" not in c.key)
    fresh = replace(case, parameters={**case.parameters, "huge": False, "prefaulted": False})
    sampled = rig.run(fresh, samples=3)
    assert len(sampled.seconds) == 3
    assert sampled.loops == 1


def test_a_larger_case_that_was_not_prepared_gets_larger_memory(
    cpu: int, kernels: KernelCache
) -> None:
    subject = Rig([cpu], kernels)
    small = at(WIDEST, "read", {"fused": WIDEST.fused}, working_set_bytes=ARRAY)
    # More than a huge page: a buffer that is too small would be left behind.
    large = replace(small, working_set_bytes=8 << 20)
    subject.prepare([small])
    for case in (small, large, small):
        assert subject.run(case, samples=1).checked


def test_cases_of_a_round_share_their_memory_and_a_new_round_maps_anew(
    cpu: int, kernels: KernelCache
) -> None:
    subject = Rig([cpu], kernels)
    case = at(WIDEST, "read", {"fused": WIDEST.fused}, working_set_bytes=ARRAY)
    subject.run(case, samples=1)
    (first,) = subject._memory(case)
    assert subject._memory(case) == [first]
    subject.begin_round()
    (second,) = subject._memory(case)
    assert second is not first


def test_a_run_in_memory_of_its_own_leaves_what_the_round_shares(
    cpu: int, kernels: KernelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Rig([cpu], kernels)
    case = at(WIDEST, "read", {"fused": WIDEST.fused}, working_set_bytes=ARRAY)
    subject.run(case, samples=1)
    shared = subject._memory(case)
    mapped: list[Place] = []

    def noted(*sizes: int, huge: bool | None) -> Place:
        mapped.append(map_place(*sizes, huge=huge))
        return mapped[-1]

    monkeypatch.setattr(rig_module, "map_place", noted)
    assert subject.run(case, samples=2, own=True).checked
    assert len(mapped) == 1
    assert mapped[0].inputs.size < 2 * ARRAY + (1 << 20)
    assert subject._memory(case) == shared


def test_the_huge_share_is_of_memory_that_asked_for_huge_pages(
    cpu: int, kernels: KernelCache
) -> None:
    subject = Rig([cpu], kernels)
    assert subject.huge_page_fraction() is None
    large = at(WIDEST, "read", {"fused": WIDEST.fused}, working_set_bytes=16 << 20)
    subject.run(large, samples=1)
    share = subject.huge_page_fraction()
    subject.run(replace(large, parameters={**large.parameters, "huge": False}), samples=1)
    assert subject.huge_page_fraction() == share
    if not Path("/proc/self/smaps_rollup").exists():
        assert share is None
    elif huge_page_policy() in (None, "never"):
        assert share == 0
    else:
        assert share is not None
        assert 0 <= share <= 1


def test_the_clocks_tick_beside_the_work(rig: Rig) -> None:
    case = next(compute_cases(WIDEST))
    rates = rig.run(case, samples=3).steps_per_second
    assert set(rates) == {clock.MULTIPLY, clock.VECTOR}
    assert all(len(samples) == 3 for samples in rates.values())
    assert all(rate > 0 for samples in rates.values() for rate in samples)


@pytest.mark.parametrize("name", ["timer", "barrier", "call", "migration"])
def test_the_instrument_times_itself(rig: Rig, name: str) -> None:
    seconds = rig.run(Case(benchmark=name), samples=2).seconds
    assert len(seconds) == 2
    assert all(0 < second < 1 for second in seconds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bits", [0, 128, 256, 512])
@pytest.mark.parametrize("name", MIXES)
def test_operands_give_a_finite_reference_at_every_width_of_any_host(
    name: str, bits: int, dtype: str, kernels: KernelCache
) -> None:
    scalar = 8 * cases.ITEM_BYTES[dtype]
    case = Case(benchmark=name, parameters={"accumulators": 12}, dtype=dtype, bits=bits or scalar)
    kernel = kernels.get(pagefault.recipe(case))
    subject = fma.task(case, kernel, map_place(0, 0, huge=None))
    for repeats in (1, 2):
        steps = repeats * cases.FMA_TURNS * cases.FMA_UNROLL
        expected = fma.reference(subject.operands, cases.lanes(case), steps, subject.mix)
        assert np.isfinite(expected).all()
        assert (np.abs(expected) > 0).all()
        subject.results[:] = expected.ravel()
        assert subject.correct(repeats)
        half = fma.reference(subject.operands, cases.lanes(case), steps // 2, subject.mix)
        # Every single chain tells half of the steps from all of them.
        for row in range(len(expected)):
            subject.results[:] = np.vstack([expected[:row], half[row], expected[row + 1 :]]).ravel()
            assert not subject.correct(repeats)


class Bench:
    """One thread's task with memory of its own, run on this very thread and without a clock."""

    def __init__(self, case: Case, kernels: KernelCache) -> None:
        row = cases.BENCHMARKS[case.benchmark]
        family = FAMILIES[row.family]
        size = cases.array_bytes(case) if row.family == "stream" else case.working_set_bytes
        self.place = map_place(row.reads * size, size, huge=None)
        self.task: Any = family.task(case, kernels.get(family.recipe(case)), self.place)
        self.size = size

    def run(self, repeats: int = 1, spoil: "Spoil | None" = None) -> bool:
        """Run it once, its parameters spoiled if asked; whether its answer passes the check."""
        self.task.reset()
        segment: Segment = self.task.segment(repeats)
        if spoil is not None:
            spoil(segment.block)
        for _ in range(segment.repeats):
            segment.kernel.call(segment.block.ctypes.data)
        return bool(self.task.correct(repeats))


Spoil = Callable[[NDArray[np.int64]], None]
SCRATCH = Buffer(4 << 20, huge=None)


def halved(word: int) -> Spoil:
    """Halve a count."""

    def spoil(block: NDArray[np.int64]) -> None:
        block[word] //= 2

    return spoil


def one_less(word: int) -> Spoil:
    """Lower a count by one."""

    def spoil(block: NDArray[np.int64]) -> None:
        block[word] -= 1

    return spoil


def elsewhere(word: int) -> Spoil:
    """Point at memory that nobody looks at: what is written there isn't written at all."""

    def spoil(block: NDArray[np.int64]) -> None:
        # Unlike any input, whatever was written there before.
        SCRATCH.fill("float64", seed=99)
        block[word] = SCRATCH.address

    return spoil


def copied(word: int, size: int) -> Spoil:
    """Let a kernel work on a copy: it does all of its work, and its result is nowhere."""

    def spoil(block: NDArray[np.int64]) -> None:
        ctypes.memmove(SCRATCH.address, int(block[word]), size)
        block[word] = SCRATCH.address

    return spoil


def same(word: int, other: int) -> Spoil:
    """Make one array of two, so that less is read."""

    def spoil(block: NDArray[np.int64]) -> None:
        block[word] = block[other]

    return spoil


def elsewhere_in_the_walk(block: NDArray[np.int64]) -> None:
    """Begin the walk a step later."""
    block[latency.POINTER] = ctypes.c_int64.from_address(int(block[latency.POINTER])).value


def wrong_kernels() -> Iterator[tuple[str, Case, Spoil]]:
    """Yield each kernel with everything that could be wrong with it."""
    assert (dot.TURNS, dot.OPERANDS, dot.RESULTS) == (fma.TURNS, fma.OPERANDS, fma.RESULTS)
    for case in (*compute_cases(WIDEST), *scalar_cases(WIDEST), *dot_cases()):
        yield "half the turns", case, halved(fma.TURNS)
        yield "nothing written", case, elsewhere(fma.RESULTS)
        yield "other operands", case, elsewhere(fma.OPERANDS)
    for case in (*chain_cases(WIDEST), *other_cases()):
        if case.benchmark == "chain":
            size = 4 * WIDEST.bits // 8 if case.parameters["chain"] == "vector" else 24
            yield "half the turns", case, halved(clock.TURNS)
            yield "nothing written", case, copied(clock.OPERANDS, size)
        elif case.benchmark == "latency":
            yield "half the turns", case, halved(latency.TURNS)
            yield "a turn too few", case, one_less(latency.TURNS)
            yield "a step too far", case, elsewhere_in_the_walk
        else:
            yield "half the pages", case, halved(pagefault.PAGES)
            yield "a page too few", case, one_less(pagefault.PAGES)
            yield "nothing written", case, elsewhere(pagefault.START)
            yield "half the stride", case, halved(pagefault.STRIDE)
    for case in stream_cases(WIDEST):
        yield "half the turns", case, halved(stream.TURNS)
        yield "a turn too few", case, one_less(stream.TURNS)
        yield from _wrong_streams(case)


def _wrong_streams(case: Case) -> Iterator[tuple[str, Case, Spoil]]:
    row = cases.BENCHMARKS[case.benchmark]
    if case.benchmark == "read":
        yield "nothing written", case, elsewhere(stream.RESULT)
        yield "another array read", case, elsewhere(stream.A)
    else:
        yield "nothing written", case, elsewhere(stream.A)
    if row.writes and row.reads and not row.in_place:
        yield "another array read", case, elsewhere(stream.B)
    if row.in_place:
        yield "another factor", case, elsewhere(stream.FACTOR)
    if row.reads == 3:
        yield "one array read for another", case, same(stream.D, stream.C)
    if row.reads >= 2:
        yield "one array read twice", case, same(stream.C, stream.B)
        yield "the other read twice", case, same(stream.B, stream.C)


WRONG = tuple(wrong_kernels())


@pytest.mark.parametrize(
    ("case", "spoil"), [one[1:] for one in WRONG], ids=[f"{one[1].key}: {one[0]}" for one in WRONG]
)
def test_the_check_catches_a_kernel_that_is_wrong(
    kernels: KernelCache, case: Case, spoil: Spoil
) -> None:
    subject = Bench(case, kernels)
    # A first touch marks its pages for good: the right kernel would leave the wrong one no chance.
    if case.benchmark != "first-touch":
        assert subject.run()
    assert not subject.run(spoil=spoil)
    # Anew: a walk keeps its parameters from call to call.
    assert Bench(case, kernels).run()


@pytest.mark.parametrize(
    "name", [*MIXES, "dot", "latency", "chain", "read", "triad", "first-touch"]
)
def test_a_wrong_kernel_is_never_timed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    wrong = [one for one in WRONG if one[1].benchmark == name]
    if not wrong:
        pytest.skip(f"this host has no {name}")
    _, case, spoil = wrong[0]
    task_type = type(Bench(case, rig.kernels).task)
    right = task_type.segment

    def segment(task: Any, repeats: int) -> Segment:
        made: Segment = right(task, repeats)
        spoil(made.block)
        return made

    monkeypatch.setattr(task_type, "segment", segment)
    with pytest.raises(RooflineError, match="computes a wrong answer") as refused:
        rig.run(case, samples=1)
    assert refused.value.exit_code == 3
    assert case.key in str(refused.value)


def test_one_thread_of_two_that_is_wrong_is_enough(
    wide_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, calls = fma.FmaTask.segment, count()

    def segment(task: fma.FmaTask, repeats: int) -> Segment:
        made = right(task, repeats)
        if next(calls) == 1:
            made.block[fma.TURNS] //= 2
        return made

    monkeypatch.setattr(fma.FmaTask, "segment", segment)
    with pytest.raises(RooflineError, match="computes a wrong answer"):
        wide_rig.run(replace(next(compute_cases(WIDEST)), threads=2), samples=1)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector.isa}:{vector.bits}")
@pytest.mark.parametrize("passes", [1, 2, 3, 4])
@pytest.mark.parametrize("asks", [False, True])
def test_a_read_makes_as_many_passes_as_it_says(
    kernels: KernelCache, vector: Vector, passes: int, asks: bool
) -> None:
    reads = (case for case in stream_cases(vector) if case.benchmark == "read")
    (case,) = (case for case in reads if (ahead.PARAMETER in case.parameters) == asks)
    subject = Bench(case, kernels)
    assert subject.run(passes)

    def one_pass_too_many(block: NDArray[np.int64]) -> None:
        block[stream.PASSES] += 1

    assert not subject.run(passes, one_pass_too_many)


# What `write` leaves doesn't depend on the pass.
STORED = [
    case
    for vector in VECTORS
    for case in stream_cases(vector)
    if case.benchmark not in ("read", "write")
]


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("case", STORED, ids=lambda case: case.key)
def test_a_stream_makes_as_many_passes_as_it_says(
    kernels: KernelCache, case: Case, passes: int
) -> None:
    """Run it onto its own input, so that each pass starts from what the one before left."""
    subject = Bench(case, kernels)
    b, c = subject.task._array(0), subject.task._array(1)
    start, step = b.copy(), c.copy()
    if case.benchmark == "schoenauer":
        step *= subject.task._array(2)
    # A copy onto itself would tell nothing: it goes one vector down with each pass.
    down = case.bits // 8 if case.benchmark == "copy" else 0
    block = subject.task.segment(passes).block
    block[stream.A] = block[stream.B] - down
    subject.task.kernel.call(block.ctypes.data)
    moved = passes * down // 8
    factor, addend = {
        "copy": (1, 0),
        "scale": (stream.SCALAR**passes, 0),
        "add": (1, passes),
        "update": (stream.FLIP**passes, 0),
        "triad": (1, passes * stream.SCALAR),
        "schoenauer": (1, passes),
    }[case.benchmark]
    expected = factor * start + (addend * step if addend else 0)
    assert np.allclose(b[: b.size - moved], expected[moved:], rtol=1e-12)


# What a lesser host would run, and the registers that it doesn't have.
CAPPED = [("avx2", "%zmm"), ("sse2", "%ymm")]


@pytest.mark.skipif(not HOST_IS_X86, reason="other architectures have one width")
@pytest.mark.parametrize(("cap", "missing"), CAPPED)
def test_an_emulated_host_runs_right_and_without_wider_registers(
    cpu: int, tmp_path: Path, cap: str, missing: str
) -> None:
    try:
        vectors = isa.vectors(read_machine(), cap)
    except RooflineError as error:
        pytest.skip(str(error))
    wanted = [
        *compute_cases(vectors[0]),
        *(c for c in stream_cases(vectors[0]) if c.benchmark in ("read", "triad")),
    ]
    environment = {**isa.target_environment(cap), "XDG_CACHE_HOME": str(tmp_path)}
    with Worker([cpu], environment) as child:
        child.ask("prepare", cases=[asdict(case) for case in wanted])
        for case in wanted:
            assert child.ask("run", case=asdict(case), samples=1)["checked"], case.key
    listings = [path.read_text() for path in tmp_path.rglob("*.s")]
    assert len(listings) > len(wanted)
    assert not [text for text in listings if missing in text]
    register = {256: "%ymm", 128: "%xmm"}[vectors[0].bits]
    assert sum(register in text for text in listings) >= len(wanted)
