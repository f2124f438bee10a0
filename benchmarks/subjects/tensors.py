"""Matrix products, element-by-element operators, reorders as a subject: checked, then timed."""

from benchmarks import cases
from benchmarks.kernels import KernelCache
from benchmarks.sampled import Sampled
from benchmarks.subjects.timed import Timer
from benchmarks.team import Team
from benchmarks.tensors.flat import Elementwise, Flat
from benchmarks.tensors.product import Gemm, Plan
from benchmarks.tensors.reorder import Plan as Reordering
from benchmarks.tensors.reorder import Reorder
from roofline.records import Case


class Tensors:
    """Runs the cases of `benchmarks.cases` of the families "gemm", "elementwise" and "reorder".

    Args:
        team: who runs them.
        kernels: the cache to compile through.
        clock_cost: seconds that one reading of the clock takes.

    """

    def __init__(self, team: Team, kernels: KernelCache, clock_cost: float) -> None:
        self._team, self._kernels = team, kernels
        self._timer = Timer(team, clock_cost)

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
        return self._timer.run(
            case, operator, f"operator {operator.shape.text}", operator.correct, samples
        )

    def operator(self, case: Case) -> Gemm | Elementwise | Reorder:
        """Return a case's operator in fresh memory."""
        plan = _plan(case)
        if isinstance(plan, Plan):
            return Gemm(plan, self._team, self._kernels)
        if isinstance(plan, Reordering):
            return Reorder(plan, self._team, self._kernels)
        return Elementwise(plan, self._team, self._kernels)


def _plan(case: Case) -> Plan | Flat | Reordering:
    family = cases.benchmark(case).family
    if family == "reorder":
        return Reordering(case)
    return Plan(case) if family == "gemm" else Flat(case)
