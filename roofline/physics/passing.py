"""Which layers' inputs pass through a core's own caches instead of staying there."""

from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape

# Bytes of inputs that don't stay in any core's own caches.
_PASSING = 1 << 20


def input_bytes(shape: ConvShape) -> int:
    """Return the bytes of all inputs of a call."""
    elements = shape.batch * shape.in_channels * shape.height * shape.width
    return elements * ITEM_BYTES[shape.dtype]


def passes(shape: ConvShape) -> bool:
    """Whether inputs are too many to stay in a core's own caches."""
    return input_bytes(shape) > _PASSING
