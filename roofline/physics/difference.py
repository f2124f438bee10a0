"""What changed between two calibrations, ceiling by ceiling, and what can't be told.

A ceiling has `changed` when chance and custom are both ruled out: its rounds lie apart by more than
chance explains among this many ceilings (`ranks`), and the ratio is beyond a floor, because two
calibrations of an unchanged machine differ by more than the rounds of one do; FLOP/cycle that moved
in the best windows as well needs no ranks. It is the `same` when
the whole interval lies inside the floor. Compute is compared per cycle, and what all clocks or all
memory figures of a team share is said once: each of them is compared beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from roofline.physics import ranks
from roofline.physics.pairing import OTHER_SIZES, Pair, alike, paired
from roofline.physics.replicates import Contrast, contrast
from roofline.physics.robust import median
from roofline.records import Calibration, Ceiling, Kind

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
# Nothing that may have moved by more than this is called the same, however coarse its floor.
SAME_AT_MOST = 0.1
# Neighbours of a virtual machine moved its memory bandwidth by up to 2.4 within twenty minutes.
NEIGHBOURS = 2.5
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
        peak: b / a of FLOP/cycle in the best windows (95th percentiles); None but for compute.
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


def floor_of(ceiling: Ceiling) -> float:
    """Return how far two calibrations of an unchanged machine may be apart in a ceiling."""
    if ceiling.level is not None and ceiling.kind != "capacity":
        return LEVEL_FLOORS.get(ceiling.level, OTHER_LEVELS)
    if ceiling.kind == "compute" and ceiling.threads > 1:
        return TEAM_COMPUTE
    return FLOORS.get(ceiling.kind, FLOORS["overhead"])


def _judged(pairs: Sequence[Pair], *, virtual: bool) -> tuple[Difference, ...]:
    families = _families(pairs)
    among = sum(bool(one.members) for one in families)
    shared = {id(pair): one.contrast.ratio for one in families for pair in one.members}
    moved = [_family_row(one, among=among, virtual=virtual) for one in families if one.members]
    if any(row.verdict == "changed" and row.kind == "clock" for row in moved):
        shared |= _by_the_clock(pairs, families[0].contrast.ratio)
    beside = [_beside(pair, shared.get(id(pair), 1.0)) for pair in pairs]
    passed = ranks.significant([one.p for one in beside], _AMONG_ROUNDS)
    rows = [
        _row(pair, one, shared.get(id(pair), 1.0), beyond_chance=told, among=len(pairs))
        for pair, one, told in zip(pairs, beside, passed, strict=True)
    ]
    return (*moved, *rows)


def _by_the_clock(pairs: Sequence[Pair], clock: float) -> Mapping[int, float]:
    """Return what a changed clock does to the inner caches; nothing further out need follow it."""
    inner = [pair for pair in pairs if pair.ceiling.level in ("L1", "L2")]
    rates = {id(pair): clock for pair in inner if pair.ceiling.kind == "bandwidth"}
    return rates | {id(pair): 1 / clock for pair in inner if pair.ceiling.kind == "latency"}


def _beside(pair: Pair, factor: float) -> Contrast:
    return contrast(pair.first, pair.second.times(1 / factor))


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
    verdict, why = _verdict(row, beyond_chance=told.p <= _ERROR / among, wide=0.0, among=among)
    neighbours = virtual and family.kind == "bandwidth" and _distance(told.ratio) <= NEIGHBOURS - 1
    if verdict == "changed" and neighbours:
        verdict, why = "can't tell", f"{why}: the machine or its neighbours"
    return replace(row, verdict=verdict, why=why)


def _row(
    pair: Pair, told: Contrast, shared: float, *, beyond_chance: bool, among: int
) -> Difference:
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
        floor=floor_of(pair.ceiling),
        rounds=_rounds(pair),
        same_code=_same_code(pair),
    )
    verdict, why = _verdict(row, beyond_chance=beyond_chance, wide=pair.wide, among=among)
    if pair.note == OTHER_SIZES:
        verdict = "can't tell"
    return replace(row, verdict=verdict, why=", ".join(filter(None, (why, *_notes(row, pair)))))


def _notes(row: Difference, pair: Pair) -> tuple[str, ...]:
    family = "all memory" if pair.ceiling.level == "DRAM" else "all clocks"
    moved = _distance(row.shared) > row.floor
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


def _verdict(
    row: Difference, *, beyond_chance: bool, wide: float, among: int
) -> tuple[Outcome, str]:
    """Return the verdict and its reason in a few words.

    A change must also be larger than the rounds of either calibration differ by (`wide`).
    """
    if row.interval is None:
        return "can't tell", "too few rounds"
    if beyond_chance and _distance(row.ratio) > max(row.floor, wide):
        return "changed", _by(row.ratio)
    if _at_its_best(row):
        return "changed", f"{_by(row.ratio)}, and so at its best"
    limit = min(row.floor, SAME_AT_MOST)
    if max(map(_distance, row.interval)) <= limit:
        return "same", f"within {limit:.0%}"
    if _distance(row.ratio) <= row.floor:
        return "can't tell", f"not surely within {limit:.0%}"
    if beyond_chance:
        return "can't tell", f"rounds of one calibration differ by {wide:.0%}"
    return "can't tell", f"may be chance (p = {row.p:.2g} of {among})"


def _at_its_best(row: Difference) -> bool:
    """Tell whether typical and best windows both did another number of FLOP in a cycle.

    Disturbed rounds overlap where undisturbed windows don't: in 284 pairs of one virtual machine's
    figures the 95th percentiles never differed by 1 %, so beyond the floor needs no ranks.
    """
    if row.peak is None or _distance(row.ratio) <= row.floor:
        return False
    return _distance(row.peak) > FLOORS["compute"] and (row.peak > 1) == (row.ratio > 1)


def _by(ratio: float) -> str:
    return f"{abs(ratio - 1):.0%} {'more' if ratio > 1 else 'less'}"


def _distance(ratio: float) -> float:
    """Return how far from 1 a ratio is, in either direction alike: 0.25 for 1.25 and for 0.8."""
    return max(ratio, 1 / ratio) - 1
