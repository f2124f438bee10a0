"""How a matrix product is cut: register tile, depth of a panel, and its split over threads.

A panel of B, as wide as a tile, stays in the second-level cache while all rows of A pass by. That
turns Goto and van de Geijn (ACM TOMS 34, 2008) round, whose panel of B stays in L1 and whose block
of A in L2: so deep a panel reads and writes C once, A needs no copy, and cores of today read
vectors from L2 faster than a tile uses them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from roofline.physics import choice
from roofline.physics.cache_shares import shares
from roofline.physics.isa import Vector
from roofline.physics.pieces import equal_pieces, piece_count, widest_piece
from roofline.physics.tiling import Tiling, lanes_of
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape, GemmShape, MachineSpec, Scalar, Traffic

# Elements of a row of A in one turn of the innermost loop. Each load in its code follows a stride
# of its own, and hardware fetches ahead for a few: with 8 elements of one row, L2 gave half.
_LONGEST_TURN = 4
# Most rows of a tile: each has an address of its own, and rows that lie a page apart share one set
# of the nearest cache.
_MOST_ROWS = 8
# Most vectors of a tile.
_MOST_BLOCKS = 8
# Share of the second-level cache that a panel of B may fill, beside what passes.
_PANEL = 3 / 8
# Registers of products that are instructions of their own, as convolutions' tiles count them.
_PRODUCTS = 3
_NUMBERS = ("tile_rows", "tile_blocks", "depth", "grid_rows", "grid_columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """What the kernels of one matrix product do.

    Attributes:
        lanes: elements of a vector.
        tile_rows: rows of a register tile.
        tile_blocks: vectors of columns of a register tile.
        depth: elements of a row of A (and rows of B) that are used before the next ones.
        grid_rows, grid_columns: how many threads share the rows, and the columns.

    """

    lanes: int
    tile_rows: int
    tile_blocks: int
    depth: int
    grid_rows: int = 1
    grid_columns: int = 1

    @property
    def parameters(self) -> dict[str, Scalar]:
        """What isn't decided by the lanes, as parameters of a case."""
        return {f"block_{name}": getattr(self, name) for name in _NUMBERS}


def from_parameters(lanes: int, parameters: Mapping[str, Scalar]) -> Blocking:
    """Return the blocking whose `parameters` these are; what is missing is as small as may be."""
    sizes = {name: max(int(parameters.get(f"block_{name}") or 0), 1) for name in _NUMBERS}
    return Blocking(lanes=lanes, **sizes)


def together(depth: int, rows: int) -> int:
    """Return how many elements of a row one turn of the innermost loop takes: whole turns do.

    A single row leaves nothing to do between loads, and takes one.
    """
    return 1 if rows == 1 else next(n for n in (_LONGEST_TURN, 2, 1) if depth % n == 0)


def as_convolution(shape: GemmShape) -> ConvShape:
    """Return the flat 1x1 convolution that a matrix product is."""
    return ConvShape(
        in_channels=shape.depth,
        height=1,
        width=shape.rows,
        out_channels=shape.columns,
        kernel=(1, 1),
        bias=shape.bias,
        dtype=shape.dtype,
    )


def choose(shape: GemmShape, vector: Vector, machine: MachineSpec, threads: int = 1) -> Blocking:
    """Return the blocking of a shape by a small model of registers, caches and threads."""
    lanes = lanes_of(vector, shape.dtype)
    rows, wide = _tile(shape, vector, lanes)
    grid = _grid(piece_count(shape.rows, rows), blocks(shape, lanes), threads)
    return Blocking(
        lanes=lanes,
        tile_rows=rows,
        tile_blocks=wide,
        depth=_depth(shape, rows, wide * lanes, shares(machine)[2]),
        grid_rows=grid[0],
        grid_columns=grid[1],
    )


def blocks(shape: GemmShape, lanes: int) -> int:
    """Return the vectors of columns, the last perhaps not full."""
    return -(-shape.columns // lanes)


def in_core(cut: Blocking) -> Tiling:
    """Return the tiling of the convolution whose in-core time the product's kernels take."""
    return Tiling(
        strategy="broadcast",
        lanes=cut.lanes,
        columns=cut.tile_rows,
        blocks=cut.tile_blocks,
        chunk=max(1, cut.depth // cut.lanes),
    )


def traffic(shape: GemmShape, cut: Blocking) -> Traffic:
    """Return a call's touched bytes with what packing copies: each copy is written and read."""
    item, columns = ITEM_BYTES[shape.dtype], blocks(shape, cut.lanes) * cut.lanes
    weights, result = shape.depth * columns, shape.rows * shape.columns
    again = (-(-shape.depth // cut.depth) - 1) * result
    read = shape.rows * shape.depth + weights + again + (columns if shape.bias else 0)
    written = result + again
    if not shape.packed:
        read, written = read + shape.depth * shape.columns, written + weights
    return Traffic(read=read * item, written=written * item)


def _tile(shape: GemmShape, vector: Vector, lanes: int) -> tuple[int, int]:
    """Return the rows and vectors of columns of the tile that computes fastest."""
    free = vector.registers - 2 - (0 if vector.fused else _PRODUCTS)
    total = blocks(shape, lanes)

    def fitting() -> Iterator[tuple[int, int]]:
        for wide in range(1, min(total, _MOST_BLOCKS) + 1):
            # Of a single vector the compiler loads those of a whole turn at once.
            beside = wide if wide > 1 else _LONGEST_TURN
            if (most := min(_MOST_ROWS, (free - beside) // wide)) > 0:
                yield widest_piece(shape.rows, most), widest_piece(total, wide)

    def cost(tile: tuple[int, int]) -> float:
        return sum(
            count * many * choice.cycles(size, wide)
            for _, size, count in equal_pieces(shape.rows, tile[0])
            for _, wide, many in equal_pieces(total, tile[1])
        )

    return min(fitting(), key=cost)


def _depth(shape: GemmShape, rows: int, columns: int, cache: int) -> int:
    """Return how deep a panel of B may be; each further one reads and writes all of C again."""
    if shape.rows <= rows:
        # Each panel is used once: nothing is gained by its staying anywhere.
        return shape.depth
    fitting = max(1, int(_PANEL * cache) // (columns * ITEM_BYTES[shape.dtype]))
    if shape.depth <= fitting:
        return shape.depth
    most = max(_LONGEST_TURN, fitting // _LONGEST_TURN * _LONGEST_TURN)
    # Whole turns but for the last.
    return widest_piece(-(-shape.depth // _LONGEST_TURN), most // _LONGEST_TURN) * _LONGEST_TURN


def _grid(tiles: int, total: int, threads: int) -> tuple[int, int]:
    """Return the split over rows and columns whose busiest thread has least to do.

    Of equal ones the one with fewest parts of the rows: each part copies all its panels of B.
    """

    def cost(rows: int) -> tuple[int, int]:
        return -(-tiles // rows) * -(-total // (threads // rows)), rows

    rows = min((n for n in range(1, threads + 1) if threads % n == 0), key=cost)
    return rows, threads // rows
