"""The tuning of one convolution: variants of its tiling timed beside it, the better one remembered.

The model's choice stays unless a variant is faster in every pair of runs, and by more than two runs
of one kernel differ. What was found is kept beside the kernels: by shape, threads, node and the
machine code of the choice; another compiler or generator, or another node, tunes anew.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.conv.operator import Operator, Plan, Tensors, Trained, digest_of, plan
from benchmarks.kernels import KernelCache, publish
from benchmarks.team import Team
from benchmarks.timing import Window, repeats_for, team_elapsed
from roofline.physics.robust import median
from roofline.physics.tiling import Tiling, from_parameters
from roofline.physics.variants import STEPS
from roofline.records import Case, ConvShape, Scalar

# Seconds that a shape's tuning may take: a variant is tried while there is time for it.
BUDGET = 0.3
# Comparisons of each variant, at least and at most; seconds of a run, at least.
_FEWEST, _MOST, _RUN = 2, 7, 5e-4
# Seconds of mapping a shape's tensors, from which on it isn't done twice.
_MAPPED = BUDGET / 5
# How much faster a variant must be, so that chance doesn't choose.
_FASTER = 1.03
# Runs of a comparison: choice, variant, variant, choice.
_RUNS = 4


@dataclass(frozen=True, slots=True)
class Tuned:
    """How a shape is run.

    Attributes:
        cut: its tiling.
        gain: how many times as fast as the model's own choice; 1 where that stayed.
        tried: how many variants were timed; none where the answer was remembered.

    """

    cut: Tiling
    gain: float = 1.0
    tried: int = 0


class Tuner:
    """Finds the best variant of a case.

    Args:
        team: who runs it.
        kernels: the cache to compile through; what was found lies beside them.
        node: this host's name, as hosts may share a home.

    """

    def __init__(self, team: Team, kernels: KernelCache, node: str) -> None:
        self._team, self._kernels, self._node = team, kernels, node

    def tuned(self, case: Case, planned: Plan, trained: Trained) -> Tuned:
        """Return how a case is run best: remembered, or tried now.

        Args:
            case: the convolution, cut as the model chose.
            planned: the same as its kernels see it.
            trained: its weights.

        Raises:
            RooflineError: the team can't be started.

        """
        shape, chosen = planned.layout.shape, planned.layout.tiling
        place = self._place(case, digest_of(planned, self._kernels))
        known = _remembered(place, shape, chosen)
        if known is not None:
            return known
        trial = _Trial(case, trained, self._team, self._kernels)
        found = trial.found(planned, time.perf_counter() + BUDGET)
        publish(place, json.dumps({"case": case.key, "gain": found.gain, **found.cut.parameters}))
        return found

    def _place(self, case: Case, digest: str) -> Path:
        folder = self._kernels.folder / "tuned"
        folder.mkdir(exist_ok=True, mode=0o700)
        text = "\0".join((case.key, digest, self._node))
        return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def _remembered(place: Path, shape: ConvShape, chosen: Tiling) -> Tuned | None:
    try:
        kept: Mapping[str, Scalar] = json.loads(place.read_text())
        cut = from_parameters(shape, chosen.lanes, kept)
        gain = float(kept["gain"] or 1)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # What else is cut is code: a file that says otherwise isn't ours.
    own = replace(cut, rows=chosen.rows, chunk=chosen.chunk, along=chosen.along) == chosen
    return Tuned(cut, gain) if own and min(cut.rows, cut.chunk) > 0 else None


def gain(ratios: Sequence[float]) -> float:
    """Return how many times as fast a variant is, pair by pair compared; 1 where that isn't sure.

    Args:
        ratios: seconds of the best so far over the variant's, by pair.

    """
    faster = median(ratios)
    return faster if faster >= _FASTER and min(ratios) > 1 else 1.0


class _Trial:
    """Variants of one case, compared within a time."""

    def __init__(self, case: Case, trained: Trained, team: Team, kernels: KernelCache) -> None:
        self._case, self._trained = case, trained
        self._team, self._kernels = team, kernels
        self._repeats, self._seconds, self._tried = 1, 0.0, 0

    def found(self, planned: Plan, until: float) -> Tuned:
        """Return the best variant, if a second look says the same of it, in memory of its own."""
        began = time.perf_counter()
        chosen = self._operator(planned, self._tensors(planned))
        mapped = time.perf_counter() - began
        self._repeats = repeats_for(self._timed(chosen), clock_cost=0.0, shortest=_RUN)
        anew = mapped < _MAPPED
        best = self._best(chosen, until - mapped * anew - _FEWEST * self._each)
        if best is chosen:
            return Tuned(planned.layout.tiling, tried=self._tried)
        tensors = self._tensors(planned) if anew else chosen.tensors
        before, after = (self._operator(one.plan, tensors) for one in (chosen, best))
        faster = self._faster(before, after, until)
        kept = best if faster > 1 else chosen
        return Tuned(kept.plan.layout.tiling, faster, self._tried)

    def _best(self, chosen: Operator, until: float) -> Operator:
        """Return the best by one step after the other, each from the best so far."""
        best = chosen
        for step in STEPS:
            for cut in step(best.plan.layout.shape, best.plan.layout.tiling):
                if not self._affordable(until):
                    return best
                variant = self._operator(self._planned(cut), chosen.tensors)
                if self._faster(best, variant, until) > 1:
                    best = variant
                    break
        return best

    def _faster(self, best: Operator, variant: Operator, until: float) -> float:
        """Return how many times as fast a variant is; 1 where that isn't sure, or time is up."""
        count = self._affordable(until)
        if not count:
            return 1.0
        pairs = zip(
            *(one.programs(repeats) for one in (best, variant) for repeats in (1, self._repeats)),
            strict=True,
        )
        # Each begins with a call that counts for neither: threads share their data otherwise then.
        programs = [[*a, *run, *b, *other, *other, *a, *run] for a, run, b, other in pairs]
        windows = self._team.time(programs, count).windows
        self._tried += 1
        return gain([_ratio(one) for one in windows])

    @property
    def _each(self) -> float:
        """Seconds of one comparison: its runs, and a call before each change."""
        return (_RUNS + 3 / self._repeats) * self._seconds

    def _affordable(self, until: float) -> int:
        """Return how many comparisons there is time for, none if too few."""
        fitting = int((until - time.perf_counter()) / self._each)
        return min(_MOST, fitting) if fitting >= _FEWEST else 0

    def _planned(self, cut: Tiling) -> Plan:
        return plan(replace(self._case, parameters={**self._case.parameters, **cut.parameters}))

    def _tensors(self, planned: Plan) -> Tensors:
        return Tensors(planned.layout, self._trained, 1, self._team, self._case.threads)

    def _operator(self, planned: Plan, tensors: Tensors) -> Operator:
        return Operator(planned, tensors, self._kernels)

    def _timed(self, operator: Operator) -> Callable[[int], float]:
        """Return what runs so many calls; the seconds of its last run are remembered."""

        def run(repeats: int) -> float:
            windows = self._team.time(operator.programs(repeats), 1).windows
            self._seconds = team_elapsed(windows[0], 0)
            return self._seconds

        return run


def _ratio(windows: Sequence[Window]) -> float:
    """Return the seconds of the first over those of the second, of a comparison's runs."""
    first, second, third, fourth = (team_elapsed(windows, place) for place in (1, 3, 4, 6))
    return (first + fourth) / (second + third)
