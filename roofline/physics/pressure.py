"""In-core time of our convolution kernels: what their tiles ask of a core's ports, all data in L1.

Each register tile is counted: multiply-adds, loads, permutations, the start and end of its
accumulators. A core takes at least as long as its busiest port and as its longest chain. Peak,
clock and L1 bandwidth are the calibration's; what it doesn't measure stands in `CORES`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from roofline.physics.isa import Vector
from roofline.physics.reach import Reach
from roofline.physics.roof import Pick, compute_ceiling, value
from roofline.physics.spans import Slice, Span, owner, row_blocks, slices, spans
from roofline.physics.tiling import Tiling, flattened, out_blocks, output_lanes
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


# An empty call takes 9 cycles (the `call` ceiling, as measured on Zen 4); the branch that ends a
# loop otherwise than the last time costs about 16 on cores of this kind.
_CALL = 25
_LLVM = "LLVM's scheduling models"
_INTEL_512 = Core(
    latency=4,
    broadcasts=2,
    stores=1,
    permutes=1,
    arithmetic=2,
    call=_CALL,
    source="Intel, Optimization Reference Manual, order 248966, and "
    f"{_LLVM} SkylakeServer, IceLake, SapphireRapids: 512-bit multiply-add on ports 0 and 5 (or 0 "
    "alone), permutation on 5",
)
_INTEL_256 = replace(
    _INTEL_512,
    latency=5,
    arithmetic=3,
    source="Intel, Optimization Reference Manual, order 248966, and "
    f"{_LLVM} Haswell, Broadwell, SkylakeClient: multiply-add on ports 0 and 1 (latency 5, since "
    "Skylake 4), permutation on 5",
)
_GENERIC = replace(_INTEL_512, source=f"not known; taken as a server core of {_INTEL_512.source}")
_ZEN4_512 = Core(
    latency=4,
    broadcasts=1,
    stores=0.5,
    permutes=1,
    arithmetic=1.5,
    call=_CALL,
    source="AMD, optimization guide of Zen 4, pub. 57647: 512-bit instructions take two cycles of "
    "a 256-bit pipe (multiply-add on 0 and 1, permutation on 1 and 2), as do stores; that a "
    "broadcast fills both halves, too, was timed on a Zen 4 server core, as all the rest",
)
_ZEN4_256 = Core(
    latency=4,
    broadcasts=2,
    stores=1,
    permutes=2,
    arithmetic=3,
    call=_CALL,
    source="AMD, optimization guide of Zen 4, pub. 57647: multiply-add on pipes 0 and 1, "
    "permutation on 1 and 2; timed on a Zen 4 server core",
)
_ZEN5_512 = Core(
    latency=4,
    broadcasts=2,
    stores=1,
    permutes=2,
    arithmetic=3,
    call=_CALL,
    source="AMD, optimization guide of Zen 5, pub. 58455, and AMD's scheduling model in GCC "
    "(zn4zn5.md): 512-bit pipes, multiply-add on 0 and 1, permutation on 1 and 2, a 512-bit store "
    "on both store pipes",
)
_ZEN2_256 = replace(
    _GENERIC,
    latency=5,
    source=f"AMD, optimization guide of Family 17h Models 30h+, pub. 56305, and {_LLVM} Znver2 "
    f"(latency); the rest is {_GENERIC.source}",
)
CORES: Mapping[tuple[str, int], Core] = {
    ("Zen 2", 256): _ZEN2_256,
    **{(name, 512): _ZEN4_512 for name in ("Zen 4", "Zen 4c")},
    **{(name, 256): _ZEN4_256 for name in ("Zen 4", "Zen 4c")},
    **{(name, 512): _ZEN5_512 for name in ("Zen 5", "Zen 5c")},
    **{(name, 256): _INTEL_256 for name in ("Haswell", "Broadwell")},
    ("Skylake", 256): replace(_INTEL_256, latency=4),
    **{
        (name, 512): _INTEL_512
        for name in ("Skylake-SP", "Cascade Lake", "Ice Lake-SP", "Sapphire Rapids")
    },
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


@dataclass(frozen=True, slots=True)
class Unit:
    """Calls that one thread runs together: the cost by which they're shared out, and their time."""

    cost: int
    seconds: float


def core_seconds(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates, threads: int) -> float:
    """Return the time of one call with all data in L1: that of the thread with most to do."""
    everything = units(shape, tiling, core, rates) * shape.batch
    return max(loads(everything, threads))


def loads(costs: Sequence[Unit], threads: int) -> list[float]:
    """Return what each thread has to do, in seconds, when units are shared out as `owner` says."""
    total, done = sum(unit.cost for unit in costs), 0
    sums = [0.0] * threads
    for unit in costs:
        sums[owner(done, unit.cost, total, threads)] += unit.seconds
        done += unit.cost
    return sums


def units(shape: ConvShape, tiling: Tiling, core: Core, rates: Rates) -> list[Unit]:
    """Return the units of one image, in the order in which the kernels run them."""
    flat, kernels = flattened(shape), _Kernels(shape, tiling, core, rates)
    parts = (list(spans(flat, tiling, part)) for part in row_blocks(flat, tiling))
    return [unit for found in parts for unit in kernels.units(found)]


@dataclass(frozen=True, slots=True)
class _Kernels:
    """What is run, on which core."""

    shape: ConvShape
    tiling: Tiling
    core: Core
    rates: Rates

    def units(self, found: Sequence[Span]) -> list[Unit]:
        """Return the units of one part of the rows."""
        shape, tiling = self.shape, self.tiling
        if tiling.strategy != "broadcast":
            whole = Slice(0, 1, shape.group_in, shape.group_in, 0)
            return [self._unit(found, [whole], 1)] * (
                output_lanes(shape, tiling.lanes) // tiling.lanes
            )
        pieces = slices(shape, tiling)
        full, rest = divmod(out_blocks(shape, tiling.lanes), tiling.blocks)
        group = [self._unit(found, pieces, tiling.blocks)] * full if full else []
        return (group + ([self._unit(found, pieces, rest)] if rest else [])) * shape.groups

    def _unit(self, found: Sequence[Span], pieces: Sequence[Slice], blocks: int) -> Unit:
        calls = [
            self._call(span, piece, blocks) if span.reached else self._fills(span, blocks)
            for index, piece in enumerate(pieces)
            for span in found
            if span.reached or (span.first and index == 0)
        ]
        return Unit(sum(call.cost for call in calls), sum(call.seconds for call in calls))

    def _call(self, span: Span, piece: Slice, blocks: int) -> Unit:
        rows, taps = len(span.kernel_rows), len(span.kernel_columns)
        each, channels = span.columns * blocks, piece.blocks * piece.depth
        if self.tiling.strategy == "broadcast":
            turns, step = rows * taps * channels, _broadcast(span.columns, blocks)
            products = each * taps
        else:
            turns, step = rows * channels, _row(self._reach(span), self.tiling)
            products = step.multiplies
        tile = turns * _seconds(step, self.core, self.rates) + _ends(each, self.core, self.rates)
        cost = span.tiles * products * rows * piece.blocks * piece.turns
        return Unit(cost, span.tiles * tile + self.core.call / self.rates.hertz)

    def _reach(self, span: Span) -> Reach:
        stride, dilation = self.shape.stride[1], self.shape.dilation[1]
        taps = len(span.kernel_columns)
        return Reach(span.columns, taps, stride, dilation, span.before, span.after)

    def _fills(self, span: Span, blocks: int) -> Unit:
        """Return what it takes to begin outputs without a tap: each column is a call."""
        calls = span.columns * blocks
        one = span.tiles * _ends(1, self.core, self.rates) + self.core.call / self.rates.hertz
        return Unit(span.tiles * calls, calls * one)


def _broadcast(columns: int, blocks: int) -> Step:
    """Count one channel and tap: every sum waits for the one before."""
    return Step(columns * blocks, blocks, columns, 0, 1)


def _row(reach: Reach, tiling: Tiling) -> Step:
    """Count one channel and kernel row; tiles are short enough to overlap each other."""
    inputs = len(reach.uses())
    permutes = inputs * (tiling.strategy == "permute")
    return Step(reach.products, inputs + reach.taps + (permutes > 0), 0, permutes, 0)


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
