"""What oneDNN's convolutions take in the core, channels last, by how the library is built.

Which of its kernels runs follows from the shape alone (src/cpu/cpu_convolution_list.cpp and what
each implementation refuses); how each is cut and what it loads is told by `brgemm`, `brdgmm` and
`jit_grouped`. That structure is published, for vectors of 512 bits; what calls and misses cost was
read off on one core of Zen 5, nothing is fitted to a machine.
"""

import math

from roofline.physics import brdgmm, brgemm, jit_grouped
from roofline.physics.pace import LANES, Pace
from roofline.physics.tiling import lanewise
from roofline.records import ConvShape

# A channel's matrix product in the reference of last resort.
_PRODUCT = 1600.0
# Taps beyond which a batch of single positions is an inner product.
_FEW_TAPS = 27


def kernel(shape: ConvShape) -> str:
    """Return who runs a shape: "brdgmm", "brgemm", "jit" or "gemm"."""
    if lanewise(shape):
        # Kernels of dilated ones need more positions than padding.
        wide = shape.padding[1] <= min(brdgmm.DILATED, shape.out_width)
        return "brdgmm" if shape.dilation == (1, 1) or wide else "gemm"
    if shape.groups == 1 or shape.group_in > LANES:
        return "brgemm"
    return "jit" if shape.padding[1] <= jit_grouped.cut(shape).positions else "brgemm"


def computing(shape: ConvShape, pace: Pace, threads: int) -> float:
    """Return the cycles of a call on all threads together, tensors in near caches."""
    who = kernel(shape)
    if who == "brdgmm":
        return brdgmm.computing(shape, pace)
    if who == "jit":
        return jit_grouped.computing(shape, pace)
    if who == "gemm":
        return shape.batch * shape.groups * _PRODUCT
    if _is_inner_product(shape):
        return brgemm.product(
            shape.batch, shape.out_channels, shape.in_channels * math.prod(shape.kernel), pace
        )
    return brgemm.computing(shape, pace, threads)


def _is_inner_product(shape: ConvShape) -> bool:
    single = shape.out_height == shape.out_width == 1 and shape.padding == (0, 0)
    plain = shape.groups == 1 and shape.stride == shape.dilation == (1, 1)
    return single and plain and shape.batch > 1 and math.prod(shape.kernel) > _FEW_TAPS
