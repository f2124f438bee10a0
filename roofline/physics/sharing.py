"""How evenly threads share a convolution, by how its rows are cut: few parts, equal loads."""

import math
from collections.abc import Sequence

from roofline.physics.spans import owner
from roofline.physics.tiling import Tiling, is_flat, out_blocks, output_lanes, piece_count
from roofline.records import ConvShape

# Each part of the rows reads the weights again: a busiest thread this far above its share is borne.
_BORNE = 1.04
# What each further part must gain, at least.
_PART = 0.02
# Units of work a thread, of which one more or less hardly matters; more parts are never tried.
_ENOUGH = 24


def rows_of_all(shape: ConvShape, tiling: Tiling) -> int:
    """Return the output rows of a shape `flattened` before, or its tiles where it is one row."""
    return piece_count(shape.out_width, tiling.columns) if is_flat(shape) else shape.out_height


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
        excess = _excess(shape.batch, _parts(total, rows), tiles, threads)
        cost = excess + _PART * (parts - fewest)
        if cost < best[1]:
            best = min(rows, most), cost
        enough = shape.batch * parts * len(tiles) > _ENOUGH * threads
        if excess <= _BORNE or enough or rows == 1:
            break
        parts += 1
    return best


def _tiles(shape: ConvShape, tiling: Tiling) -> Sequence[int]:
    """Return the vectors of output channels of each tile, in the order of the kernels."""
    if tiling.strategy != "broadcast":
        return [1] * (output_lanes(shape, tiling.lanes) // tiling.lanes)
    full, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
    return ([tiling.blocks] * full + [rest] * (rest > 0)) * shape.groups


def _parts(total: int, rows: int) -> Sequence[int]:
    full, rest = divmod(total, rows)
    return [rows] * full + [rest] * (rest > 0)


def _excess(batch: int, parts: Sequence[int], tiles: Sequence[int], threads: int) -> float:
    """Return the busiest thread's work as a multiple of an equal share."""
    if batch * len(parts) * len(tiles) > 2 * _ENOUGH * threads:
        return 1.0
    costs = [part * tile for _ in range(batch) for part in parts for tile in tiles]
    total, done, loads = sum(costs), 0, [0] * threads
    for cost in costs:
        loads[owner(done, cost, total, threads)] += cost
        done += cost
    return max(loads) * threads / total
