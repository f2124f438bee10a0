"""Where a layer's time goes: the parts of a prediction, what would change it, what is lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roofline.records.conv import ConvShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One share of a predicted time.

    Attributes:
        name: a word for it: "arithmetic", "lanes", "loads", "L2", "barrier", …
        seconds: what it adds; parts of one prediction add up to it.
        about: what it is here, in words, with the numbers behind it; "" where it isn't there.
        flops, bytes: operations done or bytes moved, where it is about these.

    """

    name: str
    seconds: float
    about: str
    flops: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Another shape, team or state of the caches, and what the same model says of it.

    Attributes:
        what: the change in words.
        flops: nominal operations, relative to the layer's.
        seconds: predicted, by the rung that explains.
        ratio: of these to the layer's predicted seconds; of a larger batch, per image.

    """

    what: str
    shape: ConvShape
    threads: int
    flops: float
    seconds: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a layer takes as long as it does.

    Attributes:
        rung: whose prediction the parts add up to; `rungs` has the seconds of all.
        predicted: its seconds.
        unexplained: measured - predicted; None when it wasn't measured.
        ports: seconds that each port would need were it alone, "multiply-adds" first.
        binds: what to do about, in words: the ceiling, and the largest avoidable part.
        beside: what isn't in the time but belongs to the picture (first touch of pages).

    """

    name: str
    shape: ConvShape
    rung: str
    rungs: Mapping[str, float | None]
    predicted: float
    measured: float | None
    unexplained: float | None
    parts: tuple[Part, ...]
    ports: tuple[Part, ...] = ()
    binds: str = ""
    beside: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One step of a waterfall: what a cause adds to the time; below 0 where it saves.

    Attributes:
        seconds: None where it wasn't measured.
        interval: 95 % interval, of what was measured twice; else None.

    """

    name: str
    seconds: float | None
    about: str = ""
    interval: tuple[float, float] | None = None

    @property
    def measurable(self) -> bool:
        """Whether it is known to be more than nothing, or less."""
        if self.seconds is None or self.interval is None:
            return self.seconds is not None
        return not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The time on paper and what is lost on the way to the measured one.

    Attributes:
        start: seconds on the first roof that is known; `basis` says which.
        losses: in order; start and losses add up to the end.
        seconds: the end, measured: of the unprepared run where there was one.
        system_measured: whether what the operating system costs was.

    """

    name: str
    basis: str
    start: float
    losses: tuple[Loss, ...] = field(default_factory=tuple)
    seconds: float
    system_measured: bool
