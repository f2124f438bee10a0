"""Which thread runs which units of a convolution, and how often."""

import functools
from collections import Counter

from roofline.physics.owners import owners
from roofline.physics.tally import Counted, counted
from roofline.physics.tiling import Tiling
from roofline.records import ConvShape


# A layer is asked about with typical, best and worst rates, one after the other.
@functools.lru_cache(maxsize=8)
def dealt(
    shape: ConvShape, tiling: Tiling, threads: int
) -> tuple[tuple[tuple[Counted, int], ...], ...]:
    """Return what each thread runs of all images: units, each with how often it comes."""
    image = counted(shape, tiling)
    unit = {id(one): one for one in image}
    numbers = [id(one) for one in image]
    if threads == 1:
        parts = [Counter({one: shape.batch * times for one, times in Counter(numbers).items()})]
    else:
        parts = [Counter[int]() for _ in range(threads)]
        costs = [one.cost for one in image] * shape.batch
        for one, thread in zip(numbers * shape.batch, owners(costs, threads), strict=True):
            parts[thread][one] += 1
    return tuple(tuple((unit[one], times) for one, times in part.items()) for part in parts)
