"""What software reaches by intensity: the article's red line, well below the corrected roof."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from roofline.physics.lessons import achieved
from roofline.physics.robust import median
from roofline.records import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Layers of about equal intensity, an octave of it, and what they reached.

    Attributes:
        intensity: their geometric mean, in FLOP/byte.
        typical, best: FLOP/s of the median and of the fastest layer.
        layers: how many.

    """

    intensity: float
    typical: float
    best: float
    layers: int


def envelope(rows: Iterable[Comparison]) -> tuple[Reached, ...]:
    """Return what measured layers reach in each octave of intensity that has any, ascending."""
    octaves: dict[int, list[tuple[float, float]]] = {}
    for row in rows:
        intensity, rate = row.prediction.work.intensity, achieved(row)
        if intensity and rate:
            octaves.setdefault(math.floor(math.log2(intensity)), []).append((intensity, rate))
    return tuple(_reached(octaves[octave]) for octave in sorted(octaves))


def _reached(places: list[tuple[float, float]]) -> Reached:
    rates = [rate for _, rate in places]
    mean = math.fsum(math.log(intensity) for intensity, _ in places) / len(places)
    return Reached(
        intensity=math.exp(mean), typical=median(rates), best=max(rates), layers=len(places)
    )
