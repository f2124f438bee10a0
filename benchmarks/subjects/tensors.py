"""Matrix products and element-by-element operators as a subject: checked, timed on new memory."""

from typing import Protocol

from benchmarks import cases
from benchmarks.kernels import KernelCache
from benchmarks.sampled import Sampled
from benchmarks.team import Segment, Team
from benchmarks.tensors.flat import Elementwise, Flat
from benchmarks.tensors.product import Gemm, Plan
from benchmarks.timing import repeats_for, team_elapsed
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.physics.tensors import Shape
from roofline.records import Case


class Operator(Protocol):
    """One operator in memory just mapped."""

    @property
    def shape(self) -> Shape:
        """What it computes."""

    @property
    def digest(self) -> str:
        """Hash of the machine code that it runs."""

    def programs(self, repeats: int) -> list[list[Segment]]:
        """Return each thread's program: so many calls."""

    def reset(self) -> None:
        """Spoil the output."""

    def correct(self) -> bool:
        """Whether the output is right."""


class Tensors:
    """Runs the cases of `benchmarks.cases` of the families "gemm" and "elementwise".

    Args:
        team: who runs them.
        kernels: the cache to compile through.
        clock_cost: seconds that one reading of the clock takes.

    """

    def __init__(self, team: Team, kernels: KernelCache, clock_cost: float) -> None:
        self._team, self._kernels, self._clock_cost = team, kernels, clock_cost
        self._repeats: dict[str, int] = {}

    def prepare(self, case: Case) -> None:
        """Compile a case's kernels."""
        for recipe in _plan(case).recipes:
            self._kernels.get(recipe)

    def run(self, case: Case, samples: int) -> Sampled:
        """Time a case on fresh memory; its answer is checked before it is first timed.

        Raises:
            RooflineError: its answer is wrong, or the team can't be started.

        """
        operator = self.operator(case)
        if case.key not in self._repeats:
            self._check(case, operator)
            self._repeats[case.key] = self._repeats_of(operator)
        repeats = self._repeats[case.key]
        timed = self._team.time(operator.programs(repeats), samples)
        return Sampled(
            seconds=[team_elapsed(windows, 0) / repeats for windows in timed.windows],
            loops=repeats,
            kernel_digest=operator.digest,
            dropped=timed.attempts - 1,
            disturbance=timed.disturbance,
        )

    def operator(self, case: Case) -> Operator:
        """Return a case's operator in fresh memory."""
        plan = _plan(case)
        if isinstance(plan, Plan):
            return Gemm(plan, self._team, self._kernels)
        return Elementwise(plan, self._team, self._kernels)

    def _check(self, case: Case, operator: Operator) -> None:
        operator.reset()
        self._team.time(operator.programs(1), 1)
        if not operator.correct():
            raise RooflineError(
                f"the operator {operator.shape.text} computes a wrong answer "
                f"({cases.benchmark(case).check}): nothing it measures can be trusted.",
                CANNOT_MEASURE,
            )

    def _repeats_of(self, operator: Operator) -> int:
        def trial(repeats: int) -> float:
            return team_elapsed(self._team.time(operator.programs(repeats), 1).windows[0], 0)

        return repeats_for(trial, clock_cost=self._clock_cost)


def _plan(case: Case) -> Plan | Flat:
    return Plan(case) if cases.benchmark(case).family == "gemm" else Flat(case)
