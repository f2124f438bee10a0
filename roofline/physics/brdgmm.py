"""What oneDNN's depthwise kernels take in the core: a call makes a whole row, all channels of it.

Blocks of positions by vectors of channels go through all taps that fall on the image. Without a
stride the taps of a kernel row share the inputs that are in registers; else each product loads its
own (src/cpu/x64/brgemm/brgemm_utils.cpp, jit_brdgmm_kernel.cpp). Dilated ones have a kernel of
their own, which loads an input a product, too (jit_uni_dw_conv_kernel_f32.cpp).
"""

from roofline.physics.pace import LANES, LATENCY, Pace
from roofline.physics.pieces import whole_and_rest
from roofline.physics.workload import ITEM_BYTES, counts
from roofline.records import ConvShape

_REGISTERS, _MOST_VECTORS = 32, 4
# Taps of a kernel row that share inputs, at most.
_MOST_TAPS = 13
# Positions of a block of the dilated kernel.
DILATED = 6
_STAYING, _LINE = 40 << 10, 64
# Read off 67 layers on one core of Zen 5 (version 3.12), in cycles: a call, a tap (or row of them)
# of a block, a vector stored, a line that L1 does not hold.
_CALL, _ELEMENT, _STORE, _NEAR = 55.0, 12.0, 1.5, 0.9


def is_dilated(shape: ConvShape) -> bool:
    """Whether the other kernel runs it."""
    return shape.dilation != (1, 1)


def computing(shape: ConvShape, pace: Pace) -> float:
    """Return the cycles of all rows of a depthwise layer."""
    vectors = -(-shape.out_channels // LANES)
    together = shape.stride[1] == 1 and 1 < shape.kernel[1] <= _MOST_TAPS and not is_dilated(shape)
    size, across = _block(shape, vectors, together=together)
    rows, columns = counts(shape, 0), counts(shape, 1)
    taps = columns.executed / shape.out_width
    crossed = 2.0 if shape.in_channels * ITEM_BYTES[shape.dtype] % _LINE else 1.0
    taken = 0.0
    for positions, many in whole_and_rest(shape.out_width, size):
        for wide, times in whole_and_rest(vectors, across):
            if together:
                loads = (positions + taps - 1) * crossed * wide + taps * wide
                each = pace.turn(positions * taps * wide, loads, taps * LATENCY)
                each += _ELEMENT
            else:
                loads = positions * crossed * wide + wide
                each = pace.turn(positions * wide, loads)
                each = taps * (each + _ELEMENT)
            sums = positions * wide * _STORE * crossed
            taken += many * times * (rows.executed * each + shape.out_height * sums)
    waits = _waiting(shape, size)
    return shape.batch * (taken + shape.out_height * _CALL + waits)


def _waiting(shape: ConvShape, size: int) -> float:
    """Return the cycles for which blocks of an image wait for lines that L1 doesn't hold."""
    pixel = shape.in_channels * ITEM_BYTES[shape.dtype]
    wide = (size - 1) * shape.stride[1] + (shape.kernel[1] - 1) * shape.dilation[1] + 1
    weights = shape.kernel[0] * shape.kernel[1] * pixel
    if shape.kernel[0] * wide * pixel + weights <= _STAYING:
        return 0.0
    rows, columns = counts(shape, 0), counts(shape, 1)
    each = min(wide, columns.touched) + shape.kernel[1]
    lines = rows.executed * -(-shape.out_width // size) * each * -(-pixel // _LINE)
    return lines * _NEAR


def _block(shape: ConvShape, vectors: int, *, together: bool) -> tuple[int, int]:
    """Return the positions and vectors of a block."""
    most = min(_MOST_VECTORS, vectors)
    if is_dilated(shape):
        return min(DILATED, shape.out_width), most
    if not together:
        return min(shape.out_width, (_REGISTERS - 1) // most), most
    across = 2 if most % 2 == 0 else 1
    room = (_REGISTERS - most) // across - shape.kernel[1] + 1
    return max(1, min(shape.out_width, room // 2)), across
