"""The choice of a tiling: from a shape, by a small model of registers, caches and threads.

Pure arithmetic, as the prediction has to know, where no kernel is, how one would be cut.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from roofline.physics.cache_shares import shares
from roofline.physics.cores import core_of
from roofline.physics.cropped import cropped
from roofline.physics.flat import flattened, is_flat
from roofline.physics.isa import Vector
from roofline.physics.pieces import equal_pieces, piece_count, widest_piece
from roofline.physics.positions import position_tile
from roofline.physics.reach import Reach
from roofline.physics.sharing import shared_rows
from roofline.physics.spans import rows_of_all
from roofline.physics.tiling import (
    MOST_ROWS,
    UNROLL,
    Tiling,
    activations,
    by_output,
    lanes_of,
    out_blocks,
    strategy,
    touched_taps,
)
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape, MachineSpec

# Most columns of a tile, whatever the registers would allow.
WIDEST_TILE = 14
# A core that starts two multiply-adds and two loads a cycle, of latency 4, is the hardest to
# feed: a tile that keeps it busy keeps the others busy. Chains that just cover the latency lose a
# cycle whenever one instruction starts late.
_PIPES, _LOADS, _LATENCY = 2, 2, 4.25
# Of two tiles that compute about equally fast, the one that loads less: a neighbour on the core's
# other thread takes its part of loads and of the front end first.
_LOAD_PENALTY = 0.15
# Tensors several times as large as a core's second cache come from beyond it; where channels are
# lanes, down a column is as good until they are six times as large (Zen 3). A row of tiles has up
# to three calls (both ends, and between them) of 25 cycles each, see `cores`: one that computes no
# longer stays slower along rows, however large the tensors are.
_BEYOND, _FAR_BEYOND, _ROW_CALLS = 2, 6, 3 * 25
# Multiply-adds of an output, a step of the stride, that hide what comes from far (Zen 5).
_DENSE = 20
# Hardware fetches ahead within a page.
_PAGE = 4096
# Taps of a kernel row that are kept in registers at once where channels are lanes.
MOST_TAPS = 7
# The same on 16 registers, of depthwise kernels whose rows are a loop; of others half of the above.
_LOOPED_TAPS = 5
# Where the pattern of lanes is in the code, so are all channels of a group at once, and the
# compiler keeps more of it in registers (on 256 bits where few inputs serve two taps).
_FEW_LANES, _CONSTANT_TILE, _LEAST_TILE = 4, 6, 4
# Registers of products that are instructions of their own: several of them are under way.
_PRODUCTS = 3
# A chunk's weights fill that share of the first cache level, beside inputs that pass by. Its inputs
# lie in so many planes at most: hardware doesn't follow more of them at once.
_L1_WEIGHTS, _MOST_PLANES = 0.6, 8
# Planes whose rows stay in L1 through all taps, even where planes lie a multiple of a page apart.
_PLANES = 4


def choose(shape: ConvShape, vector: Vector, machine: MachineSpec, threads: int = 1) -> Tiling:
    """Return the tiling of a shape by a small model of registers, caches and threads."""
    lanes, shape = lanes_of(vector, shape.dtype), cropped(shape)
    flat, caches = flattened(shape), shares(machine)
    if (kind := strategy(shape, lanes)) == "broadcast":
        tiling = _best_tile(flat, vector, lanes, caches, threads)
    elif kind == "positions":
        tiling = _cut(flat, _position_tile(flat, lanes), caches, threads)[0]
    else:
        tiling = _cut(flat, _lane_tile(flat, vector, lanes, kind), caches, threads)[0]
    columns = core_of(machine, vector).columns
    return replace(tiling, along=_along(flat, tiling, caches, columns=columns))


def _along(shape: ConvShape, tiling: Tiling, caches: Mapping[int, int], *, columns: bool) -> bool:
    """Return whether tiles follow each other along a row, as the data lie.

    What lies beyond a core's own caches is fetched ahead only then: down a column each row of tiles
    begins other lines, soon another page, and the core sees no further than a tile or two. But then
    each row has calls of its own, which a short one doesn't pay for. Broadcast kernels ask for the
    next tile's inputs themselves, so they go where more tiles follow each other.

    Where hardware fetches ahead down `columns`, too, these are better: their rows stay in L1 from
    tile to tile. Only much work an input is worth having outputs in the order of memory, and only
    of what no cache holds (Zen 5: 5x5 in 6 to 13 MB are 1.02 to 1.12 times as fast down columns,
    in 25 MB and more 1.2 to 1.4 times as fast along rows).
    """
    item = ITEM_BYTES[shape.dtype]
    size = sum(activations(shape, tiling.lanes)) * item
    if is_flat(shape) or size <= _BEYOND * caches[2] or tiling.strategy == "positions":
        return False
    wide = shape.out_width * tiling.lanes * item > _PAGE // 2
    if tiling.strategy == "broadcast":
        if columns and shape.stride[0] > 1:
            return False
        return wide or piece_count(shape.out_width, tiling.columns) > tiling.rows
    shared = caches[3] // 2
    if size <= (shared if columns else min(_FAR_BEYOND * caches[2], shared)):
        return False
    if columns:
        # Of few inputs with many outputs, it is the latter that pass.
        passing = min(1.0, shape.group_in / shape.group_out)
        work = math.prod(shape.kernel) * shape.group_in * passing
        return work >= _DENSE * math.prod(shape.stride)
    if wide:
        return True
    channels = min(tiling.chunk * tiling.lanes, shape.group_in)
    multiplies = shape.out_width * math.prod(shape.kernel) * channels * tiling.blocks
    return multiplies / _PIPES > _ROW_CALLS


def cycles(columns: int, blocks: int) -> float:
    """Return what one input channel and tap of a tile takes on the core that is hardest to feed."""
    multiplies = columns * blocks
    loads = columns + blocks
    return max(multiplies / _PIPES, loads / _LOADS, _LATENCY) + _LOAD_PENALTY * loads


def _position_tile(shape: ConvShape, lanes: int) -> Tiling:
    """Return the tile of vectors of positions by outputs."""
    columns, blocks = position_tile(shape, lanes)
    chunk = shape.group_in if shape.kernel == (1, 1) else min(_PLANES, shape.group_in)
    return Tiling(strategy="positions", lanes=lanes, columns=columns, blocks=blocks, chunk=chunk)


def _lane_tile(shape: ConvShape, vector: Vector, lanes: int, kind: str) -> Tiling:
    """Return the tile of single vectors: accumulators, a row of weights, an input, two spare."""
    # Of kernel rows that follow each other, the compiler loads the next one's weights ahead.
    follow = kind == "lanewise" and 1 < shape.kernel[0] <= MOST_ROWS
    few = _LOOPED_TAPS if kind == "lanewise" and vector.fused and not follow else MOST_TAPS // 2
    most = MOST_TAPS if vector.registers > 16 else few
    taps, permuted = widest_piece(shape.kernel[1], most), kind == "permute"
    following = taps * follow
    # Of two taps that share few inputs the compiler permutes both ahead, in registers of their own.
    ahead = taps * (permuted and taps == 2 and max(shape.stride[1], shape.dilation[1]) > 1)
    # Values that are broadcast early, too; more of them where products hold results up.
    early = (1 if vector.fused else 3) * (kind == "spread")
    beside = taps + ahead + following + permuted + early + (0 if vector.fused else _PRODUCTS)
    widest = widest_permuted(shape, vector, taps) if permuted else WIDEST_TILE
    columns = widest_piece(shape.out_width, min(widest, vector.registers - 3 - beside))
    return Tiling(strategy=kind, lanes=lanes, columns=columns, taps=taps)


def widest_permuted(shape: ConvShape, vector: Vector, taps: int) -> int:
    """Return the most columns of a tile of narrow groups, so many taps at once."""
    reach = Reach(WIDEST_TILE, taps, shape.stride[1], shape.dilation[1])
    alone = taps > 1 and len(reach.uses()) == reach.products
    if not vector.fused or (vector.bits == 256 and alone):
        return _LEAST_TILE
    few = lanes_of(vector, shape.dtype) <= _FEW_LANES
    # What is left of a row may be one tap: too little work for a wide tile, which would spill.
    fewest = equal_pieces(shape.kernel[1], taps)[-1][1]
    rarely = vector.bits == 256 and (fewest == 1 or shape.stride[1] > 1)
    return _CONSTANT_TILE if few or rarely else WIDEST_TILE


def _best_tile(
    shape: ConvShape, vector: Vector, lanes: int, caches: Mapping[int, int], threads: int
) -> Tiling:
    def cost(cut: tuple[Tiling, float]) -> float:
        return _row_cycles(shape, cut[0]) * cut[1]

    tiles = [
        Tiling(strategy="broadcast", lanes=lanes, columns=columns, blocks=blocks)
        for columns, blocks in _tiles(shape.out_width, out_blocks(shape, lanes), vector)
    ]
    return min((_cut(shape, tile, caches, threads) for tile in tiles), key=cost)[0]


def _cut(
    shape: ConvShape, tiling: Tiling, caches: Mapping[int, int], threads: int
) -> tuple[Tiling, float]:
    """Return a tile's tiling, and what its split over threads costs as a multiple of none."""
    if tiling.strategy == "broadcast":
        tiling = replace(tiling, chunk=_chunk(shape, tiling, caches))
    rows, more = shared_rows(shape, tiling, threads, _rows(shape, tiling, caches[2]))
    return replace(tiling, rows=rows), more


def _tiles(width: int, blocks: int, vector: Vector) -> Iterator[tuple[int, int]]:
    """Yield (columns, blocks) that fit: accumulators, weights, an input value."""
    free = vector.registers - 1 - (0 if vector.fused else _PRODUCTS + 1)
    for count in range(1, min(blocks, 8) + 1):
        # The weights of a whole turn are loaded at once where each channel has one vector.
        most = (free - (count if count > 1 else UNROLL + 1)) // count
        if most >= 1:
            yield widest_piece(width, min(most, WIDEST_TILE)), count


def _row_cycles(shape: ConvShape, tiling: Tiling) -> float:
    whole, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
    return sum(
        count * (whole * cycles(size, tiling.blocks) + (cycles(size, rest) if rest else 0))
        for _, size, count in equal_pieces(shape.out_width, tiling.columns)
    )


def _chunk(shape: ConvShape, tiling: Tiling, caches: Mapping[int, int]) -> int:
    """Return how many blocks of input channels have weights that stay near from tile to tile."""
    # Of small images, many taps fall on padding alone: their weights are never read.
    item, taps = ITEM_BYTES[shape.dtype], max(1, touched_taps(shape))
    block = tiling.blocks * tiling.lanes**2 * taps * item
    total = -(-shape.group_in // tiling.lanes)
    near = int(_L1_WEIGHTS * caches[1]) // block
    pieces = -(-total // max(1, min(near, _MOST_PLANES)))
    return -(-total // pieces)


def _rows(shape: ConvShape, tiling: Tiling, cache: int) -> int:
    """Return how many rows (or tiles of a flattened one) keep their input in the cache.

    Of inputs that no second tile of output channels reads, the sums stay instead.
    """
    item = ITEM_BYTES[shape.dtype]
    depth = shape.group_in if by_output(shape, tiling.lanes) else tiling.lanes
    if tiling.strategy == "broadcast" and out_blocks(shape, tiling.lanes) <= tiling.blocks:
        wide = tiling.columns if is_flat(shape) else shape.out_width
        step, halo = wide * tiling.blocks * tiling.lanes * item, 0
    elif is_flat(shape):
        wide = tiling.lanes if tiling.strategy == "positions" else 1
        step, halo = tiling.columns * wide * depth * item, 0
    else:
        step = shape.width * shape.stride[0] * depth * item
        halo = shape.kernel[0] * shape.dilation[0] // shape.stride[0]
    # Weights that don't stay there come again for each part: then inputs have all of it.
    room = cache if _weights(shape, tiling) > cache else cache // 2
    fitting = max(1, room // step - halo)
    total = rows_of_all(shape, tiling)
    return math.ceil(total / math.ceil(total / fitting))


def _weights(shape: ConvShape, tiling: Tiling) -> int:
    """Return the bytes of all weights that one part of the rows needs."""
    if tiling.strategy != "broadcast":
        return 0
    return shape.group_out * shape.group_in * touched_taps(shape) * ITEM_BYTES[shape.dtype]
