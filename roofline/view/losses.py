"""The area between what paper promises and what is achieved, split by what took it away."""

from dataclasses import dataclass
from typing import Literal

from roofline.physics.roof import Roof
from roofline.view.captions import percent

VISIBLE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What is lost between two lines; ``words`` say how much."""

    role: Literal["clock", "rest"]
    xs: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    words: str


def losses(
    paper: Roof | None,
    clock: Roof | None,
    achieved: Roof | None,
    slope: float | None,
    x_range: tuple[float, float],
) -> tuple[Fill, ...]:
    """Return the visible losses; none is negative: what exceeds paper takes nothing away.

    Args:
        paper: the dashed roof.
        clock: the same at the clock under load; None counts every loss as the rest's.
        achieved: the solid roof.
        slope: bandwidth of the filled area's left side.
        x_range: intensities shown.

    """
    if not (paper and paper.compute and achieved and achieved.knee and slope):
        return ()
    top = Roof(name="paper", compute=paper.compute, bandwidth=slope)
    slowed = clock.compute if clock and clock.compute else paper.compute
    middle = Roof(name="clock", compute=slowed, bandwidth=slope)
    xs = _breakpoints((top, middle, achieved), x_range)
    upper = _heights(top, xs)
    lower = tuple(map(min, _heights(achieved, xs), upper))
    between = tuple(
        sorted(three)[1] for three in zip(lower, _heights(middle, xs), upper, strict=True)
    )
    clock_fill = _clock_fill(xs, between, upper)
    verb = "lost otherwise" if clock_fill.words else "lost"
    fills = (clock_fill, _rest_fill(xs, lower, between, upper, verb))
    return tuple(fill for fill in fills if fill.words)


def _clock_fill(xs: tuple[float, ...], lower: tuple[float, ...], upper: tuple[float, ...]) -> Fill:
    share = 1 - lower[-1] / upper[-1]
    words = f"lost to the clock: {percent(share)} of peak" if share > VISIBLE else ""
    return Fill(role="clock", xs=xs, lower=lower, upper=upper, words=words)


def _rest_fill(
    xs: tuple[float, ...],
    lower: tuple[float, ...],
    between: tuple[float, ...],
    upper: tuple[float, ...],
    verb: str,
) -> Fill:
    shares = {
        "peak": (between[-1] - lower[-1]) / upper[-1],
        "bandwidth": (between[0] - lower[0]) / upper[0],
    }
    parts = [f"{percent(share)} of {of}" for of, share in shares.items() if share > VISIBLE]
    words = f"{verb}: {', '.join(parts)}" if parts else ""
    return Fill(role="rest", xs=xs, lower=lower, upper=between, words=words)


def _breakpoints(roofs: tuple[Roof, ...], x_range: tuple[float, float]) -> tuple[float, ...]:
    """Return every intensity where two of the lines can meet: between them all is straight."""
    low, high = x_range
    peaks = [roof.compute for roof in roofs if roof.compute]
    slopes = [roof.bandwidth for roof in roofs if roof.bandwidth]
    turns = {peak / slope for peak in peaks for slope in slopes}
    return tuple(sorted({low, high, *(x for x in turns if low < x < high)}))


def _heights(roof: Roof, xs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(roof.attainable(x) or 0.0 for x in xs)
