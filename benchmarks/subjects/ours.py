"""Our own convolution kernels as a subject: prepared, checked once, timed round by round."""

from benchmarks.conv.operator import Operator, Plan, Tensors, Trained, plan, train
from benchmarks.conv.recipes import CALL
from benchmarks.conv.tuning import Tuned, Tuner
from benchmarks.kernels import KernelCache
from benchmarks.sampled import Sampled
from benchmarks.subjects import end_to_end, untouched
from benchmarks.subjects.timed import Timer
from benchmarks.team import Team
from roofline.records import Case

# Packing weights takes longer than copying them: they are kept up to this many bytes in all.
_KEPT_WEIGHTS = 1 << 28


class Ours:
    """Runs the cases of `benchmarks.cases` named "conv".

    Args:
        team: who runs them.
        kernels: the cache to compile through.
        clock_cost: seconds that one reading of the clock takes.

    """

    def __init__(self, team: Team, kernels: KernelCache, clock_cost: float) -> None:
        self._team, self._kernels = team, kernels
        self._timer = Timer(team, clock_cost)
        self._plans: dict[str, Plan] = {}
        self._trained: dict[str, Trained] = {}
        self._kept = 0

    def prepare(self, case: Case) -> None:
        """Plan a case and compile its kernels."""
        self._kernels.get(CALL)
        planned = self._plan(untouched.plain(case))
        around = end_to_end.recipes(planned) if end_to_end.asked(case) else []
        for recipe in (*planned.recipes.values(), *around):
            self._kernels.get(recipe)

    def tune(self, case: Case, node: str) -> Tuned:
        """Return how a case is run best on this host, whose name is `node`.

        Raises:
            RooflineError: the team can't be started.

        """
        planned = self._plan(case)
        tuner = Tuner(self._team, self._kernels, node)
        return tuner.tuned(case, planned, self._train(case, planned))

    def run(self, case: Case, samples: int) -> Sampled:
        """Time a case on fresh memory; its answer is checked before it is first timed.

        Raises:
            RooflineError: its answer is wrong, or the team can't be started.

        """
        plain = untouched.plain(case)
        planned = self._plan(plain)
        trained = self._train(plain, planned)
        if case.parameters.get("prefaulted") is False:
            return untouched.run(case, planned, trained, self._team, self._kernels, samples)
        name = f"convolution {planned.layout.shape.text}"
        if end_to_end.asked(case):
            planes = end_to_end.Planes(planned.layout, trained, self._team, case.threads)
            whole = end_to_end.EndToEnd(planned, planes, self._team, self._kernels)
            return self._timer.run(case, whole, name, lambda: whole.correct(trained), samples)
        copies = int(case.parameters.get("copies") or 1)
        tensors = Tensors(planned.layout, trained, copies, self._team, case.threads)
        operator = Operator(planned, tensors, self._kernels)
        return self._timer.run(case, operator, name, lambda: operator.correct(trained), samples)

    def _plan(self, case: Case) -> Plan:
        if case.key not in self._plans:
            self._plans[case.key] = plan(case)
        return self._plans[case.key]

    def _train(self, case: Case, planned: Plan) -> Trained:
        if case.key in self._trained:
            return self._trained[case.key]
        trained = train(planned.layout)
        size = trained.packed.nbytes + trained.weights.nbytes
        if self._kept + size <= _KEPT_WEIGHTS:
            self._trained[case.key] = trained
            self._kept += size
        return trained
