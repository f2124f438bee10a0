"""Memory for timing: mapped, huge pages advised, first touched by the thread that will use it.

`mmap`, not malloc: an allocator may hand back pages that something touched before.
"""

import ctypes
import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HUGE_PAGE = 2 << 20
PAGE = mmap.PAGESIZE
# The pattern that fills a buffer is repeated at this length: random enough that no value is
# special, short enough to be copied quickly.
_PATTERN_BYTES = 1 << 20
# Values of an operator's tensors before they repeat: a prime, so that no image, row, block or copy
# equals another one, and a kernel that reads the wrong one is noticed.
PATTERN = 262_139
# A load that matches a store not long past in the low bits of its address waits for that store: in
# 12 of them on many cores, in 16 on Zen 5, where bits of the huge page's address enter, too.
ALIAS = 1 << 16
# How far into a page each further array begins: a quarter, see `Place.input_array`.
STAGGER = 1024


class Buffer:
    """Anonymous memory, aligned to a huge page.

    Args:
        size: bytes wanted.
        huge: advise huge pages; advise against them when False; say nothing when None.

    """

    def __init__(self, size: int, *, huge: bool | None) -> None:
        self.size = size
        # Python maps shared memory unless told otherwise, and huge pages don't back that.
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        try:
            # Whole huge pages, or the last would hang over the end and be small ones.
            whole = -(-max(size, PAGE) // HUGE_PAGE) * HUGE_PAGE
            self._map = mmap.mmap(-1, whole + HUGE_PAGE, flags=private)
        except OSError as error:
            raise MemoryError(error.strerror) from error
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._skip = -start % HUGE_PAGE
        self.address = start + self._skip
        if huge is not None:
            self._advise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)

    def _advise(self, advice: int) -> None:
        try:
            self._map.madvise(advice)
        except OSError:
            # A kernel built without transparent huge pages knows no such advice.
            return

    def view(self, dtype: str = "float64") -> NDArray[Any]:
        """Return the memory as a flat array; sees no page until it is touched."""
        count = self.size // np.dtype(dtype).itemsize
        return np.frombuffer(self._map, dtype=dtype, count=count, offset=self._skip)

    def fill(self, dtype: str, seed: int = 1) -> None:
        """Touch every page with normal random numbers; call it on the thread that will use them."""
        target = self.view(dtype)
        pattern = random_normal(_PATTERN_BYTES // target.itemsize, dtype, seed)
        repeat(pattern, target, 0, target.size)


def random_normal(count: int, dtype: str, seed: int) -> NDArray[Any]:
    """Return normal random numbers: zeros, NaNs and denormals are special on some cores."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal(count).astype(dtype)


def repeat(pattern: NDArray[Any], flat: NDArray[Any], first: int, last: int) -> None:
    """Fill a part of a flat array with what repeats all along it."""
    while first < last:
        phase = first % pattern.size
        count = min(last - first, pattern.size - phase)
        flat[first : first + count] = pattern[phase : phase + count]
        first += count


def huge_page_fraction(mapped: int, status: Path = Path("/proc/self/smaps_rollup")) -> float | None:
    """Return the share of `mapped` bytes that huge pages back, or None where it isn't told."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    backed = [int(line.split()[1]) << 10 for line in lines if line.startswith("AnonHugePages:")]
    return min(1.0, sum(backed) / mapped) if backed and mapped else None


def aligned(count: int, dtype: str) -> NDArray[Any]:
    """Return a small zeroed array that starts on a cache line."""
    item = np.dtype(dtype).itemsize
    raw = np.zeros(count * item + 64, np.uint8)
    skip = -raw.ctypes.data % 64
    return raw[skip : skip + count * item].view(dtype)
