"""Our convolutions on memory fresh from the system: each call writes where nobody wrote before."""

from dataclasses import replace

from benchmarks.conv.operator import Operator, Plan, Trained
from benchmarks.conv.untouched import Untouched
from benchmarks.kernels import KernelCache
from benchmarks.sampled import Sampled
from benchmarks.team import Disturbance, Team
from benchmarks.timing import SHORTEST_SAMPLE, team_elapsed
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.records import Case

# What can be left to the system, as parameters of a case.
SWITCHES = ("pinned", "prefaulted")
# A sample has so many calls at least, so that the first one's caches hardly count, and writes no
# more than that many bytes where it can.
_FEWEST, _MOST_BYTES = 3, 1 << 28


def plain(case: Case) -> Case:
    """Return the case without those switches: it has the same plan and weights."""
    kept = {name: one for name, one in case.parameters.items() if name not in SWITCHES}
    return replace(case, parameters=kept)


def run(
    case: Case, planned: Plan, trained: Trained, team: Team, kernels: KernelCache, samples: int
) -> Sampled:
    """Time so many samples, each of several calls with an output of its own, never touched.

    Raises:
        RooflineError: an answer is wrong, or the team can't be started.

    """
    pinned = case.parameters.get("pinned") is not False

    def sample(tensors: Untouched, calls: int) -> tuple[float, Disturbance, Operator]:
        operator = Operator(planned, tensors, kernels)
        timed = team.time(operator.programs(calls), 1, pinned=pinned)
        return team_elapsed(timed.windows[0], 0) / calls, timed.disturbance, operator

    trial = Untouched(planned.layout, trained, _FEWEST, team, case.threads)
    seconds, _, operator = sample(trial, _FEWEST)
    if not operator.correct(trained):
        raise RooflineError(
            f"the convolution {planned.layout.shape.text} computes a wrong answer on untouched "
            "memory: nothing it measures can be trusted.",
            CANNOT_MEASURE,
        )
    calls = _calls(seconds, trial.out(0).nbytes)
    tensors = Untouched(planned.layout, trained, calls, team, case.threads)
    taken = []
    for _ in range(samples):
        tensors.renew()
        taken.append(sample(tensors, calls))
    return Sampled(
        seconds=[one for one, _, _ in taken],
        loops=calls,
        kernel_digest=operator.digest,
        disturbance=sum((one for _, one, _ in taken), Disturbance()),
    )


def _calls(seconds: float, output_bytes: int) -> int:
    """Return how many calls make a sample of such outputs."""
    wanted = -(-SHORTEST_SAMPLE // seconds) if seconds > 0 else _FEWEST
    return max(_FEWEST, min(int(wanted), _MOST_BYTES // output_bytes))
