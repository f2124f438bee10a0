"""What a convolution reads and writes again: tensors that nearer caches lost since their last use.

Our kernels go image by image, part of the rows by part, tile of output channels by tile, slice of
input channels by slice. So weights come again for each part of each image, inputs for each tile of
output channels, sums for each slice: from whichever level holds what passes between two uses. Lanes
of a stride share cache lines with what lies between them, which moves, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofline.physics.spans import row_blocks, slices
from roofline.physics.tiling import (
    Tiling,
    by_output,
    depth,
    flattened,
    input_lanes,
    out_blocks,
    output_lanes,
    planar,
    touched_taps,
    traffic,
)
from roofline.physics.workload import ITEM_BYTES, touched_positions
from roofline.records import ConvShape, Traffic

# Bytes that caches move at once, on every core that is known here.
LINE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Again:
    """Bytes that all threads move again, and what lies between two uses of them."""

    traffic: Traffic
    footprint: float


def again(shape: ConvShape, tiling: Tiling, threads: int) -> Sequence[Again]:
    """Return what a call moves beside its touched bytes; nothing where all stays in registers."""
    return [one for one in _again(shape, tiling, threads) if one.traffic.total > 0]


def moved(shape: ConvShape, tiling: Tiling) -> Traffic:
    """Return the touched bytes of a call, with empty lanes and what shares a line with them."""
    once = traffic(shape, tiling.lanes)
    return Traffic(read=once.read + _between(shape, tiling), written=once.written)


def _between(shape: ConvShape, tiling: Tiling) -> int:
    """Return the bytes of whole cache lines of the input that no tap touches."""
    item, lanes = ITEM_BYTES[shape.dtype], tiling.lanes
    place = item if planar(shape, lanes) else lanes * item
    rows, columns = (touched_positions(shape, axis) for axis in (0, 1))
    lines = len({column * place // LINE_BYTES for column in columns})
    planes = shape.batch * (input_lanes(shape, lanes) * item // place)
    return planes * len(rows) * max(0, lines * LINE_BYTES - len(columns) * place)


def _again(shape: ConvShape, tiling: Tiling, threads: int) -> Iterator[Again]:
    item = ITEM_BYTES[shape.dtype]
    parts = shape.batch * len(list(row_blocks(flattened(shape), tiling)))
    many = min(threads, parts)
    outputs = shape.batch * shape.out_height * shape.out_width * output_lanes(shape, tiling.lanes)
    rows, columns = (len(touched_positions(shape, axis)) for axis in (0, 1))
    inputs = shape.batch * rows * columns * input_lanes(shape, tiling.lanes)
    weights = output_lanes(shape, tiling.lanes) * depth(shape, tiling) * touched_taps(shape)
    one = item * (inputs + outputs) / parts
    yield Again(
        Traffic(read=item * weights * (parts - 1), written=0), many * (item * weights + one)
    )
    if not by_output(shape, tiling.lanes):
        return
    tiles = -(-out_blocks(shape, tiling.lanes) // tiling.blocks)
    group = item * (inputs / shape.groups / parts + weights / shape.groups / tiles)
    yield Again(Traffic(read=item * inputs * (tiles - 1), written=0), many * group)
    pieces = len(slices(shape, tiling)) if tiling.strategy == "broadcast" else 1
    sums = item * outputs * (pieces - 1)
    beside = item * (outputs / tiles + inputs / pieces) / shape.groups / parts
    yield Again(Traffic(read=sums, written=sums), many * beside)
