"""Kernels that load their inputs again for each tap are right, and fit where others spill."""

import os
from pathlib import Path

import pytest

from benchmarks.conv.operator import plan
from benchmarks.kernels import Kernel, KernelCache, Recipe, cache_folder
from benchmarks.team import Team
from roofline.physics import choice
from roofline.physics.tiling import lanes_of
from roofline.shapes import parse_shape
from tests.conv_builders import HOST, VECTORS, Bench, case_of, fault, guard, strays

CPUS = sorted(os.sched_getaffinity(0))[:1]
SHAPES = {
    "depthwise": "9x6x13 -> 9, 3x5 p1x4 d1x2 g9 b",
    "strided": "8x9x31 -> 8, 5x5 s2 p0x3 g8",
    "narrow": "12x6x11 -> 12, 3x3 p1 g6 b",
    "one channel": "1x7x15 -> 64, 3x3 p1 b",
}


def last(recipe: Recipe) -> Recipe:
    """Return what is made when all before it spill."""
    return last(recipe.instead) if recipe.instead else recipe


class Sparing(KernelCache):
    """A cache whose compiler spills whatever it can."""

    def get(self, recipe: Recipe) -> Kernel:
        """Return the last resort."""
        return super().get(last(recipe))


@pytest.fixture(scope="module")
def bench(cache_home: Path) -> Bench:
    """Return a bench of one CPU whose kernels are last resorts."""
    kernels = Sparing(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))
    return Bench(Team(CPUS, kernels), kernels)


@pytest.mark.parametrize("bits", sorted(VECTORS))
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("relu", [False, True])
def test_the_last_resort_is_right(bench: Bench, bits: int, name: str, relu: bool) -> None:
    shape, vector = parse_shape(SHAPES[name]), VECTORS[bits]
    case = case_of(shape, vector, choice.choose(shape, vector, HOST), 1, relu=relu)
    recipes = plan(case).recipes
    assert any(last(recipe) != recipe for recipe in recipes.values())
    operator, trained = bench.operator(case)
    bench.call(operator)
    assert operator.correct(trained)
    guard(operator)
    bench.call(operator)
    assert fault(operator, trained, 1) == ""
    assert strays(operator, 2) == 0


def test_a_tile_that_spilled_on_sixteen_registers_is_made(bench: Bench) -> None:
    """Two inputs outside of the image behind eight strided columns of five taps."""
    vector = next((one for one in VECTORS.values() if one.bits == 256), None)
    if vector is None or not vector.fused:
        pytest.skip("this host has no fused multiply-adds on 256 bits")
    shape = parse_shape("8x12x31 -> 8, 5x5 s2 p2 g8")
    assert lanes_of(vector, "float32") == 8
    kernels, cut = KernelCache(bench.kernels.folder), choice.choose(shape, vector, HOST)
    for recipe in plan(case_of(shape, vector, cut, 1)).recipes.values():
        assert kernels.get(recipe).verdict.problem is None
