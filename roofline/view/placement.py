"""Where labels go along one axis so that none covers another: pure arithmetic."""

from collections.abc import Sequence
from itertools import accumulate, pairwise


def spread(
    anchors: Sequence[float],
    sizes: Sequence[float],
    low: float = float("-inf"),
    high: float = float("inf"),
) -> list[float]:
    """Return label centres in the anchors' order, displaced as little as possible.

    Neighbours end up at least half the sum of their sizes apart, in least squares from their
    anchors: an isotonic regression by pooling adjacent violators (Ayer et al. 1955).

    Args:
        anchors: where each label wants its centre, on a linear scale (logarithms of a log axis).
        sizes: how much room each label takes there.
        low: no label begins below, as long as they fit.
        high: no label ends above, as long as they fit.

    """
    if not anchors:
        return []
    order = sorted(range(len(anchors)), key=lambda i: anchors[i])
    ordered = [sizes[i] for i in order]
    offsets = list(accumulate(((a + b) / 2 for a, b in pairwise(ordered)), initial=0.0))
    wanted = [anchors[i] - offset for i, offset in zip(order, offsets, strict=True)]
    first = low + ordered[0] / 2
    last = max(first, high - ordered[-1] / 2 - offsets[-1])
    placed = [0.0] * len(anchors)
    for i, offset, value in zip(order, offsets, _ascending(wanted), strict=True):
        placed[i] = min(max(value, first), last) + offset
    return placed


def _ascending(values: Sequence[float]) -> list[float]:
    """Return the non-decreasing sequence nearest to the values in least squares."""
    pools: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, more = pools.pop()
            mean = (mean * count + before * more) / (count + more)
            count += more
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]
