"""Tensors in memory just mapped, each part first touched by the thread that will use it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.buffers import PAGE, PATTERN, STAGGER, Buffer, random_normal, repeat
from benchmarks.team import Team

Array = NDArray[Any]


class Tensor:
    """A flat tensor that begins so far into a page that no other one begins there.

    Args:
        elements: how many.
        dtype: "float32" or "float64".
        place: its number among the operator's tensors; see `benchmarks.arena.Place`.

    """

    def __init__(self, elements: int, dtype: str, place: int = 0) -> None:
        self.elements, self.dtype = elements, dtype
        self._item = np.dtype(dtype).itemsize
        skip = place * STAGGER % PAGE
        self._buffer = Buffer(skip + elements * self._item, huge=True)
        self.address = self._buffer.address + skip
        self.flat: Array = self._buffer.view(dtype)[skip // self._item :][:elements]

    def fill(self, first: int, last: int, seed: int) -> None:
        """Fill a part with normal random numbers; call it on the thread that will use it."""
        pattern = random_normal(PATTERN, self.dtype, seed)
        repeat(pattern, self.flat, first, last)


def share(elements: int, threads: int, quantum: int) -> list[range]:
    """Cut so many elements into one range a thread, at multiples of a quantum."""
    ends = [min(elements, elements * i // threads // quantum * quantum) for i in range(threads)]
    return [range(a, b) for a, b in zip(ends, [*ends[1:], elements], strict=True)]


def touch(team: Team, threads: int, tensors: Sequence[Tensor], quantum: int) -> None:
    """Fill tensors, each thread its share of every one."""
    shares = [share(tensor.elements, threads, quantum) for tensor in tensors]

    def fill(index: int) -> None:
        for seed, (tensor, parts) in enumerate(zip(tensors, shares, strict=True)):
            tensor.fill(parts[index].start, parts[index].stop, seed + 11)

    team.each(threads, fill)
