"""What it was like while timing: load, steal, switches, page size, settings in force."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.team import Disturbance
from roofline.records import Conditions

_SETTINGS = ("NUMBA_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "MALLOC_", "GLIBC_TUNABLES")
_POLICY = "sys/kernel/mm/transparent_hugepage/enabled"
# Fields of the "cpu" line of /proc/stat, after its name.
_STEAL = 7
_COUNTED = 8


@dataclass(frozen=True, slots=True)
class Ticks:
    """CPU time of the whole machine so far, in scheduler ticks."""

    total: int
    stolen: int


def ticks(root: Path = Path("/")) -> Ticks | None:
    """Read the machine's CPU time, or None where /proc/stat doesn't tell."""
    text = _read(root / "proc/stat")
    fields = text.splitlines()[0].split()[1 : 1 + _COUNTED] if text else []
    if len(fields) < _COUNTED:
        return None
    counts = [int(field) for field in fields]
    return Ticks(sum(counts), counts[_STEAL])


def steal_fraction(before: Ticks | None, after: Ticks | None) -> float | None:
    """Return the share of CPU time between two readings that other guests took."""
    if before is None or after is None or after.total <= before.total:
        return None
    return (after.stolen - before.stolen) / (after.total - before.total)


def huge_page_policy(root: Path = Path("/")) -> str | None:
    """Return the transparent-huge-page mode in force: "always", "madvise" or "never"."""
    text = _read(root / _POLICY)
    chosen = [word.strip("[]") for word in (text or "").split() if word.startswith("[")]
    return chosen[0] if chosen else None


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment's settings that change how libraries run."""
    return {name: environ[name] for name in sorted(environ) if name.startswith(_SETTINGS)}


def observe(
    *,
    cpus: Sequence[int],
    before: Ticks | None,
    load: float,
    disturbance: Disturbance,
    huge_page_fraction: float | None,
    root: Path = Path("/"),
) -> Conditions:
    """Return the conditions of everything timed since `before`.

    Args:
        cpus: the team's.
        before: the machine's CPU time then.
        load: the load average then; now it would hold our own.
        disturbance: what was counted on the team's threads.
        huge_page_fraction: share of the timed memory that huge pages back.
        root: where /sys and /proc hang.

    """
    frequency = _read(root / f"sys/devices/system/cpu/cpu{cpus[0]}/cpufreq/scaling_cur_freq")
    return Conditions(
        affinity=tuple(cpus),
        load=load,
        steal_fraction=steal_fraction(before, ticks(root)),
        involuntary_switches=disturbance.involuntary_switches,
        migrations=disturbance.migrations,
        page_faults=disturbance.page_faults,
        hertz=float(frequency) * 1e3 if frequency else None,
        huge_pages=huge_page_policy(root),
        huge_page_fraction=huge_page_fraction,
        environment=settings(os.environ),
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
