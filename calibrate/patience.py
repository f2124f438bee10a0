"""Patience: rounds added until the typical values that matter stand still.

A value has settled when the distribution-free 95 % interval of its median over rounds is narrower
to both sides than half of what makes that kind of figure noisy.
"""

from collections.abc import Iterator, Sequence

from calibrate.fit import fit
from calibrate.rounds import MOST_ROUNDS, Rounds
from roofline.physics.steady import NOISY
from roofline.records import Ceiling, Finding, MachineSpec

_SHARE = 1 / 2
# So many unsettled figures are named.
_NAMED = 4
_WHY = "their typical values may still move by as much: the neighbours or the clock change"


def settle(rounds: Rounds, machine: MachineSpec, patience: float) -> Finding:
    """Add rounds until what matters has settled or the patience ends; say which it was."""

    def waiting() -> list[Ceiling]:
        return unsettled(fit(machine, rounds.measurements()).ceilings)

    rounds.go_on(patience, lambda: not waiting())
    return _told(waiting(), len(rounds.made), patience)


def unsettled(ceilings: Sequence[Ceiling]) -> list[Ceiling]:
    """Return what matters and hasn't settled: roofs, reads of each level, triads of memory."""
    return [c for c in ceilings if _matters(c) and half_width(c) > tolerance(c)]


def tolerance(ceiling: Ceiling) -> float:
    """Return how far a settled value's interval may reach, as a share of the value."""
    return _SHARE * NOISY[ceiling.kind]


def half_width(ceiling: Ceiling) -> float:
    """Return how far the interval reaches at most; infinite where rounds are too few for one."""
    if ceiling.interval is None:
        return float("inf")
    low, high = ceiling.interval
    return max(high - ceiling.typical, ceiling.typical - low) / ceiling.typical


def _matters(ceiling: Ceiling) -> bool:
    if ceiling.kind == "compute":
        return ceiling.theoretical is not None
    if ceiling.kind != "bandwidth":
        return False
    return ceiling.direction == ("triad" if ceiling.level == "DRAM" else "read")


def _told(waiting: Sequence[Ceiling], made: int, patience: float) -> Finding:
    if not waiting:
        return Finding(severity="note", what=f"typical values settled after {made} rounds")
    reason = f"{MOST_ROUNDS} rounds" if made >= MOST_ROUNDS else f"{patience:g} s of patience"
    worst = sorted(waiting, key=half_width, reverse=True)
    more = f" and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    return Finding(
        severity="warning",
        what=f"{len(worst)} figures have not settled after {reason} ({made} rounds in all): "
        f"{', '.join(_names(worst[:_NAMED]))}{more}",
        why_it_matters=_WHY,
        command="top -o %CPU, and python -m calibrate --patience 600 at a quieter time",
    )


def _names(ceilings: Sequence[Ceiling]) -> Iterator[str]:
    for one in ceilings:
        cores = "1 core" if one.threads == 1 else f"{one.threads} cores"
        width = half_width(one)
        yield f"{one.name} ({cores})" + (f" ±{width:.0%}" if width < float("inf") else "")
