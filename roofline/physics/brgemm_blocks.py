"""How oneDNN's brgemm kernels are cut: blocks of a layer, and the register block of a call.

The library's own estimates, but for what they say of caches, which hardly ever decides
(src/cpu/x64/jit_brgemm_conv_utils.cpp, brgemm/brgemm_utils.cpp).
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from roofline.physics.pace import LANES
from roofline.physics.pieces import widest_piece
from roofline.records import ConvShape

_REGISTERS, _MOST_VECTORS = 32, 4
# Positions of a call of a 1x1, at most; of so many input channels, by threads alone.
_MOST_POSITIONS, _BY_THREADS = 251, range(256, 1024)
# Positions by outputs of such a call, else, at least.
_LEAST = 2048
_L1 = 48 << 10
# Images larger than this have blocks of three vectors, strides counted.
_LARGE = 81


class Blocks(NamedTuple):
    """How a layer is cut.

    Attributes:
        outputs: channels of a block.
        positions: of a call: a row's, or of a 1x1 some of an image's.
        inner: weights stay while all positions pass; else all weights pass by each row.

    """

    outputs: int
    positions: int
    inner: bool


class Rows(NamedTuple):
    """The register block of a call: positions, vectors of outputs."""

    rows: int
    vectors: int


def is_pointwise(shape: ConvShape) -> bool:
    """Whether it runs as a matrix product without taps."""
    return shape.kernel == (1, 1) and shape.padding == (0, 0)


def is_flat(shape: ConvShape) -> bool:
    """Whether a call may run over the ends of rows."""
    return is_pointwise(shape) and shape.stride == (1, 1)


@lru_cache(maxsize=64)
def blocks(shape: ConvShape, threads: int) -> Blocks:
    """Return the blocks that waste the least, by the library's own estimate, all but its caches."""
    area = shape.out_height * shape.out_width
    total = area if is_flat(shape) else shape.out_width
    sized = [(one, _positions(shape, total, one, threads)) for one in _candidates(shape)]
    outputs, positions = max(sized, key=lambda one: (_estimate(shape, *one), *one))
    inner = shape.height * shape.width < shape.group_out * math.prod(shape.kernel)
    return Blocks(outputs, positions, inner)


def _candidates(shape: ConvShape) -> Iterator[int]:
    """Yield the channels of a block that come into question."""
    vectors, steps = -(-shape.group_out // LANES), math.prod(shape.stride)
    if is_pointwise(shape):
        four = vectors % 4 == 0 and shape.out_height * shape.out_width >= 4 * LANES * steps
        three = shape.group_out >= 0.95 * 3 * LANES * -(-vectors // 3)
    else:
        four = vectors in (4, 8)
        three = vectors % 3 == 0 and vectors <= 24 and shape.height * shape.width > _LARGE * steps
    wanted = ((4, four), (3, three), (2, vectors > 1), (1, True))
    yield from (count * LANES for count, possible in wanted if possible)


def _positions(shape: ConvShape, total: int, outputs: int, threads: int) -> int:
    """Return the positions of a call."""
    if not is_flat(shape):
        return total
    if shape.group_in in _BY_THREADS:
        calls = -(-shape.group_out // outputs) * shape.batch
        most = max(LANES, -(-total // -(-threads // calls)))
    else:
        everything = shape.batch * shape.groups * total
        most = max(-(-_LEAST // outputs), -(-everything // threads))
    return widest_piece(total, min(most, _MOST_POSITIONS, total))


def _estimate(shape: ConvShape, outputs: int, positions: int) -> float:
    padding = 0 if is_pointwise(shape) else shape.padding[1]
    block = register_block(positions, min(outputs, shape.group_out), shape.group_in, padding)
    whole = -(-shape.group_out // outputs) * outputs
    filled = shape.group_out / whole * positions / (-(-positions // block.rows) * block.rows)
    loads = block.rows * block.vectors / ((block.rows + block.vectors) * _REGISTERS)
    pipelined = (1 + block.rows * (2 - min(1.9, block.rows / positions)) / 64) / 2
    return filled * loads * pipelined


@lru_cache(maxsize=1024)
def register_block(positions: int, outputs: int, depth: int, padding: int = 0) -> Rows:
    """Return the register block of a call of so many positions and outputs.

    Narrower ones where fewer positions than padding would be left for the last one.
    """
    vectors = outputs // LANES
    for width in range(_MOST_VECTORS, 0, -1):
        across = width if vectors >= width else max(1, vectors % width)
        most = (_REGISTERS - across - 1) // across
        if (positions % most or most) >= padding:
            break
    return Rows(_rows(positions, across, most, depth, padding), across)


def _rows(positions: int, across: int, most: int, depth: int, padding: int) -> int:
    """Return the positions that load and leave over the least, their inputs in L1."""
    best, rows = 0.0, most
    for size in range(most, max(1, padding) - 1, -1):
        whole = -(-positions // size) * size
        value = positions / whole * across * size / ((across + size) * most)
        if 4 * size * depth <= _L1 and value > best:
            best, rows = value, size
    return rows
