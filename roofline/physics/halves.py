"""Rounds in which all cores together did half of their work: virtual CPUs that shared a core.

A hypervisor may put two virtual CPUs on one core for a while. A team ends with its slowest thread,
so that whatever its size it does exactly half then. Sharing for good is another matter: no round
is whole then, and the gate sees it beside one core alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofline.physics.robust import median
from roofline.records import Measurement

# Of the best round: half, and nearly whole.
_HALF = (0.45, 0.56)
_WHOLE = 0.85
# A single one may be a thread that lost its core for a moment.
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Halved:
    """How many loads were halved in how many of the rounds, anywhere."""

    loads: int
    rounds: int
    of: int


def find(measurements: Sequence[Measurement], excused: Sequence[bool] = ()) -> Halved | None:
    """Return how often all cores did exactly half, or None if not or for another reason.

    Args:
        measurements: of the calibration; only computing by several threads tells.
        excused: by round, whether other processes or stolen time explain a loss.

    """
    loads = [shares for one in measurements if _tells(one) and (shares := _shares(one))]
    found = [set(_halves(shares, excused)) for shares in loads]
    rounds = set().union(*found)
    if sum(map(len, found)) < _FEWEST:
        return None
    return Halved(loads=sum(map(bool, found)), rounds=len(rounds), of=max(map(len, loads)))


def _tells(one: Measurement) -> bool:
    computes = one.work.flops > 0 and one.work.traffic.total == 0
    return computes and one.case.threads > 1 and one.case.parameters.get("pinned") is not False


def _shares(one: Measurement) -> list[float]:
    """Return each round's speed as a share of the best one's."""
    seconds = [median(samples) for samples in one.seconds]
    return [min(seconds) / each for each in seconds]


def _halves(shares: Sequence[float], excused: Sequence[bool]) -> Iterator[int]:
    """Yield the halved rounds of a load, if its others are nearly all whole."""
    low, high = _HALF
    half = [place for place, share in enumerate(shares) if low <= share <= high]
    whole = [share for share in shares if share >= _WHOLE]
    if len(half) + len(whole) >= len(shares) - 1:
        yield from (place for place in half if not (place < len(excused) and excused[place]))
