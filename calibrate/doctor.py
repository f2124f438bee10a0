"""May we measure here? What stands in the way, why it matters, and the command to type.

It reads and advises; it never changes the system.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roofline.host.machine import core_kinds, smt_siblings
from roofline.host.sysfiles import text
from roofline.physics.isa import unmeasured
from roofline.records import Finding, MachineSpec

# Other processes that use more than this share of the usable cores are in the figures.
BUSY = 0.15
_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the doctor looks at.

    Attributes:
        root: where /sys and /proc hang.
        cpus: logical CPUs that the team will use.
        allowed: logical CPUs of the process's affinity.
        busy: CPUs' worth of time that other processes take.
        memory_available: bytes that may be used.

    """

    root: Path
    machine: MachineSpec
    cpus: Sequence[int]
    allowed: Sequence[int]
    busy: float
    memory_available: int


def examine(situation: Situation) -> tuple[Finding, ...]:
    """Return every finding about measuring in this situation."""
    checks = (_busy, _quota, _governor, _huge_pages, _siblings, _kinds, _memory, _unmeasured)
    return tuple(finding for check in checks for finding in check(situation))


def huge_pages_allowed(root: Path) -> bool:
    """Whether memory that asks for huge pages may get them."""
    policy = text(root / "sys/kernel/mm/transparent_hugepage/enabled")
    return policy is not None and "[never]" not in policy


def _busy(now: Situation) -> Iterator[Finding]:
    if now.busy > BUSY * len(now.cpus):
        yield Finding(
            severity="warning",
            what=f"other processes keep {now.busy:.1f} CPUs busy",
            why_it_matters="the time and bandwidth that they take is missing from the figures",
            command="top -o %CPU",
        )


def _quota(now: Situation) -> Iterator[Finding]:
    quota = now.machine.cpu_quota
    if quota is not None and quota < len(now.allowed):
        yield Finding(
            severity="warning",
            what=f"a cgroup grants {quota:g} CPUs of {len(now.allowed)}",
            why_it_matters="a team that uses more is stopped in the middle of a sample",
            command="docker update --cpus 0 CONTAINER, or take it as the machine that you have",
        )


def _governor(now: Situation) -> Iterator[Finding]:
    path = now.root / f"sys/devices/system/cpu/cpu{now.cpus[0]}/cpufreq/scaling_governor"
    governor = text(path)
    if governor not in (None, "performance"):
        yield Finding(
            severity="advice",
            what=f"the clock governor is {governor}",
            why_it_matters="the clock may climb only after a sample has begun",
            command="sudo cpupower frequency-set -g performance",
        )


def _huge_pages(now: Situation) -> Iterator[Finding]:
    if not huge_pages_allowed(now.root):
        yield Finding(
            severity="advice",
            what="transparent huge pages are off",
            why_it_matters="with 4-KiB pages the second-level cache depends on page placement",
            command="echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        )


def _siblings(now: Situation) -> Iterator[Finding]:
    shared = [cpu for cpu in now.cpus if len(smt_siblings(now.root, cpu)) > 1]
    if shared:
        yield Finding(
            severity="note",
            what=f"{len(shared)} of the cores have hardware siblings, which stay idle here",
            why_it_matters="work on a sibling halves a core; keep other processes away",
        )


def _kinds(now: Situation) -> Iterator[Finding]:
    used = {kind for kind, cpus in core_kinds(now.root).items() if set(cpus) & set(now.cpus)}
    if len(used) > 1:
        yield Finding(
            severity="warning",
            what=f"the cores are of several kinds: {', '.join(sorted(used))}",
            why_it_matters="figures over all cores mix them; one-thread figures are of the fastest",
            command="taskset -c CPUS make calibrate, once for each kind",
        )


def _memory(now: Situation) -> Iterator[Finding]:
    if now.memory_available < _GIB:
        yield Finding(
            severity="warning",
            what=f"only {now.memory_available / _GIB:.2f} GiB of memory may be used",
            why_it_matters="arrays far larger than the last-level cache are needed for DRAM",
            command="free memory, or raise the container's limit (docker update --memory)",
        )


def _unmeasured(now: Situation) -> Iterator[Finding]:
    present = unmeasured(now.machine)
    if present:
        yield Finding(
            severity="note",
            what=f"present, and not measured: {', '.join(present)}",
            why_it_matters="kernels that use them have roofs of their own",
        )
