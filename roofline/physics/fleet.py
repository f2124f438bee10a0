"""Hosts of one type compared: who is slow, by how much, at what, and what that points to.

Like is compared with like: the same type of machine, cores and cap. A host is flagged at a ceiling
when it is worse than the group's median by more than a practical floor, its modified z-score
(Iglewicz & Hoaglin, 1993) is beyond 3.5, and its own interval over rounds lies beyond the floor,
too. It is slow when a second calibration of its own says the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from roofline.physics.robust import median, modified_z_scores
from roofline.records import Calibration, Ceiling

FLOOR = 0.04
LIMIT = 3.5
FEWEST = 5

Verdict = Literal["slow", "suspect", "fine", "no verdict"]
_JUDGED = ("compute", "operation", "bandwidth", "latency", "clock")
GroupKey = tuple[str, int, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One ceiling of one host against its group.

    Attributes:
        loss: how much worse than the median, as a share of it; negative is better.
        score: modified z-score, positive is worse.
        flagged: beyond floor, score and its own interval.

    """

    ceiling: str
    kind: str
    level: str | None
    threads: int
    value: float
    usual: float
    loss: float
    score: float
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One host within its group; `marks` are its ceilings, the worst first."""

    node: str
    verdict: Verdict
    marks: tuple[Mark, ...]
    causes: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        """The largest loss."""
        return self.marks[0].loss if self.marks else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hosts that should perform alike, the worst first."""

    machine: str
    usable_cores: int
    isa_cap: str | None
    hosts: tuple[Standing, ...]


def groups(records: Mapping[str, Sequence[Calibration]], floor: float = FLOOR) -> list[Group]:
    """Return every group of hosts.

    Args:
        records: by host its valid calibrations, the newest first.
        floor: the smallest loss that matters.

    """
    alike: dict[GroupKey, dict[str, list[Calibration]]] = defaultdict(dict)
    for node, mine in records.items():
        for one in mine:
            alike[_key(one)].setdefault(node, []).append(one)
    return [_group(key, hosts, floor) for key, hosts in sorted(alike.items(), key=str)]


def _key(record: Calibration) -> GroupKey:
    return record.machine.id, record.usable_cores, record.isa_cap


def _group(key: GroupKey, hosts: Mapping[str, Sequence[Calibration]], floor: float) -> Group:
    newest = {node: mine[0] for node, mine in hosts.items()}
    usual, scores = _usual(newest)
    standings = []
    for node, mine in hosts.items():
        marks = [
            _mark(one, usual[name], scores[name][node], floor)
            for one in mine[0].ceilings
            if (name := (one.name, one.threads)) in usual
        ]
        marks.sort(key=lambda one: (not one.flagged, -one.loss))
        standings.append(_standing(node, mine, marks, usual, newest, floor))
    order = {"slow": 0, "suspect": 1, "no verdict": 2, "fine": 2}
    standings.sort(key=lambda one: (order[one.verdict], -one.worst, one.node))
    return Group(machine=key[0], usable_cores=key[1], isa_cap=key[2], hosts=tuple(standings))


_Name = tuple[str, int]


def _usual(
    newest: Mapping[str, Calibration],
) -> tuple[dict[_Name, float], dict[_Name, dict[str, float]]]:
    """Return each ceiling's median over hosts, and each host's score; worse is positive."""
    values: dict[_Name, dict[str, Ceiling]] = defaultdict(dict)
    for node, record in newest.items():
        for one in record.ceilings:
            if one.kind in _JUDGED and one.typical > 0:
                values[one.name, one.threads][node] = one
    usual, scores = {}, {}
    for name, mine in values.items():
        typical = [one.typical for one in mine.values()]
        sign = 1 if next(iter(mine.values())).unit == "s" else -1
        usual[name] = median(typical)
        marks = modified_z_scores(typical)
        scores[name] = {node: sign * one for node, one in zip(mine, marks, strict=True)}
    return usual, scores


def _mark(one: Ceiling, usual: float, score: float, floor: float) -> Mark:
    low, high = one.interval or (one.typical, one.typical)
    # The end of its interval that speaks for the host.
    kindest = low if one.unit == "s" else high
    flagged = score > LIMIT and _loss(one, usual, kindest) > floor
    return Mark(
        ceiling=one.name,
        kind=one.kind,
        level=one.level,
        threads=one.threads,
        value=one.typical,
        usual=usual,
        loss=_loss(one, usual, one.typical),
        score=score,
        flagged=flagged,
    )


def _loss(one: Ceiling, usual: float, value: float) -> float:
    ratio = value / usual
    return ratio - 1 if one.unit == "s" else 1 - ratio


def _standing(
    node: str,
    mine: Sequence[Calibration],
    marks: Sequence[Mark],
    usual: Mapping[_Name, float],
    newest: Mapping[str, Calibration],
    floor: float,
) -> Standing:
    flagged = [one for one in marks if one.flagged]
    verdict: Verdict = "suspect" if flagged else "fine"
    if len(newest) < FEWEST:
        verdict = "no verdict"
    elif flagged and any(_again(older, flagged, usual, floor) for older in mine[1:2]):
        verdict = "slow"
    causes = tuple(_causes(mine[0], flagged, newest)) if flagged else ()
    return Standing(node=node, verdict=verdict, marks=tuple(marks), causes=causes)


def _again(
    older: Calibration, flagged: Iterable[Mark], usual: Mapping[_Name, float], floor: float
) -> bool:
    """Whether an earlier calibration of the host was as bad at one of the same ceilings."""
    for one in flagged:
        before = older.ceiling(one.ceiling, one.threads)
        if before and _loss(before, usual[one.ceiling, one.threads], before.typical) > floor:
            return True
    return False


def _causes(
    record: Calibration, flagged: Sequence[Mark], newest: Mapping[str, Calibration]
) -> Iterable[str]:
    """Yield what the pattern of losses points to, and what to check."""
    kinds = {one.kind for one in flagged}
    levels = {one.level for one in flagged if one.kind in ("bandwidth", "latency")}
    if "clock" in kinds:
        yield "its clock is lower: check power cap, cooling, governor (turbostat, BMC log)"
    elif {"compute", "operation"} & kinds:
        yield "the clock is as usual, the core does less: check other processes, SMT siblings"
    if "DRAM" in levels:
        yield "memory is slower: check for a missing or slow DIMM, NUMA settings (dmidecode -t 17)"
    if levels & {"L3", "L2"} and "clock" not in kinds:
        yield "caches are slower: check for neighbours, cache partitions (resctrl), huge pages"
    if kinds and all(one.threads > 1 for one in flagged):
        yield "only all cores together lose: check the power limit and what else runs there"
    yield from _differences(record, list(newest.values()))


def _differences(record: Calibration, others: Sequence[Calibration]) -> Iterable[str]:
    """Yield settings and facts in which a host is unlike most of its group."""
    facts: dict[str, Callable[[Calibration], object]] = {
        "huge pages": lambda one: one.conditions.huge_pages,
        "memory in bytes": lambda one: one.machine.memory_bytes,
        "CPU quota": lambda one: one.machine.cpu_quota,
        "hypervisor": lambda one: one.machine.hypervisor,
        "Numba": lambda one: one.software.numba,
    }
    for what, fact in facts.items():
        values = [fact(one) for one in others]
        most = max(values, key=values.count)
        if fact(record) != most and values.count(most) > len(values) / 2:
            yield f"its {what} is {fact(record)}, where most have {most}"
