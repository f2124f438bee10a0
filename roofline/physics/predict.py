"""The ladder of point predictions: from the paper roof to in-core time plus traffic.

Rungs (`RUNG_MEANINGS`): a, b max(nominal FLOPs / peak, compulsory bytes / bandwidth), on paper
and as measured (the source article's corrected roofline); c max(nominal FLOPs / peak, touched
bytes at the bandwidth of their footprint) + overhead; d in-core time + what the same traffic
takes beyond L1, beside it as far as the core hides it, + overhead. Nothing is fitted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roofline.errors import RooflineError
from roofline.physics.again import Again
from roofline.physics.bandwidth import transfers
from roofline.physics.remembered import remembered
from roofline.physics.roof import (
    MEMORY,
    PICKS,
    Pick,
    Roof,
    achieved_roof,
    compute_ceiling,
    paper_roof,
    team_sizes,
    value,
)
from roofline.records import RUNGS, Calibration, Ceiling, Prediction, Traffic, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class _Estimate:
    """A rung's seconds and what they are made of."""

    seconds: float
    terms: Mapping[str, float]


BARRIER = "barrier"
"""The ceiling that says what a team's meeting costs."""

Moved = tuple[str, Mapping[Pick, float]]
"""Where traffic goes to, and how long it takes by pick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """What a subject's kernels move, and when.

    Attributes:
        inside: bytes that they touch as tensors lie inside, where that is more than the work's
            (empty lanes, whole cache lines).
        spread: bytes of caches that they take beside those that they touch.
        again: what they move more than once.
        beside: where traffic and arithmetic hide each other, the seconds of arithmetic alone and
            those in which loads and stores are in traffic's way, by the same names as the in-core
            time; None: traffic comes after it.
        overlap: the power with which arithmetic, and loads, stores and traffic, add up.
        far_overlap: the same where memory takes part.

    """

    inside: Traffic | None = None
    spread: float = 0
    again: Sequence[Again] = ()
    beside: Mapping[str, tuple[float, float]] | None = None
    overlap: float = 1
    far_overlap: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is predicted, where; `peak` is the compute ceiling."""

    work: Work
    calibration: Calibration
    threads: int
    peak: Ceiling
    cold: bool
    overhead: float
    core: Mapping[str, float] | None
    moving: Moving

    @property
    def inside(self) -> Traffic:
        """Bytes that rung d moves."""
        return self.moving.inside or self.work.bytes_touched


def predict(
    work: Work,
    dtype: str,
    calibration: Calibration,
    threads: int,
    *,
    cold: bool = False,
    overhead_seconds: float = 0.0,
    core_seconds: Mapping[str, float] | None = None,
    moving: Moving | None = None,
) -> Prediction:
    """Return how long a work should take, by every rung that can be told.

    `low` and `high` are the highest rung with the calibration's best and worst rounds; a paper
    roof has no rounds.

    Args:
        work: nominal FLOPs, compulsory and touched bytes of one call.
        dtype: of the compute ceiling, "float32" or "float64".
        calibration: what the machine reaches.
        threads: size of the team.
        cold: no cache holds any of the data.
        overhead_seconds: of one call, a constant of the team; see `overhead`.
        core_seconds: in-core time of the subject's kernels with everything in L1, at the
            "typical" clock and at the extremes ("low", "high", in either order).
        moving: what the subject's kernels move beside the work's touched bytes; rung d adds it.

    Raises:
        RooflineError: the calibration has no compute ceiling of that dtype for that team, or no
            bandwidth for it.

    """
    peak = _peak(calibration, threads, dtype)
    return _climb(
        dtype,
        _Question(
            work=work,
            calibration=calibration,
            threads=threads,
            peak=peak,
            cold=cold,
            overhead=overhead_seconds,
            core=core_seconds,
            moving=moving or Moving(),
        ),
    )


@remembered
def overhead(calibration: Calibration, threads: int) -> float:
    """Return what meeting at a barrier costs a team each call, in seconds: nothing for one."""
    barrier = calibration.ceiling(BARRIER, threads) if threads > 1 else None
    return 0.0 if barrier is None else barrier.typical


def _climb(dtype: str, question: _Question) -> Prediction:
    place = (question.calibration, question.threads, dtype)
    roofs = {
        "a": _on_roof(paper_roof(*place), question.work),
        "b": _on_roof(achieved_roof(*place), question.work),
    }
    made = _by_footprint(question)
    rungs = roofs | made["typical"]
    top = _highest(rungs)
    best, worst = (_highest(roofs | made[pick]) for pick in ("high", "low"))
    if top is None or best is None or worst is None:
        raise RooflineError(
            f"the calibration has no bandwidth for {_team(question.threads)}: calibrate again."
        )
    return Prediction(
        work=question.work,
        rungs={name: found.seconds if (found := rungs.get(name)) else None for name in RUNGS},
        seconds=top.seconds,
        # Traffic beyond L1 is a difference, which a faster L1 lets grow.
        low=min(best.seconds, top.seconds),
        high=max(worst.seconds, top.seconds),
        terms=top.terms,
    )


def _peak(calibration: Calibration, threads: int, dtype: str) -> Ceiling:
    found = compute_ceiling(calibration, threads, dtype)
    if found is not None:
        return found
    teams = [n for n in team_sizes(calibration) if compute_ceiling(calibration, n, dtype)]
    if not teams:
        raise RooflineError(f"the calibration has no compute roof in {dtype}: calibrate again.")
    known = " and ".join(map(str, teams))
    raise RooflineError(
        f"the calibration has no {dtype} roof for {_team(threads)}, but for {known}: choose one "
        f"of these, or type `make calibrate` with --threads {threads}."
    )


def _team(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _highest(rungs: Mapping[str, _Estimate | None]) -> _Estimate | None:
    return next((found for name in reversed(RUNGS) if (found := rungs.get(name))), None)


def _on_roof(roof: Roof | None, work: Work) -> _Estimate | None:
    if roof is None or not roof.compute or not roof.bandwidth:
        return None
    terms = {"compute": work.flops / roof.compute, MEMORY: work.traffic.total / roof.bandwidth}
    return _Estimate(seconds=max(terms.values()), terms=terms)


def _by_footprint(question: _Question) -> dict[Pick, dict[str, _Estimate | None]]:
    """Return rungs c and d with each pick of the calibration's values."""
    touched = question.work.bytes_touched
    moved = _transfers(question, touched, touched.total, cold=question.cold)
    if moved is None:
        return {pick: {"c": None, "d": None} for pick in PICKS}
    beyond = _all_beyond(question)
    return {
        pick: {"c": _longer(question, moved, pick), "d": _additive(question, beyond, pick)}
        for pick in PICKS
    }


def _longer(question: _Question, moved: Moved, pick: Pick) -> _Estimate:
    level, seconds = moved[0], moved[1][pick]
    compute = question.work.flops / value(question.peak, pick)
    terms = {"compute": compute, level: seconds, "overhead": question.overhead}
    return _Estimate(seconds=max(compute, seconds) + question.overhead, terms=terms)


def _additive(question: _Question, beyond: Sequence[Moved] | None, pick: Pick) -> _Estimate | None:
    if question.core is None or beyond is None:
        return None
    core, levels = _core(question.core, pick), dict[str, float]()
    for level, seconds in beyond:
        levels[level] = levels.get(level, 0.0) + seconds[pick]
    moving = question.moving
    overlap = moving.far_overlap if levels.get(MEMORY) else moving.overlap
    seen = _seen(question, core, sum(levels.values()), overlap)
    terms = {"compute": core, **{name: seen * one for name, one in levels.items()}}
    terms["overhead"] = question.overhead
    return _Estimate(seconds=sum(terms.values()), terms=terms)


def _seen(question: _Question, core: float, moving: float, overlap: float) -> float:
    """Return the share of traffic's time that lies beside none in the core.

    With p the overlap, both take (arithmetic^p + (loads and stores + traffic)^p)^(1/p) together.
    """
    beside = question.moving.beside
    if beside is None or question.core is None or not moving:
        return 1.0
    name = next(name for name, seconds in question.core.items() if seconds == core)
    arithmetic, ports = beside[name]
    longer, shorter = max(arithmetic, ports + moving), min(arithmetic, ports + moving)
    both = longer * math.pow(1 + math.pow(shorter / longer, overlap), 1 / overlap)
    return max(0.0, both - core) / moving


def _all_beyond(question: _Question) -> Sequence[Moved] | None:
    """Return what all traffic of the kernels adds to their in-core time; None if not known."""
    inside, moving = question.inside, question.moving
    found = [_beyond(question, inside, inside.total + moving.spread, cold=question.cold)]
    found += [_beyond(question, one.traffic, one.footprint) for one in moving.again]
    return None if None in found else [one for one in found if one is not None]


def _beyond(
    question: _Question, traffic: Traffic, footprint: float, *, cold: bool = False
) -> Moved | None:
    """Return the level that holds a footprint, and how much longer traffic takes from there."""
    far = _transfers(question, traffic, footprint, cold=cold)
    near = _transfers(question, traffic, 0)
    if far is None:
        return None
    if near is None or near[0] != "L1":
        return far
    if far[0] == near[0]:
        return far[0], dict.fromkeys(PICKS, 0.0)
    # The in-core time holds the loads and stores of data in L1 already.
    return far[0], {pick: max(0.0, far[1][pick] - near[1][pick]) for pick in PICKS}


def _core(core: Mapping[str, float], pick: Pick) -> float:
    if pick == "typical":
        return core["typical"]
    return min(core.values()) if pick == "high" else max(core.values())


def _transfers(
    question: _Question, traffic: Traffic, footprint: float, *, cold: bool = False
) -> Moved | None:
    return transfers(question.calibration, question.threads, traffic, footprint, cold=cold)
