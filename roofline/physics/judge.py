"""What a measured time says about a prediction and a bound: verdicts, errors, the noise floor."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from roofline.physics.robust import median
from roofline.records import (
    CONV_CLASSES,
    RUNGS,
    Bound,
    Comparison,
    Errors,
    Layer,
    Measured,
    Prediction,
    Rounds,
    Verdict,
)

TOLERANCE = 0.25
"""How far, as a fraction, a measured time may be from the predicted one to be within."""

SLACK = 0.03
"""How far below a bound a time must be before it is said to beat it: what a clock's steps do."""

FITTED = ("e", "f")
"""Rungs that know their own errors."""

Rows = Sequence[Comparison]


def judge(
    layer: Layer,
    prediction: Prediction,
    bound: Bound,
    measured: Measured | None,
    *,
    tolerance: float = TOLERANCE,
    may_skip_operations: bool = False,
) -> Comparison:
    """Return a layer's comparison.

    Args:
        layer: what was predicted.
        prediction: how long it should take.
        bound: the time that nothing beats.
        measured: how long it took, if that is known.
        tolerance: largest ratio - 1, either way, that is still "within".
        may_skip_operations: the subject may choose algorithms with fewer operations than are
            counted, so that a bound set by compute isn't one for it.

    """
    skips = may_skip_operations and bound.bound_by == "compute"
    ratio = measured.seconds / prediction.seconds if measured else None
    return Comparison(
        name=layer.name,
        shape=layer.shape,
        prediction=prediction,
        bound=bound,
        measured=measured,
        ratio=ratio,
        verdict=_verdict(measured, ratio, bound, tolerance, skips),
    )


def judged_again(row: Comparison, prediction: Prediction, *, tolerance: float) -> Comparison:
    """Return a layer with another prediction; what a bound says of a time doesn't depend on it."""
    made = judge(
        Layer(name=row.name, shape=row.shape),
        prediction,
        row.bound,
        row.measured,
        tolerance=tolerance,
        may_skip_operations=row.verdict == "fewer-operations-than-counted",
    )
    return replace(row, prediction=prediction, ratio=made.ratio, verdict=made.verdict)


def _verdict(
    measured: Measured | None, ratio: float | None, bound: Bound, tolerance: float, skips: bool
) -> Verdict | None:
    if measured is None or ratio is None:
        return None
    # The slow end: one lucky round alone proves nothing against physics.
    if measured.high < bound.seconds * (1 - SLACK):
        return "fewer-operations-than-counted" if skips else "faster-than-roof"
    if ratio > 1 + tolerance:
        return "slower"
    return "faster" if ratio < 1 / (1 + tolerance) else "within"


def errors(rows: Iterable[Comparison], rung: str | None = None) -> Errors | None:
    """Return how well predictions held, or None when no row has both a time and a prediction.

    Args:
        rows: the layers to judge by; those that weren't measured are left out.
        rung: the rung of the ladder that is judged, instead of the prediction itself.

    """
    signed = [
        (predicted - row.measured.seconds) / row.measured.seconds
        for row in rows
        if row.measured and (predicted := _predicted(row.prediction, rung)) is not None
    ]
    return errors_of(signed) if signed else None


def errors_of(signed: Sequence[float]) -> Errors:
    """Return how well predictions held, of (predicted - measured) / measured.

    Raises:
        statistics.StatisticsError: there is none.

    """
    sizes = [abs(error) for error in signed]
    return Errors(
        n=len(signed),
        median_ape=median(sizes),
        within_10=_share(sizes, 0.10),
        within_25=_share(sizes, 0.25),
        bias=median(signed),
    )


def _predicted(prediction: Prediction, rung: str | None) -> float | None:
    return prediction.seconds if rung is None else prediction.rungs.get(rung)


def _share(sizes: Sequence[float], most: float) -> float:
    return sum(size <= most for size in sizes) / len(sizes)


def summary(rows: Rows) -> Mapping[str, Errors]:
    """Return the errors of the predictions: of "all", then of each class that was measured."""
    return _by_class(rows, errors)


def rung_errors(rows: Rows) -> Mapping[str, Mapping[str, Errors]]:
    """Return the same for each rung of the ladder that predicts anything."""
    made = {rung: _by_class(rows, partial(errors, rung=rung)) for rung in RUNGS}
    return {rung: found for rung, found in made.items() if found}


def _by_class(rows: Rows, judged: Callable[[Rows], Errors | None]) -> Mapping[str, Errors]:
    groups = {"all": rows} | by_class(rows)
    made = {name: judged(some) for name, some in groups.items()}
    return {name: one for name, one in made.items() if one}


def by_class(rows: Rows) -> dict[str, Rows]:
    """Return the rows of each class that has any, in the order of `CONV_CLASSES`."""
    groups = {name: [r for r in rows if r.shape.conv_class == name] for name in CONV_CLASSES}
    return {name: some for name, some in groups.items() if some}


def tightness(rows: Rows) -> Mapping[str, tuple[float, ...]]:
    """Return, by class, bound / measured of each measured layer, the best first."""
    shares = {
        name: [row.bound.seconds / row.measured.seconds for row in some if row.measured]
        for name, some in by_class(rows).items()
    }
    return {name: tuple(sorted(some, reverse=True)) for name, some in shares.items() if some}


def coverage(rows: Rows) -> tuple[float, float] | None:
    """Return how often times lie within the interval of a fitted rung, and how wide those are.

    Returns:
        The share of measured layers within theirs, and the median of half an interval's width as
        a fraction of the prediction; None when no layer has both.

    """
    known = [row for row in rows if row.measured and row.prediction.rung in FITTED]
    if not known:
        return None
    held = sum(_holds(row.prediction, row.measured) for row in known) / len(known)
    widths = [(p.high - p.low) / 2 / p.seconds for p in (row.prediction for row in known)]
    return held, median(widths)


def _holds(prediction: Prediction, measured: Measured | None) -> bool:
    return measured is not None and prediction.low <= measured.seconds <= prediction.high


def noise_floor(seconds_by_round: Iterable[Sequence[float]]) -> float | None:
    """Return how much the same layer differs from itself, measured twice: no prediction beats it.

    For each layer the median of its even rounds is set against that of its odd ones; both halves
    are spread over the whole run, so that slow drift of the machine doesn't count as noise.

    Args:
        seconds_by_round: for each layer, one time a round.

    Returns:
        The median relative difference over layers, or None when none has two rounds.

    """
    pairs = [(median(s[::2]), median(s[1::2])) for s in seconds_by_round if len(s) > 1]
    return median([abs(a - b) / b for a, b in pairs]) if pairs else None


def measured(rounds: Rounds, *, clock_step: float = 0.0) -> Measured:
    """Return the time that rounds of samples tell.

    Args:
        rounds: seconds, by round.
        clock_step: of a clock that is coarse beside what it timed; each end is uncertain by half.

    Raises:
        statistics.StatisticsError: there is no sample.

    """
    typical, half = round_medians(rounds), clock_step / 2
    centre = median(typical)
    low = max(min(typical) - half, 0.0)
    return Measured(seconds=centre, low=low, high=max(typical) + half)


def round_medians(rounds: Rounds) -> tuple[float, ...]:
    """Return the median of each round that has samples."""
    return tuple(median(samples) for samples in rounds if samples)
