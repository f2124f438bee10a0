"""First touch: one store a page over memory that has never been touched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import cases
from benchmarks.arena import Place
from benchmarks.family import Family
from benchmarks.kernels import Kernel, Recipe
from benchmarks.simd import I64, Emitter, Value, kernel
from benchmarks.team import Segment
from roofline.records import Case

MARK = 0x5A5A5A5A
# Words of the parameter block.
PAGES, START, STRIDE = range(3)


def build() -> Callable[[int], int]:
    """Make the kernel: MARK stored at START, START + STRIDE, … PAGES times."""

    def emit(builder: Any, block: Value) -> None:
        e = Emitter(builder, "int64", 64)
        stride = e.parameter(block, STRIDE)

        def body(carried: list[Value]) -> list[Value]:
            builder.store(e.integer(MARK), builder.inttoptr(carried[0], I64.as_pointer()))
            return [e.advance(carried[0], stride)]

        e.loop(e.parameter(block, PAGES), [e.parameter(block, START)], body)

    return kernel(emit)


def recipe(_case: Case) -> Recipe:
    """Return how the kernel is made."""
    return Recipe("benchmarks.pagefault", "build")


@dataclass(slots=True)
class TouchTask:
    """One thread's pages."""

    case: Case
    kernel: Kernel
    place: Place

    @property
    def stride(self) -> int:
        """Bytes from page to page."""
        return cases.HUGE_PAGE if self.case.parameters.get("huge") else cases.SMALL_PAGE

    def segment(self, repeats: int) -> Segment:
        """Return one walk over all pages; only the first is a first touch."""
        words = [cases.pages(self.case), self.place.output.address, self.stride]
        return Segment(self.kernel, np.array(words, np.int64), repeats, keep=self)

    def reset(self) -> None:
        """Leave the pages alone: spoiling them would be the first touch."""

    def correct(self, _repeats: int) -> bool:
        """Whether each page holds the mark."""
        words = self.place.output.view("int64")[:: self.stride // 8]
        return bool((words[: cases.pages(self.case)] == MARK).all())


FAMILY = Family(recipe, TouchTask)
