"""Predicted against measured time on one Axes, with each class's error in a corner."""

import math
from collections.abc import Sequence
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from roofline.physics.judge import TOLERANCE, by_class
from roofline.records import Comparison, Report
from roofline.units import duration
from roofline.view import canvas
from roofline.view import comparison_marks as marks
from roofline.view.comparison_rows import percent

LABEL_POINTS = 8.5
BAND = "#E3E9EE"
# The share of the Axes that the words in a corner take.
CORNER = (0.47, 0.36)
WIDEN = 1.15
MOST_WIDENINGS = 24
NO_TIMES = (1e-6, 1e-3)

Corner = Literal["upper left", "lower right"]
Times = Sequence[tuple[float, float]]


def draw_scatter(axes: Axes, report: Report) -> None:
    """Draw measured time over predicted time, the diagonal, and the band that is "within"."""
    groups = {name: times(rows) for name, rows in by_class(report.rows).items()}
    every = [pair for pairs in groups.values() for pair in pairs]
    span, corner = frame(every)
    _scales(axes, span)
    _diagonal(axes, span)
    for name, pairs in groups.items():
        marks.points(axes, name, pairs)
    if every:
        _errors(axes, report, corner)
    else:
        axes.text(0.05, 0.93, "no layer was measured", transform=axes.transAxes)


def times(rows: Sequence[Comparison]) -> list[tuple[float, float]]:
    """Return (predicted, measured) seconds of each measured layer."""
    return [(row.prediction.seconds, row.measured.seconds) for row in rows if row.measured]


def frame(every: Times) -> tuple[tuple[float, float], Corner]:
    """Return the range of both axes and the corner for words: one where no point is.

    Both grow alike, so that equal times stay on the diagonal, until a corner is free; predictions
    that are wrong by decades either way leave none, and then the emptier one has to do.
    """
    seconds = [one for pair in every for one in pair] or list(NO_TIMES)
    low, high = min(seconds) / 1.6, max(seconds) * 1.6
    for _ in range(MOST_WIDENINGS):
        crowds = _crowds(every, low, high)
        if min(crowds.values()) == 0:
            break
        low, high = low / WIDEN, high * WIDEN
    return (low, high), min(crowds, key=lambda corner: crowds[corner])


def _crowds(every: Times, low: float, high: float) -> dict[Corner, int]:
    """Return how many points lie in each corner off the diagonal."""
    width = math.log(high / low)
    places = [(math.log(x / low) / width, math.log(y / low) / width) for x, y in every]
    return {
        "upper left": sum(x < CORNER[0] and y > 1 - CORNER[1] for x, y in places),
        "lower right": sum(x > 1 - CORNER[0] and y < CORNER[1] for x, y in places),
    }


def _scales(axes: Axes, span: tuple[float, float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(span)
    axes.set_ylim(span)
    axes.minorticks_off()
    places = _ticks(*span)
    words = [duration(place) for place in places]
    axes.set_xticks(places, words)
    axes.set_yticks(places, words)
    axes.set_xlabel("predicted time")
    axes.set_title("measured time", loc="left", fontsize=9, pad=8, x=-0.11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=canvas.GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def _ticks(low: float, high: float) -> list[float]:
    """Return the decades in a range, and more where it holds few of them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if math.log10(high / low) > 2 else (1, 2, 5)
    places = [n * 10.0**power for power in powers for n in steps]
    return [place for place in places if low <= place <= high]


def _diagonal(axes: Axes, span: tuple[float, float]) -> None:
    slower, faster = 1 + TOLERANCE, 1 / (1 + TOLERANCE)
    axes.fill_between(
        span,
        [faster * x for x in span],
        [slower * x for x in span],
        color=BAND,
        linewidth=0,
        zorder=1,
    )
    axes.plot(span, span, color=canvas.INK, linewidth=1.0, zorder=2)


def _errors(axes: Axes, report: Report, corner: Corner) -> None:
    handles: list[Artist] = [
        marks.handle(name, f"{name} ({one.n}): {percent(one.median_ape)}")
        for name, one in report.summary.items()
        if name in marks.MARKS
    ]
    handles.append(Patch(facecolor=BAND, label=f"within {percent(TOLERANCE)}"))
    whole = report.summary.get("all")
    title = f"median APE, all ({whole.n}): {percent(whole.median_ape)}" if whole else ""
    box = axes.legend(
        handles=handles,
        title=title,
        loc=corner,
        fontsize=LABEL_POINTS,
        title_fontsize=LABEL_POINTS,
        alignment="left",
        frameon=False,
        handletextpad=0.2,
        labelspacing=0.35,
    )
    box.get_title().set_fontweight("bold")
