"""A node of memory, the CPUs next to it, and how a case's parameters list CPUs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNode:
    """One node that has memory.

    Attributes:
        number: as the system counts; there may be gaps.
        cpus: those of a team that are next to it, in the team's order; none of a node that is
            memory only.
        free_bytes: what of it is free.

    """

    number: int
    cpus: tuple[int, ...] = ()
    free_bytes: int = 0


def cpu_text(cpus: Iterable[int]) -> str:
    """Return CPUs as the kernel lists them: "0-3,8"."""
    return ",".join(_spans(sorted(cpus)))


def cpu_numbers(text: str) -> tuple[int, ...]:
    """Return the CPUs of such a list.

    Raises:
        ValueError: it is none.

    """
    ends = [[int(end) for end in part.split("-")] for part in text.split(",") if part]
    return tuple(cpu for span in ends for cpu in range(span[0], span[-1] + 1))


def _spans(ordered: list[int]) -> Iterator[str]:
    # Neighbours are as far from their places in the list as each other.
    for _, run in groupby(enumerate(ordered), lambda one: one[1] - one[0]):
        cpus = [cpu for _, cpu in run]
        yield str(cpus[0]) if len(cpus) == 1 else f"{cpus[0]}-{cpus[-1]}"
