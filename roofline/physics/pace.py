"""What a core does a cycle, as models of libraries' kernels ask it."""

from dataclasses import dataclass

LANES = 16
"""Elements of single precision in a vector of 512 bits, for which oneDNN's kernels are known."""

LATENCY = 4
"""Cycles until the next multiply-add may use a sum: 4 on most cores, 5 on some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a core does a cycle: multiply-adds of vectors, and loads."""

    multiplies: float
    loads: float

    def turn(self, products: float, loads: float, waits: float = LATENCY) -> float:
        """Return the cycles of so many products and loads, whose sums wait so long at least."""
        return max(products / self.multiplies, loads / self.loads, waits)
