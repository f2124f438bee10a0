"""Instructions of broadcast kernels beside their work: loops, and what is asked for ahead.

Counted in the emitted x86-64 code.
"""

import math
from collections.abc import Sequence

from roofline.physics.asking import planes_asked, weights_asked
from roofline.physics.reach import ASKED, LINE, lines_ahead
from roofline.physics.spans import Slice, Span, slice_bytes
from roofline.physics.tiling import Tiling, planar, reads_between, takes_whole
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape

# Of any loop's turn: two addresses move on, a counter decides.
LOOP = 5
# Of the loops around the one over channels, and of blocks where blocks are whole.
_TAP, _ROW, _BLOCK, _WHOLE_BLOCK = 6, 8, 11, 8
# Of a turn that asks for weights, beside the asking.
_ASKING = 4


def beside(shape: ConvShape, tiling: Tiling, span: Span, piece: Slice, blocks: int) -> float:
    """Return the instructions beside its work of one tap of a block of channels.

    With each row a kernel asks for what the next tile reads.
    """
    rows, taps, lanes = len(span.kernel_rows), len(span.kernel_columns), tiling.lanes
    planes = planar(shape, lanes)
    column = shape.stride[1] * (1 if planes else lanes) * ITEM_BYTES[shape.dtype]
    ahead: float = len(lines_ahead(span.columns, column, between=reads_between(shape)))
    if planes_asked(shape, lanes):
        ahead = (ahead + LOOP) * piece.turns
    if not takes_whole(shape, lanes, piece.depth, blocks):
        return LOOP * piece.turns + _TAP + (_ROW + ahead) / taps + _BLOCK / (taps * rows)
    # An address moves on with each plane.
    turn = LOOP + piece.depth * planes
    if shape.kernel == (1, 1):
        return turn + ahead
    return turn + (_ROW + ahead) / taps + _WHOLE_BLOCK / (taps * rows)


def asking(
    shape: ConvShape, tiling: Tiling, pieces: Sequence[Slice], tiles: int, blocks: int
) -> float:
    """Return the instructions with which so many tiles ask for the weights that are used next."""
    sizes = [slice_bytes(shape, tiling, piece, blocks) for piece in pieces]
    asked = sizes if weights_asked(shape, tiling.lanes, tiles) else [0] * len(sizes)
    turns = tiles * sum(max(1, math.ceil(size / tiles / ASKED)) for size in asked)
    return turns * (ASKED // LINE + _ASKING)
