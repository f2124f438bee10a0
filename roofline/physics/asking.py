"""What our convolution kernels ask for (prefetch) before they use it: weights, rows, planes."""

import math

from roofline.physics.flat import is_flat
from roofline.physics.passing import passes
from roofline.physics.tiling import Tiling, out_blocks, planar, touched_taps
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape

# Bytes of weights that stay in any core's first cache level beside what passes by.
_STAYING = 16 << 10
# So few tiles of the same weights load about as much as they compute: who asked would load twice.
_FEW_TILES = 8
# Planes that hardware follows at once.
_FOLLOWED = 4


def weights_asked(shape: ConvShape, lanes: int, tiles: int) -> bool:
    """Whether so many tiles of broadcast kernels ask for the weights after theirs.

    Not where all stay in L1, nor where some are never used: taps that fall on no input; nor few.
    """
    if tiles <= _FEW_TILES:
        return False
    outputs, taps = shape.groups * out_blocks(shape, lanes) * lanes, math.prod(shape.kernel)
    if outputs * shape.group_in * taps * ITEM_BYTES[shape.dtype] <= _STAYING:
        return False
    return touched_taps(shape) == taps


def rows_asked(shape: ConvShape, tiling: Tiling) -> int:
    """Return how many rows of inputs, behind its own, each depthwise tile asks for.

    These are what the next row of outputs is the first to read: else all its tiles wait for them
    in turn. None where inputs stay near, rows of taps lie apart, or rows of outputs share none.
    """
    together = tiling.strategy == "lanewise" and shape.dilation[0] == 1
    shared = shape.kernel[0] > 1 and shape.kernel[0] >= shape.stride[0]
    return shape.stride[0] if together and shared and passes(shape) else 0


def planes_asked(shape: ConvShape, lanes: int) -> bool:
    """Whether a tile of broadcast kernels asks for the next one's inputs in every plane.

    Else only in the first one: where inputs stay near, or lie in so few planes, in the order in
    which tiles go, that hardware follows all of them.
    """
    followed = is_flat(shape) and shape.group_in <= _FOLLOWED
    return planar(shape, lanes) and not followed and passes(shape)
