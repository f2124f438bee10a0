"""Plausible records for tests: each is valid as it stands and takes overrides by field name."""

from typing import Any

from roofline.records import (
    Cache,
    Calibration,
    Case,
    Ceiling,
    Conditions,
    MachineSpec,
    Measurement,
    Software,
    Theoretical,
    Traffic,
    Work,
)

HERTZ = 3.0e9
LANES = 8
PIPES = 2
READ_RATES = {"L1": 3.4e11, "L2": 1.6e11, "L3": 6.1e10, "DRAM": 2.2e10}
CAPACITIES = {"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20, "DRAM": 1 << 30}


def make_machine(**overrides: Any) -> MachineSpec:
    """Build a small server: two cores, AVX-512, three cache levels."""
    facts: dict[str, Any] = {
        "architecture": "x86_64",
        "vendor": "GenuineIntel",
        "brand": "Example CPU @ 3.00GHz",
        "family": 6,
        "model": 85,
        "stepping": 7,
        "microarchitecture": "cascadelake",
        "features": ("avx", "avx2", "avx512f", "fma", "sse2"),
        "sockets": 1,
        "cores": 2,
        "threads": 4,
        "numa_nodes": 1,
        "caches": (
            Cache(level=1, kind="data", size_bytes=CAPACITIES["L1"], shared_by=2, line_bytes=64),
            Cache(level=2, kind="unified", size_bytes=CAPACITIES["L2"], shared_by=2),
            Cache(level=3, kind="unified", size_bytes=CAPACITIES["L3"], shared_by=4),
        ),
        "memory_bytes": 16 << 30,
        "fma_pipes": PIPES,
        "sources": {"cores": "/sys/devices/system/cpu", "memory_bytes": "/proc/meminfo"},
    }
    return MachineSpec(**(facts | overrides))


def figure(value: float) -> float:
    """Round as records do, so that what is stored equals what is read."""
    return float(f"{value:.5g}")


def make_ceiling(**overrides: Any) -> Ceiling:
    """Build the double-precision FMA peak of one core, 1 % below its theory."""
    peak = figure(PIPES * 2 * LANES * HERTZ)
    facts: dict[str, Any] = {
        "kind": "compute",
        "name": "fma.float64.avx512",
        "unit": "FLOP/s",
        "typical": figure(0.99 * peak),
        "high": figure(0.995 * peak),
        "low": figure(0.98 * peak),
        "interval": (figure(0.985 * peak), figure(0.993 * peak)),
        "spread": 0.004,
        "mix": "fma",
        "dtype": "float64",
        "isa": "avx512",
        "bits": 64 * LANES,
        "theoretical": Theoretical(
            paper=PIPES * 2 * LANES * 3.5e9,
            at_clock=peak,
            basis="derived",
            source="2 pipes x 2 x 8 lanes x 3.5 GHz",
        ),
        "evidence": {"flops_per_cycle": 31.7, "rounds": 7},
    }
    return Ceiling(**(facts | overrides))


def make_bandwidth(level: str, threads: int = 1, **overrides: Any) -> Ceiling:
    """Build the read bandwidth of a level; cores add up but for the shared levels."""
    shared = level in ("L3", "DRAM")
    rate = figure(READ_RATES[level] * (1.2 if shared and threads > 1 else threads))
    facts: dict[str, Any] = {
        "kind": "bandwidth",
        "name": f"read.{level}",
        "unit": "B/s",
        "typical": rate,
        "high": figure(1.05 * rate),
        "low": figure(0.9 * rate),
        "interval": (figure(0.95 * rate), figure(1.03 * rate)),
        "spread": 0.03,
        "mix": "1 read",
        "threads": threads,
        "level": level,
        "direction": "read",
        "isa": "avx512",
        "bits": 512,
        "theoretical": None,
        "evidence": {"rounds": 7},
    }
    return Ceiling(**(facts | overrides))


def make_measurement(**overrides: Any) -> Measurement:
    """Build seven rounds of an L1 read that agrees with `make_bandwidth("L1")`."""
    size = CAPACITIES["L1"] // 2
    pass_seconds = size / READ_RATES["L1"]
    facts: dict[str, Any] = {
        "case": Case(
            benchmark="stream.read",
            parameters={"pinned": True},
            isa="avx512",
            bits=512,
            working_set_bytes=size,
        ),
        "work": Work(bytes_compulsory=Traffic(read=size), bytes_touched=Traffic(read=size)),
        "seconds": tuple((figure(pass_seconds * (1 + k / 100)),) for k in range(-3, 4)),
        "steps_per_second": {
            "imul": tuple((figure(HERTZ / 4 * (1 + k / 1000)),) for k in range(-3, 4)),
        },
        "loops": (25000,) * 7,
        "checked": True,
        "kernel_digest": "0123456789abcdef",
    }
    return Measurement(**(facts | overrides))


def make_ceilings() -> tuple[Ceiling, ...]:
    """Build what a model needs: FMA, each level's read bandwidth, capacities, the clock."""
    sizes = {"L1": 32e3, "L2": 1e6, "L3": 30e6}
    return (
        make_ceiling(),
        make_ceiling(threads=2, typical=1.88e11, high=1.9e11, low=1.8e11, interval=None),
        *(make_bandwidth(level, threads) for threads in (1, 2) for level in READ_RATES),
        *(
            Ceiling(
                kind="capacity",
                name=f"capacity.{level}",
                unit="B",
                level=level,
                typical=size,
                high=size,
                low=size,
            )
            for level, size in sizes.items()
        ),
        Ceiling(kind="clock", name="clock", unit="Hz", typical=HERTZ, high=HERTZ, low=HERTZ),
    )


def make_calibration(**overrides: Any) -> Calibration:
    """Build a valid calibration of `make_machine()`."""
    facts: dict[str, Any] = {
        "machine": make_machine(),
        "node": "9f3ac2d1e4b56078",
        "software": Software(python="3.11.9", suite_version="0.1.0", numpy="2.1.0", numba="0.62.1"),
        "conditions": Conditions(affinity=(0, 2), load=0.1, steal_fraction=0.0),
        "usable_cores": 2,
        "ceilings": make_ceilings(),
        "measurements": (make_measurement(),),
        "started": "2026-11-23T00:59:59Z",
        "seconds_taken": 93.5,
    }
    return Calibration(**(facts | overrides))
