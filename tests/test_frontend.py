"""Starts that a neighbour leaves: read off mixes that need four a cycle, and only off these."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from roofline.physics.frontend import starts
from roofline.records import Calibration, Ceiling
from tests import roof_builders as build
from tests.tilings import AVX2

HERTZ = 3e9
# FLOPs of an instruction of the mix, on eight lanes.
EACH = {"fma+add": 12, "mul+add": 8}


def mixed(mix: str, per_cycle: float, threads: int = 1, best: float = 0.0) -> Ceiling:
    """Build a mix of so many instructions a cycle, in its best round more."""
    rate = per_cycle * HERTZ * EACH[mix] * threads
    return Ceiling(
        kind="compute",
        name=f"{mix}-float32-256",
        unit="FLOP/s",
        typical=rate,
        high=rate * max(1, best / per_cycle),
        low=rate * 0.9,
        mix=mix,
        threads=threads,
        dtype="float32",
        bits=256,
    )


def clocked(mixes: Sequence[Ceiling], threads: int = 1) -> Calibration:
    clocks = [
        build.ceiling("clock", "clock-float32-256", "Hz", HERTZ, threads=n, high=HERTZ, low=HERTZ)
        for n in range(1, threads + 1)
    ]
    return replace(build.calibration(), ceilings=(*clocks, *mixes))


def test_a_mix_that_is_held_up_tells_how_many_start() -> None:
    crowded = clocked([mixed("fma+add", 3.1, best=3.9)])
    assert starts(crowded, 1, AVX2, "float32", "typical") == pytest.approx(3.1 * HERTZ)
    assert starts(crowded, 1, AVX2, "float32", "low") == pytest.approx(0.9 * 3.1 * HERTZ)
    assert math.isinf(starts(crowded, 1, AVX2, "float32", "high"))


def test_the_faster_of_two_mixes_tells() -> None:
    crowded = clocked([mixed("fma+add", 3.1, best=3.9), mixed("mul+add", 3.3)])
    assert starts(crowded, 1, AVX2, "float32", "typical") == pytest.approx(3.3 * HERTZ)


def test_one_thread_shows_what_the_core_is_able_to_and_each_team_what_it_gets() -> None:
    both = clocked([mixed("fma+add", 4.0), mixed("fma+add", 3.0, threads=2)], threads=2)
    assert math.isinf(starts(both, 1, AVX2, "float32", "typical"))
    assert starts(both, 2, AVX2, "float32", "typical") == pytest.approx(3.0 * HERTZ)


def test_where_nothing_tells_nothing_is_held_up() -> None:
    """Without additional pipes a mix starts twice a cycle, whoever is beside."""
    for mixes in ([], [mixed("fma+add", 2.0)], [mixed("fma+add", 4.0)]):
        assert math.isinf(starts(clocked(mixes), 1, AVX2, "float32", "typical"))
    crowded = [mixed("fma+add", 3.1, best=3.9)]
    assert math.isinf(starts(clocked(crowded), 2, AVX2, "float32", "typical"))
    assert math.isinf(starts(clocked(crowded), 1, AVX2, "float64", "typical"))
