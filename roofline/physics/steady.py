"""When a figure is steady: how far its rounds may lie apart, and which of them lie too far."""

from collections.abc import Mapping, Sequence

from roofline.physics.robust import median
from roofline.records import Kind

# Rounds that differ more than this (1.4826 x MAD / median) make a figure noisy.
NOISY: Mapping[Kind, float] = {
    "compute": 0.03,
    "operation": 0.05,
    "bandwidth": 0.08,
    "latency": 0.1,
    "node": 0.1,
    "clock": 0.02,
    "capacity": 0.25,
    "overhead": 0.15,
    "effect": 0.1,
}
# So many spreads may the best and the worst round be away.
RANGE = 4


def far(kind: Kind, rounds: Sequence[float]) -> int:
    """Return how many rounds lie further from the median than a steady figure's may."""
    if not rounds:
        return 0
    typical = median(rounds)
    return sum(abs(one / typical - 1) > RANGE * NOISY[kind] for one in rounds)
