"""The roofs of a calibration: on paper, at the clock under load, achieved, by cache level."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from roofline.physics.remembered import remembered
from roofline.records import (
    Cache,
    Calibration,
    Ceiling,
    MachineSpec,
    Measurement,
    Theoretical,
    Work,
)

Pick = Literal["typical", "high", "low"]
PICKS: tuple[Pick, ...] = ("typical", "low", "high")
ROOF_MIXES = ("fma", "mul+add")
MEMORY = "DRAM"
SHARED = "of its cores here"
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """Two limits that together bound every kernel, by its operational intensity.

    Attributes:
        name: "paper", "clock" or "achieved".
        compute: FLOP/s, or None when unknown.
        bandwidth: bytes/s, or None when unknown.
        basis: where the compute figure comes from, in a word or two.
        memory_basis: where the bandwidth comes from.

    """

    name: str
    compute: float | None
    bandwidth: float | None
    basis: str = ""
    memory_basis: str = ""

    @property
    def knee(self) -> float | None:
        """The intensity, in FLOP/byte, above which compute binds."""
        if not self.compute or not self.bandwidth:
            return None
        return self.compute / self.bandwidth

    def attainable(self, intensity: float) -> float | None:
        """Return the FLOP/s that this roof allows at that intensity, in FLOP/byte."""
        if not self.compute or not self.bandwidth:
            return None
        return min(self.compute, intensity * self.bandwidth)

    def seconds(self, work: Work) -> float | None:
        """Return the time that compulsory traffic and nominal operations take on this roof."""
        if not self.compute or not self.bandwidth:
            return None
        return max(work.flops / self.compute, work.traffic.total / self.bandwidth)


def efficiency(roof: Roof, intensity: float) -> float | None:
    """Return the share of peak FLOP/s that the roof leaves at that intensity."""
    attainable = roof.attainable(intensity)
    return attainable / roof.compute if attainable and roof.compute else None


def bound_by(roof: Roof, intensity: float) -> str | None:
    """Return "compute" or "memory": which side of the knee that intensity lies on."""
    if roof.knee is None:
        return None
    return "compute" if intensity >= roof.knee else "memory"


@remembered
def paper_roof(calibration: Calibration, threads: int, dtype: str = "float32") -> Roof | None:
    """Return what paper promises these threads, or None when it promises nothing."""
    compute = _theory(compute_ceiling(calibration, threads, dtype))
    memory = memory_theory(calibration, threads)
    return _known(
        Roof(
            name="paper",
            compute=compute.paper if compute else None,
            bandwidth=memory.paper if memory else None,
            basis=compute.basis if compute else "",
            memory_basis=memory.basis if memory else "",
        )
    )


def clock_roof(calibration: Calibration, threads: int, dtype: str = "float32") -> Roof | None:
    """Return the paper roof with its compute at the clock that the load really gets."""
    ceiling = compute_ceiling(calibration, threads, dtype)
    theory = _theory(ceiling)
    if ceiling is None or theory is None or theory.at_clock is None:
        return None
    memory = memory_theory(calibration, threads)
    return Roof(
        name="clock",
        compute=theory.at_clock,
        bandwidth=memory.paper if memory else None,
        basis="clock under load",
        memory_basis=memory.basis if memory else "",
    )


@remembered
def achieved_roof(calibration: Calibration, threads: int, dtype: str = "float32") -> Roof | None:
    """Return the measured roof: the widest FMA and the faster DRAM triad, typical values."""
    compute = compute_ceiling(calibration, threads, dtype)
    memory = triad_ceiling(calibration, threads)
    return _known(
        Roof(
            name="achieved",
            compute=compute.typical if compute else None,
            bandwidth=memory.typical if memory else None,
            basis=compute.name if compute else "",
            memory_basis=memory.name if memory else "",
        )
    )


@remembered
def compute_ceiling(calibration: Calibration, threads: int, dtype: str) -> Ceiling | None:
    """Return the ceiling that a roof stands on: FMA before mul+add, then the widest vector."""
    found = [
        c
        for c in calibration.ceilings
        if (c.kind, c.threads, c.dtype) == ("compute", threads, dtype) and c.mix in ROOF_MIXES
    ]
    return max(found, key=lambda c: (c.mix == "fma", c.bits or 0, c.typical), default=None)


@remembered
def triads(calibration: Calibration, threads: int) -> tuple[Ceiling, ...]:
    """Return the DRAM triads of that many threads, the fastest first (as STREAM would rank)."""
    found = [c for c in bandwidths(calibration, threads, MEMORY) if c.direction == "triad"]
    return tuple(sorted(found, key=lambda c: c.typical, reverse=True))


@remembered
def triad_ceiling(calibration: Calibration, threads: int) -> Ceiling | None:
    """Return the fastest DRAM triad, whichever kind of store it uses."""
    return next(iter(triads(calibration, threads)), None)


@remembered
def memory_theory(calibration: Calibration, threads: int) -> Theoretical | None:
    """Return the paper figure of the memory, from whichever DRAM ceiling carries it."""
    ranked = (*triads(calibration, threads), *bandwidths(calibration, threads, MEMORY))
    return next((c.theoretical for c in ranked if c.theoretical), None)


def whole_socket(theory: Theoretical | None) -> bool:
    """Whether the paper figure is a socket's that these threads share with cores unseen."""
    return theory is not None and SHARED in theory.source


def level_bandwidths(calibration: Calibration, threads: int) -> Mapping[str, Ceiling]:
    """Return the read bandwidth of every cache level measured, nearest to the core first."""
    reads = [c for c in calibration.ceilings if _is_cache_read(c) and c.threads == threads]
    return {c.level: c for c in sorted(reads, key=lambda c: c.level or "") if c.level}


@remembered
def team_sizes(calibration: Calibration) -> tuple[int, ...]:
    """Return the numbers of threads that rates were measured with, ascending."""
    rates = ("compute", "bandwidth")
    return tuple(sorted({c.threads for c in calibration.ceilings if c.kind in rates}))


def value(ceiling: Ceiling, pick: Pick) -> float:
    """Return the typical value of a ceiling, that of its best round or of its worst."""
    return {"typical": ceiling.typical, "high": ceiling.high, "low": ceiling.low}[pick]


@remembered
def bandwidths(calibration: Calibration, threads: int, level: str) -> tuple[Ceiling, ...]:
    """Return every bandwidth ceiling of a level and team, whatever its direction."""
    wanted = ("bandwidth", threads, level)
    return tuple(c for c in calibration.ceilings if (c.kind, c.threads, c.level) == wanted)


def caches(machine: MachineSpec, level: str) -> tuple[Cache, ...]:
    """Return what the machine reports of a level's data caches; several where cores differ."""
    return tuple(c for c in machine.caches if c.kind != "instruction" and f"L{c.level}" == level)


@remembered
def cache_levels(calibration: Calibration) -> tuple[str, ...]:
    """Return "L1" to the outermost cache that is reported or was found, nearest first."""
    found = [c.level[1:] for c in calibration.ceilings if c.level and _is_cache(c.level)]
    reported = [c.level for c in calibration.machine.caches if c.kind != "instruction"]
    last = max([*map(int, found), *reported], default=0)
    return tuple(f"L{number}" for number in range(1, last + 1))


@remembered
def instances(calibration: Calibration, threads: int, level: str) -> int:
    """Return how many caches of a level that many cores have between them, at most.

    One each, unless cores share: `shared_by` / `threads_per_core` of them. Which cores a team of
    some of the cores ran on isn't recorded, so they count as far apart as the machine allows;
    where sharing isn't reported, as one cache each.
    """
    machine = calibration.machine
    sharing = [c.shared_by // machine.threads_per_core for c in caches(machine, level)]
    if not sharing:
        return threads
    cores = max(machine.cores or 0, calibration.usable_cores, threads)
    return min(threads, math.ceil(cores / max(1, min(sharing))))


@remembered
def curve(calibration: Calibration, benchmark: str, threads: int) -> Curve:
    """Return (working set in bytes, typical bytes/s) of a curve, by ascending working set."""
    points = [
        (float(m.case.working_set_bytes), m.work.bytes_touched.total / _median_seconds(m))
        for m in calibration.measurements
        if (m.case.benchmark, m.case.threads) == (benchmark, threads) and any(m.seconds)
    ]
    return tuple(sorted(points))


def _median_seconds(measurement: Measurement) -> float:
    return median(median(samples) for samples in measurement.seconds if samples)


def _is_cache(level: str) -> bool:
    return level[:1] == "L" and level[1:].isdigit()


def _is_cache_read(ceiling: Ceiling) -> bool:
    cached = ceiling.level is not None and ceiling.level != "DRAM"
    return cached and (ceiling.kind, ceiling.direction) == ("bandwidth", "read")


def _theory(ceiling: Ceiling | None) -> Theoretical | None:
    return ceiling.theoretical if ceiling else None


def _known(roof: Roof) -> Roof | None:
    return None if roof.compute is None and roof.bandwidth is None else roof
