"""The emitters' kernels for AArch64, cross-compiled and read as assembly.

None of this was ever run on such a machine: what is checked is that the hot loops hold the
instructions that they should, on vector registers, and that nothing spills.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from benchmarks import cases, division, exponential, fma, latency, stream
from benchmarks.assembly import (
    Expectation,
    Verdict,
    check,
    innermost_loops,
    instructions,
    registers,
)
from benchmarks.clock import build_scalar, build_vector
from benchmarks.conv import lanes, micro
from benchmarks.mnemonics import (
    add,
    divide,
    exclusive_or,
    fused_multiply_add,
    multiply,
    pointer_load,
    prefetch,
    scalar_multiply,
    scalar_xor,
    square_root,
    stored,
    stores,
    vector_store,
)
from benchmarks.tensors import transpose
from roofline.physics import ahead
from roofline.physics.reach import Reach
from roofline.records import Case
from tests.cross import listing

BITS = 128
VECTOR = registers(BITS, x86=False)
CHAINS = cases.accumulators(32, fused=True)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
# Two, four and four pipes, the last with vectors of 256 bit that we don't use.
CPUS = pytest.mark.parametrize("cpu", ["neoverse-n1", "neoverse-v2", "neoverse-v1"])
NAMES = {"fma": fused_multiply_add, "add": add, "mul": multiply}


def sound(text: str, *expected: Expectation) -> Verdict:
    """Return the verdict on a listing; the test fails if the hot loop isn't as expected."""
    verdict = check(text, expected)
    assert verdict.problem is None, text
    return verdict


def loads(body: list[str]) -> list[str]:
    return [line for line in body if line.startswith(("ldr q", "ldp q", "ld1"))]


def hottest(text: str, word: str) -> list[str]:
    """Return the innermost loop with most of an instruction."""
    return max(innermost_loops(instructions(text)), key=lambda body: sum(word in x for x in body))


def arithmetic(mix: str, dtype: str, bits: int) -> Iterator[Expectation]:
    """Yield what the hot loop of a compute kernel must hold."""
    used = fma.kinds(mix, CHAINS)
    for kind in dict.fromkeys(used):
        name = NAMES[kind](dtype, scalar=bits < BITS, x86=False)
        count = used.count(kind) * cases.FMA_UNROLL
        yield Expectation(instruction=name, register=registers(bits, x86=False), count=count)


@CPUS
@DTYPES
@pytest.mark.parametrize("mix", ["fma", "fma+add", "add", "mul", "mul+add"])
def test_the_compute_kernels_are_vector_instructions_in_registers(
    mix: str, dtype: str, cpu: str
) -> None:
    text = listing(fma.build(mix, dtype, BITS, CHAINS, cases.FMA_UNROLL), cpu)
    verdict = sound(text, *arithmetic(mix, dtype, BITS))
    # A counter and a jump beside them: nothing is loaded, stored or moved.
    assert verdict.hot_instructions <= CHAINS * cases.FMA_UNROLL + 3


@DTYPES
@pytest.mark.parametrize("mix", ["fma", "mul+add"])
def test_scalar_kernels_stay_scalar(mix: str, dtype: str) -> None:
    bits = 8 * cases.ITEM_BYTES[dtype]
    text = listing(fma.build(mix, dtype, bits, CHAINS, cases.FMA_UNROLL))
    verdict = sound(text, *arithmetic(mix, dtype, bits))
    assert verdict.hot_instructions <= CHAINS * cases.FMA_UNROLL + 3
    assert check(text, tuple(arithmetic(mix, dtype, BITS))).problem


@pytest.mark.parametrize("cpu", ["generic", "neoverse-n1"])
def test_half_precision_is_eight_lanes_where_the_processor_has_it(cpu: str) -> None:
    """Without the feature each is a call or a detour by single precision, which is refused."""
    factory = fma.build("fma", "float16", BITS, CHAINS, cases.FMA_UNROLL)
    text = listing(factory, cpu, features="+fullfp16")
    verdict = sound(text, *arithmetic("fma", "float16", BITS))
    assert verdict.hot_instructions <= CHAINS * cases.FMA_UNROLL + 3
    lines = [line for line in hottest(text, "fmla") if line.startswith("fmla")]
    assert all(".8h" in line for line in lines)
    without = listing(factory, "cortex-a72")
    assert ".8h" not in " ".join(x for x in instructions(without) if x.startswith("fmla"))


@CPUS
@DTYPES
@pytest.mark.parametrize("name", ["divide", "sqrt"])
def test_divides_and_roots_are_vector_instructions(name: str, dtype: str, cpu: str) -> None:
    chains, steps = cases.DIVISION_CHAINS, cases.DIVISION_STEPS
    text = listing(division.build(name, dtype, BITS, True, chains, steps), cpu)
    word = {"divide": divide, "sqrt": square_root}[name](dtype, x86=False)
    verdict = sound(text, Expectation(instruction=word, register=VECTOR, count=chains * steps))
    # Each root needs a multiply-add and, as that overwrites its addend, a copy.
    assert verdict.hot_instructions <= (1 if name == "divide" else 3) * chains * steps + 3


@CPUS
@DTYPES
def test_an_exponential_keeps_its_constants_in_registers(dtype: str, cpu: str) -> None:
    text = listing(exponential.build(dtype, BITS, True), cpu)
    case = Case(benchmark="exp", parameters={"held": True}, dtype=dtype, bits=BITS)
    count = exponential.UNROLL * cases.multiplications(case)
    sound(text, Expectation(instruction="fml[as]", register=VECTOR, count=count))
    paired = [2 if line.startswith("ldp") else 1 for line in loads(hottest(text, "fmla"))]
    assert sum(paired) == exponential.UNROLL


@CPUS
def test_a_walk_is_a_chain_of_loads(cpu: str) -> None:
    name, operands = pointer_load(x86=False)
    wanted = Expectation(instruction=name, register=operands, count=latency.UNROLL)
    verdict = sound(listing(latency.build(), cpu), wanted)
    assert verdict.hot_instructions <= latency.UNROLL + 3


@CPUS
def test_reads_fold_whole_vectors(cpu: str) -> None:
    text = listing(stream.build_read(BITS), cpu)
    wanted = Expectation(instruction=exclusive_or(x86=False), register=VECTOR, count=stream.UNROLL)
    sound(text, wanted)
    paired = [2 if line.startswith("ldp") else 1 for line in loads(hottest(text, "eor"))]
    assert sum(paired) == stream.UNROLL


@CPUS
def test_reads_ask_for_every_line_ahead(cpu: str) -> None:
    text = listing(stream.build_read(BITS, ahead.BYTES), cpu)
    lines = stream.UNROLL * BITS // 8 // stream.LINE
    sound(text, Expectation(instruction=prefetch(x86=False), register="", count=lines))


@pytest.mark.parametrize("non_temporal", [False, True], ids=["ordinary", "non-temporal"])
@pytest.mark.parametrize("operation", ["write", "copy", "scale", "add", "triad"])
def test_streams_load_and_store_whole_vectors(operation: str, non_temporal: bool) -> None:
    text = listing(stream.build(operation, "float64", BITS, non_temporal, True))
    store = vector_store(non_temporal=non_temporal, x86=False)
    count = stores(stream.UNROLL, non_temporal=non_temporal, x86=False)
    wanted = Expectation(instruction=store, register=stored(BITS, x86=False), count=count)
    verdict = sound(text, wanted)
    body = hottest(text, "st")
    reads = {"write": 0, "copy": 1, "scale": 1, "add": 2, "triad": 2}[operation]
    paired = [2 if line.startswith("ldp") else 1 for line in loads(body)]
    assert sum(paired) == reads * stream.UNROLL
    assert ("fmla" in " ".join(body)) == (operation == "triad")
    assert verdict.hot_instructions < 6 * stream.UNROLL


def test_the_chains_of_the_clock_are_as_long_as_they_say() -> None:
    steps = cases.CHAIN_STEPS_PER_TURN
    for chain, name in (("imul", scalar_multiply(x86=False)), ("add", scalar_xor(x86=False))):
        wanted = Expectation(instruction=name, register="", count=steps[chain])
        sound(listing(build_scalar(chain)), wanted)
    for dtype in ("float32", "float64"):
        name = fused_multiply_add(dtype, x86=False)
        wanted = Expectation(instruction=name, register=VECTOR, count=steps["vector"])
        sound(listing(build_vector(dtype, BITS, True)), wanted)


def convolutions() -> dict[str, tuple[Callable[[int], int], int]]:
    """Return micro-kernels of 128 bits and the multiply-adds in a turn of their loops."""
    narrow = {"channels": 2, "slot_in": 2, "slot_out": 2, "first": 0, "halves": 1}

    def lane_kernel(name: str, dtype: str, *reach: int, **more: int) -> Callable[[int], int]:
        return getattr(lanes, name)(dtype, BITS, True, **asdict(Reach(*reach)), **more)

    return {
        "broadcast 7 x 3": (micro.build_broadcast("float32", BITS, True, 7, 3, 1, 1), 21),
        "broadcast, relu": (micro.build_broadcast("float32", BITS, True, 7, 3, 1, 1, True), 21),
        "broadcast 6 x 4": (micro.build_broadcast("float32", BITS, True, 6, 4, 4, 1), 24),
        "broadcast 12 x 2": (micro.build_broadcast("float64", BITS, True, 12, 2, 1, 1), 24),
        "lanes": (lane_kernel("build_lanes", "float32", 8, 3, rows=0), 24),
        "lanes, stride 2": (lane_kernel("build_lanes", "float64", 6, 3, 2, rows=0), 18),
        "rows": (lane_kernel("build_lanes", "float32", 8, 3, 1, 1, 1, rows=3), 69),
        "rows, asked": (lane_kernel("build_lanes", "float32", 8, 3, rows=3, asked=1), 72),
        "rows, relu": (lane_kernel("build_lanes", "float32", 8, 3, rows=3, relu=True), 72),
        "spread": (lane_kernel("build_spread", "float32", 7, 3), 21),
        "shuffle": (lane_kernel("build_shuffle", "float32", 8, 3, **narrow), 48),
    }


@pytest.mark.parametrize("name", convolutions())
def test_a_convolutions_tile_stays_in_its_registers(name: str) -> None:
    factory, count = convolutions()[name]
    text = listing(factory)
    sound(text, Expectation(instruction="fmla", register=VECTOR, count=count))
    assert loads(hottest(text, "fmla"))
    assert any(line.startswith(("str q", "stp q")) for line in instructions(text))


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_square_is_transposed_in_registers(dtype: str, *, blocked: bool) -> None:
    size = BITS // (8 * cases.ITEM_BYTES[dtype])
    text = listing(transpose.build(dtype, BITS, blocked))
    count = stores(size, non_temporal=False, x86=False) if blocked else size
    store = vector_store(non_temporal=False, x86=False)
    sound(text, Expectation(instruction=store, register=stored(BITS, x86=False), count=count))
    body = [line for line in hottest(text, "st") if line.startswith(("zip", "trn", "mov v", "ext"))]
    # Each of log2(lanes) stages makes every vector once.
    assert len(body) <= size * (size.bit_length() - 1)
    assert len(body) >= size


def test_a_tile_that_is_too_large_is_noticed() -> None:
    text = listing(micro.build_broadcast("float32", BITS, True, 14, 3, 1, 1))
    problem = check(text, (Expectation(instruction="fmla", register=VECTOR, count=42),)).problem
    assert problem is not None
    assert "spills" in problem
