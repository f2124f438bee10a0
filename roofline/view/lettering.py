"""The labels of a roofline Axes: each beside the end of its line, none on top of another."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from roofline.view import canvas
from roofline.view.placement import spread
from roofline.view.scene import Knee, Line, Role, Scene

INCHES = (10.0, 6.2)
FRAME = (0.108, 0.135, 0.69, 0.735)
LABEL_POINTS = 8.5
LINE_POINTS = 11.5
KNEE_ROW_POINTS = 9.0
LEADER_POINTS = (3.0, 15.0, 18.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """How a role's line and words look."""

    color: str
    words: str
    width: float
    dashes: str | tuple[float, tuple[float, ...]] = "-"


INKS: dict[Role, Ink] = {
    "paper": Ink(color=canvas.INK, words=canvas.INK, width=1.6, dashes=(0, (5, 2.5))),
    "clock": Ink(color=canvas.VERMILLION, words="#B04A00", width=1.1),
    "achieved": Ink(color=canvas.BLUE, words="#005A8E", width=2.6),
    "level": Ink(color="#78BBA3", words="#006B4E", width=1.2),
    "triad": Ink(color=canvas.SKY, words="#24739E", width=1.2),
    "double": Ink(color=canvas.SKY, words="#24739E", width=1.6),
}


def label_bandwidths(axes: Axes, scene: Scene, inks: Mapping[Role, Ink] = INKS) -> None:
    """Name the diagonals in the gutter left of where they begin."""
    named = [line for line in scene.lines if line.left]
    anchors = [line.points[0][1] for line in named]
    heights = _heights(axes, anchors, [line.left for line in named])
    for line, anchor, height in zip(named, anchors, heights, strict=True):
        _label(axes, line, line.left, inks[line.role], (scene.x_range[0], anchor, height), -1)


def label_rates(axes: Axes, scene: Scene, inks: Mapping[Role, Ink] = INKS) -> None:
    """Name the horizontal lines right of where they end."""
    named = [line for line in scene.lines if line.right]
    anchors = [line.points[-1][1] for line in named]
    heights = _heights(axes, anchors, [line.right for line in named])
    for line, anchor, height in zip(named, anchors, heights, strict=True):
        _label(axes, line, line.right, inks[line.role], (scene.x_range[1], anchor, height), 1)


def label_knees(axes: Axes, scene: Scene, inks: Mapping[Role, Ink] = INKS) -> None:
    """Mark the knees and name their intensities in a row near the floor, where no line runs."""
    unit = per_point(axes, 0)
    sizes = [unit * (5.6 * len(knee.words) + 8) for knee in scene.knees]
    low, high = (math.log10(x) for x in scene.x_range)
    places = spread([math.log10(knee.intensity) for knee in scene.knees], sizes, low, high)
    for knee, place in zip(scene.knees, places, strict=True):
        _knee(axes, knee, 10.0**place, inks[knee.role])
    if scene.knees:
        words: dict[str, Any] = {
            "fontsize": LABEL_POINTS,
            "ha": "right",
            "va": "center",
            "color": canvas.QUIET,
        }
        start = _beside(scene.x_range[0], axes, 0, -LEADER_POINTS[0])
        axes.text(start, _floor(axes, KNEE_ROW_POINTS), "knees, FLOP/byte", **words)


def _knee(axes: Axes, knee: Knee, place: float, ink: Ink) -> None:
    bend, end = _floor(axes, 27.0), _floor(axes, 16.0)
    xs, ys = [knee.intensity, knee.intensity, place], [knee.rate, bend, end]
    axes.plot(xs, ys, color=ink.color, lw=0.9, ls=":", zorder=2)
    axes.plot(xs[:1], ys[:1], "o", color=ink.color, ms=4.5, mec="white", zorder=5)
    words: dict[str, Any] = {
        "fontsize": LABEL_POINTS,
        "ha": "center",
        "va": "center",
        "color": ink.words,
    }
    axes.text(place, _floor(axes, KNEE_ROW_POINTS), knee.words, **words, zorder=6)


def _label(
    axes: Axes, line: Line, words: str, ink: Ink, place: tuple[float, float, float], side: int
) -> None:
    """Write words and lead from the line's end to them; ``place`` is x, the line's y, theirs."""
    end, anchor, height = place
    near, far, text = (_beside(end, axes, 0, side * points) for points in LEADER_POINTS)
    axes.plot([near, far], [anchor, height], color=ink.color, lw=0.7, clip_on=False)
    weight = "bold" if line.role == "achieved" else "normal"
    style: dict[str, Any] = {
        "fontsize": LABEL_POINTS,
        "linespacing": 1.15,
        "color": ink.words,
        "weight": weight,
    }
    axes.text(text, height, words, ha="left" if side > 0 else "right", va="center", **style)


def _heights(axes: Axes, anchors: list[float], texts: list[str]) -> list[float]:
    """Return where labels of those texts stand beside their anchors, above the row of knees."""
    unit = per_point(axes, 1)
    sizes = [unit * (LINE_POINTS * (text.count("\n") + 1) + 3.0) for text in texts]
    low = math.log10(_floor(axes, 2 * KNEE_ROW_POINTS))
    high = math.log10(axes.get_ylim()[1])
    return [10.0**y for y in spread([math.log10(a) for a in anchors], sizes, low, high)]


def _floor(axes: Axes, points: float) -> float:
    return _beside(axes.get_ylim()[0], axes, 1, points)


def _beside(value: float, axes: Axes, axis: int, points: float) -> float:
    """Return the coordinate that lies so many typographic points further on a log axis."""
    return float(value * 10 ** (per_point(axes, axis) * points))


def per_point(axes: Axes, axis: int) -> float:
    """Return how far, in decades of a log axis, one typographic point reaches."""
    low, high = axes.get_xlim() if axis == 0 else axes.get_ylim()
    box = axes.get_window_extent()
    points = (box.width, box.height)[axis] * 72 / axes.figure.dpi
    return math.log10(high / low) / float(points)
