"""Windows whose two chains read different clocks, set apart before anything is concluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from calibrate.clocks import Chains, window_hertz
from roofline.physics import disturbed
from roofline.records import Ceiling, Finding, Measurement, Rounds, Scalar


@dataclass(frozen=True, slots=True)
class Parted:
    """A measurement without its disturbed windows, and how many there were of how many.

    Where too few would be left, all are kept: by the numbers the gate refuses them.
    """

    kept: Measurement
    apart: int = 0
    windows: int = 0

    @property
    def evidence(self) -> Mapping[str, Scalar]:
        """What a ceiling says of it: nothing where all windows were good."""
        return {"set_apart": self.apart, "windows": self.windows} if self.apart else {}


def part(one: Measurement, chains: Chains) -> Parted:
    """Set disturbed windows apart: neither their rates nor their clocks are used."""
    seen = window_hertz(one, chains)
    pairs = list(zip(seen.get("imul", ()), seen.get("vector", ()), strict=False))
    if not pairs:
        return Parted(one)
    for limit in disturbed.limits(one.case.threads):
        good = [abs(scalar / vector - 1) <= limit for scalar, vector in pairs]
        if not disturbed.too_few_left(good.count(False), len(good)):
            return Parted(_only(one, good), good.count(False), len(good))
    return Parted(one, good.count(False), len(good))


def _only(one: Measurement, good: Sequence[bool]) -> Measurement:
    """Return a measurement's good windows, in the rounds in which they were."""
    if all(good):
        return one
    return replace(
        one,
        seconds=_chosen(one.seconds, good),
        steps_per_second={c: _chosen(rows, good) for c, rows in one.steps_per_second.items()},
    )


def _chosen(rounds: Rounds, good: Sequence[bool]) -> Rounds:
    ends = pairwise(accumulate(map(len, rounds), initial=0))
    return tuple(
        tuple(value for value, is_good in zip(row, good[begin:end], strict=True) if is_good)
        for row, (begin, end) in zip(rounds, ends, strict=True)
    )


def found(ceilings: Sequence[Ceiling]) -> tuple[Finding, ...]:
    """Return what is said of the figures that lost windows, by the one that lost most."""
    lost = [c for c in ceilings if _lost(*disturbed.counts(c))]
    if not lost:
        return ()
    worst = max(lost, key=_share)
    some, of = disturbed.counts(worst)
    others = f", fewer of {len(lost) - 1} other loads" if len(lost) > 1 else ""
    cores = "1 core" if worst.threads == 1 else f"{worst.threads} cores"
    finding = Finding(
        severity="warning" if disturbed.often(some, of) else "note",
        what=f"set apart: {some} of {of} windows of {worst.name} ({cores}){others}",
        why_it_matters="two chains read different clocks in them: something took the core for a "
        "moment, on virtual CPUs often a neighbour; neither their rates nor their clocks are used",
        command="make calibrate, at a quieter hour",
    )
    return (finding,)


def _lost(some: int, of: int) -> bool:
    return some > 0 and not disturbed.too_few_left(some, of)


def _share(ceiling: Ceiling) -> float:
    some, of = disturbed.counts(ceiling)
    return some / of
