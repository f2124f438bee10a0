"""How large the working sets are: inside each cache level, and beyond them all."""

from dataclasses import dataclass

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.physics.isa import Vector
from roofline.physics.roof import caches
from roofline.records import Calibration, MachineSpec
from roofline.units import capacity

LEVELS = ("L1", "L2", "L3")
TRIAD_ARRAYS = 3
# Where neither a calibration nor the system says what a cache holds.
_USUAL = {"L1": 32 << 10, "L2": 512 << 10, "L3": 16 << 20}
# STREAM's rule: each array at least four times the last-level caches.
_CACHE_MULTIPLE = 4
_LEAST_ARRAY = 64 << 20
# Ours and the rival's arrays together leave half of the memory free.
_MEMORY_SHARE = 1 / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the figures depend on.

    Attributes:
        calibration: the newest of this host, whose found capacities win over reported ones.
        cores: the size of a team of all cores.

    """

    machine: MachineSpec
    vectors: tuple[Vector, ...]
    calibration: Calibration | None
    cores: int
    memory_available: int


def levels(host: Host) -> tuple[str, ...]:
    """Return the cache levels of the host; the usual ones where it reports none."""
    return tuple(x for x in LEVELS if caches(host.machine, x) or not host.machine.caches)


def half(host: Host, level: str) -> int:
    """Return half of what a cache level holds: as found, else as reported, else as usual."""
    name = f"{level.lower()}-capacity"
    found = host.calibration.ceiling(name, 1) if host.calibration else None
    reported = caches(host.machine, level)
    size = reported[0].size_bytes if reported else _USUAL[level]
    return int((found.typical if found else size) / 2)


def array_bytes(host: Host) -> int:
    """Return the size of each array that only memory holds.

    Raises:
        RooflineError: there isn't memory enough for such arrays on both sides.

    """
    last = caches(host.machine, levels(host)[-1])
    each = (c.size_bytes * -(-host.cores // c.shared_by) for c in last)
    array = max(_LEAST_ARRAY, _CACHE_MULTIPLE * max(each, default=_USUAL["L3"]))
    needed = 2 * TRIAD_ARRAYS * array
    if needed > host.memory_available * _MEMORY_SHARE:
        raise RooflineError(
            f"arrays beyond the caches take {capacity(needed)} on both sides together, half of "
            f"memory stays free, and {capacity(host.memory_available)} may be used: free some.",
            CANNOT_MEASURE,
        )
    return array
