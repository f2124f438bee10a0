"""Rounds in which a load did exactly half of its work: a virtual CPU that shared its core.

A hypervisor may put two virtual CPUs on one core for a while, two of this guest or one of
another's. Instructions that keep every pipe busy then go at half speed, and a team ends with its
slowest thread, whatever its size. Sharing for good is another matter: no round is whole then, and
the gate sees it beside one core alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofline.physics.robust import median
from roofline.records import Measurement

# Of the best round: half, and nearly whole.
_HALF = (0.45, 0.56)
_WHOLE = 0.85
# A single one may be a thread that lost its core for a moment.
_FEWEST = 2
# Rounds in between shared a core for a part of their samples; with more of them it is anything.
_TWO_MODES = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Halved:
    """Halved loads.

    Attributes:
        loads: how many were.
        rounds, of: in how many of all rounds, any load.
        alone: whether loads of a single thread were, too: the other half was not ours.

    """

    loads: int
    rounds: int
    of: int
    alone: bool = False


def find(measurements: Sequence[Measurement], excused: Sequence[bool] = ()) -> Halved | None:
    """Return how often cores did exactly half, or None if not or for another reason.

    Args:
        measurements: of the calibration; only computing tells.
        excused: by round, whether other processes or stolen time explain a loss.

    """
    loads = [one for one in measurements if _tells(one) and any(one.seconds)]
    found = [(one, halves) for one in loads if (halves := set(_halves(_shares(one), excused)))]
    if sum(len(halves) for _, halves in found) < _FEWEST:
        return None
    return Halved(
        loads=len(found),
        rounds=len(set().union(*(halves for _, halves in found))),
        of=max(len(one.seconds) for one in loads),
        alone=any(one.case.threads == 1 for one, _ in found),
    )


def _tells(one: Measurement) -> bool:
    computes = one.work.flops > 0 and one.work.traffic.total == 0
    return computes and one.case.parameters.get("pinned") is not False


def _shares(one: Measurement) -> list[float]:
    """Return each round's speed as a share of the best one's; nothing of a round set apart is 0."""
    seconds = [median(samples) if samples else math.inf for samples in one.seconds]
    return [min(seconds) / each for each in seconds]


def _halves(shares: Sequence[float], excused: Sequence[bool]) -> Iterator[int]:
    """Yield the halved rounds of a load, if its others are nearly all whole."""
    low, high = _HALF
    half = [place for place, share in enumerate(shares) if low <= share <= high]
    whole = [share for share in shares if share >= _WHOLE]
    if len(whole) >= len(half) and len(half) + len(whole) >= _TWO_MODES * len(shares):
        yield from (place for place in half if not (place < len(excused) and excused[place]))
