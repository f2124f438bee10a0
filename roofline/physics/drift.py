"""Drift: what the anchors of a sweep say of the ceilings it is judged by."""

import math
from collections.abc import Iterator, Mapping, Sequence

from roofline.physics.predict import BARRIER
from roofline.physics.robust import median
from roofline.records import Anchor, Calibration, Ceiling, Finding, Prediction

# A ceiling's rounds may lie this far apart before their range is left, as samples of a few do.
_SLACK = 0.03


def drift(calibration: Calibration, threads: int, anchors: Sequence[Anchor]) -> Mapping[str, float]:
    """Return, by ceiling, the anchors' median rate / the calibration's typical one."""
    return {
        ceiling.name: median(anchor.rates) / as_rate(ceiling, ceiling.typical)
        for anchor, ceiling in _known(calibration, threads, anchors)
    }


def best(anchors: Sequence[Anchor]) -> Mapping[str, float]:
    """Return, by ceiling, the highest rate of this run: what bounds are judged by."""
    return {anchor.ceiling: max(anchor.rates) for anchor in anchors if anchor.rates}


def undrifted(prediction: Prediction, ratios: Mapping[str, float], compute: str) -> float | None:
    """Return rung d with each part at the rate that its ceiling has now; None where d isn't known.

    Args:
        prediction: whose terms are rung d's, as of one that nothing is fitted to.
        ratios: by ceiling, its rate now / calibration; see `drift`.
        compute: the name of the ceiling that in-core time stands on.

    """
    if prediction.rungs.get("d") != prediction.seconds:
        return None
    names = {name: f"{name.lower()}-read" for name in prediction.terms}
    names |= {"compute": compute, "overhead": BARRIER}
    return math.fsum(
        seconds / ratios.get(names[name], 1.0) for name, seconds in prediction.terms.items()
    )


def moved(calibration: Calibration, threads: int, anchors: Sequence[Anchor]) -> tuple[Finding, ...]:
    """Return a finding for each ceiling whose median left the range of the calibration's rounds."""
    return tuple(
        _finding(ceiling, median(anchor.rates) / as_rate(ceiling, ceiling.typical))
        for anchor, ceiling in _known(calibration, threads, anchors)
        if not _inside(median(anchor.rates), ceiling)
    )


def _known(
    calibration: Calibration, threads: int, anchors: Sequence[Anchor]
) -> Iterator[tuple[Anchor, Ceiling]]:
    for anchor in anchors:
        ceiling = calibration.ceiling(anchor.ceiling, threads)
        if ceiling is not None and anchor.rates:
            yield anchor, ceiling


def _inside(rate: float, ceiling: Ceiling) -> bool:
    low, high = as_rate(ceiling, ceiling.low), as_rate(ceiling, ceiling.high)
    return (1 - _SLACK) * low <= rate <= (1 + _SLACK) * high


def as_rate(ceiling: Ceiling, figure: float) -> float:
    """Return a figure of a ceiling as a rate: of what takes seconds, how often."""
    return 1 / figure if ceiling.unit == "s" else figure


def _finding(ceiling: Ceiling, ratio: float) -> Finding:
    word = "speed" if ceiling.unit == "s" else "value"
    return Finding(
        severity="warning",
        what=f"{ceiling.name} moved: it is at {100 * ratio:.0f} % of its calibrated {word}",
        why_it_matters="predictions stand on the calibration; bounds are judged by this run's own",
        command="make calibrate",
    )
