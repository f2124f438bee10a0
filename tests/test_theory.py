"""Theoretical peaks are the product that their source states; the weakest part names the basis."""

from dataclasses import replace

import pytest

from roofline.physics.theory import compute, lanes, memory, pipes, widest
from roofline.records import MachineSpec, Theoretical

SMALL_VM = MachineSpec(
    architecture="x86_64",
    vendor="AMD",
    family=25,
    model=17,
    brand="AMD EPYC",
    features=("avx", "avx2", "avx512f", "fma", "sse2"),
    sockets=1,
    cores=2,
    numa_nodes=1,
    hypervisor="KVM",
)
UNKNOWN = MachineSpec(architecture="x86_64", features=("avx", "avx2", "fma", "sse2"))
ARTICLE = MachineSpec(
    architecture="x86_64",
    vendor="Intel",
    brand="Intel(R) Core(TM) i9-10980XE CPU @ 3.00GHz",
    features=("avx", "avx512f"),
    memory_channels=4,
    memory_transfers_per_second=3e9,
    boost_hertz=4.5e9,
    fma_pipes=2,
)


def peak(
    machine: MachineSpec,
    *,
    bits: int = 512,
    dtype: str = "float32",
    cores: int = 1,
    light: float | None = 3.7e9,
    load: float | None = None,
    measured: float | None = None,
    mix: str = "fma",
) -> Theoretical | None:
    return compute(
        machine,
        dtype=dtype,
        bits=bits,
        cores=cores,
        seen_hertz=light,
        load_hertz=load,
        measured_pipes=measured,
        mix=mix,
    )


def known(theory: Theoretical | None) -> Theoretical:
    assert theory is not None
    return theory


@pytest.mark.parametrize(
    ("dtype", "bits", "count"),
    [
        ("float32", 512, 16),
        ("float64", 512, 8),
        ("float32", 128, 4),
        ("bfloat16", 512, 32),
        ("int8", 512, 64),
        ("float64", 64, 1),
    ],
)
def test_lanes_are_register_bits_by_number_bits(dtype: str, bits: int, count: int) -> None:
    assert lanes(dtype, bits) == count


@pytest.mark.parametrize(
    ("features", "bits"),
    [(("avx", "avx512f"), 512), (("avx", "sse2"), 256), (("sse2",), 128), (("asimd",), 128)],
)
def test_the_widest_vector_follows_from_the_features(features: tuple[str, ...], bits: int) -> None:
    assert widest(MachineSpec(architecture="any", features=features)) == bits


def test_a_machine_without_features_has_no_widest_vector() -> None:
    assert widest(MachineSpec(architecture="riscv64")) is None


def test_scalable_vectors_are_as_wide_as_the_datasheet_says() -> None:
    v1 = MachineSpec(
        architecture="aarch64", vendor="Arm", model=0xD40, features=("asimd", "sve"), fma_pipes=3
    )
    assert widest(v1) == 256
    assert pipes(v1, 256) == (3, "spec", "--spec")
    assert (pipes(v1, 128) or ())[:1] == (4,)


def test_pipes_come_from_the_datasheet() -> None:
    count, basis, source = pipes(SMALL_VM, 512) or (0, "", "")
    assert (count, basis) == (1, "datasheet")
    assert "57647" in source


def test_a_spec_wins_at_the_widest_vector_only() -> None:
    stated = replace(SMALL_VM, fma_pipes=2)
    assert pipes(stated, 512) == (2, "spec", "--spec")
    assert (pipes(stated, 256) or ())[:2] == (2, "datasheet")
    assert pipes(replace(UNKNOWN, fma_pipes=1), 128) is None


def test_the_articles_compute_peak_is_reproduced() -> None:
    theory = known(peak(ARTICLE, cores=16, load=2.9e9))
    assert theory.paper == pytest.approx(4.608e12)
    assert theory.at_clock == pytest.approx(2.9696e12)
    assert theory.basis == "spec"


def test_the_articles_memory_peak_is_reproduced() -> None:
    theory = memory(ARTICLE, 16)
    assert theory == Theoretical(paper=96e9, basis="spec", source="4 channels x 3 GT/s x 8 B")


def test_paper_takes_the_light_load_clock_where_nobody_states_one() -> None:
    theory = known(peak(SMALL_VM, cores=2, load=3.5e9))
    assert theory.paper == pytest.approx(1 * 2 * 16 * 3.7e9 * 2)
    assert theory.at_clock == pytest.approx(1 * 2 * 16 * 3.5e9 * 2)
    assert theory.basis == "derived"
    arithmetic = "1 FMA x 2 x 16 lanes x 3.7 GHz (highest clock seen) x 2 cores"
    assert theory.source.startswith(f"{arithmetic}; pipes: AMD, ")


def test_the_basis_is_that_of_the_weakest_part() -> None:
    datasheet_pipes = replace(SMALL_VM, boost_hertz=3.7e9)
    assert known(peak(datasheet_pipes)).basis == "spec"
    derived_pipes = replace(UNKNOWN, boost_hertz=3.7e9)
    assert known(peak(derived_pipes, bits=256, measured=2)).basis == "derived"
    published = replace(datasheet_pipes, sources={"boost_hertz": "datasheet"})
    assert known(peak(published)).basis == "datasheet"


def test_pipes_that_nobody_states_are_the_measured_ones() -> None:
    theory = known(peak(UNKNOWN, bits=256, dtype="float64", measured=2))
    assert theory.paper == pytest.approx(2 * 2 * 4 * 3.7e9)
    assert theory.source.endswith("x 1 core; pipes: counted from FLOP/cycle")


def test_a_processor_that_beats_its_datasheet_is_not_what_it_says() -> None:
    theory = known(peak(SMALL_VM, measured=2))
    assert theory.paper == pytest.approx(2 * 2 * 16 * 3.7e9)
    assert theory.basis == "derived"
    assert "may not name its true processor" in theory.source


def test_a_kernel_that_reaches_less_leaves_the_datasheet_alone() -> None:
    theory = known(peak(SMALL_VM, bits=256, measured=1))
    assert theory.paper == pytest.approx(2 * 2 * 8 * 3.7e9)


def test_the_users_word_stands_against_what_was_measured() -> None:
    theory = known(peak(replace(SMALL_VM, fma_pipes=1), measured=2))
    assert theory.paper == pytest.approx(1 * 2 * 16 * 3.7e9)


def test_without_pipes_or_without_a_clock_there_is_no_peak() -> None:
    assert peak(UNKNOWN, bits=256) is None
    assert peak(SMALL_VM, light=None) is None


def test_a_virtual_machine_is_told_that_it_shares_the_socket() -> None:
    theory = known(memory(SMALL_VM, 2))
    assert theory.paper == pytest.approx(12 * 4.8e9 * 8)
    assert theory.basis == "datasheet"
    assert theory.at_clock is None
    assert "whole socket at its most; 2 of its cores here" in theory.source


def test_a_virtual_machine_whose_sockets_are_invented_counts_one() -> None:
    theory = known(memory(replace(SMALL_VM, sockets=8), 2))
    assert theory.paper == pytest.approx(12 * 4.8e9 * 8)


def test_metal_counts_all_its_sockets() -> None:
    theory = known(memory(replace(SMALL_VM, sockets=2, hypervisor=None), 2))
    assert theory.paper == pytest.approx(24 * 4.8e9 * 8)
    assert "24 channels x 4.8 GT/s x 8 B, 2 whole sockets at its most" in theory.source
    assert "of its cores" not in theory.source


def test_memory_stays_unknown_where_the_board_decides() -> None:
    assert memory(UNKNOWN, 1) is None
    assert memory(replace(SMALL_VM, model=0x61), 2) is None


def test_channels_without_a_speed_are_no_bandwidth() -> None:
    theory = known(memory(replace(SMALL_VM, memory_channels=4), 2))
    assert theory.basis == "datasheet"


@pytest.mark.parametrize(
    ("measured", "words"), [(1.5, "1.5 MUL+ADD x 2 x 4 lanes"), (2.0, "2 MUL+ADD x 2 x 4 lanes")]
)
def test_pairs_of_products_and_sums_may_be_counted_by_halves(measured: float, words: str) -> None:
    theory = known(peak(UNKNOWN, bits=128, measured=measured, mix="mul+add", light=3e9))
    assert theory.paper == pytest.approx(measured * 2 * 4 * 3e9)
    assert theory.basis == "derived"
    assert words in theory.source
