"""How evenly threads share a convolution, by how its rows are cut: few parts, equal loads."""

import math
from collections.abc import Sequence
from dataclasses import replace

from roofline.physics.owners import owners
from roofline.physics.pieces import split
from roofline.physics.spans import row_blocks, rows_of_all
from roofline.physics.tiling import Tiling, out_blocks, output_lanes
from roofline.records import ConvShape

# Each part of the rows reads the weights again: a busiest thread this far above its share is borne.
_BORNE = 1.04
# What each further part of a thread's must gain, at least.
_PART = 0.04
# Units of work a thread, of which one more or less hardly matters; more parts are never tried.
_ENOUGH = 24
# Of more units than these all count as whole ones: large teams have too many to be dealt out.
_WALKED = 256


def shared_rows(shape: ConvShape, tiling: Tiling, threads: int, most: int) -> tuple[int, float]:
    """Return the rows of a part, at most so many, and what the cut costs as a multiple of none.

    The busiest thread has more than its share; a part more than caches ask for costs a little.

    Args:
        shape: `flattened` before.
        tiling: its columns and blocks count.
        threads: that share the parts' tiles of output channels, in order.
        most: rows that caches hold.

    """
    total, tiles = rows_of_all(shape, tiling), _tiles(shape, tiling)
    parts = fewest = -(-total // min(most, total))
    best = most, math.inf if threads > 1 else 1.0
    while threads > 1:
        rows = -(-total // parts)
        excess = _excess(shape, tiling, rows, tiles, threads)
        cost = excess + _PART * (parts - fewest) / threads
        if cost < best[1]:
            best = min(rows, most), cost
        enough = shape.batch * parts * len(tiles) > _ENOUGH * threads
        if excess <= _BORNE or enough or rows == 1:
            break
        # The fewest parts that have less rows.
        parts = -(-total // (rows - 1))
    return best


def _tiles(shape: ConvShape, tiling: Tiling) -> Sequence[int]:
    """Return the vectors of output channels of each tile, in the order of the kernels."""
    if tiling.strategy == "positions":
        pieces = split(shape.group_out, tiling.blocks)
        return [outputs for _, outputs in pieces] * shape.groups
    if tiling.strategy != "broadcast":
        return [1] * (output_lanes(shape, tiling.lanes) // tiling.lanes)
    full, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
    return ([tiling.blocks] * full + [rest] * (rest > 0)) * shape.groups


def _excess(
    shape: ConvShape, tiling: Tiling, rows: int, tiles: Sequence[int], threads: int
) -> float:
    """Return the busiest thread's work as a multiple of an equal share."""
    parts = [len(part) for part in row_blocks(shape, replace(tiling, rows=rows))]
    count = shape.batch * len(parts) * len(tiles)
    if count > 2 * _ENOUGH * threads:
        return 1.0
    share = shape.batch * sum(parts) * sum(tiles) / threads
    if count > _WALKED:
        return -(-count // threads) * rows * tiles[0] / share
    costs = [part * tile for _ in range(shape.batch) for part in parts for tile in tiles]
    loads = [0] * threads
    for cost, thread in zip(costs, owners(costs, threads), strict=True):
        loads[thread] += cost
    return max(loads) / share
