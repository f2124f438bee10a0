"""Explanations of layers: parts of the predicted time, what binds, what would change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from roofline.comparing import parts
from roofline.comparing.names import chosen, slower
from roofline.comparing.operators import Operators
from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.physics.alternatives import alternatives
from roofline.physics.roof import compute_ceiling, team_sizes
from roofline.physics.tiling import Tiling, lanes_of
from roofline.records import (
    Change,
    Comparison,
    Explanation,
    Layer,
    Part,
    Prediction,
    Report,
    Sweep,
    Work,
)
from roofline.units import duration, rate

# An addition of parts differs from the prediction by rounding only.
_ROUNDING = 1e-9
# A rate that is so far from the calibrated one is worth a word.
_MOVED = 0.03

Cut = Callable[[Layer], Tiling | None]


def explained(report: Report, operators: Runner, names: Sequence[str], cut: Cut) -> Report:
    """Return the report with explanations of the layers that were asked about.

    Args:
        report: of a comparison or of predictions.
        operators: how their subject runs them.
        names: layers, "all" or "slower" (those with that verdict).
        cut: how a layer was tiled when it was timed; None as it would be now.

    Raises:
        RooflineError: there is no such layer.

    """
    wanted = chosen(names, [row.name for row in report.rows], slower(report))
    found = [_explanation(row, operators, cut) for row in report.rows if row.name in wanted]
    return replace(report, explanations=tuple(_drifted(one, report, operators) for one in found))


def _drifted(one: Explanation, report: Report, runs: Runner) -> Explanation:
    """Return the explanation with what the machine's drift since its calibration comes to."""
    compute = compute_ceiling(runs.calibration, runs.threads, one.shape.dtype)
    ratio = report.drift.get(compute.name, 1.0) if compute else 1.0
    if one.unexplained is None or compute is None or abs(ratio - 1) < _MOVED:
        return one
    core = sum(part.seconds for part in one.parts if part.bytes is None and part.name != parts.CALL)
    more = core * (1 / ratio - 1)
    words = (
        f"Of what is unexplained, {duration(abs(more))} {'more' if more > 0 else 'less'} would be "
        f"the machine's: multiply-adds ran at {100 * ratio:.0f} % of the calibrated rate meanwhile."
    )
    return replace(one, beside=(words, *one.beside))


def as_chosen(_layer: Layer) -> Tiling | None:
    """Return None: a layer that wasn't timed is tiled as it would be now."""
    return None


def recorded(sweep: Sweep, runs: Runner) -> Cut:
    """Return how each layer of a sweep was tiled when it was timed; only our kernels' is known."""
    if not isinstance(runs, Operators):
        return as_chosen
    operators = runs
    timings = {timing.name: timing for timing in sweep.timings}
    return lambda layer: operators.recorded(timings[layer.name])


def _explanation(row: Comparison, runs: Runner, cut: Cut) -> Explanation:
    layer = Layer(name=row.name, shape=row.shape)
    found = _dissected(row, layer, runs, cut)
    rung = "d" if found else _highest(row.prediction)
    seconds = row.prediction.rungs[rung] or row.prediction.seconds
    measured = row.measured.seconds if row.measured else None
    shares = (
        found.parts if found else tuple(_coarse(row.prediction, runs, seconds, row.shape.dtype))
    )
    return Explanation(
        name=row.name,
        shape=row.shape,
        rung=rung,
        rungs=row.prediction.rungs,
        predicted=seconds,
        measured=measured,
        unexplained=None if measured is None else measured - seconds,
        parts=shares,
        ports=found.ports if found else (),
        binds=_binds(row, shares),
        beside=tuple(_beside(runs, layer)),
        changes=tuple(_changes(runs, layer, rung)),
    )


def _dissected(row: Comparison, layer: Layer, runs: Runner, cut: Cut) -> parts.Dissected | None:
    """Return the parts of our own kernels alone; other subjects' tiles aren't known."""
    if not isinstance(runs, Operators) or runs.natural:
        return None
    tiled = cut(layer) or runs.tiling(layer)
    return parts.dissected(runs, layer, tiled, row.prediction)


def _highest(prediction: Prediction) -> str:
    return next(rung for rung in "dcba" if prediction.rungs.get(rung) is not None)


def _coarse(prediction: Prediction, runs: Runner, seconds: float, dtype: str) -> Iterator[Part]:
    """Yield the terms of a prediction that isn't of our kernels; hidden ones cost nothing."""
    terms, work = prediction.terms, prediction.work
    additive = abs(sum(terms.values()) - seconds) <= _ROUNDING * seconds
    overhead = terms.get(parts.OVERHEAD, 0.0)
    longest = max((one for one in terms if one != parts.OVERHEAD), key=lambda one: terms[one])
    # Of terms that overlap the longest counts, and what they don't hide from each other.
    shown = {
        one: seconds - overhead if one == longest else 0.0 for one in terms if one != parts.OVERHEAD
    }
    costs = dict(terms) if additive else shown | {parts.OVERHEAD: overhead}
    yield from _arithmetic(costs.get(parts.COMPUTE, 0.0), work, runs, dtype)
    yield from parts.outside(costs, dict.fromkeys(costs, work.bytes_touched), runs.calibration)


def _arithmetic(seconds: float, work: Work, runs: Runner, dtype: str) -> Iterator[Part]:
    """Yield what valid taps need at the peak, and what else the operations take."""
    peak = compute_ceiling(runs.calibration, runs.threads, dtype)
    executed = work.flops if work.flops_executed is None else work.flops_executed
    bare = min(seconds, executed / peak.typical) if peak else seconds
    about = f"{rate(executed, 'FLOP')} on valid taps"
    about += f", at {rate(peak.typical, 'FLOP/s')}" if peak else ""
    yield Part(name="arithmetic", seconds=bare, about=about, flops=executed)
    rest = seconds - bare
    about = "empty lanes and busier ports, as this subject runs it" if rest else ""
    yield Part(name="lanes and ports", seconds=rest, about=about)


def _binds(row: Comparison, shares: Sequence[Part]) -> str:
    bound = row.bound
    text = f"The ceiling that binds is {bound.bound_by}: nothing takes less than "
    text += duration(bound.seconds)
    if row.measured:
        text += f", which is {100 * bound.seconds / row.measured.seconds:.0f} % of the measured"
        text += " time"
    whole = sum(part.seconds for part in shares)
    costly = max(shares[1:], key=lambda part: part.seconds)
    if costly.seconds < 0.01 * whole:
        return f"{text}. Hardly anything is lost beside the arithmetic."
    share = 100 * costly.seconds / whole
    return f"{text}. What costs most beside arithmetic: {costly.name}, {share:.0f} % of the time."


def _beside(runs: Runner, layer: Layer) -> Iterator[str]:
    touch = parts.first_touch(runs.calibration, layer.shape, runs.threads)
    if isinstance(runs, Operators):
        yield "Page faults: none in this time, all memory was touched before."
    if touch:
        yield (
            f"A call that writes to fresh memory touches {touch[0]} for the first time: "
            f"+ {duration(touch[1])}."
        )


def _changes(operators: Runner, layer: Layer, rung: str) -> Iterator[Change]:
    """Yield what the same rung says of other shapes, teams and caches."""
    here = operators.predict(layer)
    for one in alternatives(layer.shape, lanes_of(operators.vector, layer.shape.dtype)):
        other = replace(layer, shape=one.shape)
        yield from _change(operators, other, one.what, here, rung, images=one.images)
    for threads in team_sizes(operators.calibration):
        if threads != operators.threads:
            words = "on 1 core" if threads == 1 else f"on {threads} cores"
            yield from _change(replace(operators, threads=threads), layer, words, here, rung)
    if isinstance(operators, Operators):
        words = "with warm caches" if operators.cold else "with nothing in any cache"
        yield from _change(replace(operators, cold=not operators.cold), layer, words, here, rung)


def _change(
    operators: Runner,
    other: Layer,
    what: str,
    here: Prediction,
    rung: str,
    *,
    images: int = 1,
) -> Iterator[Change]:
    """Yield a change, unless the calibration knows too little of it."""
    try:
        there = operators.predict(other)
    except RooflineError:
        return
    before, after = here.rungs.get(rung), there.rungs.get(rung)
    if before is None or after is None:
        return
    yield Change(
        what=what,
        shape=other.shape,
        threads=operators.threads,
        flops=there.work.flops / here.work.flops / images,
        seconds=after / images,
        ratio=after / images / before,
    )
