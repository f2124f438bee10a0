"""Calibrations made by hand for the tests of roofs, figures and tables: plausible, never timed."""

from dataclasses import replace
from typing import Any

from roofline.records import (
    Cache,
    Calibration,
    Case,
    Ceiling,
    Conditions,
    Finding,
    MachineSpec,
    Measurement,
    Rounds,
    Software,
    Theoretical,
    Traffic,
    Work,
)

KIB = 1024
GHZ = 3.67e9
LANES = {("float32", 512): 16, ("float64", 512): 8, ("float32", 256): 8, ("float64", 256): 4}


def ceiling(kind: Any, name: str, unit: Any, typical: float, **more: Any) -> Ceiling:
    """Build a ceiling whose rounds lay 2 % either side of the typical one."""
    plain: dict[str, Any] = {
        "high": typical * 1.02,
        "low": typical * 0.97,
        "interval": (typical * 0.99, typical * 1.01),
        "spread": 0.012,
    }
    return Ceiling(kind=kind, name=name, unit=unit, typical=typical, **(plain | more))


def fma(dtype: str, bits: int, threads: int, paper: float = 1.1) -> Ceiling:
    """Build an FMA ceiling at 99 % of two pipes; `paper` is in limits at the clock."""
    lanes = LANES[dtype, bits]
    limit = threads * GHZ * 2 * 2 * lanes
    words = f"2 pipes x 2 x {lanes} lanes x 4.04 GHz x {threads} cores"
    theory = Theoretical(paper=limit * paper, at_clock=limit, basis="derived", source=words)
    evidence = {
        "flop_per_cycle": 4 * lanes * 0.998,
        "flop_per_cycle_median": 4 * lanes * 0.991,
        "pipes": 2,
        "hertz": GHZ,
        "verdict": "steady",
    }
    return ceiling(
        "compute",
        f"fma-{dtype}-{bits}",
        "FLOP/s",
        limit * 0.99,
        mix="fma",
        threads=threads,
        dtype=dtype,
        isa="avx512" if bits == 512 else "avx2",
        bits=bits,
        theoretical=theory,
        evidence=evidence,
    )


def memory(
    name: str, typical: float, threads: int, theory: Theoretical | None = None, **more: Any
) -> Ceiling:
    """Build a bandwidth ceiling named as the suite names them: level-direction[-nt]."""
    level, direction = name.split("-")[:2]
    stores = direction in ("triad", "copy", "write")
    store = "non-temporal" if name.endswith("-nt") else "ordinary" if stores else None
    moved = 4 / 3 if store == "ordinary" and level == "dram" else 1.0
    plain: dict[str, Any] = {
        "mix": "2 reads, 1 write" if direction == "triad" else None,
        "level": level.upper(),
        "direction": direction,
        "store": store,
        "dtype": "float64",
        "theoretical": theory,
        "evidence": {"moved_over_nominal": moved, "verdict": "steady"},
    }
    return ceiling("bandwidth", name, "B/s", typical, threads=threads, **(plain | more))


SOCKET = Theoretical(
    paper=460.8e9,
    at_clock=None,
    basis="datasheet",
    source="12 x 4.8 GT/s x 8 B, whole socket at its most; 2 of its cores here; a datasheet",
)


def memories(threads: int, theory: Theoretical | None = SOCKET) -> list[Ceiling]:
    """DRAM and cache bandwidths of so many threads."""
    many = threads > 1
    return [
        memory("dram-triad", 55e9 if many else 37.4e9, threads, theory),
        memory("dram-triad-nt", 74e9 if many else 49.9e9, threads, theory),
        memory("dram-read", 58e9 if many else 40e9, threads, theory),
        memory("l1-read", 441e9 * threads, threads),
        memory("l2-read", 199e9 * threads, threads),
        memory("l3-read", 107e9 * threads, threads),
        memory("l1-triad", 330e9 * threads, threads),
    ]


def _overheads() -> list[Ceiling]:
    return [
        ceiling("overhead", "first-touch-4k", "s", 0.9e-6),
        ceiling("overhead", "first-touch-huge", "s", 120e-6),
        ceiling("overhead", "barrier", "s", 0.4e-6, threads=2),
        ceiling("overhead", "timer", "s", 24e-9),
        ceiling("overhead", "call", "s", 2.5e-9),
        ceiling("overhead", "migration", "s", 31e-6, threads=2),
    ]


def beside_the_roof() -> list[Ceiling]:
    """Build what beats the roof or falls short of it: a mix, dot products, scalar code."""
    return [
        _mix("fma+add", "float32", 512, 352e9, 95.9, 2.997),
        _mix("dot", "int8", 512, 940e9, 255.2, 1.994),
        _mix("fma", "float32", 32, 14.7e9, 3.992, 1.996),
    ]


def _mix(
    mix: str, dtype: str, bits: int, typical: float, per_cycle: float, pipes: float
) -> Ceiling:
    evidence = {
        "flop_per_cycle": per_cycle,
        "flop_per_cycle_median": per_cycle * 0.996 if mix != "fma+add" else 95.0,
        "pipes": pipes,
        "hertz": GHZ,
        "verdict": "steady",
    }
    name = f"{mix}-{dtype}-{bits}"
    return ceiling(
        *("compute", name, "FLOP/s", typical), mix=mix, dtype=dtype, bits=bits, evidence=evidence
    )


def latency(level: str, seconds: float, size: int, *, suffix: str = "") -> Ceiling:
    """Build the wait for a dependent load of a level, by a walk over so many bytes."""
    evidence = {"verdict": "steady", "working_set": size, "cycles": seconds * GHZ}
    name = f"{level.lower()}-latency{suffix}"
    ends = {"high": seconds * 0.98, "low": seconds * 1.03}
    return ceiling("latency", name, "s", seconds, level=level, evidence=evidence, **ends)


def effect(name: str, ratio: float, interval: tuple[float, float] | None) -> Ceiling:
    """Build an effect: the time with it over the time without."""
    return ceiling("effect", name, "1", ratio, threads=2, interval=interval)


def _rest() -> list[Ceiling]:
    capacities = {"L1": 46 * KIB, "L2": 960 * KIB, "L3": 27000 * KIB}
    return [
        ceiling("clock", "clock-light", "Hz", 4.04e9),
        ceiling("clock", "clock-float32-512", "Hz", GHZ, threads=2),
        *(
            ceiling("capacity", f"{k.lower()}-capacity", "B", v, level=k)
            for k, v in capacities.items()
        ),
        *_overheads(),
        latency("L1", 1.1e-9, 24 * KIB),
        latency("L2", 4.2e-9, 96 * KIB),
        latency("L3", 14e-9, 2048 * KIB),
        latency("DRAM", 110e-9, 128 << 20),
        latency("DRAM", 150e-9, 128 << 20, suffix="-4k"),
        effect("unpinned-fma", 1.004, (0.98, 1.03)),
        effect("unprefaulted-triad", 7.9, (6.8, 9.4)),
    ]


def _curve_rate(size: float, threads: int, top: float) -> float:
    steps = [(46 * KIB, 1.0), (960 * KIB, 0.45), (27000 * KIB / threads, 0.24)]
    return top * threads * next((part for limit, part in steps if size / threads <= limit), 0.09)


def curve_points(name: str, threads: int, top: float = 441e9) -> list[Measurement]:
    """Build a bandwidth curve with a step at every cache."""
    points = []
    for power in range(24, 60):
        size = int(threads * 2 ** (power / 2)) // 64 * 64
        seconds: Rounds = ((size / _curve_rate(size, threads, top),) * 3,)
        case = Case(benchmark=name, threads=threads, working_set_bytes=size)
        work = Work(bytes_touched=Traffic(read=size))
        points.append(Measurement(case=case, work=work, seconds=seconds, checked=True))
    return points


MACHINE = MachineSpec(
    architecture="x86_64",
    vendor="AuthenticAMD",
    brand="AMD EPYC 9B45 Processor",
    microarchitecture="zen5",
    sockets=1,
    cores=2,
    threads=2,
    numa_nodes=1,
    caches=(
        Cache(level=1, kind="data", size_bytes=48 * KIB, shared_by=1),
        Cache(level=2, kind="unified", size_bytes=1024 * KIB, shared_by=1),
        Cache(level=3, kind="unified", size_bytes=32768 * KIB, shared_by=2),
    ),
    memory_bytes=8 << 30,
    hypervisor="kvm",
)

CONDITIONS = Conditions(
    affinity=(0, 1), load=0.1, steal_fraction=0.004, involuntary_switches=12, huge_pages="madvise"
)

FINDING = Finding(
    severity="advice",
    what="Huge pages are only given to those who ask.",
    why_it_matters="Programs that don't ask see 4 KiB pages and slower first touches.",
    command="echo always | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
)


def calibration(ceilings: list[Ceiling] | None = None, **more: Any) -> Calibration:
    """Build a two-core machine's calibration; `ceilings` replaces the full set."""
    teams = (1, 2)
    compute = [fma(t, b, n) for n in teams for t in ("float32", "float64") for b in (256, 512)]
    full = [*compute, *beside_the_roof(), *(c for n in teams for c in memories(n)), *_rest()]
    curves = [
        *(m for n in teams for m in curve_points("read-curve", n)),
        *(m for n in teams for m in curve_points("triad-curve", n, 330e9)),
    ]
    plain: dict[str, Any] = {
        "machine": MACHINE,
        "node": "n-0123456789ab",
        "software": Software(python="3.11.9", suite_version="0.1.0", numba="0.62.1"),
        "conditions": CONDITIONS,
        "usable_cores": 2,
        "ceilings": tuple(full if ceilings is None else ceilings),
        "measurements": tuple(curves),
        "findings": (FINDING,),
        "started": "2026-01-02T03:04:05Z",
        "seconds_taken": 171.0,
    }
    return Calibration(**(plain | more))


def without_memory_theory() -> Calibration:
    """Build the same machine where nobody knows what its memory should reach."""
    full = calibration()
    return replace(
        full,
        ceilings=tuple(
            replace(c, theoretical=None) if c.kind == "bandwidth" else c for c in full.ceilings
        ),
    )


def one_thread_no_caches() -> Calibration:
    """One core, FMA and one triad, nothing else."""
    ceilings = [fma("float32", 512, 1), memory("dram-triad", 37.4e9, 1)]
    machine = replace(MACHINE, cores=1, threads=1, caches=(), brand=None)
    return calibration(ceilings, machine=machine, usable_cores=1, measurements=(), findings=())


def paper_tenfold() -> Calibration:
    """Paper promises ten times what is achieved, half of it lost to the clock."""
    base = calibration()
    ten = Theoretical(paper=740e9, basis="spec", source="figures given by the user")

    def swell(c: Ceiling) -> Ceiling:
        if c.kind == "bandwidth" and c.theoretical:
            return replace(c, theoretical=ten)
        if c.theoretical:
            grown = replace(c.theoretical, paper=c.typical * 10, at_clock=c.typical * 5)
            return replace(c, theoretical=grown)
        return c

    return replace(base, ceilings=tuple(swell(c) for c in base.ceilings))


def huge() -> Calibration:
    """Build a machine of 192 cores whose memory nearly keeps its promise."""
    base = calibration()
    promise = Theoretical(paper=98e9, basis="spec", source="2 x 6.1 GT/s x 8 B")

    def grow(c: Ceiling) -> Ceiling:
        if c.threads != 2 or c.kind not in ("compute", "bandwidth"):
            return c
        theory = c.theoretical and (promise if c.kind == "bandwidth" else c.theoretical)
        if theory:
            clock = theory.at_clock and theory.at_clock * 96
            theory = replace(theory, paper=theory.paper * 96, at_clock=clock)
        rates = {"typical": c.typical * 96, "high": c.high * 96, "low": c.low * 96}
        return replace(c, threads=192, theoretical=theory, **rates)

    return replace(base, ceilings=tuple(map(grow, base.ceilings)), usable_cores=192)


def turbo() -> Calibration:
    """Build a base-clock datasheet that turbo exceeds by a third."""
    base = calibration()

    def shrink(c: Ceiling) -> Ceiling:
        if c.kind == "compute" and c.theoretical:
            low = Theoretical(
                paper=c.typical / 1.33,
                at_clock=c.theoretical.at_clock,
                basis="datasheet",
                source="base clock",
            )
            return replace(c, theoretical=low)
        return c

    return replace(base, ceilings=tuple(shrink(c) for c in base.ceilings))
