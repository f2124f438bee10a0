"""Which layers have so few input channels that these lie in planes instead of blocks."""

import math

from roofline.physics.flat import is_flat
from roofline.physics.passing import passes
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape

# Bits of vectors that give the front end time for a loop over single channels.
_WIDEST = 512
# Blocks of channels that may be planes instead.
_FEW_BLOCKS = 4
# Bytes of a way of a second-level cache; so many planes that fall on the same sets still are fast.
_WAY, _SAME_SETS = 1 << 16, 24
# Vectors of planes that aren't many, and so many where a stride leaves out rows.
_NOT_MANY, _STRIDED = 1.4, 2.4


def few_channels(shape: ConvShape, lanes: int, turn: int) -> bool:
    """Whether a group has too few input channels for blocks of them.

    What a few blocks leave over would be a slice of its own, filled up to a whole turn (of so many
    channels), whose sums come and go once more. Planes have neither, but a loop over single
    channels, which costs nothing where vectors are wide. Many taps read planes many times, though,
    and planes that lie whole ways of a cache apart fall on the same sets. A 1x1 whose inputs come
    from beyond a core's caches does better with blocks as soon as planes are many.
    """
    if shape.group_in < lanes:
        return True
    bits = 8 * lanes * ITEM_BYTES[shape.dtype]
    if bits < _WIDEST or shape.group_in > _FEW_BLOCKS * lanes or shape.group_in % lanes == 0:
        return False
    plane = shape.height * shape.width * ITEM_BYTES[shape.dtype]
    if shape.group_in * math.gcd(plane, _WAY) > _SAME_SETS * _WAY:
        return False
    if shape.kernel == (1, 1) and passes(shape):
        return shape.group_in <= (_NOT_MANY if is_flat(shape) else _STRIDED) * lanes
    return shape.kernel == (1, 1) or 0 < shape.group_in % turn <= turn // 2
