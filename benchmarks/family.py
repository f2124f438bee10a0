"""The contract of a kernel family: what a case needs to be run by one thread of a team."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.arena import Place
from benchmarks.kernels import Kernel, Recipe
from benchmarks.team import Segment
from roofline.records import Case


class Task(Protocol):
    """One thread's part of a case, with its parameters and memory."""

    def segment(self, repeats: int) -> Segment:
        """Return the part to be timed, for so many repetitions of the case."""

    def reset(self) -> None:
        """Spoil whatever the kernel should write, so that an old answer can't pass."""

    def correct(self, repeats: int) -> bool:
        """Whether memory holds the right answer after that many repetitions."""


@dataclass(frozen=True, slots=True)
class Family:
    """A file of kernels as the rig sees it: how one is made for a case, and put to work."""

    recipe: Callable[[Case], Recipe]
    task: Callable[[Case, Kernel, Place], Task]
