"""A sweep: how long a list of convolutions took on one machine, and what it was like meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from roofline.records.calibration import FORMAT, Finding, Samples, Unit
from roofline.records.conv import ConvShape
from roofline.records.machine import Conditions, MachineSpec, Software
from roofline.records.work import Rounds, Scalar

Warmth = Literal["warm", "cold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long one layer took.

    Attributes:
        name: the layer's, unique within a sweep.
        seconds: of one call, by round (medians) or by round and sample.
        loops: calls in one sample, by round.
        checked: its answer agreed with the float64 reference before it was timed.
        kernel_digest: hash of the machine code that was timed.
        details: what the subject did, where it tells (algorithm, tile, layout).

    """

    name: str
    shape: ConvShape
    seconds: Rounds
    loops: tuple[int, ...] = ()
    checked: bool = False
    kernel_digest: str = ""
    details: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A ceiling measured again between the layers: what tells drift from error.

    Attributes:
        ceiling: the name of the calibration's ceiling; `threads` are the sweep's.
        unit: "FLOP/s" or "B/s".
        rates: one a visit, in the order of the run; each the median of its samples.

    """

    ceiling: str
    unit: Unit
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Measured times of a list of convolutions: the record that predictions are judged by.

    Attributes:
        node: an opaque name of the host.
        calibration: the file name of the calibration that was newest then.
        usable_cores, isa_cap: as in a calibration.
        subject: who ran the operators ("ours", …).
        cache: "warm" (the same buffers call after call) or "cold" (rotating past the
            last-level cache).
        seconds_taken: from start to record, without compilation.

    """

    format: int = FORMAT
    machine: MachineSpec
    node: str
    software: Software
    conditions: Conditions
    calibration: str
    usable_cores: int
    isa_cap: str | None = None
    subject: str
    threads: int
    cache: Warmth = "warm"
    timings: tuple[Timing, ...]
    anchors: tuple[Anchor, ...] = ()
    findings: tuple[Finding, ...] = ()
    started: str
    seconds_taken: float
    compile_seconds: float = 0.0
    samples: Samples | None = None
    supersedes: str | None = None

    @property
    def valid(self) -> bool:
        """Whether physics has no objection to this sweep."""
        return not any(finding.severity == "invalid" for finding in self.findings)
