"""What physics says of other mixes than the roof's, of scalar code and of latencies."""

from dataclasses import replace

import pytest

from roofline.physics.pipes import whole_pipes
from roofline.records import Ceiling
from tests.test_gate import (
    ICE_LAKE,
    NEOVERSE_N1,
    TWO_PIPES,
    UNKNOWN,
    UNKNOWN_ARM,
    compute,
    good,
    judged,
    refused,
    warned,
)

SOUND = {"L1": 1.1e-9, "L2": 4.2e-9, "L3": 14e-9, "DRAM": 110e-9}


def beside(mix: str, pipes: float) -> list[Ceiling]:
    """Return a sound machine's ceilings and one mix at so many multiply-adds a cycle."""
    return [*good(TWO_PIPES), compute(512, "float32", pipes, mix=mix)]


def latency(level: str, seconds: float, *, small_pages: bool = False) -> Ceiling:
    return Ceiling(
        kind="latency",
        name=f"{level.lower()}-latency{'-4k' if small_pages else ''}",
        unit="s",
        typical=seconds,
        high=seconds,
        low=seconds,
        level=level,
    )


def ladder(*, small_pages: float | None = None, **changes: float) -> list[Ceiling]:
    """Return a sound machine's ceilings and a latency a level, some of them changed."""
    waits = [latency(level, wait) for level, wait in (SOUND | changes).items()]
    slow = [] if small_pages is None else [latency("DRAM", small_pages, small_pages=True)]
    return [*good(TWO_PIPES), *waits, *slow]


@pytest.mark.parametrize("pipes", [0.75, 1.5, 2.25, 3.0, 1.47, 2.95])
def test_multiply_adds_and_additions_in_turns_are_three_quarters_each(pipes: float) -> None:
    """Two pipes for both start 1.5, three with one in common 2.25, two of each kind 3."""
    assert judged(UNKNOWN, beside("fma+add", pipes)) == ()


@pytest.mark.parametrize("pipes", [0.5, 1.0, 1.25, 1.75, 2.0, 2.5, 2.8])
def test_a_mix_whose_latency_is_not_hidden_is_refused(pipes: float) -> None:
    assert "not a whole number" in refused(UNKNOWN, beside("fma+add", pipes))


def test_no_core_starts_four_multiply_adds_and_four_additions() -> None:
    assert "6 pipes where the core has 3" in refused(UNKNOWN, beside("fma+add", 6.0))
    ceilings = [compute(128, "float32", 3.0, mix="fma+add")]
    assert judged(UNKNOWN_ARM, ceilings) == judged(NEOVERSE_N1, ceilings) == ()


@pytest.mark.parametrize("mix", ["add", "mul", "mul+add"])
def test_an_instruction_alone_is_half_a_multiply_add(mix: str) -> None:
    for pipes in (0.5, 1.0):
        assert judged(ICE_LAKE, beside(mix, pipes)) == ()
    for pipes in (0.3, 0.75, 1.25):
        assert "not a whole number" in refused(ICE_LAKE, beside(mix, pipes))


def test_additions_may_have_pipes_of_their_own_and_multiplications_have_not() -> None:
    assert judged(UNKNOWN, beside("add", 2.0)) == ()
    assert "2 pipes where the core has 1" in refused(UNKNOWN, beside("mul", 2.0))


def test_half_the_work_of_a_mix_is_refused() -> None:
    """What two pipes for both do, counted twice, looks like pipes of their own; theirs doesn't."""
    assert judged(UNKNOWN, beside("fma+add", 2 * 1.5)) == ()
    assert refused(UNKNOWN, beside("fma+add", 2 * 3.0))


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_dot_products_have_whole_or_half_pipes(dtype: str) -> None:
    width = {"bfloat16": 16, "int8": 8}[dtype]

    def dots(pipes: float) -> list[Ceiling]:
        # As if it were as many lanes of single precision.
        wide = compute(512 * 32 // width, "float32", pipes, mix="dot")
        return [*good(TWO_PIPES), replace(wide, name=f"dot-{dtype}-512", dtype=dtype, bits=512)]

    for pipes in (1.0, 2.0):
        assert judged(UNKNOWN, dots(pipes)) == ()
    assert judged(UNKNOWN, dots(0.5)) == ()
    assert "1.25 pipes" in refused(UNKNOWN, dots(1.25))
    assert "4 pipes where the core has 2" in refused(UNKNOWN, dots(4.0))


def scalar(*pipes: float) -> list[Ceiling]:
    single, double = pipes
    return [compute(32, "float32", single), compute(64, "float64", double)]


def test_scalar_widths_are_accepted() -> None:
    assert judged(ICE_LAKE, [*good(TWO_PIPES), *scalar(2.0, 2.0)]) == ()
    assert judged(UNKNOWN, [*good({512: 1.0, 256: 2.0, 128: 2.0}), *scalar(2.0, 2.0)]) == ()


def test_scalar_code_that_starts_seldom_is_refused_beside_vectors() -> None:
    reason = refused(UNKNOWN, [*good(TWO_PIPES), *scalar(1.0, 2.0)])
    assert "2 pipes at 128 bit and 1 at 32 bit" in reason


def test_a_vectorised_scalar_kernel_is_refused() -> None:
    """Four lanes where one is counted read four times the operations; the other way, a quarter."""
    assert "8 pipes" in refused(UNKNOWN, [*good(TWO_PIPES), *scalar(8.0, 2.0)])
    assert "0.50 pipes" in refused(UNKNOWN, [*good(TWO_PIPES), *scalar(0.5, 2.0)])


def test_a_ladder_of_latencies_is_no_objection() -> None:
    assert judged(UNKNOWN, ladder()) == ()
    assert judged(UNKNOWN, ladder(small_pages=150e-9)) == ()
    # Which pages memory is on makes no order.
    assert judged(UNKNOWN, ladder(small_pages=90e-9)) == ()
    assert judged(UNKNOWN, ladder(L3=4.1e-9)) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"L2": 1e-9}, "a load from L2 takes 1.00 ns and one from L1 1.10 ns"),
        ({"L3": 3.9e-9}, "a load from L3 takes 3.90 ns and one from L2 4.20 ns"),
        ({"DRAM": 13e-9}, "a load from DRAM takes 13.00 ns and one from L3 14.00 ns"),
        ({"L1": 200e-9}, "a load from L2 takes 4.20 ns and one from L1 200.00 ns"),
    ],
)
def test_a_ladder_out_of_order_is_refused(changes: dict[str, float], words: str) -> None:
    assert words in refused(UNKNOWN, ladder(**changes))


def test_memory_on_small_pages_is_compared_with_the_caches_too() -> None:
    assert "DRAM takes 9.00 ns" in refused(UNKNOWN, ladder(small_pages=9e-9))


def test_a_slope_of_small_steps_does_not_hide_a_level_that_is_too_near() -> None:
    creeping = ladder(L1=4.2e-9, L2=4.05e-9, L3=3.9e-9)
    assert "one from L1" in refused(UNKNOWN, creeping)


@pytest.mark.parametrize(
    ("pipes", "mix", "whole"),
    [
        (1.98, "fma", 2.0),
        (2.07, "fma", 3.0),
        (1.4, "fma", 2.0),
        (0.2, "fma", 1.0),
        (1.52, "mul+add", 1.5),
        (0.1, "add", 0.5),
        (2.95, "fma+add", 3.0),
        (1.25, "fma+add", 1.5),
        (2.55, "fma+add", 3.0),
        (1.6, "dot", 2.0),
    ],
)
def test_pipes_come_in_steps_of_what_a_cycle_can_start(
    pipes: float, mix: str, whole: float
) -> None:
    assert whole_pipes(pipes, mix) == whole


def test_mixes_of_all_cores_are_compared_with_one_alone() -> None:
    both = [*beside("fma+add", 3.0), compute(512, "float32", 1.5, mix="fma+add", threads=2)]
    (finding,) = judged(UNKNOWN, both)
    assert finding.what.startswith("fma+add-float32-512 (2 threads): each core does 0.50 x")


GUEST = replace(UNKNOWN, hypervisor="KVM")
BARE = replace(UNKNOWN, hypervisor=None)


@pytest.mark.parametrize(("mix", "most"), [("fma+add", 3.0), ("mul+add", 2.0)])
def test_a_neighbour_on_the_other_thread_of_a_core_casts_doubt_on_four_starts_a_cycle(
    mix: str, most: float
) -> None:
    """Two starts a cycle it leaves to each: multiply-adds alone read their limit all the same."""
    shared = beside(mix, most * 0.86)
    finding = warned(GUEST, shared)
    assert "3.4 of four instructions a cycle" in finding.what
    assert "not a whole number" in refused(BARE, shared)
    assert judged(GUEST, beside(mix, most)) == judged(GUEST, beside(mix, most * 0.75)) == ()
    # Less than three, and more than four, no neighbour explains.
    assert "not a whole number" in refused(GUEST, beside(mix, most * 0.66))
    assert refused(GUEST, beside(mix, most * 1.1))


def test_no_neighbour_explains_a_multiply_add_alone_that_is_slow() -> None:
    assert "1.72 pipes" in refused(GUEST, beside("fma", 1.72))


def test_what_a_neighbour_disturbed_is_compared_with_nothing() -> None:
    double = compute(512, "float64", 3.0, mix="fma+add")
    team = compute(512, "float32", 3.0, mix="fma+add", threads=2)
    finding = warned(GUEST, [*beside("fma+add", 3.0 * 0.86), double, team])
    assert finding.what.startswith("fma+add-float32-512 (1 thread)")
