"""Half precision for x86-64, cross-compiled and read as assembly.

None of it was ever run: what is checked is that the hot loop holds the instruction, on the widest
registers, and that nothing spills; and that a processor without it gets something else.
"""

import pytest

from benchmarks import cases, exponential, fma
from benchmarks.assembly import Expectation, check, registers
from benchmarks.mnemonics import fused_multiply_add
from roofline.records import Case
from tests.cross import X86, listing

CHAINS = cases.accumulators(32, fused=True)
WANTED = Expectation(
    instruction=fused_multiply_add("float16", x86=True),
    register=registers(512, x86=True),
    count=CHAINS * cases.FMA_UNROLL,
)


def half_precision(cpu: str) -> str:
    """Return the kernel of half precision, compiled for a processor."""
    factory = fma.build("fma", "float16", 512, CHAINS, cases.FMA_UNROLL)
    return listing(factory, cpu, triple=X86)


def test_half_precision_is_one_instruction_on_the_widest_registers() -> None:
    text = half_precision("sapphirerapids")
    verdict = check(text, (WANTED,))
    assert verdict.problem is None, text
    assert "vfmadd231ph" in text
    assert verdict.hot_instructions <= CHAINS * cases.FMA_UNROLL + 3


@pytest.mark.parametrize("cpu", ["icelake-server", "znver4", "x86-64-v3"])
def test_a_processor_without_half_precision_is_refused_its_detour(cpu: str) -> None:
    assert check(half_precision(cpu), (WANTED,)).problem is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_exponential_keeps_its_constants_in_thirty_two_registers(dtype: str) -> None:
    text = listing(exponential.build(dtype, 512, True), "sapphirerapids", triple=X86)
    case = Case(benchmark="exp", parameters={"held": True}, dtype=dtype, bits=512)
    wanted = Expectation(
        instruction=fused_multiply_add(dtype, x86=True),
        register=registers(512, x86=True),
        count=exponential.UNROLL * cases.multiplications(case),
    )
    assert check(text, (wanted,)).problem is None, text
