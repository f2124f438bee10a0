"""How a matrix product is cut: register tile, blocks for the caches, and its split over threads.

The tile is that of the flat 1x1 convolution that the product is (positions = rows, input channels =
depth, output channels = columns), since the same micro-kernel runs it. Blocks follow Goto and van
de Geijn (ACM TOMS 34, 2008): a panel of B stays in L1 while a block of A streams from L2.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from roofline.physics import choice
from roofline.physics.cache_shares import shares
from roofline.physics.isa import Vector
from roofline.physics.tiling import Tiling, lanes_of, piece_count, widest_piece
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape, GemmShape, MachineSpec, Scalar, Traffic

# Elements of a row of A that lie together in a panel, one turn of the innermost loop: as many as
# a vector has, but no more than keep the loop's code short.
_LONGEST_TURN = 8
# Registers of products that are instructions of their own, as convolutions' tiles count them.
_PRODUCTS = 3
_NUMBERS = ("tile_rows", "tile_blocks", "depth", "rows", "grid_rows", "grid_columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """What the kernels of one matrix product do.

    Attributes:
        lanes: elements of a vector.
        tile_rows: rows of a register tile.
        tile_blocks: vectors of columns of a register tile.
        depth: elements of a row of A (and rows of B) that are used before the next ones.
        rows: of a block of A, which stays in the second-level cache.
        grid_rows, grid_columns: how many threads share the rows, and the columns.

    """

    lanes: int
    tile_rows: int
    tile_blocks: int
    depth: int
    rows: int
    grid_rows: int = 1
    grid_columns: int = 1

    @property
    def turn(self) -> int:
        """Elements of a row that one turn of the innermost loop takes."""
        return turn(self.lanes)

    @property
    def parameters(self) -> dict[str, Scalar]:
        """What isn't decided by the lanes, as parameters of a case."""
        return {f"block_{name}": getattr(self, name) for name in _NUMBERS}


def from_parameters(lanes: int, parameters: Mapping[str, Scalar]) -> Blocking:
    """Return the blocking whose `parameters` these are; what is missing is as small as may be."""
    least = {"depth": turn(lanes)}
    sizes = {
        name: max(int(parameters.get(f"block_{name}") or 0), least.get(name, 1))
        for name in _NUMBERS
    }
    return Blocking(lanes=lanes, **sizes)


def turn(lanes: int) -> int:
    """Return how many elements of a row lie together on vectors of so many lanes."""
    return min(lanes, _LONGEST_TURN)


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
    lanes, item = lanes_of(vector, shape.dtype), ITEM_BYTES[shape.dtype]
    tile = _tile(shape, vector, machine)
    panels = -(-blocks(shape, lanes) // tile.blocks)
    tiles = piece_count(shape.rows, tile.columns)
    grid = _grid(tiles, panels, threads)
    caches = shares(machine)
    depth = _depth(shape, tile, caches[1])
    own = -(-tiles // grid[0])
    fitting = max(1, caches[2] // 2 // (depth * item * tile.columns))
    rows = math.ceil(own / math.ceil(own / fitting)) * tile.columns
    return Blocking(
        lanes=lanes,
        tile_rows=tile.columns,
        tile_blocks=tile.blocks,
        depth=depth,
        rows=rows,
        grid_rows=grid[0],
        grid_columns=grid[1],
    )


def blocks(shape: GemmShape, lanes: int) -> int:
    """Return the vectors of columns, the last perhaps not full."""
    return -(-shape.columns // lanes)


def padded_depth(shape: GemmShape, lanes: int) -> int:
    """Return the depth in whole turns of the innermost loop."""
    return -(-shape.depth // turn(lanes)) * turn(lanes)


def in_core(cut: Blocking) -> Tiling:
    """Return the tiling of the convolution whose in-core time the product's kernels take."""
    return Tiling(
        strategy="broadcast",
        lanes=cut.lanes,
        columns=cut.tile_rows,
        blocks=cut.tile_blocks,
        rows=max(1, cut.rows // cut.tile_rows),
        chunk=max(1, cut.depth // cut.lanes),
    )


def traffic(shape: GemmShape, cut: Blocking) -> Traffic:
    """Return a call's touched bytes with what packing copies: each copy is written and read."""
    item, lanes = ITEM_BYTES[shape.dtype], cut.lanes
    depth, columns = padded_depth(shape, lanes), blocks(shape, lanes) * lanes
    inner, weights, outer = shape.rows * depth, depth * columns, shape.rows * columns
    bias = columns if shape.bias else 0
    if shape.rows == 1:
        # One row lies as its panel would.
        read, written = inner + weights + bias, outer
    else:
        pieces = -(-depth // cut.depth)
        read = 2 * inner + weights + bias + pieces * outer
        written = inner + (pieces + 1) * outer
    if not shape.packed:
        read, written = read + shape.depth * shape.columns, written + weights
    return Traffic(read=read * item, written=written * item)


def _tile(shape: GemmShape, vector: Vector, machine: MachineSpec) -> Tiling:
    """Return the convolution's tile, narrower where each row has one vector only.

    There the compiler loads the weights of a whole turn at once, and ours may be a longer one.
    """
    tile = choice.choose(as_convolution(shape), vector, machine)
    free = vector.registers - 2 - turn(tile.lanes) - (0 if vector.fused else _PRODUCTS)
    if tile.blocks > 1 or tile.columns <= free:
        return tile
    return replace(tile, columns=widest_piece(shape.rows, free))


def _depth(shape: GemmShape, tile: Tiling, cache: int) -> int:
    """Return how deep a panel of B may be to leave a quarter of the first-level cache free.

    Each piece of depth reads and writes all that was computed: the fewer the better.
    """
    item, step = ITEM_BYTES[shape.dtype], turn(tile.lanes)
    total = padded_depth(shape, tile.lanes)
    if shape.rows <= tile.columns:
        # Each panel is used once: nothing is gained by its staying anywhere.
        return total
    fitting = max(step, cache * 3 // 4 // (tile.blocks * tile.lanes * item) // step * step)
    pieces = -(-total // fitting)
    return -(-total // pieces // step) * step


def _grid(tiles: int, panels: int, threads: int) -> tuple[int, int]:
    """Return the split over rows and columns whose busiest thread has least to do.

    Of equal ones the one that has each thread pack fewest rows.
    """

    def cost(rows: int) -> tuple[int, int]:
        own = -(-tiles // rows)
        return own * -(-panels // (threads // rows)), own

    rows = min((n for n in range(1, threads + 1) if threads % n == 0), key=cost)
    return rows, threads // rows
