"""Pairs of runs, ours and a rival's in turn, and what their ratios say."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from roofline.errors import RooflineError
from roofline.physics.robust import median, median_interval
from versus.figures import Figure
from versus.rivals.rival import Rival, Statistic

PAIRS = 9
# A run of ours has no fewer samples than a calibration's round, and no more than fit a message.
_FEWEST, _MOST = 7, 2000
_TRIAL = 3


class Child(Protocol):
    """What is asked of a measuring process (`roofline.host.worker.Worker`)."""

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Send a request and return its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both sides of a figure within seconds of each other, in FLOP/s or B/s.

    Attributes:
        ours: the median of our samples, as a calibration takes it.
        ours_mean: all our work by all our time, for a rival that reports just that.

    """

    ours: float
    theirs: float
    ours_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All pairs of one figure with one rival."""

    figure: Figure
    rival: str
    statistic: Statistic
    pairs: tuple[Pair, ...]

    @property
    def ours(self) -> float:
        """The median of our runs."""
        return median([pair.ours for pair in self.pairs])

    @property
    def theirs(self) -> float:
        """The median of the rival's runs."""
        return median([pair.theirs for pair in self.pairs])

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours / theirs, by pair."""
        return tuple(pair.ours / pair.theirs for pair in self.pairs)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The distribution-free 95 % interval of that median; None with too few pairs."""
        return median_interval(self.ratios)

    @property
    def ratio_of_means(self) -> float | None:
        """The median ratio with our mean in place of our median, where theirs is a mean."""
        if self.statistic == "median":
            return None
        return median([pair.ours_mean / pair.theirs for pair in self.pairs])

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where none is set, or the pairs are too few to say.

        By means, too, where theirs is one: on a busy machine a median is ahead of any mean.
        """
        if self.figure.goal is None or self.interval is None:
            return None
        least = min(self.ratio, self.ratio_of_means or self.ratio)
        return least >= self.figure.goal and self.interval[1] >= (self.figure.reaching or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What could not be compared, and why; `failed` when it should have been."""

    rival: str
    figures: tuple[str, ...]
    reason: str
    failed: bool = False


@dataclass(slots=True)
class Compared:
    """What a run has found: rows, and what was left out."""

    rows: list[Row] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


class Ours:
    """Our side: each run on freshly mapped memory, timed as a calibration times it.

    Args:
        child: a measuring process.
        prepared: every figure that a calibration has, so that memory is mapped as there.

    """

    def __init__(self, child: Child, prepared: Sequence[Figure]) -> None:
        self._child = child
        self._samples: dict[tuple[str, float], int] = {}
        child.ask("prepare", cases=[dataclasses.asdict(figure.case) for figure in prepared])

    def rates(self, figure: Figure, seconds: float) -> tuple[float, float]:
        """Return the median and the mean rate of samples that last about so long together."""
        self._child.ask("begin_round")
        case = dataclasses.asdict(figure.case)
        key = (figure.case.key, seconds)
        if key not in self._samples:
            trial = self._child.ask("run", case=case, samples=_TRIAL)
            wanted = math.ceil(seconds / (trial["loops"] * median(trial["seconds"])))
            self._samples[key] = min(max(wanted, _FEWEST), _MOST)
        seen = self._child.ask("run", case=case, samples=self._samples[key])["seconds"]
        return figure.rate(median(seen)), figure.rate(sum(seen) / len(seen))


Progress = Callable[[int, int, str], None]


def compare(
    figures: Sequence[Figure],
    rivals: Sequence[Rival],
    ours: Ours,
    cpus: Sequence[int],
    *,
    pairs: int = PAIRS,
    progress: Progress = lambda _done, _total, _what: None,
) -> Compared:
    """Compare every figure with every rival that has it, a rival at a time.

    Args:
        figures: what is compared.
        rivals: with whom; absent ones are said.
        ours: our side.
        cpus: where both run, as many of them as a figure has threads.
        pairs: how many runs of each side.
        progress: told how many pairs of how many are done, and which is next.

    """
    compared = Compared()
    todo = [
        (rival, figure) for rival in rivals for figure in _comparable(rival, figures, compared.left)
    ]
    for place, (rival, figure) in enumerate(todo):
        done: list[Pair] = []
        try:
            for pair in _paired(figure, rival, ours, cpus[: figure.case.threads], pairs):
                done.append(pair)
                progress(place * pairs + len(done), len(todo) * pairs, figure.name)
        except _RivalError as error:
            compared.left.append(_failure(rival, figure, str(error)))
            continue
        row = Row(figure=figure, rival=rival.name, statistic=rival.statistic, pairs=tuple(done))
        compared.rows.append(row)
    return compared


class _RivalError(Exception):
    """A rival's run failed; ours goes on."""


def _failure(rival: Rival, figure: Figure, reason: str) -> Left:
    return Left(rival=rival.name, figures=(figure.name,), reason=reason.rstrip("."), failed=True)


def _comparable(rival: Rival, figures: Sequence[Figure], left: list[Left]) -> Iterator[Figure]:
    """Yield what a rival can do; what it can't is said once a reason."""
    absent = rival.why_absent()
    if absent is not None:
        left.append(Left(rival=rival.name, figures=(), reason=absent))
        return
    reasons: dict[str, list[str]] = {}
    for figure in figures:
        reason = rival.why_not(figure)
        if reason is None:
            yield figure
        else:
            reasons.setdefault(reason, []).append(figure.name)
    for reason, names in reasons.items():
        left.append(Left(rival=rival.name, figures=tuple(names), reason=reason))


def _paired(
    figure: Figure, rival: Rival, ours: Ours, cpus: Sequence[int], pairs: int
) -> Iterator[Pair]:
    """Yield pairs in the order ours, theirs, theirs, ours, ...: drift hits both sides alike."""
    for number in range(pairs):
        if number % 2 == 0:
            mine = ours.rates(figure, rival.seconds)
            theirs = _theirs(rival, figure, cpus)
        else:
            theirs = _theirs(rival, figure, cpus)
            mine = ours.rates(figure, rival.seconds)
        yield Pair(ours=mine[0], theirs=theirs, ours_mean=mine[1])


def _theirs(rival: Rival, figure: Figure, cpus: Sequence[int]) -> float:
    try:
        return rival.rate(figure, cpus)
    except RooflineError as error:
        raise _RivalError(str(error)) from error
