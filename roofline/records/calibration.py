"""What was concluded: ceilings, findings, and the calibration that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from roofline.records.machine import Conditions, MachineSpec, Round, Software
from roofline.records.work import Measurement, Scalar

FORMAT = 2

Severity = Literal["invalid", "warning", "advice", "note"]
Basis = Literal["datasheet", "spec", "derived"]
Unit = Literal["FLOP/s", "B/s", "1/s", "Hz", "s", "B", "1"]
Kind = Literal[
    "compute",
    "operation",
    "bandwidth",
    "latency",
    "node",
    "clock",
    "capacity",
    "overhead",
    "effect",
]


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
        level: "L1", "L2", "L3", "DRAM" for bandwidths, latencies and capacities.
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
        rounds: what the machine did besides, in the order of each measurement's rounds.
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
    rounds: tuple[Round, ...] = ()
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
