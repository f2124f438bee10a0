"""A sweep of many layers becomes what is known of its subject: an `Efficiency`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from calibrate.fitting import physical, placed, trees
from calibrate.fitting.design import SPANNING
from calibrate.fitting.members import Sample, by_rung, folds, members
from roofline import shapes
from roofline.comparing import subjects
from roofline.comparing.fitted import described, physics_digest
from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.physics import judge
from roofline.physics.cross import SEEN
from roofline.physics.efficiency import CLOSER, PRIORS, Prior
from roofline.physics.residual import FEATURES, SIZES
from roofline.records import (
    RUNGS,
    ConvShape,
    Efficiency,
    Errors,
    Finding,
    Member,
    Parameter,
    Prediction,
    Sweep,
    Timing,
)

FEWEST = 12
"""So few layers tell next to nothing beside the priors."""

REPEATED = {one.name for one in fields(Sweep)} - {"findings", "samples", "supersedes"}
"""What a fit repeats of the sweep that it was made from."""


def conclude(sweep: Sweep, runner: Runner, *, quick: bool = False) -> Efficiency:
    """Return what a sweep tells of its subject.

    Args:
        sweep: of the layers to fit; its subject's.
        runner: who ran it, on the calibration that the physics comes from.
        quick: whether the few layers of the short plan were measured.

    Raises:
        RooflineError: too few layers, or some that the calibration can't predict.

    """
    if len(sweep.timings) < FEWEST:
        raise RooflineError(
            f"{len(sweep.timings)} layers are too few to fit {sweep.subject}: "
            f"give {FEWEST} or more."
        )
    told, share = placed.placed(sweep, runner.calibration)
    runner = subjects.called(runner, told.anchors)
    predictions = [runner.recalled(timing) for timing in told.timings]
    samples = [
        _sample(runner, timing, made)
        for timing, made in zip(told.timings, predictions, strict=True)
    ]
    fold_of = folds(samples)
    known = all(runner.structured(timing.shape.dtype) for timing in told.timings)
    priors = CLOSER if known else PRIORS
    made = members(samples, fold_of, priors)
    # A layer that all members saw is told by any: it judges none.
    unseen = [by_rung(one, made[max(fold, 0)]) for one, fold in zip(samples, fold_of, strict=True)]
    return Efficiency(
        **{name: getattr(sweep, name) for name in REPEATED},
        quick=quick,
        physics=physics_digest(),
        parameters=_parameters(samples, priors),
        features=FEATURES,
        members=made,
        folds=fold_of,
        residuals=tuple(_residual(one, told) for one, told in zip(samples, unseen, strict=True)),
        reach=_reach(samples),
        errors=_errors(samples, predictions, unseen, fold_of),
        findings=(*sweep.findings, *placed.advice(share), *_findings(samples, made)),
    )


def refuse_judges(layers: Iterable[ConvShape], judged: Iterable[ConvShape] = ()) -> None:
    """Refuse to fit layers that the fit will be judged by: an answer that was seen is no test.

    Args:
        layers: that would be fitted.
        judged: kept for judging, beside the default sweep.

    Raises:
        RooflineError: some are both; names the first.

    """
    reserved = {layer.shape: layer.name for layer in shapes.default_sweep()}
    reserved = dict.fromkeys(judged, "") | reserved
    both = [shape for shape in layers if shape in reserved]
    if both:
        name = reserved[both[0]]
        whose = f"the default sweep ({name})" if name else "what it is to be judged by"
        raise RooflineError(
            f"{len(both)} of the layers to fit, {both[0].text} first, belong to {whose}: "
            "leave them out, or judge by others."
        )


def _sample(runner: Runner, timing: Timing, prediction: Prediction) -> Sample:
    found = described(runner, timing.shape, prediction)
    if found is None:
        raise RooflineError(
            f"rung d of {timing.shape.text} can't be told by this calibration: "
            "run `make calibrate`."
        )
    return Sample(
        shape=timing.shape,
        parts=found[0],
        features=found[1],
        measured=judge.measured(timing.seconds).seconds,
        spanning=timing.name.startswith(SPANNING),
    )


def _parameters(samples: Sequence[Sample], priors: Sequence[Prior]) -> tuple[Parameter, ...]:
    parts, measured = [one.parts for one in samples], [one.measured for one in samples]
    values = physical.fit(parts, measured, priors)
    return tuple(
        Parameter(
            name=prior.name,
            value=value,
            centre=prior.centre,
            spread=prior.spread,
            unit=prior.unit,
        )
        for prior, value in zip(priors, values, strict=True)
    )


def _residual(sample: Sample, told: Mapping[str, float]) -> float:
    return math.log(sample.measured / told[max(told)])


def _reach(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    columns = zip(FEATURES, zip(*(one.features for one in samples), strict=True), strict=True)
    return {name: (min(some), max(some)) for name, some in columns if name in SIZES}


def _errors(
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    unseen: Sequence[Mapping[str, float]],
    fold_of: Sequence[int],
) -> dict[str, Errors]:
    """Return each rung's errors; of e and f, by the member that did not see the layer."""
    told = [{**made.rungs, **fitted} for made, fitted in zip(predictions, unseen, strict=True)]
    found: dict[str, Errors] = {}
    for rung in RUNGS:
        signed = [
            (seconds - one.measured) / one.measured
            for one, by, fold in zip(samples, told, fold_of, strict=True)
            if fold != SEEN and (seconds := by.get(rung)) is not None
        ]
        if signed:
            found[rung] = judge.errors_of(signed)
    return found


def _findings(samples: Sequence[Sample], made: Sequence[Member]) -> tuple[Finding, ...]:
    if made[0].trees.count or len(samples) < trees.ENOUGH:
        return ()
    return (
        Finding(
            severity="advice",
            what="rung f was not fitted: scikit-learn is not installed",
            why_it_matters="predictions end at rung e, whose parameters leave some regularity over",
            command="python -m pip install --editable '.[fit]'",
        ),
    )
