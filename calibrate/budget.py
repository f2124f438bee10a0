"""How long the rounds of a plan will take: each case's seconds, from what it does and moves.

A coarse sum, whose purpose is that a plan is thinned before it is run, and not stopped midway. Two
things grow with a machine: Python's part in a team, which one interpreter does for all its threads
in turn, and passes over arrays that are multiples of its caches.
"""

from collections.abc import Iterable

from benchmarks import cases
from calibrate.turns import Step
from roofline.records import Case

# What a full plan may take by this estimate, high on many cores: 132 s were 107 on sixteen.
LONGEST = 120.0
# A case's own: requests, trials, samples; and each thread's part of its setting up, in turn.
_A_CASE, _A_THREAD = 0.025, 0.001
# One core's passes through memory and through NumPy, and how many cores' worth memory gives.
_PASSED, _CHECKED, _SATURATED = 9e9, 4e9, 4
# Fresh pages a second, of one thread.
_MAPPED = 2e9
# Drawing a walk's order, a line: once a size, and following it wherever it is walked.
_DRAWN, _FOLLOWED = 40e-9, 10e-9
_LINE = 64
# A check and a sample; trials that fix the repetitions are made once a child.
_PASSES = 2.7


def seconds(steps: Iterable[Step], rounds: int) -> float:
    """Return about how long so many rounds of these steps take."""
    steps = tuple(steps)
    one = sum(step.visits * _case(step.case) for step in steps) + _mapping(steps) + _orders(steps)
    return rounds * one


def _case(case: Case) -> float:
    team = min(case.threads, _SATURATED)
    own = _A_CASE + _A_THREAD * case.threads
    family = cases.benchmark(case).family
    if family == "node":
        # Its memory is its own, as large again for a walk, and mapped each time.
        followed = case.working_set_bytes / _LINE * _FOLLOWED if _walks(case) else 0.0
        return own + followed + (_PASSES + 1) * case.working_set_bytes / _MAPPED / team
    if family == "latency":
        return own + case.working_set_bytes / _LINE * _FOLLOWED
    if family != "stream":
        return own + case.working_set_bytes / _MAPPED / team
    checked = case.working_set_bytes if cases.operation(case) in ("read", "update") else 0
    passed = _PASSES * cases.moved_over_nominal(case) * case.working_set_bytes / _PASSED
    return own + (passed + checked / _CHECKED) / team


def _walks(case: Case) -> bool:
    return case.benchmark in ("latency", "node-latency")


def _orders(steps: Iterable[Step]) -> float:
    """Return what drawing the orders of walks takes: one serves all walks of its size."""
    sizes = {step.case.working_set_bytes for step in steps if _walks(step.case)}
    return sum(sizes) / _LINE * _DRAWN


def _mapping(steps: Iterable[Step]) -> float:
    """Return what a round's fresh pages take, huge and small ones; threads map side by side."""
    shared = [step.case for step in steps if cases.benchmark(step.case).family != "node"]
    kinds = [[c for c in shared if (c.parameters.get("huge") is False) == s] for s in (False, True)]
    return sum(max(map(_each, some), default=0.0) for some in kinds) / _MAPPED


def _each(case: Case) -> float:
    return case.working_set_bytes / case.threads
