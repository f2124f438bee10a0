"""What a set of layers teaches about FLOPs and time, computed from the rows and never assumed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from roofline.records import Comparison, ConvShape

FEWEST_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A dense convolution and the depthwise one of equal shape.

    Attributes:
        fewer_flops: the dense one's operations / the depthwise one's.
        less_time: the same of their measured times; below 1 the depthwise one is slower.

    """

    dense: str
    depthwise: str
    fewer_flops: float
    less_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One layer of a ladder, relative to the one with a single group.

    Attributes:
        channels: input channels of one group: what vectors are filled with.
        flops, seconds: as a share of those with one group.

    """

    name: str
    groups: int
    channels: int
    flops: float
    seconds: float

    @property
    def seconds_per_flop(self) -> float:
        """What one operation costs, relative to the same with one group."""
        return self.seconds / self.flops


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Layers that are equal but for their groups, by ascending groups; the first has one."""

    shape: ConvShape
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How far time is from proportional to operations: the extremes of FLOP/s achieved."""

    fastest: str
    fastest_rate: float
    slowest: str
    slowest_rate: float

    @property
    def spread(self) -> float:
        """How many times more an operation costs in the slowest layer than in the fastest."""
        return self.fastest_rate / self.slowest_rate


def exchanges(rows: Iterable[Comparison]) -> tuple[Exchange, ...]:
    """Return the measured pairs of a dense and a depthwise layer, equal but for their groups."""
    found = []
    for family in _families(rows).values():
        dense = next((one for one in family if one.conv_class == "dense"), None)
        thin = next((one for one in family if one.conv_class == "depthwise"), None)
        if dense and thin:
            found.append(_exchange(dense, thin))
    return tuple(found)


def ladders(rows: Iterable[Comparison]) -> tuple[Ladder, ...]:
    """Return the measured series over groups, from one group through at least two other numbers."""
    found = []
    for shape, family in _families(rows).items():
        # Of equal layers the first counts.
        by_groups = {one.row.shape.groups: one for one in reversed(family)}
        if 1 in by_groups and len(by_groups) >= FEWEST_STEPS:
            steps = tuple(_step(by_groups[n], by_groups[1]) for n in sorted(by_groups))
            found.append(Ladder(shape=shape, steps=steps))
    return tuple(found)


def pace(rows: Iterable[Comparison]) -> Pace | None:
    """Return the fastest and the slowest layer by FLOP/s, or None with fewer than two measured."""
    rates = sorted((rate, row.name) for row in rows if (rate := achieved(row)))
    if len(rates) < 2:
        return None
    (slowest_rate, slowest), (fastest_rate, fastest) = rates[0], rates[-1]
    return Pace(
        fastest=fastest, fastest_rate=fastest_rate, slowest=slowest, slowest_rate=slowest_rate
    )


def beyond_memory(rows: Iterable[Comparison]) -> tuple[int, int]:
    """Return how many measured layers beat the roof of cold data (rung b), and of how many.

    They may: data that stay in a cache don't cross the memory bus again.
    """
    known = [
        (row.measured.seconds, cold)
        for row in rows
        if row.measured and (cold := row.prediction.rungs.get("b")) is not None
    ]
    return sum(seconds < cold for seconds, cold in known), len(known)


def achieved(row: Comparison) -> float | None:
    """Return the nominal FLOP/s of a layer, or None when it wasn't measured."""
    return row.prediction.work.flops / row.measured.seconds if row.measured else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    row: Comparison
    seconds: float

    @property
    def flops(self) -> int:
        return self.row.prediction.work.flops

    @property
    def conv_class(self) -> str:
        return self.row.shape.conv_class


def _families(rows: Iterable[Comparison]) -> Mapping[ConvShape, list[_Timed]]:
    """Return the measured rows by their shape without groups, in the order given."""
    families: dict[ConvShape, list[_Timed]] = {}
    for row in rows:
        if row.measured:
            timed = _Timed(row=row, seconds=row.measured.seconds)
            families.setdefault(replace(row.shape, groups=1), []).append(timed)
    return families


def _exchange(dense: _Timed, thin: _Timed) -> Exchange:
    return Exchange(
        dense=dense.row.name,
        depthwise=thin.row.name,
        fewer_flops=dense.flops / thin.flops,
        less_time=dense.seconds / thin.seconds,
    )


def _step(one: _Timed, base: _Timed) -> Step:
    return Step(
        name=one.row.name,
        groups=one.row.shape.groups,
        channels=one.row.shape.group_in,
        flops=one.flops / base.flops,
        seconds=one.seconds / base.seconds,
    )
