"""Rungs e and f: predictions of a report once more, with what was fitted to its subject."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from roofline import physics
from roofline.comparing.runner import Runner
from roofline.physics import cross, efficiency, judge
from roofline.physics.efficiency import Parts, parts_of
from roofline.physics.remembered import remembered
from roofline.physics.residual import SIZES, features, residual
from roofline.physics.tiling import lanes_of
from roofline.records import ConvShape, Efficiency, Member, Prediction, Report

# What rung d of a layer follows from, and what is made of it.
_TELLING = (
    *("again", "asking", "bandwidth", "cache_shares", "choice", "cores", "cropped", "datasheet"),
    *("brdgmm", "brgemm", "brgemm_blocks", "jit_grouped", "onednn", "pace", "passing"),
    *("dealing", "efficiency", "flat", "frontend", "isa", "library", "loops", "mlas", "owners"),
    *("pieces", "pipes", "planes", "positions", "predict", "pressure", "reach", "remembered"),
    *("residual", "roof", "sharing", "spans", "theory", "tally", "tiling", "workload"),
)
# So far beyond the fitted layers, as a share of what they span, is not far.
_SLACK = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What was fitted to a subject.

    Attributes:
        name: the record's file name.
        elsewhere: on another type of machine: only its parameters hold here, not what they left.

    """

    name: str
    record: Efficiency
    elsewhere: bool = False


def with_fit(
    report: Report, fit: Fit, runner: Runner, *, tolerance: float = judge.TOLERANCE
) -> Report:
    """Return a report whose layers have rungs e and f, and verdicts by the better of them.

    A layer that was itself fitted is left as it is: of it, the fit would only repeat what it saw.
    """
    seen = fitted_shapes(fit)
    rows = tuple(
        row
        if row.shape in seen
        else judge.judged_again(
            row, refined(row.prediction, row.shape, fit, runner), tolerance=tolerance
        )
        for row in report.rows
    )
    return replace(
        report,
        fit=fit.name,
        rows=rows,
        summary=judge.summary(rows),
        rung_errors=judge.rung_errors(rows),
    )


def fitted_shapes(fit: Fit) -> frozenset[ConvShape]:
    """Return the shapes that a fit saw."""
    return frozenset(timing.shape for timing in fit.record.timings)


def described(
    runner: Runner, shape: ConvShape, prediction: Prediction
) -> tuple[Parts, tuple[float, ...]] | None:
    """Return what rungs e and f are made of; None where rung d can't be told."""
    lanes = lanes_of(runner.vector, shape.dtype)
    parts = parts_of(
        shape, prediction, lanes, runner.threads, structured=runner.structured(shape.dtype)
    )
    return None if parts is None else (parts, features(shape, parts, lanes))


@cache
def physics_digest() -> str:
    """Hash the code that rung d follows from."""
    folder, text = Path(physics.__file__).parent, hashlib.sha256()
    for name in _TELLING:
        text.update((folder / f"{name}.py").read_bytes() + b"\0")
    return text.hexdigest()[:20]


def refined(prediction: Prediction, shape: ConvShape, fit: Fit, runner: Runner) -> Prediction:
    """Return a prediction with rungs e and f and an interval by CV+; unchanged without rung d."""
    found = described(runner, shape, prediction)
    if found is None:
        return prediction
    parts, values = found
    by_member = [_logarithms(parts, values, member, fit) for member in fit.record.members]
    rungs = {rung: cross.central([one[rung] for one in by_member]) for rung in by_member[0]}
    best = max(rungs)
    low, high = _interval(prediction, fit, shape, [one[best] for one in by_member], rungs[best])
    return replace(
        prediction,
        rungs={**prediction.rungs, **rungs},
        seconds=rungs[best],
        low=low,
        high=high,
        terms={},
        extrapolated=_beyond(fit.record, values),
    )


def _logarithms(
    parts: Parts, values: Sequence[float], member: Member, fit: Fit
) -> dict[str, float]:
    """Return ln(seconds) by rung; trees speak only of the machine that they were grown on."""
    e = math.log(efficiency.seconds(parts, member.parameters))
    if not member.trees.count or fit.elsewhere:
        return {"e": e}
    return {"e": e, "f": e + residual(member.trees, values)}


def _interval(
    prediction: Prediction,
    fit: Fit,
    shape: ConvShape,
    logarithms: Sequence[float],
    seconds: float,
) -> tuple[float, float]:
    if fit.elsewhere:
        # Nobody saw how far it lies from times here: what the calibration's rounds leave open.
        scale = seconds / prediction.seconds
        return prediction.low * scale, prediction.high * scale
    low, high = cross.interval(logarithms, *_scores(fit.record, shape.conv_class))
    return min(low, seconds), max(high, seconds)


@remembered
def _scores(record: Efficiency, conv_class: str) -> tuple[list[int], list[float]]:
    """Return folds and residuals of the layers that tell of a new one: of its class, if enough."""
    unseen = [number for number, fold in enumerate(record.folds) if fold != cross.SEEN]
    alike = [one for one in unseen if record.timings[one].shape.conv_class == conv_class]
    if len(alike) < cross.ENOUGH:
        alike = unseen
    return [record.folds[one] for one in alike], [record.residuals[one] for one in alike]


def _beyond(record: Efficiency, values: Sequence[float]) -> tuple[str, ...]:
    """Return the features by which a layer lies beyond all that were fitted."""
    known = dict(zip(record.features, values, strict=True))
    return tuple(name for name in SIZES if not _within(known[name], *record.reach[name]))


def _within(value: float, least: float, most: float) -> bool:
    slack = _SLACK * (most - least)
    return least - slack <= value <= most + slack
