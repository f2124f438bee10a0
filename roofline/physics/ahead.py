"""How far ahead of its loads a kernel that only reads asks for cache lines."""

from collections.abc import Mapping

from roofline.records import MachineSpec

# A hundred nanoseconds at 20 GB/s: the latency of a last-level cache, or half of memory's. On
# Zen 5 a quarter to four times of it reads as fast.
BYTES = 2048
PARAMETER = "ahead"
# Out of the caches that a core has for itself loads alone are fastest.
_OWN = 2
# What those hold where the system reports none.
_USUAL = 1 << 20


def of_memory() -> Mapping[str, int]:
    """Return the parameters of a case that reads what no cache holds."""
    return {PARAMETER: BYTES}


def of_reads(machine: MachineSpec, threads: int, size: int) -> Mapping[str, int]:
    """Return the parameters of a case that reads again and again what it may find in a cache.

    Without requests ahead, the bandwidth beyond the second level depends on chance: on Zen 5 the
    same eight loads a turn reach 105 to 127 GB/s out of the third, as the array begins 1024 or
    1152 bytes into a page and as the minute is; with them 130, always.

    Args:
        machine: its caches.
        threads: how many share the working set.
        size: of the working set, in bytes.

    """
    data = [c for c in machine.caches if c.kind != "instruction" and c.level <= _OWN]
    outermost = max((c.level for c in data), default=0)
    near = max((c.size_bytes for c in data if c.level == outermost), default=_USUAL)
    return of_memory() if size > near * threads else {}
