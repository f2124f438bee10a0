"""A comparison drawn: operators on the corrected roofline, and predicted against measured time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roofline.errors import RooflineError
from roofline.physics.envelope import envelope
from roofline.physics.judge import by_class
from roofline.records import Calibration, Report
from roofline.view import canvas, captions
from roofline.view import comparison_marks as marks
from roofline.view.comparison_scatter import draw_scatter
from roofline.view.figure import chosen_team, scales
from roofline.view.lettering import Ink, label_bandwidths, label_knees, label_rates
from roofline.view.scene import Line, Role, Scene, roofline_scene

INCHES = (13.6, 6.1)
HEIGHT = 0.71
LEFT = (0.08, 0.13, 0.4, HEIGHT)
RIGHT = (0.66, 0.13, HEIGHT * INCHES[1] / INCHES[0], HEIGHT)
GUTTER = 0.39
NOTE_LETTERS = 21
# Below the slowest operator stands the row of knees.
ROOM_BELOW, ROOM_ABOVE = 2.5, 1.7
# Only operators are in colour here: the lines that they are judged by step back.
INKS: dict[Role, Ink] = {
    "paper": Ink(color=canvas.INK, words=canvas.INK, width=1.4, dashes=(0, (5, 2.5))),
    "achieved": Ink(color=canvas.INK, words=canvas.INK, width=2.4),
    "level": Ink(color="#BDBDBD", words=canvas.QUIET, width=1.1),
}


def save_comparison(report: Report, calibration: Calibration, paths: Sequence[Path]) -> None:
    """Draw a comparison to each path (.svg or .png).

    Args:
        report: what was predicted and measured.
        calibration: the record that it was predicted from, whose roofs are drawn.
        paths: files to write.

    Raises:
        RooflineError: there is no layer, no rate was calibrated with the report's threads, or a
            path is unfit.

    """
    canvas.check(paths)
    if not report.rows:
        raise RooflineError("this comparison holds no layer to draw: name at least one.")
    chosen_team(calibration, report.threads)
    with canvas.look():
        canvas.write(comparison_figure(report, calibration), paths)


def comparison_figure(report: Report, calibration: Calibration) -> Figure:
    """Return the figure of a comparison; call it inside `canvas.look()`."""
    figure = canvas.blank(*INCHES)
    scene = operators_scene(report, calibration)
    _roofline(figure.add_axes(LEFT), report, scene)
    draw_scatter(figure.add_axes(RIGHT), report)
    _key(figure, report)
    _notes(figure, scene.notes)
    canvas.headline(figure, f"{scene.title}: convolutions, predicted and measured", 0.963)
    figure.text(
        canvas.MARGIN,
        0.012,
        _footer(report, calibration),
        fontsize=7.6,
        color=canvas.QUIET,
        va="bottom",
    )
    return figure


def operators_scene(report: Report, calibration: Calibration) -> Scene:
    """Return the roofs that operators are drawn on: paper, achieved and the cache levels."""
    places = [*marks.measured_places(report.rows), *marks.predicted_places(report.rows)]
    scene = roofline_scene(calibration, report.threads, [x for x, _ in places])
    lines = tuple(line for line in scene.lines if line.role in INKS)
    rates = [y for _, y in places] + [y for line in lines for _, y in line.points]
    return replace(
        scene,
        lines=lines,
        fills=(),
        knees=tuple(knee for knee in scene.knees if knee.role in INKS),
        y_range=(min(rates) / ROOM_BELOW, max(rates) * ROOM_ABOVE),
    )


def _roofline(axes: Axes, report: Report, scene: Scene) -> None:
    scales(axes, scene, GUTTER)
    axes.set_title("measured performance", loc="left", fontsize=9, pad=8, x=-0.125)
    for line in scene.lines:
        _line(axes, line)
    for name, rows in by_class(report.rows).items():
        marks.misses(axes, name, rows)
        marks.ticks(axes, name, marks.predicted_places(rows))
        marks.points(axes, name, marks.measured_places(rows))
    marks.reached(axes, envelope(report.rows))
    label_bandwidths(axes, scene, INKS)
    label_rates(axes, scene, INKS)
    label_knees(axes, scene, INKS)


def _line(axes: Axes, line: Line) -> None:
    ink = INKS[line.role]
    xs, ys = zip(*line.points, strict=True)
    order = 2.0 if line.role == "level" else 3.0
    axes.plot(xs, ys, color=ink.color, lw=ink.width, ls=ink.dashes, zorder=order)


def _key(figure: Figure, report: Report) -> None:
    handles = [marks.handle(name, name) for name in by_class(report.rows)]
    handles.append(marks.tick_handle("predicted"))
    if any(row.measured for row in report.rows):
        handles += marks.reached_handles(report.subject)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(canvas.MARGIN - 0.005, 0.935),
        ncols=len(handles),
        frameon=False,
        borderpad=0.0,
        borderaxespad=0.0,
        handletextpad=0.45,
        columnspacing=1.3,
    )


def _notes(figure: Figure, notes: Sequence[str]) -> None:
    paragraphs = ["\n".join(wrap(note, NOTE_LETTERS, break_on_hyphens=False)) for note in notes]
    figure.text(
        LEFT[0] + LEFT[2] + 0.008,
        LEFT[1],
        "\n\n".join(paragraphs),
        fontsize=8,
        color="#B04A00",
        weight="bold",
        linespacing=1.2,
        va="bottom",
    )


def _footer(report: Report, calibration: Calibration) -> str:
    return (
        f"Operators: {report.subject}, {report.cache} caches, median over rounds. "
        "A multiply-add counts as 2 FLOP; intensity is by compulsory bytes (each tensor once).\n"
        f"Roofs: {captions.made(calibration)} Data that stay in a cache rise above the DRAM "
        "diagonal, up to their cache's. Error: |predicted - measured| / measured."
    )
