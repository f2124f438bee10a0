"""How our convolution kernels cut a shape: strategy, register tile, row blocks, channel chunks.

Pure arithmetic, because two readers need it: the kernels that run it, and the prediction that
says what it costs. Three strategies: "broadcast" (one input value times vectors of output
channels), "permute" (several narrow groups in one vector), "lanewise" (depthwise, a channel a
lane).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from roofline.physics.cache_shares import shares
from roofline.physics.isa import Vector
from roofline.physics.workload import ITEM_BYTES, conv_work, touched_positions, valid_taps
from roofline.records import ConvShape, MachineSpec, Scalar, Traffic

# Most columns of a tile, whatever the registers would allow.
WIDEST_TILE = 14
# Channels that one turn of the innermost loop takes, where a block holds whole vectors of them.
UNROLL = 4
# A core that starts two multiply-adds and two loads a cycle, of latency 4, is the hardest to
# feed: a tile that keeps it busy keeps the others busy. Chains that just cover the latency lose a
# cycle whenever one instruction starts late.
_PIPES, _LOADS, _LATENCY = 2, 2, 4.25
# Of two tiles that compute about equally fast, the one that loads less: a neighbour on the core's
# other thread takes its part of loads and of the front end first.
_LOAD_PENALTY = 0.1
# Taps of a kernel row that are kept in registers at once where channels are lanes.
MOST_TAPS = 7
# Where no instruction reads a pattern of lanes, it is in the code, all channels of a group at once,
# and the compiler keeps more of it in registers.
_FEW_LANES, _CONSTANT_TILE, _CONSTANT_TILE_UNFUSED = 4, 6, 4
# Registers of products that are instructions of their own: several of them are under way.
_PRODUCTS = 3
_NUMBERS = ("columns", "taps", "blocks", "rows", "chunk")
# Units of work a thread, so that one of them more or less hardly matters.
_UNITS = 6
# A chunk's weights fill that share of the first cache level, beside inputs that pass by, unless so
# many steps (a channel and tap each) are needed to outweigh its sums' way to memory and back.
_L1_WEIGHTS, _LEAST_STEPS = 0.6, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """What the kernels of one operator do.

    Attributes:
        strategy: "broadcast", "permute" or "lanewise".
        lanes: elements of a vector.
        columns: output columns of a register tile.
        taps: of a kernel row, that one call takes at once where channels are lanes.
        blocks: vectors of output channels of a register tile.
        rows: output rows (or column tiles of a flattened 1x1) that share the caches.
        chunk: vectors of input channels whose weights are used before the next ones.
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
        return {f"tile_{name}": getattr(self, name) for name in (*_NUMBERS, "along")}


def from_parameters(shape: ConvShape, lanes: int, parameters: Mapping[str, Scalar]) -> Tiling:
    """Return the tiling whose `parameters` these are."""
    return Tiling(
        strategy=strategy(shape, lanes),
        lanes=lanes,
        **{name: int(parameters[f"tile_{name}"] or 1) for name in _NUMBERS},
        along=bool(parameters["tile_along"]),
    )


def lanes_of(vector: Vector, dtype: str) -> int:
    """Return how many elements a register of that width holds."""
    return vector.bits // (8 * ITEM_BYTES[dtype])


def strategy(shape: ConvShape, lanes: int) -> str:
    """Return which kernels a shape gets on vectors of so many lanes."""
    if shape.groups > 1 and shape.group_in == shape.group_out == 1:
        return "lanewise"
    narrow = max(shape.group_in, shape.group_out) <= lanes // 2
    return "permute" if shape.groups > 1 and narrow else "broadcast"


def unroll(lanes: int) -> int:
    """Return how many channels one turn of the broadcast kernel's innermost loop takes."""
    return min(UNROLL, lanes)


def planar(shape: ConvShape, lanes: int) -> bool:
    """Whether a broadcast kernel reads channel planes, because a group has too few for a block."""
    return shape.group_in < lanes


def depth(shape: ConvShape, tiling: Tiling) -> int:
    """Return a group's input channels as they are run: whole turns of the innermost loop."""
    if tiling.strategy != "broadcast" or planar(shape, tiling.lanes):
        return shape.group_in
    turn = unroll(tiling.lanes)
    return -(-shape.group_in // turn) * turn


def groups_in_vector(shape: ConvShape, lanes: int) -> int:
    """Return how many whole groups one vector holds, in the input and in the output."""
    return lanes // max(shape.group_in, shape.group_out)


def flattened(shape: ConvShape) -> ConvShape:
    """Return a 1x1 convolution that touches everything as one long row; others as they are."""
    return replace(shape, height=1, width=shape.height * shape.width) if is_flat(shape) else shape


def is_flat(shape: ConvShape) -> bool:
    """Whether every output position reads just the input position at the same place."""
    return shape.kernel == (1, 1) == shape.stride and shape.padding == (0, 0)


def parts_in_vector(shape: ConvShape, lanes: int) -> int:
    """Return how many output vectors' groups one input vector holds, where channels are lanes."""
    if strategy(shape, lanes) == "broadcast":
        return 1
    return max(1, lanes // (groups_in_vector(shape, lanes) * shape.group_in))


def input_lanes(shape: ConvShape, lanes: int) -> int:
    """Return the channels of the input as it lies inside, with the lanes that stay empty."""
    if strategy(shape, lanes) != "broadcast":
        vectors = -(-shape.groups // groups_in_vector(shape, lanes))
        return -(-vectors // parts_in_vector(shape, lanes)) * lanes
    if planar(shape, lanes):
        return shape.in_channels
    return shape.groups * -(-shape.group_in // lanes) * lanes


def output_lanes(shape: ConvShape, lanes: int) -> int:
    """Return the channels of the output as it lies inside, with the lanes that stay empty."""
    if strategy(shape, lanes) != "broadcast":
        return -(-shape.groups // groups_in_vector(shape, lanes)) * lanes
    return shape.groups * out_blocks(shape, lanes) * lanes


def tensor_bytes(shape: ConvShape, lanes: int) -> int:
    """Return the bytes of one copy of all tensors as they lie inside, rounded up a little."""
    inputs, outputs = input_lanes(shape, lanes), output_lanes(shape, lanes)
    taps = shape.kernel[0] * shape.kernel[1]
    elements = shape.batch * inputs * shape.height * shape.width
    elements += shape.batch * outputs * shape.out_height * shape.out_width
    elements += outputs * ((shape.group_in + UNROLL) * taps + 1) + shape.group_in * lanes**2
    return elements * ITEM_BYTES[shape.dtype]


def traffic(shape: ConvShape, lanes: int) -> Traffic:
    """Return a call's touched bytes as the tensors lie inside: empty lanes are moved, too."""
    item, touched = ITEM_BYTES[shape.dtype], conv_work(shape).bytes_touched
    rows, columns = (len(touched_positions(shape, axis)) for axis in (0, 1))
    empty = shape.batch * rows * columns * (input_lanes(shape, lanes) - shape.in_channels)
    outputs = output_lanes(shape, lanes)
    inputs = depth(shape, Tiling(strategy=strategy(shape, lanes), lanes=lanes, columns=1))
    weights = outputs * inputs - shape.out_channels * shape.group_in
    empty += math.prod(len(set().union(*set(valid_taps(shape, axis)))) for axis in (0, 1)) * weights
    empty += (outputs - shape.out_channels) * shape.bias
    positions = shape.batch * shape.out_height * shape.out_width
    return Traffic(read=touched.read + empty * item, written=positions * outputs * item)


def choose(shape: ConvShape, vector: Vector, machine: MachineSpec, threads: int = 1) -> Tiling:
    """Return the tiling of a shape by a small model of registers, caches and threads."""
    lanes = lanes_of(vector, shape.dtype)
    kind = strategy(shape, lanes)
    flat = flattened(shape)
    caches = shares(machine)
    if kind == "broadcast":
        tile = _best_tile(flat, vector, lanes)
        tiling = replace(tile, chunk=_chunk(flat, tile, caches))
    else:
        # What comes from memory is fetched ahead only if it is read as it lies.
        along = tensor_bytes(shape, lanes) > caches[3] // 2
        tiling = replace(_lane_tile(flat, vector, lanes, kind), along=along)
    rows = _rows(flat, tiling, caches[2])
    return replace(tiling, rows=min(rows, _shared_rows(flat, tiling, threads)))


def split(total: int, most: int) -> tuple[tuple[int, int], ...]:
    """Cut a row into (start, size) pieces of at most `most`, as equal as possible."""
    count = -(-total // most)
    size, longer = divmod(total, count)
    pieces, start = [], 0
    for index in range(count):
        step = size + (index < longer)
        pieces.append((start, step))
        start += step
    return tuple(pieces)


def cycles(columns: int, blocks: int) -> float:
    """Return what one input channel and tap of a tile takes on the core that is hardest to feed."""
    multiplies = columns * blocks
    loads = columns + blocks
    return max(multiplies / _PIPES, loads / _LOADS, _LATENCY) + _LOAD_PENALTY * loads


def out_blocks(shape: ConvShape, lanes: int) -> int:
    """Return the vectors of output channels of one group."""
    return -(-shape.group_out // lanes)


def _lane_tile(shape: ConvShape, vector: Vector, lanes: int, kind: str) -> Tiling:
    """Return the tile of single vectors: accumulators, a row of weights, an input, two spare."""
    widest, permuted = WIDEST_TILE, kind == "permute"
    if permuted and (lanes <= _FEW_LANES or not vector.fused):
        widest = _CONSTANT_TILE if vector.fused else _CONSTANT_TILE_UNFUSED
    most = MOST_TAPS if vector.registers > 16 else MOST_TAPS // 2
    taps = split(shape.kernel[1], most)[0][1]
    # Of two taps that share no inputs the compiler permutes both ahead, in registers of their own.
    ahead = taps * (permuted and taps == 2 and shape.stride[1] > 1)
    free = vector.registers - 3 - taps - ahead - permuted - (0 if vector.fused else _PRODUCTS)
    columns = _even(shape.out_width, min(widest, free))
    return Tiling(strategy=kind, lanes=lanes, columns=columns, taps=taps)


def _best_tile(shape: ConvShape, vector: Vector, lanes: int) -> Tiling:
    options = _tiles(shape.out_width, out_blocks(shape, lanes), vector)
    best = min(options, key=lambda tile: _row_cycles(shape, lanes, *tile))
    return Tiling(strategy="broadcast", lanes=lanes, columns=best[0], blocks=best[1])


def _tiles(width: int, blocks: int, vector: Vector) -> Iterator[tuple[int, int]]:
    """Yield (columns, blocks) that fit: accumulators, weights, an input value."""
    free = vector.registers - 1 - (0 if vector.fused else _PRODUCTS + 1)
    for count in range(1, min(blocks, 8) + 1):
        # The weights of a whole turn are loaded at once where each channel has one vector.
        most = (free - (count if count > 1 else UNROLL + 1)) // count
        if most >= 1:
            yield _even(width, min(most, WIDEST_TILE)), count


def _row_cycles(shape: ConvShape, lanes: int, columns: int, blocks: int) -> float:
    whole, rest = divmod(out_blocks(shape, lanes), blocks)
    pieces = split(shape.out_width, columns)
    return sum(
        whole * cycles(size, blocks) + (cycles(size, rest) if rest else 0) for _, size in pieces
    )


def _even(width: int, most: int) -> int:
    """Return the largest piece when a row is cut evenly."""
    return split(width, most)[0][1]


def _chunk(shape: ConvShape, tiling: Tiling, caches: Mapping[int, int]) -> int:
    """Return how many blocks of input channels have weights that stay near from tile to tile."""
    item, taps = ITEM_BYTES[shape.dtype], shape.kernel[0] * shape.kernel[1]
    block = tiling.blocks * tiling.lanes**2 * taps * item
    total = -(-shape.group_in // tiling.lanes)
    worthwhile = -(-_LEAST_STEPS // (tiling.lanes * taps))
    near = max(int(_L1_WEIGHTS * caches[1]) // block, worthwhile)
    pieces = -(-total // max(1, min(near, caches[2] // 4 // block)))
    return -(-total // pieces)


def _rows(shape: ConvShape, tiling: Tiling, cache: int) -> int:
    """Return how many rows (or tiles of a flattened one) keep their input in the cache."""
    item = ITEM_BYTES[shape.dtype]
    depth = tiling.lanes if tiling.strategy != "broadcast" else shape.group_in
    if is_flat(shape):
        step, total = tiling.columns * depth * item, -(-shape.out_width // tiling.columns)
        halo = 0
    else:
        step, total = shape.width * shape.stride[0] * depth * item, shape.out_height
        halo = shape.kernel[0] * shape.dilation[0] // shape.stride[0]
    fitting = max(1, cache // 2 // step - halo)
    return math.ceil(total / math.ceil(total / fitting))


def _shared_rows(shape: ConvShape, tiling: Tiling, threads: int) -> int:
    """Return the most rows (or tiles) a unit may have for all threads to have enough units."""
    total = shape.out_height
    if is_flat(shape):
        total = len(split(shape.out_width, tiling.columns))
    if threads == 1:
        return total
    vectors = output_lanes(shape, tiling.lanes) // tiling.lanes
    others = shape.batch * -(-vectors // tiling.blocks)
    return max(1, total // max(1, -(-_UNITS * threads // others)))
