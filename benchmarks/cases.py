"""The table of benchmarks: what each runs, its bytes and FLOPs as data, how its answer is checked.

It imports no kernel, so that plans and conclusions can read it where Numba isn't.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from roofline.errors import RooflineError
from roofline.physics import tensors, theory
from roofline.physics.workload import ITEM_BYTES, conv_shape, conv_work
from roofline.records import Case, Scalar, Traffic, Work

# Every array of a stream kernel is a multiple of this: eight of the widest vectors.
ARRAY_QUANTUM = 512
# Turns of the multiply-add kernel in one repetition: a call's cost is below 0.1 % of it.
FMA_TURNS = 4096
FMA_UNROLL = 2
# Float16 holds whole numbers up to 2048: so many turns from about -1900 to 1900 stay exact.
HALF_TURNS = 1920
# 12 chains of multiply-adds and as many of additions hide both latencies; where registers are
# fewer, 8 (a latency of 4 on two pipes) and 6 (of 3) just do, with one operand for all.
MIXED_REGISTERS = 26
MIXED_CHAINS, MIXED_SUMS = 14, 6
# Turns, steps in a turn and chains of a divide or square root: their latency is at most twelve
# times the cycles between two of them.
DIVISION_TURNS, DIVISION_STEPS, DIVISION_CHAINS = 1024, 2, 12
# What an exponential reads and writes, together half of the smallest L1 of interest.
EXP_BYTES = 16 * 1024
# Registers that hold an exponential's constants beside what its turn computes.
HOLDING_REGISTERS = 32
# Multiply-adds of an exponential: of the argument's reduction, and by degree of the polynomial.
EXP_REDUCTION = 3
EXP_DEGREE = {"float32": 6, "float64": 11}
CHAIN_TURNS = 1400
# Dependent loads in one repetition of a latency case: a prime number of turns, so that a walk over
# a power of two of lines doesn't end where it began, where no walk at all would be, too.
CHASE_STEPS = 16 * 509
# The level of a latency case that no walk beforehand brings nearer.
MEMORY = "DRAM"
# What runs in a node's memory, and the share of its pages there, among what ran in its windows.
NODE, PLACED = "node-", "placed"
# The load beside a walk, among what ran in the same windows: its steps are bytes.
LOAD = "load"
CHAIN_STEPS_PER_TURN = {"add": 32, "imul": 32, "vector": 16}
# Beside scalar code the clock is read by a chain in the narrowest vectors.
NARROWEST_CHAIN = 128
# What first touch counts as one page, whatever the kernel backs it with.
SMALL_PAGE = 4096
HUGE_PAGE = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A row of the table.

    Attributes:
        family: the file of `benchmarks` that holds its kernels.
        mix: instructions or traffic, in words.
        reads, writes: arrays read and written, for stream kernels.
        in_place: what is written is what was read.
        flops: operations an element (stream), or a lane and step of one accumulator (fma), the
            mean where accumulators differ; a result of a divide, square root or exp counts as one.
        clocked: dependent chains read the core clock inside its windows.
        check: how its answer is verified.

    """

    family: str
    mix: str
    reads: int = 0
    writes: int = 0
    flops: float = 0
    in_place: bool = False
    clocked: bool = False
    check: str

    @property
    def arrays(self) -> int:
        """How many different arrays a stream kernel walks through."""
        return self.reads + self.writes - self.in_place


def _stream(
    mix: str, reads: int, writes: int, flops: int = 0, *, in_place: bool = False
) -> Benchmark:
    return Benchmark(
        family="stream",
        mix=mix,
        reads=reads,
        writes=writes,
        flops=flops,
        in_place=in_place,
        check="slices of the output, set before, equal the float64 reference afterwards",
    )


_READ_CHECK = "exclusive or of all vectors equals NumPy's, bit by bit"
_READ = Benchmark(family="stream", mix="1 read", reads=1, check=_READ_CHECK)
_CHAIN_CHECK = "value after a few steps equals Python's or the float64 reference"
_FMA_CHECK = "accumulators equal the float64 reference after two different numbers of turns"
_DOT_CHECK = "accumulators equal exact integers, or the float64 reference"
_ROOT_CHECK = "chains equal their closed form in float64 after two different numbers of turns"
_EXP_CHECK = "every result is within a stated relative error of NumPy's in float64"
_TENSOR_CHECK = "all of the output is written, and equals the reference wherever compared"
_CONV_CHECK = "no output is left unwritten, and some of all channels equal the float64 reference"
_TOUCH_CHECK = "every page holds the mark"
_WRITE = _stream("1 write", 0, 1)
_COPY = _stream("1 read, 1 write", 1, 1)
_UPDATE = _stream("1 read, 1 write", 1, 1, 1, in_place=True)
_TRIAD = _stream("2 reads, 1 write", 2, 1, 2)
_WALK_CHECK = "the walk ends where NumPy, following the same order, says"
_WALK = Benchmark(family="latency", mix="dependent loads", check=_WALK_CHECK)

BENCHMARKS: Mapping[str, Benchmark] = {
    "fma": Benchmark(family="fma", mix="fma", flops=2, clocked=True, check=_FMA_CHECK),
    "mul+add": Benchmark(family="fma", mix="mul+add", flops=1, clocked=True, check=_FMA_CHECK),
    "fp-add": Benchmark(family="fma", mix="add", flops=1, clocked=True, check=_FMA_CHECK),
    "fp-mul": Benchmark(family="fma", mix="mul", flops=1, clocked=True, check=_FMA_CHECK),
    "fma+add": Benchmark(family="fma", mix="fma+add", flops=1.5, clocked=True, check=_FMA_CHECK),
    "dot": Benchmark(family="dot", mix="dot", flops=2, clocked=True, check=_DOT_CHECK),
    "divide": Benchmark(family="division", mix="divide", flops=1, clocked=True, check=_ROOT_CHECK),
    "sqrt": Benchmark(family="division", mix="sqrt", flops=1, clocked=True, check=_ROOT_CHECK),
    "exp": Benchmark(family="exponential", mix="exp", flops=1, clocked=True, check=_EXP_CHECK),
    "chain": Benchmark(family="clock", mix="dependent chain", check=_CHAIN_CHECK),
    "read": _READ,
    "write": _WRITE,
    "copy": _COPY,
    "update": _UPDATE,
    "scale": _stream("1 read, 1 write", 1, 1, 1),
    "add": _stream("2 reads, 1 write", 2, 1, 1),
    "triad": _TRIAD,
    "schoenauer": _stream("3 reads, 1 write", 3, 1, 2),
    "read-curve": _READ,
    "write-curve": _WRITE,
    "copy-curve": _COPY,
    "update-curve": _UPDATE,
    "triad-curve": _TRIAD,
    "latency": _WALK,
    "node-read": replace(_READ, family="node"),
    "node-triad": replace(_TRIAD, family="node"),
    "node-latency": replace(_WALK, family="node"),
    "loaded-latency": Benchmark(
        family="loaded",
        mix="dependent loads beside reads",
        check="the walk ends where NumPy says, and the exclusive or of what was read equals its",
    ),
    "first-touch": Benchmark(family="pagefault", mix="1 store a page", check=_TOUCH_CHECK),
    "conv": Benchmark(family="conv", mix="fma", check=_CONV_CHECK),
    "gemm": Benchmark(family="gemm", mix="fma", check=_TENSOR_CHECK),
    "elementwise": Benchmark(family="elementwise", mix="loads, stores", check=_TENSOR_CHECK),
    "reorder": Benchmark(family="reorder", mix="loads, shuffles, stores", check=_TENSOR_CHECK),
    **{
        name: Benchmark(family="instrument", mix=name, check="none: it has no answer")
        for name in ("timer", "call", "migration", "barrier")
    },
}


def benchmark(case: Case) -> Benchmark:
    """Return the row of a case.

    Raises:
        RooflineError: there is no such benchmark.

    """
    if case.benchmark not in BENCHMARKS:
        names = ", ".join(BENCHMARKS)
        raise RooflineError(f"unknown benchmark {case.benchmark!r}: choose one of {names}.")
    return BENCHMARKS[case.benchmark]


def moved_over_nominal(case: Case) -> float:
    """Return how many bytes cross the memory bus for each nominal byte of a stream case.

    An ordinary store first reads the line that it will overwrite, unless the kernel has read it.
    """
    row = benchmark(case)
    allocates = case.parameters.get("store") == "ordinary" and not row.in_place
    return 1 + allocates * row.writes / (row.reads + row.writes)


def fused(case: Case) -> bool:
    """Whether the chains beside a case may use fused multiply-adds: the host has them."""
    stated = case.parameters.get("fused")
    return case.benchmark != "mul+add" if stated is None else bool(stated)


def operation(case: Case) -> str:
    """Return what a stream case does: "triad" for "triad", "triad-curve" and "node-triad"."""
    return case.benchmark.removesuffix("-curve").removeprefix(NODE)


def accumulators(registers: int, *, fused: bool) -> int:
    """Return how many independent chains hide the latency in so many vector registers.

    Two registers hold the operands. A fused multiply-add has a latency of 4 on two pipes (8
    chains) or on four (16). Multiplications and additions on their own have 3 or 4 on at most two
    pipes each: six chains of each cover the first, and the second come on shared pipes.
    """
    return 24 if fused and registers > 16 else 12


def arithmetic(name: str, registers: int, *, fused: bool) -> dict[str, Scalar]:
    """Return the parameters of a compute case: its chains, and what of the host they rest on."""
    if name == "exp":
        return {"held": registers >= HOLDING_REGISTERS}
    if name in ("divide", "sqrt"):
        unfused: dict[str, Scalar] = {} if fused else {"fused": False}
        return {"accumulators": DIVISION_CHAINS, **unfused}
    if name == "fma+add" and registers < MIXED_REGISTERS:
        return {"accumulators": MIXED_CHAINS, "sums": MIXED_SUMS}
    stated: dict[str, Scalar] = {"fused": True} if fused and name == "mul+add" else {}
    return {"accumulators": accumulators(registers, fused=fused), **stated}


def instructions(case: Case) -> int:
    """Return the vector instructions in one repetition of an arithmetic case, on one thread."""
    count, sums = (int(case.parameters.get(name) or 0) for name in ("accumulators", "sums"))
    if benchmark(case).family == "division":
        return DIVISION_TURNS * DIVISION_STEPS * count
    each = 2 * math.lcm(count - sums, sums) if sums else count
    return turns(case) * FMA_UNROLL * each


def turns(case: Case) -> int:
    """Return the turns of the hot loop in one repetition of a multiply-add kernel."""
    return HALF_TURNS if case.dtype == "float16" else FMA_TURNS


def multiplications(case: Case) -> int:
    """Return the multiplications, or what takes no less, in a vector of an operation's results."""
    if benchmark(case).family != "exponential":
        return 1
    return EXP_REDUCTION + EXP_DEGREE[case.dtype]


def exponentials(case: Case) -> int:
    """Return the results of one repetition of an exp case, on one thread."""
    return EXP_BYTES // 2 // ITEM_BYTES[case.dtype]


def chain_steps(case: Case) -> int:
    """Return the steps in one repetition of a chain."""
    return CHAIN_TURNS * CHAIN_STEPS_PER_TURN[str(case.parameters["chain"])]


def lanes(case: Case) -> int:
    """Return the elements in a vector of the case."""
    return theory.lanes(case.dtype, case.bits)


def chain_of(case: Case) -> tuple[str, int]:
    """Return the dtype and width of the vector chain that reads the clock beside a case."""
    dtype = case.dtype if case.dtype in ITEM_BYTES else "float32"
    return dtype, max(case.bits, NARROWEST_CHAIN)


def array_bytes(case: Case) -> int:
    """Return the size of each array of one thread in a stream case, in bytes."""
    share = case.working_set_bytes // case.threads // benchmark(case).arrays
    return max(share // ARRAY_QUANTUM, 1) * ARRAY_QUANTUM


def warm_up(case: Case) -> int:
    """Return the repetitions that bring a case's data where they stay: a walk's two rounds."""
    if benchmark(case).family != "latency" or case.parameters.get("level") == MEMORY:
        return 0
    return -(-2 * case.working_set_bytes // (64 * CHASE_STEPS))


def pages(case: Case) -> int:
    """Return how many pages one thread touches in a first-touch case."""
    size = HUGE_PAGE if case.parameters.get("huge") else SMALL_PAGE
    return max(case.working_set_bytes // case.threads // size, 1)


def work(case: Case) -> Work:
    """Return what one repetition of a case does, over all threads, by the table's counts."""
    row = benchmark(case)
    if row.family in ("fma", "dot", "division"):
        return Work(flops=round(row.flops * lanes(case) * instructions(case) * case.threads))
    if row.family == "exponential":
        return Work(flops=exponentials(case) * case.threads)
    if row.arrays:
        return _stream_work(case, row)
    if row.family == "conv":
        return conv_work(conv_shape(case.parameters, case.dtype))
    if row.family in tensors.FAMILIES:
        return tensors.work(tensors.shape_of(row.family, case.parameters, case.dtype))
    return Work()


def _stream_work(case: Case, row: Benchmark) -> Work:
    size = array_bytes(case) * case.threads
    traffic = Traffic(read=row.reads * size, written=row.writes * size)
    flops = round(row.flops * size) // ITEM_BYTES[case.dtype]
    return Work(flops=flops, bytes_touched=traffic)
