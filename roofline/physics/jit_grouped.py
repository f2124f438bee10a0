"""What oneDNN's kernel for groups of few input channels takes in the core (`jit:avx512_core`).

A call makes a row of a group's outputs, some vectors of them: each product broadcasts an input from
memory. Of fewer than 16 outputs a group, groups follow each other within a row, so that each call
writes few channels of every position (src/cpu/x64/jit_avx512_common_conv_kernel.cpp and
jit_avx512_common_convolution.cpp).
"""

from typing import NamedTuple

from roofline.physics.pace import LANES, Pace
from roofline.physics.pieces import whole_and_rest
from roofline.physics.workload import ITEM_BYTES, counts
from roofline.records import ConvShape

_NARROWER = (8, 4)
# Outputs of a row in a register block, of one vector; registers that several vectors share.
_WIDEST, _REGISTERS = 28, 31
_MOST_VECTORS = 5
_L1, _L2, _LINE = 48 << 10, 800 << 10, 64
# Lines of L1 that addresses a KiB apart share.
_KEPT = 48
# Read off 90 layers on one core of Zen 5 (version 3.12), in cycles: a call, a vector stored (the
# next group's call writes what is left of its line), such a line that isn't near, a tap's weights
# from L2.
_CALL, _STORE, _FAR, _WEIGHT = 66.0, 2.5, 24.0, 1.3
# A row of so many positions has its inputs broadcast from memory.
_SHORT, _MEDIUM, _FEW_OUTPUTS = 28, 147, 96


class Cut(NamedTuple):
    """Lanes of a vector, vectors of outputs together, positions of a block."""

    lanes: int
    vectors: int
    positions: int


def cut(shape: ConvShape) -> Cut:
    """Return how a row is cut."""
    lanes = LANES
    if max(shape.group_in, shape.group_out) < LANES:
        fits = (one for one in _NARROWER if not (shape.group_in % one or shape.group_out % one))
        lanes = next(fits, LANES)
    vectors, width = -(-shape.group_out // lanes), shape.out_width
    if _from_memory(shape, lanes):
        return Cut(lanes, 1, min(width, _WIDEST))
    together = next(n for n in range(min(vectors, _MOST_VECTORS), 0, -1) if vectors % n == 0)
    return Cut(lanes, together, min(width, _REGISTERS // (together + 1)))


def _from_memory(shape: ConvShape, lanes: int) -> bool:
    kernel, width = shape.kernel[1], shape.out_width
    columns = -(-shape.width // shape.stride[1])
    weights = 8 * shape.kernel[0] * kernel * lanes * lanes
    near = 4 * columns * lanes * shape.kernel[0] + 8 * width * lanes + weights < _L1
    short = kernel == 3 and width <= _SHORT and near
    if kernel > 3 or (short and (shape.stride == (1, 1) or shape.batch <= LANES)):
        return True
    few = width <= _MEDIUM and shape.group_out <= _FEW_OUTPUTS
    return shape.batch == 1 and (width <= _SHORT or few)


def computing(shape: ConvShape, pace: Pace) -> float:
    """Return the cycles of all calls of a layer."""
    made = cut(shape)
    chunks = -(-shape.group_out // (made.lanes * made.vectors))
    rows, columns = counts(shape, 0), counts(shape, 1)
    share = columns.executed / (shape.out_width * shape.kernel[1])
    turns = rows.executed * shape.kernel[1] * share * shape.group_in
    each = stores = 0.0
    for positions, many in whole_and_rest(shape.out_width, made.positions):
        each += many * pace.turn(positions * made.vectors, positions + made.vectors)
        stores += many * positions * made.vectors
    calls = shape.out_height
    taken = turns * each + calls * (_CALL + stores * _STORE)
    return shape.batch * (shape.groups * chunks * taken + _waiting(shape, made))


def _waiting(shape: ConvShape, made: Cut) -> float:
    """Return the cycles for which calls of an image wait for lines that other groups share."""
    item = ITEM_BYTES[shape.dtype]
    image = shape.out_height * shape.out_width * shape.out_channels * item
    shared = shape.group_out % LANES > 0
    written = image / _LINE * _FAR if shared and image * shape.batch > _L2 else 0.0
    # Of whole vectors each tap's weights begin a KiB: few of them fit L1 together.
    taps = shape.kernel[0] * shape.kernel[1]
    many = taps * (shape.groups if shape.group_out < LANES else 1)
    chunks = -(-shape.group_out // (made.lanes * made.vectors))
    loads = counts(shape, 0).executed * shape.kernel[1] * shape.group_in * shape.groups * chunks
    again = loads * _WEIGHT if made.lanes == LANES and many > _KEPT else 0.0
    return written + again
