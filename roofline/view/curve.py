"""The bandwidth curve: how fast a working set is read and streamed, by its size."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roofline.errors import RooflineError
from roofline.physics.roof import curve, team_sizes
from roofline.records import Calibration, Ceiling
from roofline.units import capacity, rate
from roofline.view import canvas, captions
from roofline.view.placement import spread

INCHES = (9.0, 4.8)
FRAME = (0.115, 0.175, 0.7, 0.67)
LABEL_POINTS = 8.5
COLORS = {"read": canvas.BLUE, "triad": canvas.VERMILLION}
WORDS = {"read": "#005A8E", "triad": "#B04A00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One curve: a kernel and a team, and (bytes a thread, bytes/s) points."""

    kernel: str
    threads: int
    points: tuple[tuple[float, float], ...]

    @property
    def words(self) -> str:
        """The label at the curve's end."""
        cores = "1 core" if self.threads == 1 else f"{self.threads} cores"
        return f"{self.kernel}, {cores}\n{rate(self.points[-1][1], 'B/s')} at the end"


def save_curve(calibration: Calibration, paths: Sequence[Path]) -> None:
    """Draw bandwidth against working set to each path (.svg or .png).

    Args:
        calibration: what was measured.
        paths: files to write.

    Raises:
        RooflineError: the record holds no curve, or a path is unfit.

    """
    canvas.check(paths)
    found = tuple(traces(calibration))
    if not found:
        raise RooflineError("this record holds no bandwidth curve: calibrate without --quick.")
    with canvas.look():
        canvas.write(curve_figure(calibration, found), paths)


def traces(calibration: Calibration) -> Iterator[Trace]:
    """Yield the curves of one core and of all, reads first."""
    teams = {m.case.threads for m in calibration.measurements}
    shown = sorted(teams & {1, calibration.usable_cores, *team_sizes(calibration)[-1:]})
    for kernel in COLORS:
        for threads in shown:
            points = curve(calibration, f"{kernel}-curve", threads)
            each = tuple((size / threads, speed) for size, speed in points)
            if each:
                yield Trace(kernel=kernel, threads=threads, points=each)


def capacities(calibration: Calibration) -> tuple[Ceiling, ...]:
    """Return the capacities found, one a level, as the smallest team saw them."""
    found = [c for c in calibration.ceilings if c.kind == "capacity" and c.level]
    smallest = {c.level: c for c in sorted(found, key=lambda c: c.threads, reverse=True)}
    return tuple(sorted(smallest.values(), key=lambda c: c.typical))


def curve_figure(calibration: Calibration, found: Sequence[Trace]) -> Figure:
    """Return the figure of those curves; call it inside `canvas.look()`."""
    figure = canvas.blank(*INCHES)
    axes = figure.add_axes(FRAME)
    _scales(axes, [point for trace in found for point in trace.points])
    _capacities(axes, capacities(calibration))
    for trace in found:
        _trace(axes, trace)
    _labels(axes, found)
    title = f"{captions.machine_name(calibration.machine)}, bandwidth by working set"
    canvas.headline(figure, title, 0.95)
    note = (
        captions.made(calibration)
        + " Nominal bytes, typical values; capacities as one core finds them."
    )
    figure.text(canvas.MARGIN, 0.015, note, fontsize=7.2, color=canvas.QUIET, va="bottom")
    return figure


def _scales(axes: Axes, points: Iterable[tuple[float, float]]) -> None:
    sizes, speeds = zip(*points, strict=True)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=10)
    axes.set_xlim(min(sizes) / 1.2, max(sizes) * 1.2)
    axes.set_ylim(min(speeds) / 1.8, max(speeds) * 1.8)
    axes.set_xlabel("working set of one core")
    axes.set_ylabel("bandwidth, sum over cores")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=canvas.GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    _ticks(axes)


def _ticks(axes: Axes) -> None:
    low, high = (math.log2(x) for x in axes.get_xlim())
    step = max(1, round((high - low) / 9))
    sizes = [2.0**p for p in range(math.ceil(low), math.floor(high) + 1) if p % step == 0]
    axes.set_xticks(sizes, [capacity(size) for size in sizes])
    bottom, top = axes.get_ylim()
    decades = range(math.floor(math.log10(bottom)), math.ceil(math.log10(top)))
    speeds = [n * 10.0**p for p in decades for n in (1, 2, 5)]
    inside = [speed for speed in speeds if bottom <= speed <= top]
    axes.minorticks_off()
    axes.set_yticks(inside, [rate(speed, "B/s") for speed in inside])


def _capacities(axes: Axes, ceilings: Iterable[Ceiling]) -> None:
    low, high = axes.get_xlim()
    seen = [c for c in ceilings if low < c.typical < high]
    unit = math.log(high / low) / (INCHES[0] * FRAME[2] * 72)
    places = spread([math.log(c.typical) for c in seen], [unit * 62.0] * len(seen))
    for ceiling, place in zip(seen, places, strict=True):
        axes.axvline(ceiling.typical, color=canvas.QUIET, linewidth=1.0, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{ceiling.level} ends at\n{capacity(ceiling.typical)}",
            (math.exp(place), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=LABEL_POINTS,
            linespacing=1.1,
            color=canvas.QUIET,
        )


def _trace(axes: Axes, trace: Trace) -> None:
    sizes, speeds = zip(*trace.points, strict=True)
    style = "-" if trace.threads > 1 else (0, (3, 1.5))
    mark = "o" if trace.kernel == "read" else "s"
    axes.plot(sizes, speeds, mark, ls=style, color=COLORS[trace.kernel], lw=1.6, ms=3.2)


def _labels(axes: Axes, found: Sequence[Trace]) -> None:
    bottom, top = (math.log10(y) for y in axes.get_ylim())
    unit = (top - bottom) / (INCHES[1] * FRAME[3] * 72)
    anchors = [math.log10(trace.points[-1][1]) for trace in found]
    places = spread(anchors, [unit * 26.0] * len(found), bottom, top)
    for trace, place in zip(found, places, strict=True):
        axes.annotate(
            trace.words,
            trace.points[-1],
            xycoords="data",
            xytext=(1.03, (place - bottom) / (top - bottom)),
            textcoords="axes fraction",
            va="center",
            fontsize=LABEL_POINTS,
            color=WORDS[trace.kernel],
            annotation_clip=False,
            # From the middle of the words' left edge: elsewhere a steep line crosses other words.
            arrowprops={
                "arrowstyle": "-",
                "color": COLORS[trace.kernel],
                "lw": 0.7,
                "relpos": (0.0, 0.5),
            },
        )
