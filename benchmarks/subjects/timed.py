"""How our operators are timed, whatever they are: checked once, then so many calls a sample."""

from collections.abc import Callable
from typing import Protocol

from benchmarks import cases
from benchmarks.sampled import Sampled
from benchmarks.team import Segment, Team
from benchmarks.timing import repeats_for, team_elapsed
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.records import Case


class Operator(Protocol):
    """One operator in memory just mapped, cut into one segment a thread."""

    @property
    def digest(self) -> str:
        """Hash of the machine code that it runs."""

    def programs(self, repeats: int) -> list[list[Segment]]:
        """Return each thread's program: so many calls."""

    def reset(self) -> None:
        """Spoil the output."""


class Timer:
    """Times operators on a team.

    Args:
        team: who runs them.
        clock_cost: seconds that one reading of the clock takes.

    """

    def __init__(self, team: Team, clock_cost: float) -> None:
        self._team, self._clock_cost = team, clock_cost
        self._repeats: dict[str, int] = {}

    def run(
        self, case: Case, operator: Operator, name: str, correct: Callable[[], bool], samples: int
    ) -> Sampled:
        """Time an operator; its answer is checked before its case is first timed.

        Args:
            case: what it runs.
            operator: the same, in memory.
            name: what it is, in words.
            correct: says whether the output is right after a call on spoilt output.
            samples: how many to take.

        Raises:
            RooflineError: its answer is wrong, or the team can't be started.

        """
        if case.key not in self._repeats:
            self._check(case, operator, name, correct)
            self._repeats[case.key] = self._repeats_of(operator)
        repeats = self._repeats[case.key]
        pinned = case.parameters.get("pinned") is not False
        timed = self._team.time(operator.programs(repeats), samples, pinned=pinned)
        return Sampled(
            seconds=[team_elapsed(windows, 0) / repeats for windows in timed.windows],
            loops=repeats,
            kernel_digest=operator.digest,
            dropped=timed.attempts - 1,
            disturbance=timed.disturbance,
        )

    def _check(
        self, case: Case, operator: Operator, name: str, correct: Callable[[], bool]
    ) -> None:
        operator.reset()
        self._team.time(operator.programs(1), 1)
        if not correct():
            raise RooflineError(
                f"the {name} computes a wrong answer "
                f"({cases.benchmark(case).check}): nothing it measures can be trusted.",
                CANNOT_MEASURE,
            )

    def _repeats_of(self, operator: Operator) -> int:
        def trial(repeats: int) -> float:
            return team_elapsed(self._team.time(operator.programs(repeats), 1).windows[0], 0)

        return repeats_for(trial, clock_cost=self._clock_cost)
