"""In which order a round runs the steps of a plan, and which of them it visits more than once."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from roofline.records import Case, Finding, MachineSpec

# A level is read off at half of the capacity that is found, about what is reported of it.
_VISITS = 3
_HALF_AT_LEAST, _HALF_AT_MOST, _SHARE_OF_LAST = 0.3, 0.75, 0.12


class _Pages(Enum):
    """What memory a step runs in, in the order of a round."""

    HUGE, SMALL, NODE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A case and how it is sampled in a round.

    Attributes:
        samples: of each visit.
        visits: how often a round comes to it; each after the first maps memory of its own.

    """

    case: Case
    samples: int
    visits: int = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """A step's turn in a round; `again` where the round has been there before."""

    step: Step
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps, the rounds that each child makes of them, and what had to be left out."""

    steps: tuple[Step, ...]
    rounds: tuple[int, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def visits(self) -> int:
        """How many runs a round is made of."""
        return sum(step.visits for step in self.steps)

    def in_round(self, number: int) -> tuple[Visit, ...]:
        """Return the visits in the order of one round.

        The order turns with the round, by equal parts, so that no case always comes at the same
        moment; rounds beyond the planned ones begin between these. Steps that share pages of the
        same kind stay together, since mapping takes time, and those of the nodes, which map their
        own, come last. Further visits to a case are as far apart as the round allows.
        """
        groups = [[s for s in self.steps if _pages(s) == kind] for kind in _Pages]
        small, later = groups[0], [step for group in groups[1:] for step in group]
        planned = max(1, sum(self.rounds))
        halves = 2 * (number % planned) + number // planned % 2
        turn = halves * len(small) // (2 * planned)
        turned = [*small[turn:], *small[:turn]]
        return (*_spread(turned), *(Visit(step) for step in later))


def visits(machine: MachineSpec, case: Case) -> int:
    """Return how often a round visits a case: again where a level may be read off.

    What a level yields differs between mappings, and for seconds on end with what neighbours do.
    Plain reads of memory, whose samples are the shortest of all, differ the most.
    """
    if case.benchmark == "read":
        return _VISITS
    if case.benchmark not in ("read-curve", "triad-curve"):
        return 1
    data = [cache for cache in machine.caches if cache.kind != "instruction"]
    last = max((cache.level for cache in data), default=0)
    for cache in data:
        shared = cache.shared_by > machine.threads_per_core
        size = case.working_set_bytes / (1 if shared else case.threads) / cache.size_bytes
        # Of the last level, a guest has a share.
        if (_SHARE_OF_LAST if cache.level == last else _HALF_AT_LEAST) <= size <= _HALF_AT_MOST:
            return _VISITS
    return 1


def _pages(step: Step) -> _Pages:
    if "node" in step.case.parameters:
        return _Pages.NODE
    return _Pages.SMALL if step.case.parameters.get("huge") is False else _Pages.HUGE


def _spread(steps: Sequence[Step]) -> list[Visit]:
    """Return each step's visits, an equal part of the steps apart from each other."""
    places: list[tuple[float, Visit]] = []
    for place, step in enumerate(steps):
        gap = len(steps) / step.visits
        turns = (place + gap * visit for visit in range(step.visits))
        times = sorted(turn % len(steps) for turn in turns)
        places += ((time, Visit(step, again=time != times[0])) for time in times)
    return [visit for _, visit in sorted(places, key=lambda one: one[0])]
