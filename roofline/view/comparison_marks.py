"""How the operators of a comparison are marked: a colour and a shape for each class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from roofline.physics.envelope import Reached
from roofline.physics.lessons import achieved
from roofline.records import Comparison
from roofline.view import canvas

POINT = 5.2
TICK = 7.0
# The article's red line.
RED = "#C00018"
TYPICAL_LINE: Mapping[str, Any] = {"linewidth": 2.0, "linestyle": "-"}
BEST_LINE: Mapping[str, Any] = {"linewidth": 1.0, "linestyle": (0, (4, 2))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a class looks: a shape tells it where colours can't be told apart."""

    color: str
    marker: str
    size: float = POINT


MARKS: Mapping[str, Mark] = {
    "dense": Mark(color=canvas.BLUE, marker="o"),
    "pointwise": Mark(color=canvas.GREEN, marker="s", size=POINT - 0.5),
    "grouped": Mark(color=canvas.ORANGE, marker="^", size=POINT + 0.6),
    "depthwise": Mark(color=canvas.VERMILLION, marker="D", size=POINT - 0.8),
}


def handle(name: str, words: str) -> Line2D:
    """Return a legend's entry for a class."""
    mark = MARKS[name]
    return Line2D(
        [],
        [],
        color=mark.color,
        marker=mark.marker,
        markersize=mark.size + 0.8,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linestyle="none",
        label=words,
    )


def tick_handle(words: str) -> Line2D:
    """Return a legend's entry for the ticks of predictions."""
    return Line2D(
        [],
        [],
        color=canvas.QUIET,
        marker="_",
        markersize=TICK,
        markeredgewidth=1.2,
        linestyle="none",
        label=words,
    )


def points(axes: Axes, name: str, places: Iterable[tuple[float, float]]) -> None:
    """Draw a class's measured operators."""
    mark = MARKS[name]
    xs, ys = _columns(places)
    axes.plot(
        xs,
        ys,
        linestyle="none",
        marker=mark.marker,
        markersize=mark.size,
        color=mark.color,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=7,
    )


def ticks(axes: Axes, name: str, places: Iterable[tuple[float, float]]) -> None:
    """Draw where a class's operators were predicted to be."""
    xs, ys = _columns(places)
    axes.plot(
        xs,
        ys,
        linestyle="none",
        marker="_",
        markersize=TICK,
        markeredgewidth=1.0,
        color=MARKS[name].color,
        zorder=6,
    )


def misses(axes: Axes, name: str, rows: Iterable[Comparison]) -> None:
    """Tie each measured operator to its prediction."""
    spans = [(x, predicted_rate(row), rate) for x, row, rate in _standing(rows)]
    xs, lows, highs = zip(*spans, strict=True) if spans else ((), (), ())
    axes.vlines(xs, lows, highs, color=MARKS[name].color, linewidth=0.7, alpha=0.5, zorder=5)


def reached(axes: Axes, found: Sequence[Reached]) -> None:
    """Draw what software reaches by intensity: its median, and its best in a thinner line."""
    xs = [one.intensity for one in found]
    for ys, style in (
        ([one.best for one in found], BEST_LINE),
        ([one.typical for one in found], TYPICAL_LINE),
    ):
        # White beneath: points and ticks of every colour lie around it.
        axes.plot(xs, ys, color="white", linewidth=style["linewidth"] + 2, alpha=0.7, zorder=7.5)
        axes.plot(xs, ys, color=RED, zorder=8, **style)


def reached_handles(subject: str) -> list[Line2D]:
    """Return the legend's entries of these lines."""
    return [
        Line2D(
            [],
            [],
            color=RED,
            label=f"reached by software ({subject}): median by intensity",
            **TYPICAL_LINE,
        ),
        Line2D([], [], color=RED, label="the best", **BEST_LINE),
    ]


def measured_places(rows: Iterable[Comparison]) -> list[tuple[float, float]]:
    """Return (FLOP/byte, FLOP/s) of each measured operator."""
    return [(x, rate) for x, _, rate in _standing(rows)]


def predicted_places(rows: Iterable[Comparison]) -> list[tuple[float, float]]:
    """Return (FLOP/byte, FLOP/s) where each operator was predicted to be."""
    return [
        (x, predicted_rate(row)) for row in rows if (x := row.prediction.work.intensity) is not None
    ]


def predicted_rate(row: Comparison) -> float:
    """Return the FLOP/s that the prediction comes to."""
    return row.prediction.work.flops / row.prediction.seconds


def _standing(rows: Iterable[Comparison]) -> list[tuple[float, Comparison, float]]:
    return [
        (x, row, rate)
        for row in rows
        if (rate := achieved(row)) and (x := row.prediction.work.intensity)
    ]


def _columns(places: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    pairs = list(places)
    return [x for x, _ in pairs], [y for _, y in pairs]
