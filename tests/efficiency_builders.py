"""Fits for tests: a complete record, and subjects that fall short of the physics as planted."""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from calibrate.fitting import design
from calibrate.fitting.conclude import REPEATED
from roofline.comparing.fitted import described
from roofline.comparing.operators import Operators
from roofline.physics.efficiency import PRIORS, seconds
from roofline.records import (
    Efficiency,
    Errors,
    Finding,
    Layer,
    Member,
    Parameter,
    Samples,
    Sweep,
    Timing,
    Trees,
)
from tests.reference import reference
from tests.sweep_builders import make_complete_sweep, make_sweep

PLANTED = {"computing": 1.4, "depthwise": 1.25, "L2": 1.3, "row": 9e-9, "overlap": 0.5}
"""What the planted subject makes of the physics; other parameters are as believed."""


def values(**planted: float) -> tuple[float, ...]:
    """Return a value for each prior: what is planted, else its centre."""
    return tuple(planted.get(prior.name, prior.centre) for prior in PRIORS)


def operators(threads: int = 1) -> Operators:
    """Return our kernels on the machine of the reference calibration."""
    return Operators(reference(), threads)


def planted_sweep(
    layers: Sequence[Layer] | None = None, *, noise: float = 0.0, seed: int = 1, threads: int = 1
) -> Sweep:
    """Return a sweep of a subject that rung e describes; times scatter by ln-normal noise."""
    runner, rng = operators(threads), Random(seed)
    record = runner.calibration
    timings = []
    for layer in design.design(design.FULL) if layers is None else layers:
        found = described(runner, layer.shape, runner.predict(layer))
        assert found is not None
        spent = seconds(found[0], values(**PLANTED))
        rounds = tuple((spent * math.exp(rng.gauss(0, noise)),) for _ in range(3))
        timings.append(Timing(name=layer.name, shape=layer.shape, seconds=rounds))
    return make_sweep(
        machine=record.machine,
        node=record.node,
        usable_cores=record.usable_cores,
        subject="ours",
        threads=threads,
        timings=tuple(timings),
        anchors=(),
    )


def make_complete_efficiency() -> Efficiency:
    """Build a fit that leaves no field of any of its records at its default."""
    sweep = make_complete_sweep()
    errors = Errors(n=2, median_ape=0.125, within_10=0.5, within_25=1.0, bias=-0.0625)
    trees = Trees(splits=(0, 1, 1), thresholds=(-14.5, 0.25, 2.0), leaves=(0.5, 0.25, 0.0, -0.125))
    made = values(computing=1.5)
    return Efficiency(
        **{name: getattr(sweep, name) for name in REPEATED - {"seconds_taken", "compile_seconds"}},
        quick=True,
        physics="0123456789abcdef0123",
        parameters=tuple(
            Parameter(name=p.name, value=value, centre=p.centre, spread=p.spread, unit=p.unit)
            for p, value in zip(PRIORS, made, strict=True)
        ),
        features=("seconds", "batch"),
        members=(Member(parameters=made, trees=trees), Member(parameters=made)),
        folds=(0, 1) * 3,
        residuals=(0.0625, -0.125) * 3,
        reach={"seconds": (-18.0, -10.0), "batch": (0.0, 4.0)},
        errors={"d": errors, "e": replace(errors, median_ape=0.0625)},
        findings=(Finding(severity="advice", what="w", why_it_matters="y", command="c"),),
        seconds_taken=41.5,
        compile_seconds=1.5,
        samples=Samples(name=f"{'0' * 8}T{'0' * 6}Z-{'a' * 12}.samples.json.gz", sha256="ab" * 32),
        supersedes="20261122T005959Z-0123456789ab",
    )
