"""Waterfalls drawn: what every step adds to the time on paper, up to the measured one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from roofline.errors import RooflineError
from roofline.records import Calibration, Report, Waterfall
from roofline.units import duration
from roofline.view import canvas, captions
from roofline.view.comparison_rows import percent
from roofline.view.waterfall_rows import SMALL, doubt

WIDTH = 9.6
TOP, BOTTOM, GAP = 1.0, 0.75, 0.5
STEP = 0.27
LEFT, SPAN = 0.185, 0.64
MOST = 8
WHOLE, LOST, GAINED, UNKNOWN = "#4A4A4A", canvas.VERMILLION, canvas.GREEN, "#D9D9D9"
BAR = 0.72


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: from where to where, in seconds; of a step that wasn't measured both are equal."""

    name: str
    start: float
    end: float
    color: str
    words: str


def save_waterfalls(report: Report, calibration: Calibration, paths: Sequence[Path]) -> None:
    """Draw a report's waterfalls to each path (.svg or .png).

    Raises:
        RooflineError: there is none, or a path is unfit.

    """
    canvas.check(paths)
    if not report.waterfalls:
        raise RooflineError("there is no waterfall to draw: name measured layers (--waterfall).")
    with canvas.look():
        canvas.write(waterfall_figure(report, calibration), paths)


def waterfall_figure(report: Report, calibration: Calibration) -> Figure:
    """Return the figure of the first waterfalls; call it inside `canvas.look()`."""
    shown = report.waterfalls[:MOST]
    rows = [bars(one) for one in shown]
    height = TOP + BOTTOM - GAP + sum(len(one) * STEP + GAP for one in rows)
    figure = canvas.blank(WIDTH, height)
    place = height - TOP
    for one, some in zip(shown, rows, strict=True):
        tall = len(some) * STEP
        axes = figure.add_axes((LEFT, (place - tall) / height, SPAN, tall / height))
        _panel(axes, one, some, report)
        place -= tall + GAP
    title = captions.title(calibration, report.threads)
    canvas.headline(figure, f"{title}: where the time goes", 1 - 0.26 / height)
    _key(figure, height)
    figure.text(
        canvas.MARGIN, 0.1 / height, _footer(report, calibration), fontsize=7.2, color=canvas.QUIET
    )
    return figure


def bars(one: Waterfall) -> list[Bar]:
    """Return the bars of a waterfall, top down: each begins where the one before ended."""
    return list(_bars(one))


def _bars(one: Waterfall) -> Iterator[Bar]:
    yield Bar(
        name=_names(one.basis),
        start=0.0,
        end=one.start,
        color=WHOLE,
        words=_words(one.start, one.seconds),
    )
    reached = one.start
    for loss in one.losses:
        if loss.seconds is None:
            yield Bar(
                name=loss.name, start=reached, end=reached, color=UNKNOWN, words="not measured"
            )
            continue
        before, reached = reached, reached + loss.seconds
        if abs(loss.seconds) > SMALL * one.seconds:
            sign, color = ("+ ", LOST) if loss.seconds > 0 else ("- ", GAINED)
            words = sign + _words(abs(loss.seconds), one.seconds)
            if why := doubt(loss, one):
                color, words = UNKNOWN, f"{words}: {why}"
            yield Bar(name=loss.name, start=before, end=reached, color=color, words=words)
    words = duration(one.seconds)
    yield Bar(name="measured", start=0.0, end=one.seconds, color=WHOLE, words=words)


def _names(basis: str) -> str:
    return {"paper": "on paper", "hardware": "measured roof", "caches": "measured roof"}[basis]


def _words(seconds: float, whole: float) -> str:
    return f"{duration(seconds)} ({percent(seconds / whole)})"


def _panel(axes: Axes, one: Waterfall, some: Sequence[Bar], report: Report) -> None:
    furthest = max(max(bar.start, bar.end) for bar in some)
    axes.set_xlim(0, furthest * 1.02)
    axes.set_ylim(len(some) - 0.5, -0.5)
    for row, bar in enumerate(some):
        low, high = sorted((bar.start, bar.end))
        axes.barh(row, high - low, left=low, height=BAR, color=bar.color, zorder=3)
        axes.annotate(
            bar.words,
            (high, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=canvas.QUIET if bar.color == UNKNOWN else canvas.INK,
        )
        if row + 1 < len(some):
            axes.plot([bar.end] * 2, [row, row + 1], color=canvas.QUIET, lw=0.7, zorder=2)
    shape = next(row.shape.text for row in report.rows if row.name == one.name)
    name = one.name if shape == one.name else f"{one.name}   {shape}"
    axes.set_title(name, loc="left", fontsize=9, weight="bold", pad=5)
    _frame(axes, some)


def _frame(axes: Axes, some: Sequence[Bar]) -> None:
    axes.set_yticks(range(len(some)), [bar.name for bar in some])
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _key(figure: Figure, height: float) -> None:
    patches = [
        Patch(color=WHOLE, label="a whole time"),
        Patch(color=LOST, label="a step that takes longer"),
        Patch(color=GAINED, label="a step that saves"),
        Patch(color=UNKNOWN, label="undecided, or not measurable"),
    ]
    figure.legend(
        handles=patches,
        loc="upper left",
        bbox_to_anchor=(canvas.MARGIN, 1 - 0.4 / height),
        ncols=len(patches),
        frameon=False,
        borderpad=0.0,
        borderaxespad=0.0,
    )


def _footer(report: Report, calibration: Calibration) -> str:
    more = len(report.waterfalls) - MOST
    rest = f" {more} more layers aren't drawn." if more > 0 else ""
    return (
        f"{report.subject}, {report.cache} caches. {captions.made(calibration)} In brackets: share "
        f"of the measured time.{rest}\n"
        "Clock: peak at the clock under load. Hardware: measured peak and DRAM. Caches: data in "
        "the level that holds them. Padding: taps that aren't run.\n"
        "Operating system: threads not pinned, and an output in memory that was never touched, "
        "instead of pinned threads on touched memory."
    )
