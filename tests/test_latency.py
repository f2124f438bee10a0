"""The pointer chase: every line once a round, in no order that is guessed, on from call to call."""

import ctypes
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import cases, latency
from benchmarks.arena import Place, map_place
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.latency import LINE, POINTER, UNROLL, ChaseTask
from benchmarks.rig import Rig
from roofline.records import Case, Scalar

L1 = Case(benchmark="latency", parameters={"level": "L1"}, dtype="int64", working_set_bytes=24_576)
SIZES = (16 << 10, 24 << 10, 96 << 10, 1 << 20)


@pytest.fixture(scope="module")
def kernels(cache_home: Path) -> KernelCache:
    """Return the tests' own cache of kernels."""
    return KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))


def chase(case: Case, kernels: KernelCache, huge: bool | None = None) -> tuple[ChaseTask, Place]:
    place = map_place(0, case.working_set_bytes, huge=huge)
    return latency.task(case, kernels.get(latency.recipe(case)), place), place


def following(address: int) -> int:
    """Return what lies at an address: the next one."""
    return ctypes.c_int64.from_address(address).value


def run(task: ChaseTask, repeats: int) -> int:
    """Run the chain on this thread and return where it stands."""
    segment = task.segment(repeats)
    for _ in range(segment.repeats):
        segment.kernel.call(segment.block.ctypes.data)
    return int(segment.block[POINTER])


def walked(start: int, steps: int) -> list[int]:
    places = [start]
    for _ in range(steps):
        places.append(following(places[-1]))
    return places


@pytest.mark.parametrize("size", SIZES)
def test_a_round_visits_every_line_once_and_comes_back(size: int, kernels: KernelCache) -> None:
    task, place = chase(replace(L1, working_set_bytes=size), kernels)
    task.reset()
    visited = walked(int(task.block[POINTER]), size // LINE)
    assert visited[-1] == visited[0]
    lines = {place.output.address + offset for offset in range(0, size, LINE)}
    assert set(visited) == lines
    assert len(visited) - 1 == len(lines)


def test_no_step_is_told_from_the_one_before(kernels: KernelCache) -> None:
    task, _ = chase(replace(L1, working_set_bytes=1 << 20), kernels)
    steps = np.diff(walked(int(task.block[POINTER]), 4096))
    assert np.unique(np.abs(steps)).size > 3000
    # A prefetcher follows neighbours: hardly any step is to one.
    assert (np.abs(steps) <= 2 * LINE).mean() < 0.01
    assert 0.4 < (steps > 0).mean() < 0.6


@settings(deadline=None, max_examples=30)
@given(lines=st.integers(1, 5000))
def test_any_number_of_lines_is_one_cycle(lines: int) -> None:
    order, offsets = latency._walk(lines)
    assert sorted(order) == list(range(lines))
    for here, there in pairwise([*order, order[0]]):
        assert offsets[here] == there * LINE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_the_kernel_ends_where_the_walk_does(size: int, repeats: int, kernels: KernelCache) -> None:
    task, _ = chase(replace(L1, working_set_bytes=size), kernels)
    task.reset()
    steps = repeats * cases.CHASE_STEPS
    assert run(task, repeats) == walked(task._line(0), steps)[-1]
    assert task.correct(repeats)
    assert not task.correct(repeats + 1)


def test_a_call_goes_on_where_the_last_one_ended(kernels: KernelCache) -> None:
    task, _ = chase(L1, kernels)
    task.reset()
    for _ in range(3):
        run(task, 1)
    assert task.correct(3)
    task.reset()
    run(task, 1)
    assert task.correct(1)


@pytest.mark.parametrize("size", SIZES)
def test_no_walk_at_all_is_noticed(size: int, kernels: KernelCache) -> None:
    """Steps that are a multiple of the lines would end where they began."""
    task, _ = chase(replace(L1, working_set_bytes=size), kernels)
    task.reset()
    assert not any(task.correct(repeats) for repeats in (1, 2))
    assert cases.CHASE_STEPS % UNROLL == 0


def test_a_line_that_leads_astray_is_noticed(kernels: KernelCache) -> None:
    task, _ = chase(L1, kernels)
    task.reset()
    start = task._line(0)
    astray = ctypes.c_int64.from_address(start)
    astray.value = start
    run(task, 1)
    assert not task.correct(1)


@pytest.mark.parametrize(
    "parameters", [{"level": "DRAM"}, {"level": "DRAM", "huge": False}], ids=["huge", "4 KiB"]
)
def test_memory_is_walked_through_on_either_kind_of_page(
    parameters: dict[str, Scalar], cpu: int, kernels: KernelCache
) -> None:
    case = replace(L1, parameters=parameters, working_set_bytes=8 << 20)
    rig = Rig([cpu], kernels)
    sampled = rig.run(case, samples=3)
    assert sampled.checked
    assert len(sampled.seconds) == 3
    assert all(seconds > 0 for seconds in sampled.seconds)
    (place,) = rig._memory(case)
    assert place.output.size >= case.working_set_bytes
    assert rig._huge is (parameters.get("huge") is not False)


def test_a_walk_takes_the_memory_that_other_cases_mapped(cpu: int, kernels: KernelCache) -> None:
    triad = Case(
        benchmark="triad",
        parameters={"store": "ordinary", "fused": False},
        bits=128,
        working_set_bytes=3 << 20,
    )
    rig = Rig([cpu], kernels)
    rig.prepare([triad, L1])
    assert rig.run(triad, 1).checked
    (before,) = rig._memory(triad)
    assert rig.run(L1, 1).checked
    assert rig._memory(L1) == [before]
    # What one leaves in it is nothing to the other.
    assert rig.run(triad, 1).checked
    assert rig.run(L1, 1).checked


def test_data_are_brought_where_they_stay_but_for_memory() -> None:
    for size in (1 << 10, 16 << 10, 1 << 20, 64 << 20):
        near = replace(L1, working_set_bytes=size)
        loads = cases.warm_up(near) * cases.CHASE_STEPS
        assert 2 * size <= loads * LINE < 2 * size + cases.CHASE_STEPS * LINE
        assert cases.warm_up(replace(near, parameters={"level": "DRAM"})) == 0
    assert cases.warm_up(Case(benchmark="triad", working_set_bytes=1 << 20)) == 0


def test_what_was_written_last_is_driven_out_before_memory_is_walked_through(
    kernels: KernelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By reading the inputs, which a plan makes larger than all caches."""
    seen = []
    place = map_place(1 << 20, 1 << 20, huge=None)
    inputs = type(place.inputs)
    whole = inputs.view
    monkeypatch.setattr(inputs, "view", lambda one, kind: seen.append(one) or whole(one, kind))
    kernel = kernels.get(latency.recipe(L1))
    latency.task(L1, kernel, place)
    assert seen == [place.output]
    latency.task(replace(L1, parameters={"level": "DRAM"}), kernel, place)
    assert seen == [place.output, place.output, place.inputs]
