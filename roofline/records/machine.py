"""What a host is, what measured on it, and what it was like meanwhile."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One cache as the system reports it.

    Attributes:
        level: 1 is nearest to the core.
        kind: "data", "instruction" or "unified".
        size_bytes: capacity of one instance.
        shared_by: hardware threads that share one instance.
        line_bytes: line size.

    """

    level: int
    kind: str
    size_bytes: int
    shared_by: int
    line_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """Facts about a machine; ``sources`` says where each known one was read.

    Attributes:
        architecture: "x86_64", "aarch64", … as `uname -m` prints it.
        family, model, stepping: x86 CPUID numbers; on AArch64 the part number is `model`.
        features: instruction-set flags, sorted.
        sockets, cores, threads, numa_nodes: counts over the whole machine.
        memory_channels: populated channels over all sockets.
        memory_transfers_per_second: of one channel, in transfers/s (8 bytes each).
        boost_hertz: highest clock of one core under light load.
        fma_pipes: FMA instructions of the widest vector that a core starts in a cycle.
        cpu_quota: CPUs' worth of time that a cgroup grants.

    """

    architecture: str
    vendor: str | None = None
    brand: str | None = None
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    microarchitecture: str | None = None
    features: tuple[str, ...] = ()
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    numa_nodes: int | None = None
    caches: tuple[Cache, ...] = ()
    memory_bytes: int | None = None
    memory_channels: int | None = None
    memory_transfers_per_second: float | None = None
    boost_hertz: float | None = None
    fma_pipes: int | None = None
    hypervisor: str | None = None
    cpu_quota: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def threads_per_core(self) -> int:
        """Hardware threads of one core; where counts are unknown, one."""
        return max(1, (self.threads or 1) // (self.cores or self.threads or 1))

    @property
    def id(self) -> str:
        """A name for the TYPE of machine: equal on hosts that should perform alike.

        Made from vendor, family, model, stepping, features, cores and caches; memory,
        quota and hypervisor don't enter.
        """
        caches = [(c.level, c.kind, c.size_bytes, c.shared_by) for c in self.caches]
        facts = (self.architecture, self.vendor, self.family, self.model, self.stepping)
        text = repr((facts, self.features, self.cores, sorted(caches)))
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        words = (self.vendor or self.architecture, self.microarchitecture or "", f"{self.cores}c")
        slug = "-".join(re.sub(r"[^a-z0-9]+", "", word.lower()) for word in words if word)
        return f"{slug}-{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What measured: versions of the interpreter, the compiler and this suite."""

    python: str
    suite_version: str
    numpy: str | None = None
    numba: str | None = None
    llvm: str | None = None
    git_revision: str | None = None
    git_dirty: bool | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What it was like while timing.

    Attributes:
        affinity: the CPUs that the team's threads were pinned to.
        load: the system's one-minute load average at the start.
        steal_fraction: share of CPU time that the hypervisor gave to others.
        involuntary_switches, migrations, page_faults: counted over the timed part.
        hertz: the clock that cpufreq reports, where it does.
        huge_pages: the system's transparent-huge-page policy.
        huge_page_fraction: share of the timed buffers that huge pages really backed.
        environment: settings that change how libraries run (NUMBA_*, OMP_*, MALLOC_*).

    """

    affinity: tuple[int, ...] = ()
    load: float | None = None
    steal_fraction: float | None = None
    involuntary_switches: int | None = None
    migrations: int | None = None
    page_faults: int | None = None
    hertz: float | None = None
    huge_pages: str | None = None
    huge_page_fraction: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of a calibration, and what the machine did meanwhile besides measuring.

    Attributes:
        child: which measuring process made it, from 0.
        seconds: how long it took.
        others: CPUs' worth of time that other processes used.
        stolen: share of CPU time that the hypervisor gave to others.
        switches: how often the system took the CPU from a thread that was timed.
        dropped: samples thrown away because the team did not start together.

    """

    child: int = 0
    seconds: float
    others: float | None = None
    stolen: float | None = None
    switches: int = 0
    dropped: int = 0
