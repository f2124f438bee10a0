"""In-core time of our convolution kernels: what their tiles ask of a core's ports, all data in L1.

Each register tile is counted: multiply-adds, loads, permutations, the start and end of its
accumulators. A core takes at least as long as its busiest port and as its longest chain. Peak,
clock and L1 bandwidth are the calibration's; what it doesn't measure stands in `CORES`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from roofline.physics.isa import Vector
from roofline.physics.roof import Pick, compute_ceiling, value
from roofline.physics.spans import Span, row_blocks, slices, spans
from roofline.physics.tiling import Tiling, flattened, groups_in_vector, out_blocks
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Calibration, ConvShape, MachineSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What a core does in a cycle, for one vector width.

    Attributes:
        latency: cycles until the next multiply-add may use a sum.
        broadcasts: loads of one element a cycle.
        stores: vector stores a cycle.
        permutes: vector permutations a cycle.
        arithmetic: vector instructions a cycle on all pipes that multiply-adds and
            permutations use together.
        call: cycles from one micro-kernel's last instruction to the next one's first, with the
            mispredicted branch that ends a loop.
        source: citation.

    """

    latency: float
    broadcasts: float
    stores: float
    permutes: float
    arithmetic: float
    call: float
    source: str


_GENERIC = Core(
    latency=4,
    broadcasts=2,
    stores=1,
    permutes=1,
    arithmetic=2,
    call=40,
    source="the least that x86 server cores since 2017 have, by their makers' guides",
)
CORES: Mapping[tuple[str, int], Core] = {
    ("Zen 4", 512): Core(
        latency=4,
        broadcasts=2,
        stores=0.5,
        permutes=1,
        arithmetic=1.5,
        call=40,
        source="AMD, optimization guide of Zen 4, pub. 57647: 512-bit instructions take two "
        "cycles of a 256-bit pipe (multiply-add on 0 and 1, permutation on 1 and 2), a 512-bit "
        "store two cycles",
    ),
    ("Zen 5", 512): Core(
        latency=4,
        broadcasts=2,
        stores=1,
        permutes=2,
        arithmetic=3,
        call=40,
        source="AMD, optimization guide of Zen 5, pub. 58455: 512-bit pipes, multiply-add on 0 "
        "and 1, permutation on 1 and 2",
    ),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """A team member's rates: multiply-adds and vector loads a second, and its clock."""

    multiplies: float
    loads: float
    hertz: float


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn of a tile's innermost work asks for; `chain`: sums that wait for each other."""

    multiplies: int
    loads: int
    broadcasts: int
    permutes: int
    chain: int


def core_of(machine: MachineSpec, vector: Vector) -> Core:
    """Return what is known of a machine's cores, else what most have."""
    return CORES.get((machine.microarchitecture or "", vector.bits), _GENERIC)


def rates(
    calibration: Calibration, threads: int, vector: Vector, dtype: str, pick: Pick
) -> Rates | None:
    """Return the rates of one of a team's threads; None without a compute ceiling."""
    compute = compute_ceiling(calibration, threads, dtype)
    if compute is None:
        return None
    lanes = vector.bits // (8 * ITEM_BYTES[dtype])
    clock = calibration.ceiling(f"clock-{dtype}-{vector.bits}", threads)
    multiplies = value(compute, pick) / (2 * lanes * threads)
    # Without a clock, one multiply-add a cycle: the least that a core starts.
    hertz = value(clock, pick) if clock else multiplies
    reads = calibration.ceiling("l1-read", threads)
    loads = value(reads, pick) / (vector.bits // 8 * threads) if reads else hertz
    return Rates(multiplies, loads, hertz)


def core_seconds(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates, threads: int) -> float:
    """Return the time of one call with all data in L1, its parts spread evenly over the threads."""
    total = sum(seconds for seconds in _parts(shape, tiling, core, rates))
    return total / threads


def _parts(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates) -> Iterator[float]:
    flat = flattened(shape)
    for part in row_blocks(flat, tiling):
        for span in spans(flat, tiling, part):
            yield flat.batch * _span_seconds(shape, span, tiling, core, rates)


def _span_seconds(shape: ConvShape, span: Span, tiling: Tiling, core: Core, rates: Rates) -> float:
    """Return the time of a span in one image, for all groups and output channels."""
    if tiling.strategy != "broadcast":
        blocks = -(-shape.groups // groups_in_vector(shape, tiling.lanes))
        return blocks * _call(shape, span, shape.group_in, 1, tiling, core, rates)
    whole, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
    seconds = 0.0
    for piece in slices(shape, tiling):
        channels = piece.blocks * piece.depth
        if whole:
            seconds += whole * _call(shape, span, channels, tiling.blocks, tiling, core, rates)
        if rest:
            seconds += _call(shape, span, channels, rest, tiling, core, rates)
    return shape.groups * seconds


def _call(
    shape: ConvShape,
    span: Span,
    channels: int,
    blocks: int,
    tiling: Tiling,
    core: Core,
    rates: Rates,
) -> float:
    taps = len(span.kernel_columns)
    if tiling.strategy == "broadcast":
        turns, step = len(span.kernel_rows) * taps * channels, _broadcast(span.columns, blocks)
    else:
        turns, step = len(span.kernel_rows) * channels, _row(span.columns, taps, shape, tiling)
    tile = turns * _seconds(step, core, rates) + _ends(span.columns * blocks, core, rates)
    return span.tiles * tile + core.call / rates.hertz


def _broadcast(columns: int, blocks: int) -> Step:
    """Count one channel and tap: every sum waits for the one before."""
    return Step(columns * blocks, blocks, columns, 0, 1)


def _row(columns: int, taps: int, shape: ConvShape, tiling: Tiling) -> Step:
    """Count one channel and kernel row; tiles are short enough to overlap each other."""
    stride, dilation = shape.stride[1], shape.dilation[1]
    inputs = {c * stride + t * dilation for c in range(columns) for t in range(taps)}
    permutes = len(inputs) * (tiling.strategy == "permute")
    return Step(columns * taps, len(inputs) + taps + (permutes > 0), 0, permutes, 0)


def _ends(accumulators: int, core: Core, rates: Rates) -> float:
    """Return the seconds that a tile's sums take to be loaded and stored."""
    return accumulators * max(1 / rates.loads, 1 / (core.stores * rates.hertz))


def _seconds(step: Step, core: Core, rates: Rates) -> float:
    """Return the seconds of a step: the busiest port, or the chain."""
    pipes = max(core.arithmetic, rates.multiplies / rates.hertz)
    return max(
        step.multiplies / rates.multiplies,
        step.loads / rates.loads + step.broadcasts / (core.broadcasts * rates.hertz),
        step.permutes / (core.permutes * rates.hertz),
        (step.multiplies + step.permutes) / (pipes * rates.hertz),
        step.chain * core.latency / rates.hertz,
    )
