"""What a convolution reads and writes again: tensors that nearer caches lost since their last use.

Our kernels go image by image, part of the rows by part, tile of output channels by tile, slice of
input channels by slice, and register tile by register tile. So weights come again for each part of
each image, a slice's for each register tile, inputs for each tile of output channels, sums for each
slice: from whichever level holds what passes between two uses. Lanes of a stride share cache lines
with what lies between them, which moves, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from roofline.physics.cropped import cropped
from roofline.physics.flat import flattened, is_flat
from roofline.physics.pieces import piece_count
from roofline.physics.spans import row_blocks, rows_of_all, slices
from roofline.physics.tiling import (
    Tiling,
    by_output,
    depth,
    input_lanes,
    out_blocks,
    output_lanes,
    planar,
    touched_taps,
    traffic,
)
from roofline.physics.workload import ITEM_BYTES, counts, touched_lines
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
    tensors = _tensors(cropped(shape), tiling)
    found = [_weights(tensors, threads)]
    if by_output(shape, tiling.lanes):
        found += [_inputs(tensors, threads), _sums(tensors, threads)]
    if tiling.strategy == "broadcast":
        found.append(_slices(tensors, threads))
    return [one for one in found if one.traffic.total > 0]


def moved(shape: ConvShape, tiling: Tiling) -> Traffic:
    """Return the touched bytes of a call, with empty lanes and what shares a line with them."""
    shape = cropped(shape)
    once = traffic(shape, tiling.lanes)
    return Traffic(read=once.read + _between(shape, tiling), written=once.written)


def spread(shape: ConvShape, tiling: Tiling) -> float:
    """Return by how many bytes more of a cache the inputs of a call take than they have.

    Where a stride leaves lines out, those that are used fall on some of a cache's sets only.
    """
    shape = cropped(shape)
    if by_output(shape, tiling.lanes) and planar(shape, tiling.lanes):
        return 0
    rows, columns = (counts(shape, axis).touched for axis in (0, 1))
    across = (shape.out_width - 1) * shape.stride[1] + 1
    left_out = max(0, min(across, shape.width) - columns)
    item = ITEM_BYTES[shape.dtype]
    return item * shape.batch * rows * left_out * input_lanes(shape, tiling.lanes)


def _between(shape: ConvShape, tiling: Tiling) -> int:
    """Return the bytes of whole cache lines of the input that no tap touches."""
    item, lanes = ITEM_BYTES[shape.dtype], tiling.lanes
    place = item if planar(shape, lanes) else lanes * item
    rows, columns = (counts(shape, axis).touched for axis in (0, 1))
    # What lies beside a row in its first and last line is the rows before and after it.
    across = min(touched_lines(shape, place, LINE_BYTES) * LINE_BYTES, shape.width * place)
    planes = shape.batch * (input_lanes(shape, lanes) * item // place)
    return planes * rows * max(0, across - columns * place)


@dataclass(frozen=True, slots=True)
class _Tensors:
    """Bytes of all tensors as they lie inside, and into how much their use is cut.

    Attributes:
        parts: of the rows, of all images.
        tiles: of output channels of a group.
        pieces: slices of its input channels.
        uses: register tiles that go through all taps, of all images.

    """

    inputs: int
    outputs: int
    weights: int
    groups: int
    parts: int
    tiles: int
    pieces: int
    uses: float


def _tensors(shape: ConvShape, tiling: Tiling) -> _Tensors:
    item, lanes = ITEM_BYTES[shape.dtype], tiling.lanes
    rows, columns = (counts(shape, axis).touched for axis in (0, 1))
    outputs, places = output_lanes(shape, lanes), shape.out_height * shape.out_width
    by_position = tiling.strategy == "positions"
    deep = shape.group_out if by_position else out_blocks(shape, lanes)
    return _Tensors(
        inputs=item * shape.batch * rows * columns * input_lanes(shape, lanes),
        outputs=item * shape.batch * places * outputs,
        weights=item * outputs * depth(shape, tiling) * touched_taps(shape),
        groups=shape.groups,
        parts=shape.batch * len(list(row_blocks(flattened(shape), tiling))),
        tiles=-(-deep // tiling.blocks),
        pieces=len(slices(shape, tiling)) if tiling.strategy == "broadcast" else 1,
        uses=shape.batch * _uses(shape, tiling),
    )


def _uses(shape: ConvShape, tiling: Tiling) -> float:
    """Return the register tiles of an image, those that miss rows of taps counted in part."""
    flat = flattened(shape)
    if is_flat(flat):
        return rows_of_all(flat, tiling)
    rows = counts(shape, 0)
    return rows.executed / max(1, rows.taps) * piece_count(shape.out_width, tiling.columns)


def _weights(t: _Tensors, threads: int) -> Again:
    """Return what each part reads of weights; meanwhile all of them pass, and one part."""
    read = t.weights * (t.parts - 1)
    passing = t.weights + (t.inputs + t.outputs) / t.parts
    return Again(Traffic(read=read, written=0), min(threads, t.parts) * passing)


def _slices(t: _Tensors, threads: int) -> Again:
    """Return what register tiles read of a slice's weights, but for the first one of each part."""
    read = int(t.weights * max(0, t.uses - t.parts))
    passing = t.weights / t.groups / t.tiles / t.pieces
    return Again(Traffic(read=read, written=0), threads * passing)


def _inputs(t: _Tensors, threads: int) -> Again:
    """Return what each tile reads of a group's inputs, with the weights of that tile."""
    passing = (t.inputs / t.parts + t.weights / t.tiles) / t.groups
    return Again(Traffic(read=t.inputs * (t.tiles - 1), written=0), min(threads, t.parts) * passing)


def _sums(t: _Tensors, threads: int) -> Again:
    """Return what each slice loads and stores of a tile's sums, with the slice's inputs."""
    moved = t.outputs * (t.pieces - 1)
    passing = (t.outputs / t.tiles + t.inputs / t.pieces) / t.groups / t.parts
    return Again(Traffic(read=moved, written=moved), min(threads, t.parts) * passing)
