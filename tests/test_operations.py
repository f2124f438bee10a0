"""Divides, square roots and exponentials: each lane is right, and a wrong answer is noticed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import cases, division, exponential
from benchmarks.arena import map_place
from benchmarks.kernels import Kernel, KernelCache, Recipe, cache_folder
from roofline.records import Case

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
ROOTS = pytest.mark.parametrize("name", ["divide", "sqrt"])


@pytest.fixture(scope="module")
def nothing(cache_home: Path) -> Kernel:
    """Return a kernel that does nothing."""
    kernels = KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))
    return kernels.get(Recipe("benchmarks.instrument", "build_nothing"))


def chains(name: str, dtype: str, nothing: Kernel) -> division.DivisionTask:
    parameters = {"accumulators": cases.DIVISION_CHAINS}
    case = Case(benchmark=name, parameters=parameters, dtype=dtype, bits=256)
    return division.task(case, nothing, map_place(0, 0, huge=None))


def stepped(task: division.DivisionTask, steps: int) -> Any:
    """Return the chains after so many steps as float64 numbers, one step at a time."""
    a, b, *starts = task.operands.astype(np.float64).reshape(-1, cases.lanes(task.case))
    values = np.array(starts)
    for step in range(steps):
        if task.case.benchmark == "divide":
            values = (b if step % 2 else a) / values
        else:
            values = np.sqrt(values * values + a)
    return values


@ROOTS
@DTYPES
def test_the_closed_form_is_what_the_steps_lead_to(name: str, dtype: str, nothing: Kernel) -> None:
    task = chains(name, dtype, nothing)
    steps = cases.DIVISION_TURNS * cases.DIVISION_STEPS
    closed = division.reference(task.operands, cases.lanes(task.case), steps, name)
    assert stepped(task, steps) == pytest.approx(closed, rel=1e-9)


@ROOTS
@DTYPES
@pytest.mark.parametrize("index", [0, 5, cases.DIVISION_CHAINS - 1])
def test_half_and_three_quarters_of_the_steps_are_noticed_in_every_chain(
    index: int, dtype: str, name: str, nothing: Kernel
) -> None:
    task = chains(name, dtype, nothing)
    lanes, steps = cases.lanes(task.case), cases.DIVISION_TURNS * cases.DIVISION_STEPS
    right = division.reference(task.operands, lanes, steps, name)
    for wrong in (0, steps // 2, steps * 3 // 4, 2 * steps):
        task.results[:] = right.ravel()
        assert task.correct(1)
        other = division.reference(task.operands, lanes, wrong, name)
        task.results.reshape(right.shape)[index] = other[index]
        assert not task.correct(1)
    task.reset()
    assert not task.correct(1)


@ROOTS
@DTYPES
def test_values_stay_ordinary_for_longer_than_any_sample(
    name: str, dtype: str, nothing: Kernel
) -> None:
    """Two hundred repetitions: 5 ms of a core that starts a divide every cycle."""
    task = chains(name, dtype, nothing)
    steps = 200 * cases.DIVISION_TURNS * cases.DIVISION_STEPS
    ends = division.reference(task.operands, cases.lanes(task.case), steps, name)
    largest = np.maximum(ends, task.operands.max() / ends)
    assert (largest < np.sqrt(np.finfo(dtype).max)).all()


def array(dtype: str, nothing: Kernel, bits: int = 256) -> exponential.ExponentialTask:
    case = Case(benchmark="exp", parameters={"held": False}, dtype=dtype, bits=bits)
    return exponential.task(case, nothing, map_place(0, 0, huge=None))


def approximation(task: exponential.ExponentialTask) -> Any:
    """Return the exponentials by the kernel's own constants, with sums in extended precision."""
    rows = task.constants.reshape(-1, cases.lanes(task.case))[:, 0].astype(np.longdouble)
    x = task.inputs.astype(np.longdouble)
    whole = np.round(x * rows[exponential.LOG2_E])
    rest = x + whole * rows[exponential.HIGH] + whole * rows[exponential.LOW]
    value = np.zeros_like(rest)
    for coefficient in (*rows[exponential.FIXED :], 1, 1):
        value = value * rest + coefficient
    return np.ldexp(value, whole.astype(np.int64))


@DTYPES
def test_the_polynomial_is_closer_than_its_dtype_can_tell(dtype: str, nothing: Kernel) -> None:
    task = array(dtype, nothing)
    exact = np.exp(task.inputs.astype(np.longdouble))
    error = np.abs(approximation(task) / exact - 1).max()
    assert error < np.finfo(dtype).eps / 4


@DTYPES
def test_no_result_of_the_range_is_denormal_or_infinite(dtype: str, nothing: Kernel) -> None:
    task, limits = array(dtype, nothing), np.finfo(dtype)
    low, high = exponential.RANGE[dtype]
    assert (task.inputs.min(), task.inputs.max()) == (low, high)
    ends = np.exp(np.array([low, high], np.longdouble))
    assert limits.tiny < ends[0] < ends[1] < limits.max


@DTYPES
def test_an_error_of_the_third_last_digit_is_noticed_wherever_it_is(
    dtype: str, nothing: Kernel
) -> None:
    task = array(dtype, nothing)
    exact = np.exp(task.inputs.astype(np.float64)).astype(dtype)
    for index in (0, 1, 100, task.results.size - 1):
        task.results[:] = exact
        assert task.correct(1)
        task.results[index] *= 1 + 4 * np.finfo(dtype).eps
        assert not task.correct(1)
    task.reset()
    assert not task.correct(1)


@DTYPES
def test_the_array_lives_in_the_smallest_first_level(dtype: str, nothing: Kernel) -> None:
    task = array(dtype, nothing)
    assert task.inputs.nbytes + task.results.nbytes + task.constants.nbytes <= 20 << 10
    assert task.results.ctypes.data - task.inputs.ctypes.data >= task.inputs.nbytes
    # Whole turns at any width.
    assert cases.exponentials(task.case) % (exponential.UNROLL * 512 // 32) == 0
    assert task.results.ctypes.data % 64 == task.inputs.ctypes.data % 64 == 0


@DTYPES
def test_multiplications_are_those_that_the_kernel_holds(dtype: str) -> None:
    case = Case(benchmark="exp", parameters={"held": True}, dtype=dtype, bits=512)
    (wanted,) = exponential.recipe(case).expected
    assert wanted.count == exponential.UNROLL * cases.multiplications(case)
    # The reduction's three, one a coefficient but the first, and two that add the one.
    assert cases.multiplications(case) == 3 + len(exponential.COEFFICIENTS[dtype]) - 1 + 2
    assert cases.work(case).flops == 8192 // np.dtype(dtype).itemsize
    assert cases.multiplications(Case(benchmark="divide", dtype=dtype)) == 1
