"""Where lanes are output positions instead of channels: for outputs that would leave vectors empty.

Channels in lanes leave most of a vector unused by five outputs, and as much of the memory that the
output takes. Then vectors of a row's positions, in planes, multiply one weight at a time.
"""

import functools
from collections.abc import Iterator

from roofline.physics.flat import flattened, is_flat
from roofline.physics.passing import input_bytes, passes
from roofline.physics.pieces import equal_pieces, widest_piece
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape

# Vectors narrower than this have no loads and stores under a mask.
_LEAST_BITS = 256
# Registers that sums, inputs and a weight share: of 512 bits, whose masks have registers of their
# own, and of others; all but two. So many vectors have masks at once, and of so many outputs.
_WIDE, _REGISTERS, _NARROW_REGISTERS = 512, 30, 14
_MOST_VECTORS, _MOST_OUTPUTS = 7, 14
# Products of a turn that hide the latency of a sum: of two multiply-adds a cycle.
_HIDING = 8
# Of two tiles that compute about equally fast, the one that loads less.
_LOAD_PENALTY = 0.3
# Bytes of a cache line; of a tile's inputs that stay in any core's first cache.
_LINE, _STAYING = 64, 16 << 10
# Bytes of inputs that come from memory; outputs from which on a tile reads few lines of a plane, an
# eighth of the planes that are many.
_FAR, _NARROW = 16 << 20, 8
# Products whose turn a permutation takes.
_PERMUTED = 0.5
# Channels in lanes have tiles of so many columns at most; what positions must save of their turns.
_WIDEST_TILE, _BLOCKS, _SAVED = 14, 2, 0.95


def by_position(shape: ConvShape, lanes: int) -> bool:
    """Whether lanes are positions: a row of a group's outputs takes clearly fewer products."""
    wide = 8 * lanes * ITEM_BYTES[shape.dtype] >= _LEAST_BITS
    if not wide or shape.stride[1] > 1 or min(shape.out_width, shape.group_out) < 1:
        return False
    # A whole vector or more of outputs, all but full: not even without a look at positions.
    if shape.group_out % lanes == 0 or _scattered(shape):
        return False
    tile = position_tile(shape, lanes)
    return _row_products(shape, lanes, *tile) < _SAVED * _channel_products(shape, lanes)


def _scattered(shape: ConvShape) -> bool:
    """Whether tiles read a few lines of each of many planes that no cache holds.

    Hardware doesn't follow these, and a core waits for as few lines at once as it has buffers.
    """
    far = is_flat(shape) and input_bytes(shape) > _FAR
    return far and min(shape.group_in / 8, shape.group_out) >= _NARROW


@functools.lru_cache(maxsize=256)
def position_tile(shape: ConvShape, lanes: int) -> tuple[int, int]:
    """Return the vectors of positions and the outputs of a register tile."""
    return min(_tiles(shape, lanes), key=lambda tile: _row_products(shape, lanes, *tile))


def row_vectors(shape: ConvShape, lanes: int) -> int:
    """Return the vectors of positions in a row, or in all of an image where that is one row."""
    return -(-flattened(shape).out_width // lanes)


def positions_ask(shape: ConvShape, planes: int, columns: int) -> bool:
    """Whether tiles of so many columns ask for inputs ahead, so many planes together.

    Of inputs that don't stay near, where those planes stay in L1 until they are used.
    """
    item = ITEM_BYTES[shape.dtype]
    tile = planes * shape.kernel[0] * columns * item
    return passes(shape) and tile <= _STAYING


def crossing(shape: ConvShape) -> float:
    """Return the share of vectors that lie across two cache lines: taps that begin within one."""
    flat = flattened(shape)
    # Rows, or whole planes, that begin within a line put all others there.
    row = (flat.width if flat.height > 1 else shape.height * shape.width) * ITEM_BYTES[shape.dtype]
    if row % _LINE:
        return 1.0
    offsets = (
        (tap * shape.dilation[1] - shape.padding[1]) * ITEM_BYTES[shape.dtype] % _LINE
        for tap in range(shape.kernel[1])
    )
    return sum(offset > 0 for offset in offsets) / shape.kernel[1]


def _tiles(shape: ConvShape, lanes: int) -> Iterator[tuple[int, int]]:
    """Yield tiles that fit: wide ones first, which load less."""
    wide = 8 * lanes * ITEM_BYTES[shape.dtype] >= _WIDE
    for vectors in range(min(_MOST_VECTORS, row_vectors(shape, lanes)), 0, -1):
        # Narrow vectors' masks take registers, too.
        room = _REGISTERS - 1 - vectors if wide else _NARROW_REGISTERS - 1 - 2 * vectors
        outputs = min(room // vectors, _MOST_OUTPUTS)
        if outputs > 0:
            yield (
                widest_piece(row_vectors(shape, lanes), vectors),
                widest_piece(shape.group_out, outputs),
            )


def _row_products(shape: ConvShape, lanes: int, vectors: int, outputs: int) -> float:
    """Return what a channel and tap of a row takes, in products, of tiles of such a size."""
    across = equal_pieces(row_vectors(shape, lanes), vectors)
    deep = equal_pieces(shape.group_out, outputs)
    return sum(
        wide * many * turn_products(count, size)
        for _, count, wide in across
        for _, size, many in deep
    )


def turn_products(vectors: int, outputs: int) -> float:
    """Return what a turn of a tile takes, in products: a core loads as often as it multiplies."""
    # A vector that lies across two cache lines is two loads.
    loads = 2 * vectors + outputs
    return max(vectors * outputs, loads, _HIDING) + _LOAD_PENALTY * loads


def _channel_products(shape: ConvShape, lanes: int) -> float:
    """Return the same of a row where output channels are lanes, at the best tile there is."""
    width, blocks = flattened(shape).out_width, -(-shape.group_out // lanes)
    together = lanes // max(shape.group_in, shape.group_out)
    if shape.groups > 1 and together > 1:
        # Of narrow groups, several lie in one vector; each input is permuted, and serves all taps.
        return width / together * (1 + _PERMUTED / shape.kernel[1])
    pieces, together = -(-width // _WIDEST_TILE), min(blocks, _BLOCKS)
    wide = -(-width // pieces)
    loads = wide + together
    turn = max(wide * together, loads, _HIDING) + _LOAD_PENALTY * loads
    return blocks / together * pieces * turn
