"""Vectors, caps and compiler targets for processors with each kind of vector extension."""

import pytest

from roofline.errors import USAGE, RooflineError
from roofline.physics.isa import CAPS, Vector, target_environment, unmeasured, vectors
from roofline.records import MachineSpec

SSE2 = ("sse", "sse2")
AVX = (*SSE2, "avx")
AVX2 = (*AVX, "avx2", "fma")
AVX512 = (*AVX2, "avx512f", "avx512vl", "avx512dq", "avx512bw")


def x86(*features: str) -> MachineSpec:
    return MachineSpec(architecture="x86_64", features=features)


def arm(*features: str) -> MachineSpec:
    return MachineSpec(architecture="aarch64", features=features)


def shapes(found: tuple[Vector, ...]) -> list[tuple[str, int, bool, int]]:
    return [(one.isa, one.bits, one.fused, one.registers) for one in found]


def refusal(machine: MachineSpec, cap: str | None) -> RooflineError:
    with pytest.raises(RooflineError) as caught:
        vectors(machine, cap)
    return caught.value


def test_avx512_gives_three_widths_and_32_registers() -> None:
    assert shapes(vectors(x86(*AVX512))) == [
        ("avx512", 512, True, 32),
        ("avx2", 256, True, 32),
        ("avx2", 128, True, 32),
    ]


def test_avx2_gives_two_fused_widths_and_16_registers() -> None:
    assert shapes(vectors(x86(*AVX2))) == [("avx2", 256, True, 16), ("avx2", 128, True, 16)]


def test_avx_without_fma_multiplies_and_adds() -> None:
    assert shapes(vectors(x86(*AVX))) == [("avx", 256, False, 16), ("avx", 128, False, 16)]


@pytest.mark.parametrize("lacking", ["fma", "avx2"])
def test_half_of_avx2_counts_as_avx(lacking: str) -> None:
    features = [flag for flag in AVX2 if flag != lacking]
    assert {one.isa for one in vectors(x86(*features))} == {"avx"}


@pytest.mark.parametrize("lacking", ["avx512vl", "avx512dq", "avx512bw"])
def test_a_partial_avx512_is_used_as_avx2(lacking: str) -> None:
    features = [flag for flag in AVX512 if flag != lacking]
    assert [one.bits for one in vectors(x86(*features))] == [256, 128]


def test_sse2_gives_one_width_that_multiplies_and_adds() -> None:
    assert shapes(vectors(x86(*SSE2))) == [("sse2", 128, False, 16)]


def test_neon_gives_one_fused_width_and_32_registers() -> None:
    assert shapes(vectors(arm("fp", "asimd", "sve"))) == [("neon", 128, True, 32)]


@pytest.mark.parametrize(
    ("cap", "bits", "fused", "registers"),
    [
        ("avx512", [512, 256, 128], True, 32),
        ("avx2", [256, 128], True, 16),
        ("sse2", [128], False, 16),
    ],
)
def test_a_cap_leaves_what_lies_below_it(
    cap: str, bits: list[int], fused: bool, registers: int
) -> None:
    found = vectors(x86(*AVX512), cap)
    assert [one.bits for one in found] == bits
    assert {(one.fused, one.registers) for one in found} == {(fused, registers)}


def test_a_capped_machine_looks_like_one_that_has_no_more() -> None:
    assert vectors(x86(*AVX512), "avx2") == vectors(x86(*AVX2))
    assert vectors(x86(*AVX512), "sse2") == vectors(x86(*SSE2))


@pytest.mark.parametrize(
    ("machine", "cap", "named"),
    [
        (x86(*AVX512), "avx1024", "avx1024"),
        (x86(*AVX512), "", "choose one of"),
        (x86(*AVX2), "avx512", "avx512"),
        (x86(*AVX), "avx2", "avx2"),
        (arm("asimd"), "avx2", "avx2"),
        (arm("asimd"), "neon", "neon"),
    ],
)
def test_a_cap_that_is_unknown_or_absent_is_bad_usage(
    machine: MachineSpec, cap: str, named: str
) -> None:
    error = refusal(machine, cap)
    assert error.exit_code == USAGE == 2
    assert named in str(error)


@pytest.mark.parametrize(
    ("machine", "cap"), [(x86(*AVX2), "avx512"), (x86(*AVX2), "mmx"), (x86("fpu"), None)]
)
def test_each_refusal_is_one_sentence(machine: MachineSpec, cap: str | None) -> None:
    sentence = str(refusal(machine, cap))
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert ". " not in sentence


@pytest.mark.parametrize("machine", [x86("fpu"), arm("fp")])
def test_a_processor_without_vectors_cannot_be_measured(machine: MachineSpec) -> None:
    assert refusal(machine, None).exit_code == 3


def test_every_lowering_cap_names_both_a_processor_and_its_features() -> None:
    """One alone leaves the host's features on: the compiler adds them to a bare name."""
    for cap in CAPS[1:]:
        assert set(target_environment(cap)) == {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"}
        assert all(target_environment(cap).values())


def test_no_capped_target_turns_on_what_the_cap_forbids() -> None:
    assert "avx512" not in target_environment("avx2")["NUMBA_CPU_FEATURES"]
    assert "+fma" in target_environment("avx2")["NUMBA_CPU_FEATURES"].split(",")
    assert "avx" not in target_environment("sse2")["NUMBA_CPU_FEATURES"]
    assert "fma" not in target_environment("sse2")["NUMBA_CPU_FEATURES"]


@pytest.mark.parametrize("cap", [None, "avx512"])
def test_nothing_is_emulated_where_nothing_is_taken_away(cap: str | None) -> None:
    assert not target_environment(cap)


def test_what_is_present_and_not_measured_is_named() -> None:
    assert unmeasured(x86(*AVX512, "amx_tile", "avx512_vnni")) == ("AMX (matrix tiles)",)
    assert unmeasured(arm("asimd", "sve")) == ("SVE (scalable vectors)",)


def test_a_plain_machine_has_nothing_unmeasured() -> None:
    assert unmeasured(x86(*AVX2)) == ()
