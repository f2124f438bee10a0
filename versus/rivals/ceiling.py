"""The ceiling beside an operator: our own FMA or stream kernel, timed in the same minute."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from roofline.physics.robust import median
from versus.figures import Figure
from versus.operators import CEILING, amount, ceiling
from versus.rivals.rival import Statistic
from versus.run import Child
from versus.sizes import Host

_SAMPLES = 15


class Ceiling:
    """What the measuring process that runs our operators reaches with nothing but the roof's work.

    Args:
        child: that process.
        host: whose vectors and caches decide what the roof's work is.

    """

    name: ClassVar[str] = CEILING
    seconds: ClassVar[float] = 0.2
    statistic: ClassVar[Statistic] = "median"

    def __init__(self, child: Child, host: Host) -> None:
        self._child, self._host = child, host

    def version(self) -> str:
        """Return what it is."""
        return "our FMA and stream kernels"

    def why_absent(self) -> str | None:
        """Return nothing: it is always there."""
        return None

    def why_not(self, figure: Figure) -> str | None:
        """Return whether the figure is compared with its roof."""
        return None if self.name in figure.equivalents else "it is compared with a library"

    def rate(self, figure: Figure, cpus: Sequence[int]) -> float:
        """Time the roof's work, on as many threads as the figure has (the child knows which)."""
        del cpus
        case = ceiling(figure, self._host)
        answer = self._child.ask("run", case=dataclasses.asdict(case), samples=_SAMPLES)
        return amount(figure, case) / median(answer["seconds"])
