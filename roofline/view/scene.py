"""What a roofline figure shows, as data: lines, fills and knees, before anything is drawn."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from roofline.physics.roof import (
    Roof,
    achieved_roof,
    clock_roof,
    compute_ceiling,
    level_bandwidths,
    memory_theory,
    paper_roof,
    triads,
    whole_socket,
)
from roofline.records import Calibration
from roofline.units import significant
from roofline.view import captions
from roofline.view.losses import VISIBLE, Fill, losses

Role = Literal["paper", "clock", "achieved", "level", "triad", "double"]
Points = tuple[tuple[float, float], ...]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line through points on log-log axes, with words at either end.

    Attributes:
        left: words beside its first point, for a bandwidth.
        right: words beside its last point, for a compute rate.

    """

    role: Role
    points: Points
    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """Where a roof turns from memory-bound to compute-bound."""

    role: Role
    intensity: float
    rate: float

    @property
    def words(self) -> str:
        """The intensity as printed beside it."""
        return significant(self.intensity, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that one roofline Axes shows, in FLOP/byte and FLOP/s."""

    lines: tuple[Line, ...]
    fills: tuple[Fill, ...]
    knees: tuple[Knee, ...]
    x_range: Span
    y_range: Span
    title: str
    footer: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The team whose roofs are drawn, and those roofs.

    Attributes:
        slope: left side of the filled area: the paper bandwidth, or the achieved one where
            paper is unknown or is a whole socket's, which these cores could never use.

    """

    calibration: Calibration
    threads: int
    dtype: str
    paper: Roof | None
    clock: Roof | None
    achieved: Roof | None
    slope: float | None

    @property
    def peak(self) -> float | None:
        """The compute rate at which the diagonals of caches end."""
        return self.achieved.compute if self.achieved else None

    @property
    def above_paper(self) -> bool:
        """Whether more than the peak on paper was achieved."""
        promised = self.paper.compute if self.paper else None
        return bool(promised and self.peak and self.peak > promised * (1 + VISIBLE))


def roofline_scene(
    calibration: Calibration, threads: int, intensities: Sequence[float] = ()
) -> Scene:
    """Return what the roofline of that many threads shows; FP32 leads where it was measured.

    Args:
        calibration: what was measured.
        threads: the team whose roofs are shown.
        intensities: where operators stand; only as much is shown as they and the knees need.

    """
    subject = _subject(calibration, threads)
    knees = tuple(_knees(subject))
    x_range = _x_range(subject, knees, intensities)
    lines = (*_lighter(subject, x_range), *_roofs(subject, x_range))
    return Scene(
        lines=lines,
        fills=losses(subject.paper, subject.clock, subject.achieved, subject.slope, x_range),
        knees=knees,
        x_range=x_range,
        y_range=_y_range(lines),
        title=captions.title(calibration, threads),
        footer=captions.footer(calibration, threads, subject.dtype),
        notes=captions.notes(calibration, threads, subject.dtype, subject.above_paper),
    )


def _subject(calibration: Calibration, threads: int) -> Subject:
    dtype = "float32" if compute_ceiling(calibration, threads, "float32") else "float64"
    paper = paper_roof(calibration, threads, dtype)
    achieved = achieved_roof(calibration, threads, dtype)
    slope = paper.bandwidth if paper else None
    if slope is None or whole_socket(memory_theory(calibration, threads)):
        slope = achieved.bandwidth if achieved else None
    return Subject(
        calibration=calibration,
        threads=threads,
        dtype=dtype,
        paper=paper,
        clock=clock_roof(calibration, threads, dtype),
        achieved=achieved,
        slope=slope,
    )


def _knees(subject: Subject) -> Iterator[Knee]:
    named: tuple[tuple[Role, Roof | None], ...] = (
        ("paper", subject.paper),
        ("clock", subject.clock),
        ("achieved", subject.achieved),
    )
    for role, roof in named:
        if roof and roof.compute and roof.knee:
            yield Knee(role=role, intensity=roof.knee, rate=roof.compute)


def _x_range(subject: Subject, knees: Iterable[Knee], intensities: Sequence[float]) -> Span:
    """Return powers of two that show four octaves left of every knee and three right of it.

    Around operators an octave either side is enough.
    """
    levels = level_bandwidths(subject.calibration, subject.threads).values()
    turns = [knee.intensity for knee in knees]
    turns += [subject.peak / level.typical for level in levels if subject.peak]
    if intensities:
        shown = (*turns, *intensities)
        low, high = min(shown) / 2, max(shown) * 2
    else:
        low = min([0.25, *(turn / 16 for turn in turns)])
        high = max([64.0, *(turn * 8 for turn in turns)])
    return 2.0 ** math.floor(math.log2(low)), 2.0 ** math.ceil(math.log2(high))


def _y_range(lines: Iterable[Line]) -> Span:
    rates = [rate for line in lines for _, rate in line.points] or [1e9, 1e12]
    high = max(rates) * 2
    return min(min(rates) / 4, high / 100), high


def _roofs(subject: Subject, x_range: Span) -> Iterator[Line]:
    paper, clock, achieved = subject.paper, subject.clock, subject.achieved
    if paper:
        right = captions.paper_rate(paper) if paper.compute else ""
        left = captions.paper_bandwidth(memory_theory(subject.calibration, subject.threads))
        yield _roof("paper", paper, subject.slope, x_range, left, right)
    if clock:
        ceiling = compute_ceiling(subject.calibration, subject.threads, subject.dtype)
        points = _flat(clock.compute, clock.bandwidth or subject.slope, x_range)
        yield Line(role="clock", points=points, right=captions.clock_rate(clock, ceiling))
    if achieved:
        right = captions.achieved_rate(achieved, paper) if achieved.compute else ""
        fastest = next(iter(triads(subject.calibration, subject.threads)), None)
        left = captions.achieved_bandwidth(fastest)
        yield _roof("achieved", achieved, subject.slope, x_range, left, right)


def _lighter(subject: Subject, x_range: Span) -> Iterator[Line]:
    """Yield what stands beside the roofs: cache levels, the slower triads, FP64."""
    for level in level_bandwidths(subject.calibration, subject.threads).values():
        points = _slanted(level.typical, subject.peak, x_range)
        yield Line(role="level", points=points, left=captions.level_bandwidth(level))
    for triad in triads(subject.calibration, subject.threads)[1:]:
        points = _slanted(triad.typical, subject.peak, x_range)
        yield Line(role="triad", points=points, left=captions.slower_triad(triad))
    double = achieved_roof(subject.calibration, subject.threads, "float64")
    if subject.dtype == "float32" and double and double.compute:
        points = _flat(double.compute, double.bandwidth, x_range)
        yield Line(role="double", points=points, right=captions.double_rate(double))


def _roof(
    role: Role, roof: Roof, slope: float | None, x_range: Span, left: str, right: str
) -> Line:
    """Return a roof's outline, flat or slanted alone where the other half is unknown."""
    if not roof.compute:
        points = _slanted(roof.bandwidth or 0.0, None, x_range)
    elif not roof.bandwidth:
        points, left = _flat(roof.compute, slope, x_range), ""
    else:
        slanted = _slanted(roof.bandwidth, roof.compute, x_range)
        points = (*slanted, (x_range[1], roof.compute))
    return Line(role=role, points=points, left=left, right=right)


def _flat(compute: float | None, slope: float | None, x_range: Span) -> Points:
    peak = compute or 0.0
    return (peak / slope if slope else x_range[0], peak), (x_range[1], peak)


def _slanted(bandwidth: float, peak: float | None, x_range: Span) -> Points:
    low, high = x_range
    end = peak / bandwidth if peak else high
    return (low, bandwidth * low), (end, bandwidth * end)
