"""A convolution without the taps that fall on padding wherever they are, as our kernels run it.

Of an image of a few positions, a kernel that is wider mostly sees padding: of 3x3 on one position,
eight weights of nine are never used. Left out when weights are packed, the others lie together.
"""

from dataclasses import replace
from functools import lru_cache

from roofline.physics.workload import valid_taps
from roofline.records import ConvShape


@lru_cache(maxsize=4096)
def cropped(shape: ConvShape) -> ConvShape:
    """Return the shape with fewer taps, whose outputs are the same; itself where all are used."""
    axes = [_axis(shape, axis) for axis in (0, 1)]
    kernel, stride, padding, dilation = zip(*(shape_of for shape_of, _ in axes), strict=True)
    if (kernel, stride, padding, dilation) == (
        shape.kernel,
        shape.stride,
        shape.padding,
        shape.dilation,
    ):
        return shape
    return replace(shape, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def kept_taps(shape: ConvShape) -> tuple[range, range]:
    """Return which rows and columns of the kernel are left."""
    return _axis(shape, 0)[1], _axis(shape, 1)[1]


def _axis(shape: ConvShape, axis: int) -> tuple[tuple[int, int, int, int], range]:
    """Return kernel, stride, padding and dilation along an axis, and the taps that are kept."""
    size, kernel = (shape.height, shape.width)[axis], shape.kernel[axis]
    stride, padding = shape.stride[axis], shape.padding[axis]
    dilation, outputs = shape.dilation[axis], (shape.out_height, shape.out_width)[axis]
    as_it_is = (kernel, stride, padding, dilation), range(kernel)
    used = [tap for taps in set(valid_taps(shape, axis)) for tap in taps]
    if not used:
        return as_it_is
    # Padding can't be negative: what lies before the first tap then is kept.
    first, last = min(min(used), padding // dilation), max(used)
    count, left = last - first + 1, padding - first * dilation
    step, apart = (1 if outputs == 1 else stride), (1 if count == 1 else dilation)
    wide = size + 2 * left - apart * (count - 1) - 1
    if wide < 0 or wide // step + 1 != outputs:
        return as_it_is
    return (count, step, left, apart), range(first, last + 1)
