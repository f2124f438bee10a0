"""Was a calibration left alone? The evidence of its rounds and figures, and what to do about it.

A median over rounds withstands a minority of bad ones, and its interval a quarter of them: what
lasted no longer is told, and left to the figures' own verdicts. What the calibration itself causes
is no evidence: its processes' CPU time is taken out where the rounds are recorded.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from roofline.physics import chiplets, halves
from roofline.physics.replicates import sample
from roofline.physics.robust import median
from roofline.physics.steady import NOISY, far
from roofline.records import Calibration, Ceiling, Finding, Round

Word = Literal["quiet", "noisy"]

# CPUs that others use. An idle system's daemons take a hundredth of one, a program at work takes a
# whole one; a tenth of a core is as much as a figure may vary before it is called noisy.
OTHERS = 0.1
# Share of CPU time that the hypervisor takes: less hides in the spread of compute figures.
STOLEN = 0.02
# Rounds, and figures of a group, of which more than this share tell of noise.
_SHARE = 1 / 4
_FEWEST = 2
_LATER = "python -m calibrate --patience 120"
# Which figures share a cause, and what to say of them when many are noisy.
_GROUPS = {
    "clock": "the clock went up and down between rounds",
    "core": "compute figures differ between rounds",
    "memory": "last-level and memory figures differ between rounds",
}
_MEANINGS = {
    "clock": "GFLOP/s and GB/s follow the clock: compare FLOP/cycle, which doesn't",
    "core": "nothing but a core's clock and time enters them: something took these away, on "
    "virtual CPUs often a neighbour on the same core",
    "memory": "they hold what neighbours leave of the shared caches and the memory bus",
}
# On a shared host memory drifts with the neighbours always: that is said, and the run not blamed.
_LOCAL = "memory"
_FAR = ("L3", "L4", "DRAM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that disturbed a run: what was seen, what it means for which figures, the advice.

    Attributes:
        cause: "others", "steal", "halved", "moved", "clock", "core" or "memory".
        lasting: whether it was there in more than a quarter of the rounds.

    """

    cause: str
    what: str
    why: str
    command: str
    lasting: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """Whether a calibration was left alone.

    Attributes:
        evidence: what disturbed it.
        doubtful: figures that are noisy on their own account, and how many figures there are.

    """

    evidence: tuple[Evidence, ...]
    doubtful: tuple[int, int]

    @property
    def word(self) -> Word:
        """The verdict in a word."""
        blamed = (one.lasting and one.cause != _LOCAL for one in self.evidence)
        return "noisy" if any(blamed) else "quiet"

    @property
    def text(self) -> str:
        """The verdict in a line."""
        noisy, total = self.doubtful
        reasons = "; ".join(one.what for one in self.evidence)
        joint = ": " if self.word == "noisy" else ", but "
        verdict = f"{self.word}{joint}{reasons}" if reasons else self.word
        return f"{verdict}; {noisy} of {total} figures vary between rounds" if noisy else verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The evidence as findings of a record."""
        return tuple(
            Finding(
                severity="warning",
                what=one.what,
                why_it_matters=one.why,
                command=one.command,
            )
            for one in self.evidence
        )


def verdict(calibration: Calibration) -> RunVerdict:
    """Judge a calibration by its rounds and its figures' own verdicts."""
    halved = halves.find(calibration.measurements, [_explained(r) for r in calibration.rounds])
    noisy = [c for c in calibration.ceilings if _noisy(c)]
    evidence = (
        *_others(calibration),
        *_steal(calibration),
        *(_halved(one) for one in (halved,) if one),
        *_moved(calibration),
        *_figures(calibration),
    )
    return RunVerdict(evidence=evidence, doubtful=(len(noisy), len(calibration.ceilings)))


def _others(calibration: Calibration) -> Iterator[Evidence]:
    known = [one.others for one in calibration.rounds if one.others is not None]
    busy = [others for others in known if others > OTHERS]
    if _too_many(len(busy), len(known)):
        cpus, cores = median(busy), calibration.usable_cores
        free = (calibration.machine.cores or cores) - cores
        left = max(1, cores - math.ceil(cpus - OTHERS))
        fewer = f"; or leave them their cores: python -m calibrate --threads {left}"
        yield Evidence(
            cause="others",
            what=f"other processes kept {cpus:.2g} CPUs busy in {len(busy)} of {len(known)} rounds",
            why="memory, last-level and clock figures miss what they took"
            if cpus <= free + OTHERS
            else "all-core figures miss the cores' time that they took, memory figures bandwidth",
            command=f"top -o %CPU, end what it shows, then make calibrate{fewer * (left < cores)}",
        )


def _steal(calibration: Calibration) -> Iterator[Evidence]:
    known = [one.stolen for one in calibration.rounds if one.stolen is not None]
    stolen = [share for share in known if share > STOLEN]
    if _too_many(len(stolen), len(known)):
        yield Evidence(
            cause="steal",
            what=f"the hypervisor took {100 * median(stolen):.1f} % of the CPU time in "
            f"{len(stolen)} of {len(known)} rounds",
            why="samples in which a core stood still are too slow, above all those of all cores",
            command=f"{_LATER}, or ask the host for CPUs of your own",
        )


def _halved(one: halves.Halved) -> Evidence:
    whose = "another guest's" if one.alone else "another of ours or of another guest"
    return Evidence(
        cause="halved",
        what=f"{one.loads} loads did half of their work in {one.rounds} of {one.of} rounds",
        why=f"virtual CPUs probably shared a physical core then, with {whose}: neither processes "
        "here nor stolen time explain it",
        command=f"{_LATER}; for good: pin the virtual CPUs on the host (virsh vcpupin)",
        lasting=_too_many(one.rounds, one.of),
    )


def _moved(calibration: Calibration) -> Iterator[Evidence]:
    one = chiplets.find(calibration)
    if one is not None and calibration.machine.hypervisor is not None:
        yield Evidence(
            cause="moved",
            what=f"cores met {one.barrier:.2g} times as slowly in {one.rounds} of {one.of} rounds, "
            f"and their memory was {one.memory:.2g} times as fast",
            why="the hypervisor probably had virtual CPUs on cores further apart then, such as two "
            "chiplets' with a way to memory each: figures of all cores are of the usual place",
            command="pin the virtual CPUs on the host (virsh vcpupin)",
            # Each figure is what most rounds say.
            lasting=False,
        )


def _figures(calibration: Calibration) -> Iterator[Evidence]:
    for group, what in _GROUPS.items():
        members = [c for c in calibration.ceilings if _group(c) == group]
        noisy = [c for c in members if _noisy(c)]
        if _too_many(len(noisy), len(members)):
            yield Evidence(
                cause=group,
                what=f"{what} ({len(noisy)} of {len(members)} noisy)",
                why=_MEANINGS[group],
                command=_LATER,
                lasting=_too_many(sum(_lasting(calibration, c) for c in noisy), len(members)),
            )


def _lasting(calibration: Calibration, ceiling: Ceiling) -> bool:
    """Whether more than a quarter of a noisy figure's rounds make it so."""
    rounds = sample(calibration, ceiling).rounds
    if not rounds or (ceiling.spread or 0.0) > NOISY[ceiling.kind]:
        return True
    return _too_many(far(ceiling.kind, rounds), len(rounds))


def _too_many(some: int, of: int) -> bool:
    return some >= _FEWEST and some > _SHARE * of


def _group(ceiling: Ceiling) -> str | None:
    """Return the group; near caches have none, since they differ by the pages of each mapping."""
    if ceiling.kind in ("bandwidth", "latency"):
        return "memory" if ceiling.level in _FAR else None
    return {"clock": "clock", "compute": "core"}.get(ceiling.kind)


def _noisy(ceiling: Ceiling) -> bool:
    return str(ceiling.evidence.get("verdict", "")).startswith("noisy")


def _explained(one: Round) -> bool:
    """Whether what others did in a round could have halved a load of all cores."""
    return (one.others or 0) > OTHERS or (one.stolen or 0) > STOLEN
