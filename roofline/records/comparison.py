"""Predicted against measured: what `roofline.compare` concludes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from roofline.records.conv import ConvShape
from roofline.records.explanation import Explanation, Waterfall
from roofline.records.work import Scalar, Work

RUNGS = ("a", "b", "c", "d", "e", "f")
RUNG_MEANINGS: Mapping[str, str] = {
    "a": "paper roof",
    "b": "measured peak and DRAM",
    "c": "bandwidth by footprint, call overhead",
    "d": "lanes, tiles, executed taps",
    "e": "fitted physical parameters",
    "f": "fitted residual",
}

Verdict = Literal["within", "slower", "faster", "faster-than-roof", "fewer-operations-than-counted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The time that nothing beats, and what binds.

    Attributes:
        bound_by: "compute", or the level whose bandwidth binds ("L2 read", "DRAM", …).

    """

    seconds: float
    bound_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """How long an operator should take.

    Attributes:
        rungs: seconds by rung of the ladder; None where it can't be told.
        seconds: of the highest rung there is, unless another was asked for.
        low, high: the same with the calibration's best and worst round; of a fitted rung, where
            four of five times should lie.
        terms: what the seconds are made of: "compute", "L2", "DRAM", "overhead", …
        extrapolated: by what the layer lies beyond all that a fitted rung was fitted to.

    """

    work: Work
    rungs: Mapping[str, float | None]
    seconds: float
    low: float
    high: float
    terms: Mapping[str, float] = field(default_factory=dict)
    extrapolated: tuple[str, ...] = ()

    @property
    def rung(self) -> str | None:
        """The rung whose seconds these are; None where it is no rung's."""
        return next((one for one in reversed(RUNGS) if self.rungs.get(one) == self.seconds), None)

    @property
    def best_rung(self) -> str | None:
        """The highest rung that can be told."""
        return next((one for one in reversed(RUNGS) if self.rungs.get(one) is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A time as it was measured: the median over rounds, the fastest and the slowest round."""

    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One layer: what was predicted, what nothing beats, what was measured.

    Attributes:
        measured: None when it was only predicted; then ratio and verdict are, too.
        ratio: measured / predicted.
        details: how it was run, where that is known (layout, algorithm, tile).

    """

    name: str
    shape: ConvShape
    prediction: Prediction
    bound: Bound
    measured: Measured | None = None
    ratio: float | None = None
    verdict: Verdict | None = None
    details: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How well predictions held over some layers.

    Attributes:
        n: layers.
        median_ape: median of |predicted - measured| / measured.
        within_10, within_25: shares of layers with an error up to 10 % and 25 %.
        bias: median of (predicted - measured) / measured.

    """

    n: int
    median_ape: float
    within_10: float
    within_25: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole comparison: every layer, and how well each rung of the ladder held.

    Attributes:
        machine: the type of machine (`MachineSpec.id`); `node` is the host's opaque name.
        calibration: the file name of the record that was predicted from.
        fit: that of the record that rungs e and f come from; None without.
        cache: "warm" or "cold".
        libraries: versions of what ran the operators, where that isn't ours.
        environment: settings that it ran under (threads, allocator).
        drift: by ceiling, rate in this sweep / rate in the calibration.
        summary: errors of `Prediction.seconds`, by class and for "all".
        rung_errors: the same for each rung that predicts anything.
        undrifted: the same of rung d with drift taken out: each part of it at the rate that its
            ceiling had in this sweep; None where rung d or the drift isn't known.
        tightness: by class, bound / measured of each layer, the best first.
        noise_floor: median relative difference when the same layer is measured twice; None
            when nothing was measured twice.
        explanations, waterfalls: of the layers that were asked about.

    """

    machine: str
    node: str
    calibration: str
    subject: str
    threads: int
    cache: str
    fit: str | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    drift: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Comparison, ...]
    summary: Mapping[str, Errors] = field(default_factory=dict)
    rung_errors: Mapping[str, Mapping[str, Errors]] = field(default_factory=dict)
    undrifted: Errors | None = None
    tightness: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    noise_floor: float | None = None
    explanations: tuple[Explanation, ...] = ()
    waterfalls: tuple[Waterfall, ...] = ()
