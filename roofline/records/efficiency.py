"""What was fitted to one subject on top of the physics: a calibration of its own, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roofline.records.calibration import FORMAT, Finding, Samples
from roofline.records.comparison import Errors
from roofline.records.machine import Conditions, MachineSpec, Software
from roofline.records.sweep import Anchor, Timing, Warmth


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A physical parameter of rung e, and what was believed of it before anything was measured.

    The prior is normal in the logarithm: `centre` is its median, and about two thirds of it lie
    within a factor of exp(`spread`).

    Attributes:
        value: the most probable one, all layers fitted.
        unit: "" for a factor, "s" for seconds.

    """

    name: str
    value: float
    centre: float
    spread: float
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Regression trees of two levels over the residual's features, one after the other.

    A layer goes right in a tree where feature `splits[i]` is above `thresholds[i]`: of each tree's
    three, the first decides first, the second on its left, the third on its right. Its four
    `leaves`, from left to right, are logarithms of a ratio, which all trees add up.
    """

    splits: tuple[int, ...] = ()
    thresholds: tuple[float, ...] = ()
    leaves: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.leaves) // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A fit to all layers but those of one fold.

    Attributes:
        parameters: of rung e, in the order of `Efficiency.parameters`.
        trees: of rung f; none where too few layers were measured.

    """

    parameters: tuple[float, ...]
    trees: Trees = Trees()


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """How a subject falls short of the physics on one machine: the record behind rungs e and f.

    Attributes:
        calibration: the file name of the record that the physics came from.
        usable_cores, isa_cap: as in a calibration.
        physics: hash of the code that told rung d: what was fitted fits no other.
        timings: the layers that were measured, one median a round.
        folds: by layer, the number of the member that did not see it; -1 where all did.
        residuals: by layer, ln(measured / predicted) by that member: what new layers may expect.
        reach: by feature, the least and the most of any fitted layer.
        errors: of each rung on the layers that its member did not see.
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
    quick: bool = False
    physics: str
    parameters: tuple[Parameter, ...]
    features: tuple[str, ...]
    members: tuple[Member, ...]
    folds: tuple[int, ...]
    residuals: tuple[float, ...]
    reach: Mapping[str, tuple[float, float]]
    errors: Mapping[str, Errors] = field(default_factory=dict)
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
        """Whether physics has no objection to this fit."""
        return not any(finding.severity == "invalid" for finding in self.findings)
