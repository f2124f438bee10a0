"""Which rung of the ladder a report predicts with: the best there is, unless one is asked for."""

from dataclasses import replace

from roofline.errors import RooflineError
from roofline.physics import judge
from roofline.records import RUNG_MEANINGS, RUNGS, Comparison, Prediction, Report


def headline(report: Report, rung: str | None, *, tolerance: float = judge.TOLERANCE) -> Report:
    """Return the report with verdicts and errors of that rung; None leaves the best there is.

    Raises:
        RooflineError: the rung can't be told of a layer.

    """
    if rung is None:
        return report
    rows = tuple(_at(row, rung, tolerance) for row in report.rows)
    return replace(report, rows=rows, summary=judge.summary(rows))


def _at(row: Comparison, rung: str, tolerance: float) -> Comparison:
    seconds = row.prediction.rungs.get(rung)
    if seconds is None:
        known = [name for name in RUNGS if row.prediction.rungs.get(name) is not None]
        raise RooflineError(
            f"rung {rung} ({RUNG_MEANINGS[rung]}) can't be told of {row.name}: ask for one of "
            f"{', '.join(known)}."
        )
    return judge.judged_again(row, _with(row.prediction, seconds), tolerance=tolerance)


def _with(prediction: Prediction, seconds: float) -> Prediction:
    """Return the prediction of another rung; only the best one has an interval and terms."""
    if seconds == prediction.seconds:
        return prediction
    return replace(prediction, seconds=seconds, low=seconds, high=seconds, terms={})
