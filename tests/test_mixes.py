"""Mixes, dot products and what the instrument costs: their own rules, beside the common checks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cases, dot, fma
from benchmarks.arena import map_place
from benchmarks.kernels import Kernel, KernelCache, Recipe, cache_folder
from benchmarks.rig import Rig
from roofline.records import Case
from tests.kernel_cases import MIXES, dot_cases

DOTS = {case.dtype: case for case in dot_cases()}
NARROW = pytest.mark.parametrize("dtype", ["bfloat16", "int8"])


@pytest.fixture(scope="module")
def kernels(cache_home: Path) -> KernelCache:
    """Return the tests' own cache of kernels."""
    return KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))


@pytest.fixture
def nothing(kernels: KernelCache) -> Kernel:
    """Return a kernel that does nothing."""
    return kernels.get(Recipe("benchmarks.instrument", "build_nothing"))


def dots(dtype: str) -> Case:
    if dtype not in DOTS:
        pytest.skip(f"this processor has no {dtype} dot products in vectors of 512 bit")
    return DOTS[dtype]


def solved(case: Case, kernels: KernelCache, repeats: int) -> Any:
    """Return the task of a dot product after so many repetitions on this thread."""
    task = dot.task(case, kernels.get(dot.recipe(case)), map_place(0, 0, huge=None))
    task.reset()
    segment = task.segment(repeats)
    segment.kernel.call(segment.block.ctypes.data)
    return task


def test_mixed_instructions_take_turns() -> None:
    assert fma.kinds("fma+add", 6) == ["fma", "add"] * 3
    assert fma.kinds("fma+add", 5) == ["fma", "add", "fma", "add", "fma"]
    assert fma.kinds("add", 3) == ["add"] * 3
    # Products first: each sum takes one of them.
    assert fma.kinds("mul+add", 6) == ["mul"] * 3 + ["add"] * 3


def test_kinds_of_their_own_pace_start_equally_often_and_in_pairs() -> None:
    assert fma.kinds("fma+add", 5, 2) == ["fma"] * 3 + ["add"] * 2
    assert fma.turn(5, 2) == [0, 1, 3, 4, 2, 0, 3, 4, 1, 2, 3, 4]
    assert fma.turn(3) == [0, 1, 2]
    order, names = fma.turn(14, 6), fma.kinds("fma+add", 14, 6)
    started = [names[index] for index in order]
    assert started == ["fma", "fma", "add", "add"] * 12
    # Eight and six chains whose latencies are 4 and 3: each is ready when its turn comes.
    assert [order.count(index) for index in range(14)] == [3] * 8 + [4] * 6


def test_a_mix_of_two_paces_counts_both_and_fits_into_sixteen_registers() -> None:
    case = paced("float32")
    assert cases.MIXED_CHAINS + 1 <= 16
    each = 24 * cases.FMA_UNROLL
    assert [one.count for one in fma.recipe(case).expected] == [each, each]
    assert cases.work(case).flops == 8 * 3 * each * cases.FMA_TURNS


def paced(dtype: str) -> Case:
    parameters = cases.arithmetic("fma+add", 16, fused=True)
    return Case(benchmark="fma+add", parameters=parameters, dtype=dtype, bits=256)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("index", [0, 7, 8, 13])
def test_every_chain_of_a_mix_of_two_paces_is_looked_at(
    index: int, dtype: str, nothing: Kernel
) -> None:
    task = fma.task(paced(dtype), nothing, map_place(0, 0, huge=None))
    turns, lanes = cases.FMA_TURNS * cases.FMA_UNROLL, 32 // np.dtype(dtype).itemsize
    expected = fma.reference(task.operands, lanes, turns, "fma+add", 6)
    for repeats, wrong in ((1, turns // 2), (1, turns * 3 // 4), (1, 2 * turns)):
        task.results[:] = expected.ravel()
        assert task.correct(repeats)
        other = fma.reference(task.operands, lanes, wrong, "fma+add", 6)
        task.results.reshape(14, lanes)[index] = other[index]
        assert not task.correct(repeats)


def half_precision(nothing: Kernel) -> fma.FmaTask:
    case = Case(benchmark="fma", parameters={"accumulators": 24}, dtype="float16", bits=512)
    return fma.task(case, nothing, map_place(0, 0, huge=None))


def test_sums_of_half_precision_are_exact_all_along(nothing: Kernel) -> None:
    """In float16 a step below the spacing of numbers would be lost: none is."""
    task = half_precision(nothing)
    rows = task.operands.reshape(-1, 32)
    a, x, sums = rows[0], rows[1], rows[2:].copy()
    for _ in range(cases.HALF_TURNS * cases.FMA_UNROLL):
        stepped = sums + a * x
        assert (np.abs(stepped - sums) == 1).all()
        sums = stepped
    task.results[:] = sums.ravel()
    assert task.correct(1)
    # Every call begins anew.
    assert task.correct(2)
    assert task.segment(3).repeats == 3
    assert task.segment(3).block[fma.TURNS] == cases.HALF_TURNS


@pytest.mark.parametrize("index", [0, 400, 24 * 32 - 1])
def test_one_step_too_few_in_half_precision_is_noticed(index: int, nothing: Kernel) -> None:
    task = half_precision(nothing)
    steps = cases.HALF_TURNS * cases.FMA_UNROLL
    task.results[:] = fma.reference(task.operands, 32, steps, "fma").ravel()
    assert task.correct(1)
    task.results[index] -= 1
    assert not task.correct(1)


@pytest.mark.parametrize("name", MIXES)
@given(half=st.integers(1, 15))
def test_operations_are_counted_by_the_instructions_that_are_there(name: str, half: int) -> None:
    case = Case(benchmark=name, parameters={"accumulators": 2 * half}, dtype="float32", bits=512)
    used = fma.kinds(cases.benchmark(case).mix, 2 * half)
    each = {"fma": 2, "add": 1, "mul": 1}
    steps = cases.FMA_TURNS * cases.FMA_UNROLL
    assert cases.work(case).flops == 16 * steps * sum(each[kind] for kind in used)
    expected = fma.recipe(case).expected
    assert sum(one.count for one in expected) == 2 * half * cases.FMA_UNROLL


@pytest.mark.parametrize(("dtype", "lanes"), [("bfloat16", 32), ("int8", 64)])
def test_a_dot_product_is_two_operations_a_narrow_lane(dtype: str, lanes: int) -> None:
    case = Case(benchmark="dot", parameters={"accumulators": 24}, dtype=dtype, bits=512, threads=2)
    steps = 24 * cases.FMA_TURNS * cases.FMA_UNROLL
    assert cases.lanes(case) == lanes
    assert cases.work(case).flops == 2 * 2 * lanes * steps


def test_a_step_of_int8_is_unsigned_by_signed() -> None:
    operands = np.zeros(2 * 16, np.float32)
    a, x = operands[:16].view(np.uint8), operands[16:].view(np.int8)
    a[:8], x[:8] = (255, 1, 2, 3, 0, 0, 200, 100), (-128, 127, -1, 5, 9, 9, 1, -1)
    assert dot.dot(operands, "int8", 512).tolist()[:3] == [-128 * 255 + 127 - 2 + 15, 100, 0]


def test_a_step_of_bfloat16_is_the_upper_half_of_float32() -> None:
    operands = np.zeros(2 * 16, np.float32)
    a, x = operands[:16].view(np.uint16), operands[16:].view(np.uint16)
    a[:4], x[:4] = (0x3F80, 0x4000, 0xC040, 0x3F00), (0x4040, 0x3F80, 0x3F80, 0x4080)
    # 1 x 3 + 2 x 1, -3 x 1 + 0.5 x 4.
    assert dot.dot(operands, "bfloat16", 512).tolist()[:3] == [5.0, -1.0, 0.0]


@pytest.mark.parametrize("repeats", [1, 2, 64])
def test_int8_wraps_at_32_bits_and_is_exact(repeats: int, kernels: KernelCache) -> None:
    """64 repetitions add more than 2^32 to some lanes; none is cut off at the largest number."""
    case = dots("int8")
    task = solved(case, kernels, repeats)
    assert task.correct(repeats)
    assert not task.correct(repeats + 1)
    sums = dot.dot(task.operands, "int8", 512)
    steps = repeats * cases.FMA_TURNS * cases.FMA_UNROLL
    assert bool((np.abs(steps * sums) >= 1 << 32).any()) == (repeats == 64)
    results = task.results.view(np.int32)
    results[0] += 1
    assert not task.correct(repeats)


@NARROW
def test_each_lane_and_each_chain_of_a_dot_product_counts(dtype: str, kernels: KernelCache) -> None:
    task = solved(dots(dtype), kernels, 1)
    assert task.correct(1)
    for index in (0, 100, task.results.size - 1):
        kept = task.results[index]
        task.results[index] = -2 * kept + 1000.0
        assert not task.correct(1)
        task.results[index] = kept
    assert task.correct(1)


@NARROW
@pytest.mark.parametrize("operand", [0, 1])
def test_a_dot_product_of_other_operands_is_noticed(
    dtype: str, operand: int, kernels: KernelCache
) -> None:
    case = dots(dtype)
    task = solved(case, kernels, 1)
    lanes = case.bits // 32
    narrow = task.operands[operand * lanes : (operand + 1) * lanes].view(np.uint8)
    # One narrow number of 32 or 64: its upper byte holds the sign and the exponent.
    narrow[1] ^= 0x40
    assert not task.correct(1)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_a_dot_product_expects_its_own_instruction(dtype: str) -> None:
    """The one that cuts off at the largest number is another."""
    (wanted,) = dot.recipe(
        Case(benchmark="dot", parameters={"accumulators": 24}, dtype=dtype, bits=512)
    ).expected
    assert wanted.instruction == {"bfloat16": "vdpbf16ps", "int8": "vpdpbusd"}[dtype]
    assert wanted.count == 24 * cases.FMA_UNROLL


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("index", [0, 1, 22, 23])
def test_every_chain_of_a_mix_is_looked_at(name: str, index: int, nothing: Kernel) -> None:
    case = Case(benchmark=name, parameters={"accumulators": 24}, dtype="float64", bits=512)
    task = fma.task(case, nothing, map_place(0, 0, huge=None))
    steps = cases.FMA_TURNS * cases.FMA_UNROLL
    expected = fma.reference(task.operands, 8, steps, task.mix)
    task.results[:] = expected.ravel()
    assert task.correct(1)
    # As if the instruction had been another of the mix.
    other = {"fma": "add", "add": "fma", "mul": "fma"}[fma.kinds(task.mix, 24)[index]]
    task.results.reshape(24, 8)[index] = fma.reference(task.operands, 8, steps, other)[index]
    assert not task.correct(1)


def test_a_call_and_a_migration_cost_something(
    two_cpus: tuple[int, int], kernels: KernelCache
) -> None:
    rig = Rig(two_cpus, kernels)
    for case in (Case(benchmark="call"), Case(benchmark="migration", threads=2)):
        sampled = rig.run(case, samples=4)
        assert len(sampled.seconds) == 4
        assert all(seconds > 0 for seconds in sampled.seconds)
        assert sampled.kernel_digest


def test_after_a_migration_the_team_is_where_it_was(
    two_cpus: tuple[int, int], kernels: KernelCache
) -> None:
    rig = Rig(two_cpus, kernels)
    rig.run(Case(benchmark="migration", threads=2), samples=1)
    case = Case(benchmark="chain", parameters={"chain": "imul", "fused": False}, threads=2)
    # A thread on the other's CPU would miss the barrier.
    assert rig.run(case, samples=1).checked
    assert rig.run(replace(case, threads=1), samples=1).checked
