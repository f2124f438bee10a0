"""1x1 convolutions that touch everything: their positions are one long row."""

from dataclasses import replace
from functools import lru_cache

from roofline.records import ConvShape


# The few that are kept are those of one layer, which is asked about many times in a row.
@lru_cache(maxsize=16)
def flattened(shape: ConvShape) -> ConvShape:
    """Return a 1x1 convolution that touches everything as one long row; others as they are."""
    return replace(shape, height=1, width=shape.height * shape.width) if is_flat(shape) else shape


def is_flat(shape: ConvShape) -> bool:
    """Whether every output position reads just the input position at the same place."""
    return shape.kernel == (1, 1) == shape.stride and shape.padding == (0, 0)
