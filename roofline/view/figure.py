"""The corrected roofline on one Axes: paper, the clock under load, achieved, the loss."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from roofline.errors import RooflineError
from roofline.physics.roof import team_sizes
from roofline.records import Calibration
from roofline.units import rate
from roofline.view import canvas
from roofline.view.lettering import (
    FRAME,
    INCHES,
    INKS,
    label_bandwidths,
    label_knees,
    label_rates,
    per_point,
)
from roofline.view.scene import Line, Scene, roofline_scene

GUTTER = 0.27
OCTAVE_POINTS = 25.0
FILLS: dict[str, dict[str, Any]] = {
    "clock": {"facecolor": "#FDF3DD", "edgecolor": canvas.ORANGE, "hatch": "////"},
    "rest": {"facecolor": "#EFD5E3", "edgecolor": "none"},
}


def save_roofline(
    calibration: Calibration, paths: Sequence[Path], threads: int | None = None
) -> None:
    """Draw a calibration's roofline to each path (.svg or .png).

    Args:
        calibration: what was measured.
        paths: files to write.
        threads: the team whose roofs are drawn; by default all usable cores.

    Raises:
        RooflineError: no rate was measured with that many threads, or a path is unfit.

    """
    canvas.check(paths)
    team = chosen_team(calibration, threads)
    with canvas.look():
        canvas.write(roofline_figure(roofline_scene(calibration, team)), paths)


def chosen_team(calibration: Calibration, threads: int | None) -> int:
    """Return the team size to show: the one asked for, else all usable cores, else the largest.

    Raises:
        RooflineError: nothing was measured with the number asked for, or nothing at all.

    """
    teams = team_sizes(calibration)
    if threads is not None and threads not in teams:
        known = " or ".join(map(str, teams)) or "none"
        raise RooflineError(f"no rate was measured with {threads} threads: ask for {known}.")
    if not teams:
        raise RooflineError("this record holds no measured rate to draw: calibrate again.")
    if threads is not None:
        return threads
    return calibration.usable_cores if calibration.usable_cores in teams else teams[-1]


def roofline_figure(scene: Scene) -> Figure:
    """Return the figure of a scene; call it inside `canvas.look()`."""
    figure = canvas.blank(*INCHES)
    axes = figure.add_axes(FRAME)
    scales(axes, scene)
    _fills(axes, scene)
    for line in scene.lines:
        _line(axes, line)
    label_bandwidths(axes, scene)
    label_rates(axes, scene)
    label_knees(axes, scene)
    _legend(figure, scene)
    _notes(figure, scene)
    canvas.headline(figure, scene.title, 0.965)
    figure.text(canvas.MARGIN, 0.012, scene.footer, fontsize=7.2, color=canvas.QUIET, va="bottom")
    return figure


def scales(axes: Axes, scene: Scene, gutter: float = GUTTER) -> None:
    """Give an Axes a scene's scales; the gutter is the share that names of diagonals take."""
    low, high = scene.x_range
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=10)
    # The gutter left of the first intensity is where the diagonals are named.
    axes.set_xlim(low * (high / low) ** (-gutter / (1 - gutter)), high)
    axes.set_ylim(scene.y_range)
    _ticks(axes, scene)
    axes.set_xlabel("operational intensity, FLOP/byte", x=gutter + (1 - gutter) / 2)
    axes.set_title("attainable performance", loc="left", fontsize=9, pad=9, x=-0.125)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines["bottom"].set_bounds(low, high)


def _ticks(axes: Axes, scene: Scene) -> None:
    low, high = (round(math.log2(x)) for x in scene.x_range)
    octave = math.log10(2) / per_point(axes, 0)
    step = math.ceil(OCTAVE_POINTS / octave)
    powers = range(low, high + 1, step)
    axes.set_xticks([2.0**p for p in powers], [_power(p) for p in powers], minor=False)
    decades = _decades(*scene.y_range)
    axes.set_yticks(decades, [rate(d, "FLOP/s") for d in decades], minor=False)
    axes.minorticks_off()
    minor = _between(*scene.y_range)
    axes.set_yticks(minor, [""] * len(minor), minor=True)
    axes.tick_params(length=4)
    axes.tick_params(which="minor", length=2)
    axes.hlines(decades, *scene.x_range, color=canvas.GRID, linewidth=0.7, zorder=0)
    axes.vlines([2.0**p for p in powers], *scene.y_range, color=canvas.GRID, lw=0.7, zorder=0)


def _decades(low: float, high: float) -> list[float]:
    return [10.0**p for p in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def _between(low: float, high: float) -> list[float]:
    """Return two to nine times every decade that lies in the range."""
    decades = [d / 10 for d in _decades(low, high * 10)]
    return [n * d for d in decades for n in range(2, 10) if low <= n * d <= high]


def _power(exponent: int) -> str:
    return f"{2**exponent}" if exponent >= 0 else f"1/{2**-exponent}"


def _fills(axes: Axes, scene: Scene) -> None:
    for fill in scene.fills:
        style = FILLS[fill.role]
        axes.fill_between(fill.xs, fill.lower, fill.upper, linewidth=0, zorder=1, **style)


def _line(axes: Axes, line: Line) -> None:
    ink = INKS[line.role]
    xs, ys = zip(*line.points, strict=True)
    order = {"paper": 3.0, "clock": 3.0, "achieved": 4.0}.get(line.role, 2.0)
    axes.plot(xs, ys, color=ink.color, lw=ink.width, ls=ink.dashes, zorder=order)


def _notes(figure: Figure, scene: Scene) -> None:
    """Write what to know about the lines in the margin below their names."""
    paragraphs = ["\n".join(wrap(n, 23, break_on_hyphens=False)) for n in scene.notes]
    style = {"fontsize": 8.5, "weight": "bold", "color": INKS["clock"].words, "linespacing": 1.25}
    left = FRAME[0] + FRAME[2] + canvas.MARGIN
    figure.text(left, FRAME[1], "\n\n".join(paragraphs), fontdict=style, va="bottom")


def _legend(figure: Figure, scene: Scene) -> None:
    patches = [Patch(label=f.words, linewidth=0, **FILLS[f.role]) for f in scene.fills]
    if patches:
        figure.legend(
            handles=patches,
            loc="upper left",
            bbox_to_anchor=(canvas.MARGIN, 0.943),
            ncols=2,
            frameon=False,
            borderpad=0.0,
            borderaxespad=0.0,
        )
