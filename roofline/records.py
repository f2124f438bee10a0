"""The vocabulary: frozen records in SI units, with no behaviour beyond derived properties.

Unknown is ``None``. Every quantity is in bytes, seconds, hertz, FLOP, FLOP/s or bytes/s.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FORMAT = 1

Scalar = str | int | float | bool | None
Severity = Literal["invalid", "warning", "advice", "note"]
Basis = Literal["datasheet", "spec", "derived"]
Unit = Literal["FLOP/s", "B/s", "Hz", "s", "B", "1"]
Kind = Literal["compute", "bandwidth", "clock", "capacity", "overhead", "effect"]
Rounds = tuple[tuple[float, ...], ...]


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
class Traffic:
    """Bytes in each direction."""

    read: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        """Bytes read plus bytes written."""
        return self.read + self.written


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one run of a case has to do.

    Attributes:
        flops: nominal operations, a multiply-add counted as two.
        flops_executed: operations on valid data only (padding taps left out).
        bytes_compulsory: what must cross the memory bus at least once.
        bytes_touched: what the kernel's loads and stores name, counted once an address.
        parameters: trained numbers (weights and biases) involved.

    """

    flops: int = 0
    flops_executed: int = 0
    bytes_compulsory: Traffic = Traffic()
    bytes_touched: Traffic = Traffic()
    parameters: int = 0

    @property
    def intensity(self) -> float | None:
        """Operational intensity in FLOP/byte, or None when no byte is moved."""
        moved = self.bytes_compulsory.total
        return self.flops / moved if moved else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to measure: a benchmark of the table with its parameters.

    Attributes:
        benchmark: its name in `benchmarks.cases`.
        parameters: what the benchmark leaves open (store kind, pinned, …).
        dtype: "float32", "float64".
        isa: the vector extension used ("avx512", "avx2", "sse2", "neon", "scalar").
        bits: vector register width used.
        threads: size of the team.
        working_set_bytes: over all threads; 0 for kernels that live in registers.

    """

    benchmark: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    dtype: str = "float64"
    isa: str = "scalar"
    bits: int = 64
    threads: int = 1
    working_set_bytes: int = 0

    @property
    def key(self) -> str:
        """A text that names this case and no other."""
        extras = [f"{name}={self.parameters[name]}" for name in sorted(self.parameters)]
        parts = (self.benchmark, self.dtype, f"{self.isa}:{self.bits}", f"{self.threads}T")
        return "/".join((*parts, str(self.working_set_bytes), *extras))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was seen when a case ran.

    Attributes:
        work: of one repetition, over all threads.
        seconds: of one repetition, by round and by sample.
        steps_per_second: of each dependent chain in the same windows, by round and by
            sample; `calibrate.fit` turns them into the effective core clock.
        loops: repetitions in one sample, by round.
        checked: every round's answer agreed with its reference.
        kernel_digest: hash of the machine code that was timed.
        dropped: samples thrown away because the team did not start together.

    """

    case: Case
    work: Work
    seconds: Rounds
    steps_per_second: Mapping[str, Rounds] = field(default_factory=dict)
    loops: tuple[int, ...] = ()
    checked: bool = False
    kernel_digest: str = ""
    dropped: int = 0
    started: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Theoretical:
    """What paper says, and what is left of it at the clock that the load really gets.

    Attributes:
        paper: the figure on paper, in the ceiling's unit.
        at_clock: the same at the effective clock measured under this load; None where the
            clock doesn't enter (memory).
        basis: where the paper figure comes from.
        source: a citation or the arithmetic, in words.

    """

    paper: float
    at_clock: float | None = None
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """One limit of the machine, as measured.

    Attributes:
        name: unique within a calibration together with `threads`.
        mix: the instructions ("fma", "mul+add") or the traffic ("2 reads, 1 write").
        typical: median over rounds of each round's median; predictions use it.
        high: the median of the best round; bounds use it.
        low: the median of the worst round.
        interval: distribution-free 95 % interval of `typical`, over rounds.
        spread: 1.4826 x MAD / median, over rounds.
        level: "L1", "L2", "L3", "DRAM" for bandwidths and capacities.
        direction: "read", "write", "copy", "triad", …
        store: "ordinary" or "non-temporal" where bytes are written.
        evidence: figures that let a reader, and the gate, check this one another way.

    """

    kind: Kind
    name: str
    unit: Unit
    typical: float
    high: float
    low: float
    interval: tuple[float, float] | None = None
    spread: float | None = None
    mix: str | None = None
    threads: int = 1
    level: str | None = None
    direction: str | None = None
    store: str | None = None
    dtype: str | None = None
    isa: str | None = None
    bits: int | None = None
    theoretical: Theoretical | None = None
    evidence: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a reader should know, why it matters, and what to type about it."""

    severity: Severity
    what: str
    why_it_matters: str = ""
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The file beside a record that holds every sample, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What one machine really reaches: the record that everything else reasons from.

    Attributes:
        node: an opaque name of the host.
        usable_cores: physical cores that the affinity mask and the quota allow.
        isa_cap: the vector extension that the run was capped to, if any.
        quick: made by the short plan.
        measurements: one median a round and case (see `samples` for every sample).
        seconds_taken: from start to record, without compilation.
        compile_seconds: spent making kernels that were not in the cache.

    """

    format: int = FORMAT
    machine: MachineSpec
    node: str
    software: Software
    conditions: Conditions
    usable_cores: int
    isa_cap: str | None = None
    quick: bool = False
    ceilings: tuple[Ceiling, ...]
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[Finding, ...] = ()
    started: str
    seconds_taken: float
    compile_seconds: float = 0.0
    samples: Samples | None = None
    supersedes: str | None = None

    @property
    def valid(self) -> bool:
        """Whether physics has no objection to this calibration."""
        return not any(finding.severity == "invalid" for finding in self.findings)

    def ceiling(self, name: str, threads: int) -> Ceiling | None:
        """Return the ceiling of that name and team size, or None."""
        found = [c for c in self.ceilings if c.name == name and c.threads == threads]
        return found[0] if found else None
