"""The table of benchmarks: complete, counted as by hand, and readable where no compiler is."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import cases
from benchmarks.rig import FAMILIES
from roofline.errors import RooflineError
from roofline.records import Case

# Three arrays of 10 million doubles, as STREAM's own example has.
ELEMENTS = 10_000_000
ARRAY = 8 * ELEMENTS
STREAMS = [name for name, row in cases.BENCHMARKS.items() if row.family == "stream"]


@pytest.mark.parametrize("name", cases.BENCHMARKS)
def test_every_family_of_the_table_is_one_that_the_rig_runs(name: str) -> None:
    others = {"instrument", "conv", "gemm", "elementwise", "reorder", "loaded", "node"}
    assert cases.BENCHMARKS[name].family in {*FAMILIES, *others}


def test_every_family_that_the_rig_runs_is_in_the_table() -> None:
    assert set(FAMILIES) <= {row.family for row in cases.BENCHMARKS.values()}


@pytest.mark.parametrize("name", cases.BENCHMARKS)
def test_every_row_says_what_it_mixes_and_how_it_is_checked(name: str) -> None:
    row = cases.BENCHMARKS[name]
    assert row.mix
    assert row.check


@pytest.mark.parametrize(
    ("name", "read", "written", "flops"),
    [
        ("copy", 1, 1, 0),
        ("scale", 1, 1, 1),
        ("add", 2, 1, 1),
        ("triad", 2, 1, 2),
        ("read", 1, 0, 0),
        ("write", 0, 1, 0),
    ],
)
def test_stream_counts_bytes_and_operations_as_mccalpin_does(
    name: str, read: int, written: int, flops: int
) -> None:
    arrays = read + written
    done = cases.work(Case(benchmark=name, working_set_bytes=arrays * ARRAY))
    assert done.bytes_touched.read == read * ARRAY
    assert done.bytes_touched.written == written * ARRAY
    assert done.flops == flops * ELEMENTS


def test_single_precision_does_twice_the_operations_on_the_same_bytes() -> None:
    double = Case(benchmark="triad", working_set_bytes=3 * ARRAY)
    single = cases.work(replace(double, dtype="float32"))
    assert single.flops == 2 * cases.work(double).flops
    assert single.bytes_touched == cases.work(double).bytes_touched


def test_a_curve_does_what_its_operation_does() -> None:
    for name in ("read", "triad"):
        whole = Case(benchmark=name, working_set_bytes=3 * ARRAY)
        curve = replace(whole, benchmark=f"{name}-curve")
        assert cases.work(curve) == cases.work(whole)
        assert cases.operation(curve) == name


@pytest.mark.parametrize(
    ("dtype", "bits", "lanes"),
    [("float64", 512, 8), ("float32", 512, 16), ("float64", 128, 2), ("float32", 256, 8)],
)
@pytest.mark.parametrize(("name", "each"), [("fma", 2), ("mul+add", 1)])
def test_a_fused_multiply_add_is_two_operations_a_lane_and_its_halves_one_each(
    name: str, each: int, dtype: str, bits: int, lanes: int
) -> None:
    case = Case(benchmark=name, parameters={"accumulators": 12}, dtype=dtype, bits=bits, threads=2)
    per_thread = each * lanes * 12 * cases.FMA_UNROLL * cases.FMA_TURNS
    assert cases.lanes(case) == lanes
    assert cases.work(case).flops == 2 * per_thread


def test_chains_pages_and_the_instrument_count_no_work() -> None:
    for name in (
        "chain",
        "first-touch",
        "latency",
        "loaded-latency",
        "timer",
        "barrier",
        "call",
        "migration",
    ):
        done = cases.work(Case(benchmark=name))
        assert (done.flops, done.bytes_touched.total) == (0, 0)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [1, 5_000, 65_536, 1_000_003])
def test_arrays_are_whole_numbers_of_the_quantum(name: str, threads: int, size: int) -> None:
    case = Case(benchmark=name, threads=threads, working_set_bytes=size)
    array = cases.array_bytes(case)
    assert array > 0
    assert array % cases.ARRAY_QUANTUM == 0
    row = cases.BENCHMARKS[name]
    arrays = threads * row.arrays
    assert arrays * array <= max(size, arrays * cases.ARRAY_QUANTUM)
    assert size - arrays * array < arrays * cases.ARRAY_QUANTUM


def test_the_quantum_is_whole_turns_of_every_kernel_at_every_width() -> None:
    from benchmarks.stream import UNROLL

    for bits in (64, 128, 256, 512):
        assert cases.ARRAY_QUANTUM % (UNROLL * bits // 8) == 0


def test_a_thread_touches_its_share_of_the_pages() -> None:
    small = Case(benchmark="first-touch", threads=2, working_set_bytes=8 << 20)
    assert cases.pages(small) == (4 << 20) // cases.SMALL_PAGE
    assert cases.pages(replace(small, parameters={"huge": True})) == 2


def test_accumulators_and_operands_fit_into_the_registers() -> None:
    for registers in (16, 32):
        for fused in (True, False):
            # Fewer than eight chains would not hide a latency of four on two pipes.
            assert 8 <= cases.accumulators(registers, fused=fused) <= registers - 2


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RooflineError, match=r"'linpack'.*fma.*triad") as refused:
        cases.work(Case(benchmark="linpack"))
    assert refused.value.exit_code == 2


def test_the_table_is_read_without_a_compiler() -> None:
    root = Path(cases.__file__).parents[1]
    code = (
        "import sys; import benchmarks.cases; "
        "print(sorted({'numba', 'llvmlite', 'numpy'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
