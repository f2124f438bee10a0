"""How our convolution kernels cut a shape: strategy, register tile, row blocks, channel chunks.

Pure arithmetic, because two readers need it: the kernels that run it, and the prediction that
says what it costs. Five strategies: "broadcast" (one input value times vectors of output
channels), "permute" (several narrow groups in one vector), "lanewise" (depthwise, a channel a
lane), "spread" (one input channel of many outputs: each value broadcast once for all its taps),
"positions" (vectors of a row times one weight, for few outputs).
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from roofline.physics.cropped import cropped
from roofline.physics.isa import Vector
from roofline.physics.planes import few_channels
from roofline.physics.positions import by_position, row_vectors
from roofline.physics.reach import Reach
from roofline.physics.workload import ITEM_BYTES, conv_work, counts
from roofline.records import ConvShape, Scalar, Traffic

# Channels that one turn of the innermost loop takes, where a block holds whole vectors of them; and
# fewer of a narrow tile, which hardly stops loading weights: each load in its code follows a stride
# of its own, and hardware fetches ahead for a few.
UNROLL, _NARROW, _FEW_COLUMNS = 4, 2, 2
# Channel planes that are read without a loop over them.
MOST_PLANES = 4
# Kernel rows of a depthwise tile that follow each other without a loop.
MOST_ROWS = 3
# Bits of a vector in which instructions move lanes within each half as they load.
_TWO_HALVES = 256
# Bits of the vectors that halve the instructions of a turn, against the ones above.
_WIDEST = 512
# Taps of a row that 16 registers hold at once beside a tile of single vectors.
_FEW_TAPS = 3
_NUMBERS = ("columns", "taps", "blocks", "rows", "chunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """What the kernels of one operator do.

    Attributes:
        strategy: "broadcast", "permute", "lanewise", "spread" or "positions".
        lanes: elements of a vector.
        columns: output columns of a register tile; vectors of them where lanes are positions.
        taps: of a kernel row, that one call takes at once where channels are lanes.
        blocks: vectors of output channels of a register tile; channels where lanes are positions.
        rows: output rows (or column tiles of a flattened 1x1) that share the caches.
        chunk: vectors of input channels whose weights are used before the next ones; channels
            where lanes are positions.
        along: tiles follow each other along a row, as the data lie, instead of down a column.

    """

    strategy: str
    lanes: int
    columns: int
    taps: int = 1
    blocks: int = 1
    rows: int = 1
    chunk: int = 1
    along: bool = False

    @property
    def parameters(self) -> dict[str, Scalar]:
        """What isn't decided by shape and lanes, as parameters of a case."""
        made = {f"tile_{name}": getattr(self, name) for name in (*_NUMBERS, "along")}
        return made | {"tile_taps": 0} if self.strategy == "positions" else made


def from_parameters(shape: ConvShape, lanes: int, parameters: Mapping[str, Scalar]) -> Tiling:
    """Return the tiling whose `parameters` these are.

    Raises:
        ValueError: kernels of another version took other lanes for this shape.

    """
    kind, taps = strategy(cropped(shape), lanes), parameters["tile_taps"] or 1
    if (kind == "positions") == bool(parameters["tile_taps"]):
        raise ValueError(f"kernels of this version run {shape.text} on other lanes")
    if shape.group_in == 1 and kind in ("broadcast", "spread"):
        # Kernels of other versions may have run the other way.
        kind = "broadcast" if taps == 1 else "spread"
    return Tiling(
        strategy=kind,
        lanes=lanes,
        **{name: int(parameters[f"tile_{name}"] or 1) for name in _NUMBERS},
        along=bool(parameters["tile_along"]),
    )


def lanes_of(vector: Vector, dtype: str) -> int:
    """Return how many elements a register of that width holds."""
    return vector.bits // (8 * ITEM_BYTES[dtype])


def lanewise(shape: ConvShape) -> bool:
    """Whether every channel is convolved with itself alone, so that channels fill the lanes."""
    return shape.groups > 1 and shape.group_in == shape.group_out == 1


# Nearly every question about a shape asks that first: the few that are kept are one layer's.
@functools.lru_cache(maxsize=16)
def strategy(shape: ConvShape, lanes: int) -> str:
    """Return which kernels a shape gets on vectors of so many lanes."""
    if lanewise(shape):
        return "lanewise"
    if by_position(shape, lanes):
        return "positions"
    narrow = max(shape.group_in, shape.group_out) <= lanes // 2
    if shape.groups > 1 and narrow:
        return "permute"
    return "spread" if _spreads(shape, lanes) else "broadcast"


def by_output(shape: ConvShape, lanes: int) -> bool:
    """Whether inputs come one by one; else they fill lanes, a channel each, as outputs do."""
    return strategy(shape, lanes) in ("broadcast", "spread", "positions")


def _spreads(shape: ConvShape, lanes: int) -> bool:
    """Whether one input channel's values serve all taps of a row while they are in registers."""
    if shape.group_in > 1 or not _shares_inputs(shape):
        return False
    # Where registers hold only some taps of a row at once, sums would go to memory in between; but
    # broadcast kernels want two blocks of outputs.
    few = 8 * lanes * ITEM_BYTES[shape.dtype] <= _TWO_HALVES
    return not few or shape.kernel[1] <= _FEW_TAPS or out_blocks(shape, lanes) == 1


def _shares_inputs(shape: ConvShape) -> bool:
    """Whether neighbouring outputs of a row have a quarter of their taps in common, at least."""
    reach = Reach(4, min(3, shape.kernel[1]), shape.stride[1], shape.dilation[1])
    return 4 * len(reach.uses()) <= 3 * reach.products


def unroll(tiling: Tiling) -> int:
    """Return how many channels one turn of the broadcast kernel's innermost loop takes."""
    return min(_NARROW if tiling.columns <= _FEW_COLUMNS else UNROLL, tiling.lanes)


def takes_whole(shape: ConvShape, lanes: int, depth: int, blocks: int) -> bool:
    """Whether the broadcast kernel has no loop over channels: of whole blocks, or of few planes.

    With one block of outputs the compiler would load more weights ahead than registers hold. So it
    would of blocks of 512 bits, whose vectors give the front end time for a loop, anyway.
    """
    if planar(shape, lanes):
        return blocks > 1 and depth <= MOST_PLANES < lanes
    return blocks > 1 and depth == lanes and 8 * lanes * ITEM_BYTES[shape.dtype] < _WIDEST


def rows_at_once(shape: ConvShape, tiling: Tiling) -> int:
    """Return the kernel rows that the code of a whole depthwise tile holds, none if in a loop."""
    # Of rows that follow each other the compiler broadcasts more ahead than registers hold.
    height = shape.kernel[0]
    return height if tiling.strategy == "lanewise" and height <= MOST_ROWS else 0


def planar(shape: ConvShape, lanes: int) -> bool:
    """Whether kernels read channel planes: of positions, or of a group with few channels."""
    kind = strategy(shape, lanes)
    return kind == "positions" or (
        kind in ("broadcast", "spread") and few_channels(shape, lanes, UNROLL)
    )


def reads_between(shape: ConvShape) -> bool:
    """Whether some taps of a row fall between what neighbouring columns' first taps read."""
    stride, dilation = shape.stride[1], shape.dilation[1]
    return any(tap * dilation % stride for tap in range(shape.kernel[1]))


def depth(shape: ConvShape, tiling: Tiling) -> int:
    """Return a group's input channels as they are run: whole turns of any innermost loop."""
    if tiling.strategy != "broadcast" or planar(shape, tiling.lanes):
        return shape.group_in
    turn = min(UNROLL, tiling.lanes)
    return -(-shape.group_in // turn) * turn


def groups_in_vector(shape: ConvShape, lanes: int) -> int:
    """Return how many whole groups one vector holds, in the input and in the output."""
    return lanes // max(shape.group_in, shape.group_out)


def parts_in_vector(shape: ConvShape, lanes: int) -> int:
    """Return how many output vectors' groups one input vector holds, where channels are lanes."""
    if by_output(shape, lanes):
        return 1
    return max(1, lanes // (groups_in_vector(shape, lanes) * shape.group_in))


def slots(shape: ConvShape, lanes: int) -> tuple[int, int]:
    """Return how many lanes each group has in an input vector and in an output vector.

    Groups lie in equal parts of a vector: on 256 bits they then need no lane of the other half.
    """
    wide = lanes // groups_in_vector(shape, lanes)
    return (wide if parts_in_vector(shape, lanes) == 1 else shape.group_in), wide


def halves(shape: ConvShape, lanes: int) -> int:
    """Return into how many parts of a vector groups are dealt out: the ones of 256 bits into two.

    There, lanes come cheaply from the same half. So where an input vector serves several output
    vectors, each half of it has what the same half of each of them takes.
    """
    wide = 8 * lanes * ITEM_BYTES[shape.dtype] == _TWO_HALVES
    return 2 if wide and parts_in_vector(shape, lanes) > 1 else 1


def input_lanes(shape: ConvShape, lanes: int) -> int:
    """Return the channels of the input as it lies inside, with the lanes that stay empty."""
    if not by_output(shape, lanes):
        vectors = -(-shape.groups // groups_in_vector(shape, lanes))
        return -(-vectors // parts_in_vector(shape, lanes)) * lanes
    if planar(shape, lanes):
        return shape.in_channels
    return shape.groups * -(-shape.group_in // lanes) * lanes


def output_lanes(shape: ConvShape, lanes: int) -> int:
    """Return the channels of the output as it lies inside, with the lanes that stay empty."""
    if not by_output(shape, lanes):
        return -(-shape.groups // groups_in_vector(shape, lanes)) * lanes
    if strategy(shape, lanes) == "positions":
        return shape.out_channels
    return shape.groups * out_blocks(shape, lanes) * lanes


def tensor_bytes(shape: ConvShape, lanes: int) -> int:
    """Return the bytes of one copy of all tensors as they lie inside, rounded up a little."""
    outputs, taps = output_lanes(shape, lanes), shape.kernel[0] * shape.kernel[1]
    elements = sum(activations(shape, lanes))
    elements += outputs * ((shape.group_in + UNROLL) * taps + 1) + shape.group_in * lanes**2
    return elements * ITEM_BYTES[shape.dtype]


def activations(shape: ConvShape, lanes: int) -> tuple[int, int]:
    """Return the elements of input and output as they lie inside."""
    inputs = shape.batch * input_lanes(shape, lanes) * shape.height * shape.width
    places = shape.batch * shape.out_height * shape.out_width
    return inputs, places * output_lanes(shape, lanes)


def traffic(shape: ConvShape, lanes: int) -> Traffic:
    """Return a call's touched bytes as the tensors lie inside: empty lanes are moved, too."""
    item, touched = ITEM_BYTES[shape.dtype], conv_work(shape).bytes_touched
    rows, columns = (counts(shape, axis).touched for axis in (0, 1))
    empty = shape.batch * rows * columns * (input_lanes(shape, lanes) - shape.in_channels)
    outputs = output_lanes(shape, lanes)
    inputs = depth(shape, Tiling(strategy=strategy(shape, lanes), lanes=lanes, columns=1))
    weights = outputs * inputs - shape.out_channels * shape.group_in
    empty += touched_taps(shape) * weights
    empty += (outputs - shape.out_channels) * shape.bias
    positions = shape.batch * shape.out_height * shape.out_width
    return Traffic(read=touched.read + empty * item, written=positions * outputs * item)


def touched_taps(shape: ConvShape) -> int:
    """Return the taps of the kernel that fall on the input for any output."""
    return counts(shape, 0).taps * counts(shape, 1).taps


def copied(shape: ConvShape, lanes: int) -> Traffic:
    """Return what a call copies that gets its input in planes (NCHW) and gives its output so.

    What the kernels read and write in planes is copied nowhere.
    """
    if strategy(shape, lanes) == "positions":
        return Traffic(read=0, written=0)
    item, outputs = ITEM_BYTES[shape.dtype], shape.batch * shape.out_height * shape.out_width
    read, written = outputs * output_lanes(shape, lanes), outputs * shape.out_channels
    if not planar(shape, lanes):
        inputs = shape.batch * shape.height * shape.width
        read += inputs * shape.in_channels
        written += inputs * input_lanes(shape, lanes)
    return Traffic(read=read * item, written=written * item)


def out_blocks(shape: ConvShape, lanes: int) -> int:
    """Return the vectors of output channels of one group."""
    return -(-shape.group_out // lanes)


def row_length(shape: ConvShape, tiling: Tiling) -> int:
    """Return what the tiles of a row share: columns, or vectors of them; `flattened` before."""
    if tiling.strategy == "positions":
        return row_vectors(shape, tiling.lanes)
    return shape.out_width
