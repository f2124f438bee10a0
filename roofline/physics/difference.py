"""What changed between two calibrations, ceiling by ceiling, and what can't be told.

A ceiling has `changed` when chance and custom are both ruled out. Of pipes and caches
the best windows tell (`verdicts`), of memory how each figure lies beside the others of its rounds
(`roundwise`). Of the rest, rounds lie apart by more than chance explains among
this many ceilings (`ranks`), and the ratio is beyond a floor, because two calibrations of an
unchanged machine differ by more than the rounds of one do. It is the `same` when the whole interval
lies inside the floor. Compute is compared per cycle, operations and the inner caches beside the
clock, and what all clocks or all memory figures of a team share is said once: each of them is
compared beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from roofline.physics import ranks, roundwise, verdicts
from roofline.physics.pairing import OTHER_SIZES, PER_CYCLE, Pair, alike, paired
from roofline.physics.replicates import Contrast, contrast
from roofline.physics.robust import median
from roofline.physics.verdicts import (
    FLOORS,
    LEVEL_FLOORS,
    Evidence,
    Outcome,
    distance,
    floor_of,
    together_of,
)
from roofline.records import Calibration, Kind

# Neighbours of a virtual machine moved its memory bandwidth by up to 2.4 within twenty minutes, its
# clock, which falls with the number of busy cores, by 8 and 9 % (docs/performance.md).
NEIGHBOURS: Mapping[Kind, float] = {"bandwidth": 2.5, "clock": 1.1}
# Fewer don't speak for a family.
_FEWEST = 4
# Of the 5 pairs in 100 that may show more than one false alarm, 3 are left to chance among rounds,
# the rest to what runs differ by, which ranks don't know. (With 7 rounds, 100 ceilings allow it.)
_AMONG_ROUNDS = 0.03
_ERROR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One ceiling in two calibrations.

    Attributes:
        name, threads: of the ceiling; a family's row has no threads of its own where all share it.
        unit: of `a` and `b`: the ceiling's, or FLOP/cycle of one core.
        a, b: typical values; None for a family.
        ratio, interval, p: b / a by `ranks`, with its 95 % interval and p-value.
        peak: b / a of the best windows (95th percentiles); None where unknown.
        shared: the factor, left out of `ratio`, that its whole family moved by.
        floor: the ratio must be beyond 1 + floor to be a change.
        rounds: how many in A and in B.
        same_code: whether the timed machine code was the same; None where unknown.
        family: whether this row speaks for a family of ceilings.

    """

    kind: Kind
    name: str
    threads: int | None
    unit: str
    a: float | None
    b: float | None
    ratio: float
    interval: tuple[float, float] | None
    p: float
    peak: float | None = None
    shared: float = 1.0
    floor: float
    rounds: tuple[int, int] = (0, 0)
    same_code: bool | None = None
    family: bool = False
    verdict: Outcome = "can't tell"
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Every ceiling that both calibrations have, and the names of those that one lacks."""

    rows: tuple[Difference, ...]
    only_a: tuple[tuple[str, int], ...]
    only_b: tuple[tuple[str, int], ...]

    def count(self, verdict: Outcome) -> int:
        """Return how many rows have that verdict."""
        return sum(row.verdict == verdict for row in self.rows)


def differences(a: Calibration, b: Calibration) -> Differences:
    """Compare the ceilings of two calibrations."""
    names = [{(c.name, c.threads): c for c in one.ceilings} for one in (a, b)]
    common = [key for key, c in names[0].items() if key in names[1] and alike(c, names[1][key])]
    pairs = [paired(a, b, names[0][key], names[1][key]) for key in common]
    virtual = a.machine.hypervisor is not None or b.machine.hypervisor is not None
    return Differences(
        rows=_judged(pairs, virtual=virtual),
        only_a=tuple(key for key in names[0] if key not in common),
        only_b=tuple(key for key in names[1] if key not in common),
    )


def _judged(pairs: Sequence[Pair], *, virtual: bool) -> tuple[Difference, ...]:
    families = _families(pairs)
    among = sum(bool(one.members) for one in families)
    shared = {id(pair): one.contrast.ratio for one in families for pair in one.members}
    moved = [_family_row(one, among=among, virtual=virtual) for one in families if one.members]
    if families[0].members:
        shared |= _by_the_clock(pairs, families[0].contrast.ratio)
    leveled = {key: one for family in families[1:] for key, one in _leveled(family).items()}
    beside = [
        leveled.get(id(pair)) or _Beside.of(pair, shared.get(id(pair), 1.0)) for pair in pairs
    ]
    passed = ranks.significant([one.contrast.p for one in beside], _AMONG_ROUNDS)
    rows = [
        _row(pair, one, beyond_chance=told, among=len(pairs), virtual=virtual)
        for pair, one, told in zip(pairs, beside, passed, strict=True)
    ]
    return (*moved, *rows)


def _by_the_clock(pairs: Sequence[Pair], clock: float) -> Mapping[int, float]:
    """Return what the clock does to operations and the inner caches; nothing further out follows.

    Both are counted a second, and go cycle by cycle.
    """
    inner = [pair for pair in pairs if pair.ceiling.level in ("L1", "L2")]
    rates = [pair for pair in inner if pair.ceiling.kind == "bandwidth"]
    rates += [pair for pair in pairs if pair.ceiling.kind == "operation"]
    waits = [pair for pair in inner if pair.ceiling.kind == "latency"]
    return {id(pair): clock for pair in rates} | {id(pair): 1 / clock for pair in waits}


@dataclass(frozen=True, slots=True)
class _Beside:
    """How a pair compares beside a factor that it shares with others.

    Attributes:
        scatter: how far these lie apart; None where rounds weren't leveled.

    """

    contrast: Contrast
    shared: float
    scatter: float | None = None

    @staticmethod
    def of(pair: Pair, factor: float) -> "_Beside":
        return _Beside(contrast(pair.first, pair.second.times(1 / factor)), factor)


@dataclass(frozen=True, slots=True)
class _Family:
    name: str
    kind: Kind
    threads: int | None
    members: tuple[Pair, ...]
    floor: float

    @property
    def contrast(self) -> Contrast:
        """How the member in the middle compares."""
        all_of = [pair.contrast for pair in self.members]
        if not all_of:
            return Contrast(ratio=1.0, interval=None, p=1.0)
        ends = [one.interval for one in all_of if one.interval is not None]
        held = (median([e[0] for e in ends]), median([e[1] for e in ends])) if ends else None
        ratio, p = median([one.ratio for one in all_of]), ranks.combined([o.p for o in all_of])
        return Contrast(ratio=ratio, interval=held, p=p)


def _families(pairs: Sequence[Pair]) -> list[_Family]:
    """Return the clocks, then memory by team; a family too small to speak has no members."""
    clocks = tuple(pair for pair in pairs if pair.ceiling.kind == "clock")
    found = [_Family("all clocks", "clock", None, clocks, FLOORS["clock"])]
    memory = [p for p in pairs if p.ceiling.level == "DRAM" and p.ceiling.kind == "bandwidth"]
    for threads in sorted({pair.ceiling.threads for pair in memory}):
        team = tuple(pair for pair in memory if pair.ceiling.threads == threads)
        found.append(_Family("all memory", "bandwidth", threads, team, LEVEL_FLOORS["DRAM"]))
    return [one if len(one.members) >= _FEWEST else replace(one, members=()) for one in found]


def _leveled(family: _Family) -> Mapping[int, _Beside]:
    """Return how each member compares once what all shared is taken out, round by round."""
    first = roundwise.leveled([pair.first for pair in family.members])
    second = roundwise.leveled([pair.second for pair in family.members])
    if first is None or second is None:
        return {}
    ratios = [contrast(x, y).ratio for x, y in zip(first, second, strict=True)]
    shared, scatter = median(ratios), roundwise.scatter(ratios)
    return {
        id(pair): _Beside(contrast(x, y.times(1 / shared)), shared, scatter)
        for pair, x, y in zip(family.members, first, second, strict=True)
    }


def _family_row(family: _Family, *, among: int, virtual: bool) -> Difference:
    told = family.contrast
    row = Difference(
        kind=family.kind,
        name=family.name,
        threads=family.threads,
        unit="1",
        a=None,
        b=None,
        ratio=told.ratio,
        interval=told.interval,
        p=told.p,
        floor=family.floor,
        rounds=_rounds(family.members[0]),
        family=True,
    )
    verdict, why = _verdict_of(family, among=among)
    neighbours = virtual and distance(told.ratio) <= NEIGHBOURS[family.kind] - 1
    if verdict == "changed" and neighbours:
        verdict, why = "can't tell", f"{why}: the machine or its neighbours"
    return replace(row, verdict=verdict, why=why)


def _verdict_of(family: _Family, *, among: int) -> tuple[Outcome, str]:
    told = family.contrast
    beyond = told.p <= _ERROR / among
    seen = Evidence(contrast=told, floor=family.floor, beyond_chance=beyond, wide=0.0, among=among)
    return verdicts.verdict(seen)


def _row(
    pair: Pair, beside: _Beside, *, beyond_chance: bool, among: int, virtual: bool
) -> Difference:
    told, shared = beside.contrast, beside.shared
    row = Difference(
        kind=pair.ceiling.kind,
        name=pair.ceiling.name,
        threads=pair.ceiling.threads,
        unit=pair.unit,
        a=pair.first.typical,
        b=pair.second.typical,
        ratio=told.ratio,
        interval=told.interval,
        p=told.p,
        peak=pair.peak,
        shared=shared,
        floor=floor_of(pair.ceiling, virtual=virtual),
        rounds=_rounds(pair),
        same_code=_same_code(pair),
    )
    # What its whole family moved by is none of its own, at its best neither.
    best = None if pair.peak is None else pair.peak / (shared if row.unit != PER_CYCLE else 1.0)
    seen = Evidence(
        contrast=told,
        best=best,
        floor=row.floor,
        together=together_of(pair.ceiling),
        beyond_chance=beyond_chance,
        wide=pair.wide,
        among=among,
        scatter=beside.scatter,
        shared=shared,
    )
    verdict, why = verdicts.verdict(seen)
    if pair.note == OTHER_SIZES:
        verdict = "can't tell"
    return replace(row, verdict=verdict, why=", ".join(filter(None, (why, *_notes(row, pair)))))


def _notes(row: Difference, pair: Pair) -> tuple[str, ...]:
    family = "all memory" if pair.ceiling.level == "DRAM" else "all clocks"
    moved = distance(row.shared) > row.floor
    return (
        f"beside {family}" if moved else "",
        pair.note,
        "other code" if row.same_code is False else "",
    )


def _rounds(pair: Pair) -> tuple[int, int]:
    return pair.first.count, pair.second.count


def _same_code(pair: Pair) -> bool | None:
    one, other = pair.first.measurement, pair.second.measurement
    if one is None or other is None or not one.kernel_digest or not other.kernel_digest:
        return None
    return one.kernel_digest == other.kernel_digest
