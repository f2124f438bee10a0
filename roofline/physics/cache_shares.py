"""What one core has of each cache level: its own, or its part of what cores share."""

from collections.abc import Mapping

from roofline.records import MachineSpec

_UNKNOWN = {1: 32 << 10, 2: 256 << 10, 3: 8 << 20}


def shares(machine: MachineSpec) -> Mapping[int, int]:
    """Return one core's share of the nearer cache levels and the whole of the third, in bytes."""
    sizes = dict(_UNKNOWN)
    for cache in machine.caches:
        if cache.kind != "instruction" and cache.level in sizes:
            sharers = max(1, cache.shared_by // machine.threads_per_core)
            sizes[cache.level] = cache.size_bytes // (sharers if cache.level < 3 else 1)
    return sizes
