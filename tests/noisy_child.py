"""A measuring process on a core whose neighbours come and go, and take of chains and of loads."""

import random
from dataclasses import dataclass
from typing import Any

from tests.fake_child import FakeChild

# What a neighbour takes of a chain or of a load, at most, while it is there.
TAKEN = 0.4


@dataclass(slots=True, kw_only=True)
class NoisyChild(FakeChild):
    """The planted machine with neighbours.

    Attributes:
        there: the share of windows in which a neighbour holds up one chain, or the other.
        busy: the share of windows in which it takes some of the load.
        taken: of a load at least, in these; nothing is left unless it is below TAKEN.

    """

    there: float = 0.4
    busy: float = 0.5
    taken: float = 0.0

    def _run(self, case: dict[str, Any], samples: int, own: bool = False) -> dict[str, Any]:
        answer = FakeChild._run(self, case, samples, own)
        dice = random.Random(f"neighbour {self.seed} {len(self.asked)}")
        chains = answer["steps_per_second"]
        if {"imul", "vector"} <= set(chains):
            for window in range(samples):
                if dice.random() < self.there:
                    chains[dice.choice(("imul", "vector"))][window] *= 1 - self._part(dice, 0.04)
                if dice.random() < self.busy:
                    answer["seconds"][window] /= 1 - self._part(dice, self.taken)
        return answer

    def _part(self, dice: random.Random, least: float) -> float:
        return dice.uniform(least, TAKEN)
