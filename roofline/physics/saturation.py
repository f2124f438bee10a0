"""At how many cores memory saturates: what a few of them already reach of all its bandwidth."""

from dataclasses import dataclass

from roofline.physics.roof import MEMORY
from roofline.records import Calibration, Ceiling

# A team has saturated memory that reaches this share of the best team's typical bandwidth.
ENOUGH = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """What each team reaches with one kernel, and which is the first that reaches enough.

    Attributes:
        teams: the ceilings, one a team, by its size.
        cores: the fewest that reach `ENOUGH` of the best typical value.
        sure: no team's interval holds that limit.

    """

    teams: tuple[Ceiling, ...]
    cores: int
    sure: bool

    @property
    def reached(self) -> bool:
        """Whether more cores than those brought no more; else it may lie beyond what was tried."""
        return self.cores < self.teams[-1].threads

    def share(self, one: Ceiling) -> float:
        """Return what a team reaches, as a share of the best."""
        return one.typical / _best(self.teams)


def saturation(calibration: Calibration, name: str) -> Saturation | None:
    """Return where a DRAM ceiling of that name saturates; None when fewer than two teams ran it."""
    found = [
        c for c in calibration.ceilings if (c.kind, c.level, c.name) == ("bandwidth", MEMORY, name)
    ]
    teams = tuple(sorted(found, key=lambda c: c.threads))
    if len(teams) < 2:
        return None
    limit = ENOUGH * _best(teams)
    return Saturation(
        teams=teams,
        cores=next(c.threads for c in teams if c.typical >= limit),
        sure=not any(c.interval and c.interval[0] < limit <= c.interval[1] for c in teams),
    )


def _best(teams: tuple[Ceiling, ...]) -> float:
    return max(c.typical for c in teams)
