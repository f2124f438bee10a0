"""Latency: a chain of loads, each at the address that the one before brought.

The chain visits every cache line of the working set once, in random order, so that no prefetcher
guesses the next; a call goes on where the last one ended.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import cases
from benchmarks.arena import Place
from benchmarks.assembly import Expectation
from benchmarks.family import Family
from benchmarks.kernels import Kernel, Recipe
from benchmarks.mnemonics import pointer_load
from benchmarks.simd import I64, Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.records import Case

LINE = 64
UNROLL = 16
# Words of the parameter block.
TURNS, POINTER = range(2)


def build() -> Callable[[int], int]:
    """Make the kernel: TURNS x UNROLL dependent loads from POINTER, which then names the last."""

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, "int64", 64)

        def body(carried: list[Value]) -> list[Value]:
            pointer = carried[0]
            for _ in range(UNROLL):
                pointer = builder.load(builder.inttoptr(pointer, I64.as_pointer()))
            return [pointer]

        end = e.loop(e.parameter(block, TURNS), [e.parameter(block, POINTER)], body)[0]
        place = e.advance(block, 8 * POINTER)
        builder.store(end, builder.inttoptr(place, I64.as_pointer()))

    return kernel(emit)


def recipe(_case: Case) -> Recipe:
    """Return how the kernel is made, and what its hot loop must hold."""
    name, operands = pointer_load()
    wanted = Expectation(instruction=name, register=operands, count=UNROLL)
    return Recipe("benchmarks.latency", "build", (), (wanted,))


@dataclass(slots=True)
class ChaseTask:
    """One thread's chain of lines, in the order of the walk."""

    kernel: Kernel
    place: Place
    order: NDArray[np.int64]
    block: NDArray[np.int64]

    def segment(self, repeats: int) -> Segment:
        """Return that many calls of CHASE_STEPS loads."""
        return Segment(self.kernel, self.block, repeats, keep=self)

    def reset(self) -> None:
        """Go back to the chain's beginning."""
        self.block[POINTER] = self._line(0)

    def correct(self, repeats: int) -> bool:
        """Whether the walk is where NumPy says it is."""
        return bool(self.block[POINTER] == self._line(repeats * cases.CHASE_STEPS))

    def _line(self, step: int) -> int:
        return self.place.output.address + int(self.order[step % self.order.size]) * LINE


def task(case: Case, kernel: Kernel, place: Place) -> ChaseTask:
    """Return one thread's part: the chain is written into its output memory."""
    order, following = _walk(case.working_set_bytes // case.threads // LINE)
    words = place.output.view("int64")[:: LINE // 8][: order.size]
    np.add(following, place.output.address, out=words)
    if case.parameters.get("level") == cases.MEMORY:
        # What was written last would still lie in the caches.
        place.inputs.view("int64")[:: LINE // 8].max(initial=0)
    block = np.array([cases.CHASE_STEPS // UNROLL, place.output.address + order[0] * LINE])
    return ChaseTask(kernel, place, order, block)


@functools.lru_cache(maxsize=8)
def _walk(lines: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a random order of lines, and for each line where the next begins, in bytes."""
    order = np.random.default_rng(9).permutation(lines)
    following = np.empty(lines, np.int64)
    following[order] = np.roll(order, -1) * LINE
    return order, following


FAMILY = Family(recipe, task)
