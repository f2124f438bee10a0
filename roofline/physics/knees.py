"""The knees of a roofline: the intensity, by memory level, from which on compute binds."""

from collections.abc import Iterator
from dataclasses import dataclass

from roofline.physics.roof import (
    MEMORY,
    cache_levels,
    compute_ceiling,
    triad_ceiling,
)
from roofline.records import Calibration, Ceiling

DIRECTIONS = ("read", "triad")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelKnee:
    """Peak over a level's bandwidth, in FLOP/byte.

    Attributes:
        interval: from the least peak over the best bandwidth to the converse, by the 95 %
            intervals of both; None where one has none.

    """

    level: str
    direction: str
    threads: int
    typical: float
    interval: tuple[float, float] | None


def knees(calibration: Calibration, threads: int, dtype: str) -> Iterator[LevelKnee]:
    """Yield the knees of a team, nearest level first; memory's triad is the faster one."""
    peak = compute_ceiling(calibration, threads, dtype)
    for level in (*cache_levels(calibration), MEMORY):
        for direction in DIRECTIONS:
            bandwidth = _bandwidth(calibration, level, direction, threads)
            if peak is not None and bandwidth is not None:
                yield LevelKnee(
                    level=level,
                    direction=direction,
                    threads=threads,
                    typical=peak.typical / bandwidth.typical,
                    interval=_interval(peak, bandwidth),
                )


def _bandwidth(
    calibration: Calibration, level: str, direction: str, threads: int
) -> Ceiling | None:
    if (level, direction) == (MEMORY, "triad"):
        return triad_ceiling(calibration, threads)
    return calibration.ceiling(f"{level.lower()}-{direction}", threads)


def _interval(peak: Ceiling, bandwidth: Ceiling) -> tuple[float, float] | None:
    if peak.interval is None or bandwidth.interval is None:
        return None
    (least, most), (slow, fast) = peak.interval, bandwidth.interval
    return least / fast, most / slow
