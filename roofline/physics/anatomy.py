"""In-core time taken apart: what each cause adds to the multiply-adds that a convolution needs.

Causes are taken away one after the other, from the whole to bare arithmetic, and the model of
`pressure` says each time what is left: the differences add up to the whole. What binds together
with something else is charged to the one that is taken away last.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from roofline.physics import pressure
from roofline.physics.cores import Core
from roofline.physics.pressure import Rates
from roofline.physics.tiling import Tiling
from roofline.physics.workload import conv_work
from roofline.records import ConvShape

# In the order in which they are taken away: the name of a cause, and the fields of `Core` and of
# `Rates` that make it cost nothing.
CAUSES: tuple[tuple[str, Mapping[str, float], Mapping[str, float]], ...] = (
    ("calls", {"call": 0.0, "short_call": 0.0, "exit": 0.0}, {}),
    ("chain", {"latency": 0.0, "window": math.inf}, {}),
    ("front end", {}, {"starts": math.inf}),
    # Permutations take turns with multiply-adds on pipes that both can use.
    ("permutations", {"permutes": math.inf, "arithmetic": math.inf, "stolen": 0.0}, {}),
    ("loads", {"broadcasts": math.inf}, {"loads": math.inf}),
    ("sums", {"stores": math.inf}, {}),
)
ARITHMETIC, LANES, BALANCE = "arithmetic", "lanes", "balance"
MULTIPLY_ADDS = "multiply-adds"
# What a tile's innermost loop can wait for beside multiply-adds.
LIMITS = ("loads", "permutations", "chain", "front end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What runs on which cores: everything that decides on in-core time."""

    shape: ConvShape
    tiling: Tiling
    core: Core
    rates: Rates
    threads: int

    @property
    def seconds(self) -> float:
        """Return the time of one call with all data in L1."""
        return max(self.loads)

    @property
    def mean(self) -> float:
        """Return the same, were work shared out evenly."""
        return math.fsum(self.loads) / self.threads

    @property
    def loads(self) -> list[float]:
        """Return what each thread has to do, in seconds."""
        return pressure.loads(self.shape, self.tiling, self.core, self.rates, self.threads)

    @property
    def bare(self) -> float:
        """Return the time of the multiply-adds on valid taps, every lane of every vector in use."""
        shape = self.shape
        executed = conv_work(shape).flops_executed or 0
        macs = (executed - shape.outputs * shape.bias) / 2
        return macs / (self.tiling.lanes * self.rates.multiplies * self.threads)

    def without(self, core: Mapping[str, float], rates: Mapping[str, float]) -> "Inside":
        """Return the same where these figures are other ones."""
        changed: dict[str, Any] = {**core}
        more: dict[str, Any] = {**rates}
        return replace(self, core=replace(self.core, **changed), rates=replace(self.rates, **more))


def anatomy(inside: Inside) -> dict[str, float]:
    """Return seconds by cause, bare arithmetic first; they add up to the in-core time."""
    parts = dict(_differences(inside))
    return {name: parts[name] for name in (ARITHMETIC, LANES, *_names(), BALANCE)}


def demands(inside: Inside) -> dict[str, float]:
    """Return the seconds that multiply-adds and one further limit would need, by that limit.

    Where it is more than multiply-adds alone, that limit binds in some tile.
    """
    alone = {name: _stripped(inside, keep=name).mean for name in LIMITS}
    return {MULTIPLY_ADDS: _stripped(inside, keep="").mean, **alone}


def _names() -> tuple[str, ...]:
    return tuple(name for name, _, _ in reversed(CAUSES))


def _differences(inside: Inside) -> Iterator[tuple[str, float]]:
    whole = inside.mean
    yield BALANCE, inside.seconds - whole
    for name, core, rates in CAUSES:
        inside = inside.without(core, rates)
        left = inside.mean
        yield name, whole - left
        whole = left
    yield LANES, whole - inside.bare
    yield ARITHMETIC, inside.bare


def _stripped(inside: Inside, *, keep: str) -> Inside:
    """Return the same with every cause but one gone."""
    for name, core, rates in CAUSES:
        if name != keep:
            inside = inside.without(core, rates)
    return inside
