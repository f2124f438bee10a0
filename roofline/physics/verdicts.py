"""When a ceiling has changed: floors that two calibrations of an unchanged machine stay within.

Pipes and caches are as fast as ever in windows that nobody disturbs: neighbours only slow down. So
there the best windows of either calibration, their 95th percentiles, must have moved as well as
typical values. The two err in different ways, so their mean errs least. How far apart those of an
unchanged machine lie is known from pairs of calibrations, by Wilks's tolerance limit (Annals of
Mathematical Statistics 12, 1941): the largest of n differences covers 95 % of all to come with
confidence 1 - 0.95^n, without any assumption on how they scatter. Memory has no such windows, but
many figures that the same neighbours slow down: each is judged beside the others, round by round
(`roundwise`). Of what the system costs the rounds decide, by ranks, and only beyond a floor.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from roofline.physics.pipes import PAIRED
from roofline.physics.replicates import Contrast
from roofline.records import Ceiling, Kind

Outcome = Literal["same", "changed", "can't tell"]

# How far apart two calibrations of an unchanged machine may be, as a fraction: page placement and
# neighbours differ between runs, the more the further from the core (docs/performance.md).
FLOORS: Mapping[Kind, float] = {
    "compute": 0.02,
    "operation": 0.05,
    "clock": 0.03,
    "capacity": 0.25,
    "overhead": 0.2,
    "effect": 0.2,
}
# A team is as slow as its most disturbed core: between calibrations of one virtual machine, one
# core's FLOP/cycle came back within 2.4 % in 95 of 100 pairs, two cores' within 4.3 %.
TEAM_COMPUTE = 0.05
LEVEL_FLOORS: Mapping[str, float] = {"L1": 0.05, "DRAM": 0.15}
OTHER_LEVELS = 0.1
# Stores to a last level that other guests share go at one of two speeds for minutes, on an
# unchanged machine: of eleven calibrations in an hour the extremes lay 27 % apart
# (docs/performance.md).
SHARED_LEVEL, SHARED_STORES, _STORING = "L3", 0.3, ("write", "copy", "update")
# And one load out of it waits for theirs: 12 to 14 ns by the minute.
SHARED_LATENCY = 0.2
# The same of typical values and best windows together (their geometric mean): about half of what a
# slow-down by 15 % is, so that neither chance nor what it hides is large (docs/performance.md).
TOGETHER_CORE, TOGETHER_SHARED = 0.09, 0.11
# How far a figure of memory may lie from its family, both leveled round by round: of 260 on an
# unchanged machine the furthest lay 10 % off (docs/performance.md).
BESIDE_FAMILY = 0.11
# What neighbours do to a family they do to all of it, but not as much to each: where reads lost
# 28 %, stores that pass the caches lost 12. So much of what all moved by a member may lie from it.
_RESPONSE = 0.6
# On a machine whose family lies further apart, so many times its scatter; and the p-value of each.
_SCATTERS, _WITNESS = 3.5, 0.01
# Of what is read off at a level, what a round comes to three times.
_REVISITED = ("read", "triad")
# Of that floor, the part that each must have moved by alone.
_EACH = 1 / 3
# Nothing that may have moved by more than this is called the same, however coarse its floor.
SAME_AT_MOST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What two calibrations say of one ceiling.

    Attributes:
        contrast: B / A by rounds.
        best: B / A of the best windows; None where unknown.
        floor: of `contrast`.
        together: of the geometric mean of both; None for what has no undisturbed windows.
        beyond_chance: whether ranks tell the rounds apart, among all that are compared.
        wide: the larger spread over rounds: a change by ranks must exceed it.
        among: how many are compared.
        scatter: how far the ceiling's family lies apart, where `contrast` is beside that.
        shared: the factor that all of the family moved by.

    """

    contrast: Contrast
    best: float | None = None
    floor: float
    together: float | None = None
    beyond_chance: bool
    wide: float
    among: int
    scatter: float | None = None
    shared: float = 1.0


def floor_of(ceiling: Ceiling, *, virtual: bool) -> float:
    """Return how far two calibrations of an unchanged machine, or guest, may be apart."""
    if virtual and ceiling.level == SHARED_LEVEL:
        if ceiling.direction in _STORING:
            return SHARED_STORES
        if ceiling.kind == "latency":
            return SHARED_LATENCY
    if ceiling.level is not None and ceiling.kind != "capacity":
        return LEVEL_FLOORS.get(ceiling.level, OTHER_LEVELS)
    if ceiling.kind == "compute" and ceiling.threads > 1:
        return TEAM_COMPUTE
    return FLOORS.get(ceiling.kind, FLOORS["overhead"])


def together_of(ceiling: Ceiling) -> float | None:
    """Return the same of typical values and best windows together.

    None where neighbours may leave no window undisturbed: beyond the caches, and where a core must
    start four instructions a cycle; or where a level is visited once a round only.
    """
    if ceiling.mix in PAIRED or ceiling.direction not in (None, *_REVISITED):
        return None
    if ceiling.kind == "compute" or (ceiling.kind, ceiling.level) == ("bandwidth", "L1"):
        return TOGETHER_CORE
    if ceiling.kind != "bandwidth" or ceiling.level in (None, "DRAM"):
        return None
    return TOGETHER_CORE if ceiling.level == "L2" else TOGETHER_SHARED


def verdict(seen: Evidence) -> tuple[Outcome, str]:
    """Return the verdict and its reason in a few words."""
    if seen.contrast.interval is None:
        return "can't tell", "too few rounds"
    if seen.best is not None and seen.together is not None:
        return _by_both(seen, seen.best, seen.together)
    if seen.scatter is not None:
        return _by_family(seen, seen.scatter)
    ratio = seen.contrast.ratio
    if seen.beyond_chance and distance(ratio) > max(seen.floor, seen.wide):
        return "changed", by(ratio)
    if (same := _same(seen)) is not None:
        return same
    if seen.beyond_chance:
        return "can't tell", f"rounds of one calibration differ by {seen.wide:.0%}"
    return "can't tell", f"may be chance (p = {seen.contrast.p:.2g} of {seen.among})"


def _by_both(seen: Evidence, best: float, floor: float) -> tuple[Outcome, str]:
    """Judge by typical values and best windows, which must have moved the same way.

    Typical values drift with neighbours; best windows may be too few to be at their best. Where
    rounds agree so well that ranks tell them apart, smaller changes can be told.
    """
    ratio = seen.contrast.ratio
    least = min(distance(ratio), distance(best))
    mean = distance(math.sqrt(ratio * best))
    calm = seen.beyond_chance and distance(ratio) > seen.wide and least > seen.floor
    moved = calm or (mean > floor and least > _EACH * floor)
    if moved and (best > 1) == (ratio > 1):
        return "changed", f"{by(ratio)}, {by(best)} at its best"
    if distance(best) <= floor and (same := _same(seen)) is not None:
        return same
    return "can't tell", f"{by(ratio)}, but {by(best)} at its best"


def _by_family(seen: Evidence, scatter: float) -> tuple[Outcome, str]:
    ratio, p = seen.contrast.ratio, seen.contrast.p
    uneven = _RESPONSE * distance(seen.shared)
    if distance(ratio) > max(BESIDE_FAMILY, _SCATTERS * scatter, uneven):
        if p <= _WITNESS:
            return "changed", by(ratio)
        return "can't tell", f"may be chance (p = {p:.2g})"
    return _same(seen) or ("can't tell", f"{by(ratio)}, and others lie {scatter:.0%} apart")


def _same(seen: Evidence) -> tuple[Outcome, str] | None:
    """Return what to say where the whole interval, or all that is left, lies inside the floor."""
    limit = min(seen.floor, SAME_AT_MOST)
    if seen.contrast.interval and max(map(distance, seen.contrast.interval)) <= limit:
        return "same", f"within {limit:.0%}"
    if distance(seen.contrast.ratio) <= seen.floor:
        return "can't tell", f"not surely within {limit:.0%}"
    return None


def by(ratio: float) -> str:
    """Return how far a ratio is from 1 in words."""
    return f"{abs(ratio - 1):.0%} {'more' if ratio > 1 else 'less'}"


def distance(ratio: float) -> float:
    """Return how far from 1 a ratio is, in either direction alike: 0.25 for 1.25 and for 0.8."""
    return max(ratio, 1 / ratio) - 1
