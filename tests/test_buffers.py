"""Memory for timing: private, aligned, untouched until it is filled, and then random."""

import gc
import resource
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.buffers import (
    HUGE_PAGE,
    PAGE,
    Buffer,
    aligned,
    huge_page_fraction,
    random_normal,
)

MIB = 1 << 20
ROLLUP = Path("/proc/self/smaps_rollup")


def rollup(name: str) -> int:
    """Return a figure of this process's memory, in bytes."""
    lines = [line.split() for line in ROLLUP.read_text().splitlines()]
    return sum(int(words[1]) << 10 for words in lines if words[0] == f"{name}:")


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


needs_rollup = pytest.mark.skipif(not ROLLUP.exists(), reason="the kernel tells no smaps_rollup")


@pytest.mark.parametrize("size", [0, 1, 4096, 3 * MIB, 5 * MIB + 64])
@pytest.mark.parametrize("huge", [True, False, None])
def test_a_buffer_starts_on_a_huge_page(size: int, huge: bool | None) -> None:
    buffer = Buffer(size, huge=huge)
    assert buffer.address % HUGE_PAGE == 0
    assert buffer.view().nbytes == size // 8 * 8


@pytest.mark.parametrize("size", [1, 4096, 3 * MIB])
def test_a_buffer_ends_on_a_whole_huge_page(size: int) -> None:
    # Else its last bytes could never lie in one, whatever is advised.
    buffer = Buffer(size, huge=True)
    start = buffer.address - buffer._skip
    end = start + len(buffer._map)
    assert buffer.address + -(-size // HUGE_PAGE) * HUGE_PAGE <= end


def test_the_view_is_the_memory_at_the_address() -> None:
    buffer = Buffer(64 * 1024, huge=None)
    assert buffer.view().ctypes.data == buffer.address
    buffer.view("int64")[-1] = 77
    assert buffer.view("int64")[64 * 1024 // 8 - 1] == 77


@needs_rollup
def test_a_buffer_is_private_memory_that_huge_pages_can_back() -> None:
    size = 32 * MIB
    # Else what earlier tests leave is given back meanwhile.
    gc.collect()
    shared = rollup("Pss_Shmem"), rollup("Shared_Dirty") + rollup("Shared_Clean")
    anonymous = rollup("Anonymous")
    buffer = Buffer(size, huge=True)
    buffer.fill("float64")
    assert rollup("Anonymous") - anonymous >= size - MIB
    assert rollup("Pss_Shmem") - shared[0] < MIB
    assert rollup("Shared_Dirty") + rollup("Shared_Clean") - shared[1] < MIB


def test_a_buffer_names_no_file() -> None:
    buffer = Buffer(4 * MIB, huge=None)
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    for span, modes, _offset, _device, inode, *_ in maps:
        start, _, end = span.partition("-")
        if int(start, 16) <= buffer.address < int(end, 16):
            assert modes.endswith("p")
            assert inode == "0"
            return
    pytest.fail("the buffer is not mapped")


def test_a_fresh_buffer_is_untouched() -> None:
    pages = 2048
    before = page_faults()
    buffer = Buffer(pages * PAGE, huge=False)
    view = buffer.view("int64")
    assert page_faults() - before < pages / 8
    before = page_faults()
    view[:: PAGE // 8] = 1
    assert page_faults() - before >= pages


def test_a_filled_buffer_needs_no_more_pages() -> None:
    buffer = Buffer(8 * MIB, huge=False)
    buffer.fill("float64")
    before = page_faults()
    assert buffer.view().sum() != 0
    assert page_faults() - before < 100


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [4096, 3 * MIB + 4096 + 64])
def test_it_is_filled_with_normal_random_numbers_to_its_end(dtype: str, size: int) -> None:
    buffer = Buffer(size, huge=None)
    buffer.fill(dtype)
    values = buffer.view(dtype)
    assert values.nbytes == size
    assert np.isfinite(values).all()
    assert (values != 0).all()
    assert (np.abs(values) >= np.finfo(dtype).smallest_normal).all()
    assert abs(values.mean()) < 0.15
    assert 0.9 < values.std() < 1.1
    assert len(np.unique(values[:512])) == 512


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    first, again, other = (Buffer(64 * 1024, huge=None) for _ in range(3))
    first.fill("float64", seed=1)
    again.fill("float64", seed=1)
    other.fill("float64", seed=2)
    assert (first.view() == again.view()).all()
    assert (first.view() != other.view()).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_random_numbers_have_the_dtype_that_was_asked_for(dtype: str) -> None:
    assert random_normal(10, dtype, 1).dtype == dtype


def test_buffers_do_not_overlap() -> None:
    buffers = [Buffer(MIB, huge=None) for _ in range(4)]
    spans = sorted((one.address, one.address + one.size) for one in buffers)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_memory_that_there_is_not_is_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        Buffer(1 << 60, huge=None)


@pytest.mark.parametrize("count", [1, 7, 64, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_small_arrays_are_zero_and_start_on_a_cache_line(count: int, dtype: str) -> None:
    array = aligned(count, dtype)
    assert array.ctypes.data % 64 == 0
    assert array.shape == (count,)
    assert array.dtype == dtype
    assert not array.any()


def test_the_huge_share_is_of_what_was_mapped(tmp_path: Path) -> None:
    status = tmp_path / "smaps_rollup"
    status.write_text("Rss:  9000 kB\nAnonHugePages:    6144 kB\nShmemPmdMapped: 0 kB\n")
    assert huge_page_fraction(8 * MIB, status) == 0.75
    assert huge_page_fraction(4 * MIB, status) == 1.0
    assert huge_page_fraction(0, status) is None


def test_the_huge_share_is_unknown_where_nothing_tells(tmp_path: Path) -> None:
    assert huge_page_fraction(MIB, tmp_path / "missing") is None
    (tmp_path / "silent").write_text("Rss:  9000 kB\n")
    assert huge_page_fraction(MIB, tmp_path / "silent") is None
