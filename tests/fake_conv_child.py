"""Sweeps of a planted machine: convolutions take what their operations ask, anchors what is set.

The machine is the one of the reference calibration, so that predictions and bounds are real ones.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import cases
from roofline.comparing.anchors import Probe, probes
from roofline.comparing.operators import Operators
from roofline.comparing.session import Job, Outcome, measure
from roofline.physics.drift import as_rate
from roofline.physics.roof import compute_ceiling
from roofline.physics.workload import conv_shape
from roofline.records import Calibration, Case, Layer, Software
from roofline.shapes import parse_shape
from roofline.store.files import Entry, Found, Store
from tests.fake_child import FakeChild, Planted
from tests.reference import FOLDER, reference

NAME = "20261123T030806Z-883fc665bdb6.json"
SOFTWARE = Software(python="3.11.0", suite_version="0.1.0", git_revision="abcdef")
# Of the operations that a dense layer could do in its time.
SHARE = 0.8
_FULL_GROUP = 16
SHAPES = {
    "dense": "64x28x28 -> 64, 3x3 p1",
    "pointwise": "128x14x14 -> 256, 1x1 b",
    "depthwise": "64x28x28 -> 64, 3x3 p1 g64",
    "grouped": "96x14x14 -> 96, 3x3 p1 g3",
    "batched": "64x14x14 -> 128, 3x3 s2 p1 n4",
}


def layers(*names: str) -> tuple[Layer, ...]:
    """Build these layers of `SHAPES`, all of them by default."""
    return tuple(Layer(name=one, shape=parse_shape(SHAPES[one])) for one in names or SHAPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvMachine(Planted):
    """A machine that runs convolutions, and on which the calibration's ceilings have moved.

    Attributes:
        calibration: what the machine reached when it was calibrated.
        ratios: by ceiling, its rate now / its typical rate then; 1 where none is named.
        share: of the peak that a layer with wide groups gets.

    """

    calibration: Calibration
    ratios: Mapping[str, float] = field(default_factory=dict)
    share: float = SHARE
    noise: float = 0.0

    def seconds(self, case: Case) -> float:
        """Return what one call takes, without noise."""
        if case.benchmark == "conv":
            return self._convolution(case)
        anchor = self.anchor(case)
        typical = as_rate(anchor.ceiling, anchor.ceiling.typical)
        return anchor.rate(1.0) / (typical * self.ratio(anchor.ceiling.name))

    def ratio(self, name: str) -> float:
        """Return how far a ceiling has moved."""
        return self.ratios.get(name, self.ratios.get("all", 1.0))

    def anchor(self, case: Case) -> Probe:
        """Return the probe that a case belongs to."""
        found = probes(self.calibration, case.threads, ("float32", "float64"))
        return next(probe for probe in found if probe.case.key == case.key)

    def _convolution(self, case: Case) -> float:
        peak = compute_ceiling(self.calibration, case.threads, case.dtype)
        assert peak is not None
        width = conv_shape(case.parameters, case.dtype).group_in / _FULL_GROUP
        executed = cases.work(case).flops_executed or 0
        return executed / (self.share * min(1.0, width) * peak.typical)


@dataclass(slots=True, kw_only=True)
class ConvChild(FakeChild):
    """A fake child that remembers the cases it ran, in order, and how many samples of each."""

    runs: list[tuple[Case, int]] = field(default_factory=list)

    def _run(self, case: dict[str, Any], samples: int) -> dict[str, Any]:
        self.runs.append((Case(**case), samples))
        return FakeChild._run(self, case, samples)

    @property
    def ran(self) -> list[str]:
        """The benchmark of each run."""
        return [case.benchmark for case, _ in self.runs]


def child(ratios: Mapping[str, float] | None = None, **facts: Any) -> ConvChild:
    """Build a child on the reference's machine, its ceilings moved by these ratios."""
    machine = ConvMachine(calibration=reference(), ratios=ratios or {}, **facts.pop("machine", {}))
    return ConvChild(planted=machine, **facts)


def job(some: tuple[Layer, ...] | None = None, threads: int = 2, *, cold: bool = False) -> Job:
    """Build the job of measuring these layers against the reference calibration."""
    calibration = reference()
    return Job(
        operators=Operators(calibration, threads, cold=cold),
        layers=layers() if some is None else some,
        calibration_name=NAME,
        subject="ours",
        machine=calibration.machine,
        node=calibration.node,
        software=SOFTWARE,
        cores=calibration.usable_cores,
    )


def swept(ratios: Mapping[str, float] | None = None, **facts: Any) -> Outcome:
    """Measure all layers on two threads of a machine whose ceilings have moved so."""
    return measure(job(), lambda: child(ratios, **facts))


def stored(root: Path, outcome: Outcome, site: str = "lab") -> Path:
    """Put a sweep and the calibration that it names into a store; return the sweep's file."""
    store = Store(root)
    (kept,) = FOLDER.rglob(NAME)
    beside = root.joinpath(site, *kept.parts[-3:])
    beside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, beside)
    return store.put(outcome.sweep, outcome.samples, site)


def found(record: Calibration | None = None, *, same_node: bool = True) -> Found[Calibration]:
    """Build what a store answers when it is asked for the latest."""
    record = reference() if record is None else record
    return Found(entry=Entry(path=Path("/records") / NAME, record=record), same_node=same_node)
