"""Rounds in which the cores of a team lay further apart: a hypervisor had moved virtual CPUs.

Cores of one chiplet meet quickly and share its way to memory; cores of two meet slowly, and have
two ways. So where threads that are pinned take much longer at their barrier and all memory figures
of the team change in the very same rounds, the virtual CPUs were elsewhere. Either alone may be
anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from roofline.physics import roundwise
from roofline.physics.remembered import remembered
from roofline.physics.replicates import sample
from roofline.physics.robust import median
from roofline.records import Calibration

# Of the quickest round's barrier: met nearby, met far away. Nothing lies between two placements.
NEARBY, FAR = 1.5, 2.0
_TWO_MODES = 0.7
_FEWEST = 2
# Memory must differ by that much with it.
_OTHER_MEMORY = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Rounds in which the cores lay further apart.

    Attributes:
        places, of: which of how many.
        barrier, memory: the time at the barrier and the team's bandwidth, as multiples of what
            they are in the other rounds.

    """

    places: tuple[int, ...]
    of: int
    barrier: float
    memory: float

    @property
    def rounds(self) -> int:
        """How many."""
        return len(self.places)


@remembered
def find(calibration: Calibration) -> Moved | None:
    """Return in how many rounds the largest team's cores lay further apart; None if in none."""
    meets = _barrier(calibration)
    quickest = min(meets, default=0.0)
    far = [place for place, one in enumerate(meets) if one >= FAR * quickest]
    near = [place for place, one in enumerate(meets) if one <= NEARBY * quickest]
    if not far or len(near) < _FEWEST or len(far) + len(near) < _TWO_MODES * len(meets):
        return None
    memory = _memory(calibration)
    if memory is None or len(memory) != len(meets):
        return None
    times, rate = (_ratio(figure, far, near) for figure in (meets, memory))
    if max(rate, 1 / rate) < _OTHER_MEMORY:
        return None
    return Moved(places=tuple(far), of=len(meets), barrier=times, memory=rate)


def _barrier(calibration: Calibration) -> list[float]:
    """Return the seconds that the largest team takes to meet, by round."""
    found = [one for one in calibration.measurements if one.case.benchmark == "barrier"]
    largest = max(found, key=lambda one: one.case.threads, default=None)
    if largest is None or not all(largest.seconds):
        return []
    return [median(samples) for samples in largest.seconds]


def _memory(calibration: Calibration) -> list[float] | None:
    """Return how fast all memory of the largest team was, by round."""
    members = [
        sample(calibration, one)
        for one in calibration.ceilings
        if (one.kind, one.level) == ("bandwidth", "DRAM")
        and one.threads == calibration.usable_cores
    ]
    return roundwise.factors(members)


def _ratio(figure: Sequence[float], some: Sequence[int], others: Sequence[int]) -> float:
    first, second = (median([figure[place] for place in places]) for places in (some, others))
    return first / second
