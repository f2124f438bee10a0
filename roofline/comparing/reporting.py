"""A sweep and its calibration become the report that every view shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.physics import judge
from roofline.physics.bounds import Limits, bound, in_window, limits
from roofline.physics.drift import best, drift, undrifted
from roofline.physics.roof import compute_ceiling
from roofline.records import Comparison, Errors, Layer, Report, Sweep, Timing


def report(sweep: Sweep, operators: Runner, *, tolerance: float = judge.TOLERANCE) -> Report:
    """Return what a sweep says about the predictions of the calibration that it names.

    Bounds are judged with the best rates of the sweep's own anchors.

    Raises:
        RooflineError: the calibration knows too little of this team or dtype.

    """
    rows = tuple(_row(sweep, timing, operators, tolerance) for timing in sweep.timings)
    moved = drift(operators.calibration, sweep.threads, sweep.anchors)
    return Report(
        machine=sweep.machine.id,
        node=sweep.node,
        calibration=sweep.calibration,
        subject=sweep.subject,
        threads=sweep.threads,
        cache=sweep.cache,
        libraries=sweep.software.libraries,
        environment=sweep.conditions.environment,
        drift=moved,
        rows=rows,
        summary=judge.summary(rows),
        rung_errors=judge.rung_errors(rows),
        undrifted=_undrifted(rows, operators, moved),
        tightness=judge.tightness(rows),
        noise_floor=judge.noise_floor(judge.round_medians(t.seconds) for t in sweep.timings),
    )


def _undrifted(
    rows: Sequence[Comparison], operators: Runner, moved: Mapping[str, float]
) -> Errors | None:
    signed = []
    for row in rows:
        ceiling = compute_ceiling(operators.calibration, operators.threads, row.shape.dtype)
        if not moved or ceiling is None or row.measured is None:
            continue
        seconds = undrifted(row.prediction, moved, ceiling.name)
        if seconds is not None:
            signed.append(seconds / row.measured.seconds - 1)
    return judge.errors_of(signed) if signed else None


def predictions(
    operators: Runner, layers: Sequence[Layer], calibration: str, subject: str
) -> Report:
    """Return what a calibration says of layers that nobody measured.

    Raises:
        RooflineError: the calibration knows too little of this team or dtype.

    """
    record = operators.calibration
    rows = tuple(_predicted(operators, layer) for layer in layers)
    return Report(
        machine=record.machine.id,
        node=record.node,
        calibration=calibration,
        subject=subject,
        threads=operators.threads,
        cache="cold" if operators.cold else "warm",
        rows=rows,
    )


def _predicted(operators: Runner, layer: Layer) -> Comparison:
    prediction = operators.predict(layer)
    least = bound(
        prediction.work,
        _limits(operators, layer),
        cold=operators.cold,
        free_flops=layer.shape.outputs * layer.shape.bias,
    )
    return judge.judge(layer, prediction, least, None)


def _row(sweep: Sweep, timing: Timing, operators: Runner, tolerance: float) -> Comparison:
    layer = Layer(name=timing.name, shape=timing.shape)
    prediction = operators.recalled(timing)
    window = in_window(_limits(operators, layer), operators.calibration, best(sweep.anchors))
    shape = layer.shape
    least = bound(
        prediction.work,
        window,
        cold=sweep.cache == "cold",
        free_flops=shape.outputs * shape.bias,
    )
    made = judge.judge(
        layer,
        prediction,
        least,
        judge.measured(timing.seconds, clock_step=_clock_step(timing)),
        tolerance=tolerance,
        may_skip_operations=operators.may_skip_operations,
    )
    return replace(made, details=timing.details)


def _clock_step(timing: Timing) -> float:
    """Return the step of the clock that a subject's own profile was read from, if it was."""
    step = timing.details.get("clock_step")
    return step if isinstance(step, float) else 0.0


def _limits(operators: Runner, layer: Layer) -> Limits:
    found = limits(operators.calibration, operators.threads, layer.shape.dtype)
    if found is None:
        raise RooflineError(
            f"the calibration has no {layer.shape.dtype} roof for a team of {operators.threads}."
        )
    return found
