"""What oneDNN's brgemm kernels take in the core: a small matrix product for each row of outputs.

A call makes a piece of a row (or up to 251 positions of a 1x1) by a block of output channels, from
all taps that fall on the image and all input channels. Within it go row blocks by passes of up to
four vectors of outputs: each input channel loads those weights, broadcasts an input a position and
asks for the next weights. A block of few positions waits for its own sums
(src/cpu/x64/jit_brgemm_conv_utils.cpp, brgemm/brgemm_utils.cpp, brgemm/jit_brgemm_kernel.cpp).
"""

from collections.abc import Iterator

from roofline.physics.brgemm_blocks import Blocks, blocks, is_flat, is_pointwise, register_block
from roofline.physics.pace import LANES, Pace
from roofline.physics.pieces import whole_and_rest
from roofline.physics.workload import ITEM_BYTES, counts, valid_taps
from roofline.records import ConvShape

# Input channels of a call of a 1x1.
_MOST_DEPTH = 1280
# Bytes that stay in L1 beside what passes by, and in L2.
_STAYING, _L2, _LINE = 32 << 10, 800 << 10, 64
# Read off 327 layers on one core of Zen 5 (version 3.12), in cycles: a call, and each tap of it; a
# register block, and each of its taps; a vector stored.
_CALL, _TAP, _BLOCK, _ELEMENT, _STORE = 150.0, 7.0, 12.0, 1.5, 1.0
# The same of a line of the input that comes from L2, or from beyond: rows of a block lie apart, so
# that nothing fetches ahead.
_NEAR, _FAR = 1.0, 9.0


def computing(shape: ConvShape, pace: Pace, threads: int) -> float:
    """Return the cycles of all calls of a layer that isn't depthwise."""
    cut = blocks(shape, threads)
    area = shape.out_height * shape.out_width
    total = area if is_flat(shape) else shape.out_width
    taken, start = 0.0, 0
    for positions, many in whole_and_rest(total, cut.positions):
        for outputs, times in whole_and_rest(shape.group_out, cut.outputs):
            taken += many * times * _calls(shape, range(start, start + positions), outputs, pace)
        start += many * positions
    return shape.batch * shape.groups * (taken + _waiting(shape, cut))


def _waiting(shape: ConvShape, cut: Blocks) -> float:
    """Return the cycles for which calls of a group's image wait for lines of its input."""
    if is_pointwise(shape):
        return 0.0
    item = ITEM_BYTES[shape.dtype]
    pixel, piece = shape.in_channels * item, shape.group_in * item
    # What several groups share is a line of each.
    lines = piece / _LINE + (shape.groups > 1 and (pixel | piece) % _LINE > 0)
    rows, columns = counts(shape, 0), counts(shape, 1)
    once, every = rows.touched * columns.touched * lines, rows.executed * columns.touched * lines
    image = shape.batch * rows.touched * columns.touched * pixel
    first = _FAR if image > _L2 else _NEAR if image > _STAYING else 0.0
    again = _NEAR if shape.kernel[0] * columns.touched * piece > _STAYING else 0.0
    passes = -(-shape.group_out // cut.outputs)
    if cut.inner:
        return passes * (once * first + (every - once) * again)
    return once * first + (passes * every - once) * again


def _calls(shape: ConvShape, piece: range, outputs: int, pace: Pace) -> float:
    """Return the cycles of the calls of all rows, one piece of each by one block of outputs."""
    flat = is_flat(shape)
    padding = 0 if is_pointwise(shape) else shape.padding[1]
    block = register_block(len(piece), outputs, min(shape.group_in, _MOST_DEPTH), padding)
    passes = list(_passes(outputs, block.vectors))
    turns = elements = around = 0.0
    for start in range(piece.start, piece.stop, block.rows):
        size = min(block.rows, piece.stop - start)
        reached = [size] if flat else _reached(shape, start, size)
        for vectors, times in passes:
            turns += times * sum(step(some, vectors, pace) for some in reached)
            elements += times * len(reached)
            around += times * (_BLOCK + size * vectors * _STORE)
    rows_of_taps, rows = (1, 1) if flat else (counts(shape, 0).executed, shape.out_height)
    slices = -(-shape.group_in // _MOST_DEPTH) if is_pointwise(shape) else 1
    inside = turns * shape.group_in + elements * _ELEMENT + shape.kernel[1] * _TAP
    return rows_of_taps * inside + rows * slices * (_CALL + around)


def _reached(shape: ConvShape, start: int, size: int) -> list[int]:
    """Return, by tap of a kernel row that falls on the image, how many of the positions it has."""
    taps = valid_taps(shape, 1)[start : start + size]
    if all(len(one) == shape.kernel[1] for one in (taps[0], taps[-1])):
        return [size] * shape.kernel[1]
    found = [sum(tap in one for one in taps) for tap in range(shape.kernel[1])]
    return [some for some in found if some]


def _passes(outputs: int, vectors: int) -> Iterator[tuple[int, int]]:
    """Yield the vectors of a pass, and how many of these there are; the last one is masked."""
    whole, rest = divmod(outputs // LANES, vectors)
    if whole:
        yield vectors, whole
    if rest:
        yield rest, 1
    if outputs % LANES:
        yield 1, 1


def step(rows: int, vectors: int, pace: Pace) -> float:
    """Return the cycles of an input channel and tap of a register block."""
    products = rows * vectors
    loads = rows + vectors + min(rows, vectors)
    return pace.turn(products, loads)


def product(positions: int, outputs: int, depth: int, pace: Pace) -> float:
    """Return the cycles of one matrix product."""
    block = register_block(positions, outputs, depth)
    passes = list(_passes(outputs, block.vectors))
    return depth * sum(
        many * times * step(size, vectors, pace)
        for size, many in whole_and_rest(positions, block.rows)
        for vectors, times in passes
    )
