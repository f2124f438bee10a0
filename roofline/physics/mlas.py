"""What ONNX Runtime's convolutions take in the core, by how its library MLAS is built.

Where channels fill its blocks (onnxruntime/core/optimizer/nchwc_transformer.cc) a register tile
has a few outputs of a row by four vectors of output channels; outputs with a tap on padding are
made one by one, and sums wait for the one before (core/mlas/lib/snchwc.cpp and its assembly). Few
input channels are added plane by plane, each time to sums in memory. Else what taps read is copied
into a matrix, which is copied into panels and multiplied, group by group (convolve.cpp, sgemm.cpp).

That structure is published. What copying costs was read off 432 layers on one core of Zen 5
(version 1.32), in cycles, what copies between layouts cost off 186 that were run end to end and as
a kernel alone; nothing is fitted to a machine.
"""

import math

from roofline.physics.flat import is_flat
from roofline.physics.pace import LATENCY, Pace
from roofline.physics.tiling import lanewise
from roofline.physics.workload import ITEM_BYTES, valid_taps
from roofline.records import ConvShape

# Channels of an input, or of the outputs of groups, come in so many at once, or as a matrix.
_CHANNELS_AT_ONCE = 4
# Outputs of a row in a register tile on 32 registers and on 16, by vectors of output channels.
_OUTPUTS, _FEWER_OUTPUTS, _BLOCKS = 6, 3, 4
# What is left of a row is cut into these.
_LAST = (3, 2, 1)
_WIDEST = 512
# Read off, in cycles: a vector copied into a panel, one into the matrix, a row begun there; an
# element where neighbours don't lie side by side, a group's product begun.
_PACKED, _COPIED, _BEGUN = 5.5, 4.5, 6.0
_GATHERED, _PRODUCT = 1.25, 200.0
# The same of a row of a plane, beside the stores of its sums, and of an output there; of an element
# that is copied between layouts, if its traffic takes no longer.
_PLANE_ROW, _PLANE_OUTPUT, _REORDERED = 12.0, 0.2, 0.33
# Of its peak, what the product reaches at best.
_PRODUCT_SHARE = 0.9


def as_matrix(shape: ConvShape, lanes: int) -> bool:
    """Whether it multiplies a matrix, because channels don't fill its blocks."""
    if lanewise(shape):
        return shape.in_channels % _CHANNELS_AT_ONCE > 0
    if shape.groups > 1:
        return shape.group_in % lanes > 0 or shape.group_out % lanes > 0
    return shape.in_channels >= lanes and shape.in_channels % _CHANNELS_AT_ONCE > 0


def computing(shape: ConvShape, lanes: int, pace: Pace) -> float:
    """Return the cycles of all multiply-adds, with what they wait for."""
    if as_matrix(shape, lanes):
        return _product(shape, lanes, pace)
    tile = _OUTPUTS if 8 * lanes * ITEM_BYTES[shape.dtype] >= _WIDEST else _FEWER_OUTPUTS
    if lanewise(shape):
        rows = _rows_of_taps(shape) * _row(shape, tile, 1, pace)
        return shape.batch * rows * -(-shape.out_channels // lanes)
    whole, rest = divmod(-(-shape.group_out // lanes), _BLOCKS)
    sets = [(whole, _BLOCKS), (1, rest)]
    taken = sum(n * _blocked(shape, lanes, tile, some, pace) for n, some in sets if some)
    return shape.batch * shape.groups * taken


def moving(shape: ConvShape, lanes: int) -> float:
    """Return the cycles of copies into a matrix and its panels; 0 where there is none."""
    if not as_matrix(shape, lanes):
        return 0.0
    positions = shape.out_height * shape.out_width
    depth = shape.group_in * math.prod(shape.kernel)
    taken = _PRODUCT
    if not is_flat(shape):
        width, vectors = shape.out_width, -(-shape.out_width // lanes)
        row = _COPIED * vectors if shape.stride[1] == 1 else _GATHERED * width
        taken += depth * shape.out_height * (_BEGUN + row)
    # A single row or column is multiplied as it lies.
    if min(positions, shape.group_out) > 1:
        taken += depth * -(-positions // lanes) * _PACKED
    return shape.batch * shape.groups * taken


def reordering(elements: int) -> float:
    """Return the cycles of copies of so many elements between layouts, all near."""
    return _REORDERED * elements


def _product(shape: ConvShape, lanes: int, pace: Pace) -> float:
    rows, positions = shape.group_out, shape.out_height * shape.out_width
    depth = shape.batch * shape.groups * shape.group_in * math.prod(shape.kernel)
    if positions == 1:
        # Nothing is used twice: two loads a multiply-add.
        return depth * -(-rows // lanes) * 2 / pace.loads
    # Two vectors of positions beside each other.
    waits, loads = LATENCY / 2, (2 + rows) / 2 / pace.loads
    each = max(rows / pace.multiplies / _PRODUCT_SHARE, waits, loads)
    return depth * -(-positions // lanes) * each


def _blocked(shape: ConvShape, lanes: int, tile: int, blocks: int, pace: Pace) -> float:
    """Return the cycles of so many vectors of output channels of an image's group."""
    planes = shape.in_channels < lanes
    channels = shape.in_channels if planes else -(-shape.group_in // lanes) * lanes
    if is_flat(shape) and not planes:
        positions = shape.out_height * shape.out_width
        return channels * _tiles(positions, tile, blocks, pace)
    rows = _rows_of_taps(shape) * _row(shape, tile, blocks, pace)
    if planes:
        # Sums of a plane go to memory before the next plane's: a store a cycle.
        each = _PLANE_ROW + shape.out_width * (blocks + _PLANE_OUTPUT)
        return channels * (rows + shape.out_height * each)
    return channels * rows


def _rows_of_taps(shape: ConvShape) -> int:
    """Return the rows of taps on the image, of all rows of outputs."""
    return sum(map(len, valid_taps(shape, 0)))


def _row(shape: ConvShape, tile: int, blocks: int, pace: Pace) -> float:
    """Return the cycles of a row of outputs, an input channel and row of taps."""
    taps = valid_taps(shape, 1)
    edges = [len(one) for one in taps if 0 < len(one) < shape.kernel[1]]
    inner = sum(len(one) == shape.kernel[1] for one in taps)
    alone = sum(edges) * _step(1, blocks, pace)
    return alone + shape.kernel[1] * _tiles(inner, tile, blocks, pace)


def _tiles(outputs: int, tile: int, blocks: int, pace: Pace) -> float:
    taken = 0.0
    for size in (tile, *(size for size in _LAST if size < tile)):
        whole, outputs = divmod(outputs, size)
        taken += whole * _step(size, blocks, pace) if whole else 0.0
    return taken


def _step(outputs: int, blocks: int, pace: Pace) -> float:
    """Return the cycles of a tap of a tile: each output loads an input, each vector its weights."""
    products, loads = outputs * blocks, outputs + blocks
    return pace.turn(products, loads)
