"""Kernels of operators for processors that aren't here, cross-compiled and read as assembly.

Each compiler target has a scheduler of its own: what keeps to its registers on one spills on
another, and a kernel that spills is refused where it should run.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from benchmarks.assembly import Verdict, check
from benchmarks.conv.layout import Layout
from benchmarks.conv.recipes import micro_recipe
from benchmarks.conv.schedule import units
from benchmarks.kernels import Recipe
from benchmarks.tensors.product import Plan
from roofline.comparing.tensors import case
from roofline.physics.choice import choose
from roofline.physics.isa import Vector
from roofline.records import ConvShape, GemmShape
from roofline.shapes import default_sweep, draw
from tests.builders import make_machine
from tests.cross import X86, listing
from tests.tilings import AVX2, AVX512, conv

DRAWN = 30
PROCESSORS = [
    ("znver5", AVX512),
    ("znver4", AVX512),
    ("sapphirerapids", AVX512),
    ("icelake-server", AVX512),
    ("znver3", AVX2),
    ("haswell", AVX2),
]


def made(recipe: Recipe, cpu: str) -> Verdict:
    """Return the verdict on a kernel compiled for a processor, whose listing is never run."""
    arguments: dict[str, Any] = dict(recipe.arguments)
    factory = getattr(import_module(recipe.module), recipe.factory)
    return check(listing(factory(**arguments), cpu, triple=X86), recipe.expected)


def recipes(shape: ConvShape, vector: Vector) -> Iterator[Recipe]:
    layout = Layout(shape, choose(shape, vector, make_machine()), vector.fused)
    for unit in units(layout):
        for call in unit.calls:
            yield micro_recipe(layout, call.micro, vector.bits, fused=vector.fused)


def in_turn(recipe: Recipe | None) -> Iterator[Recipe]:
    """Yield a kernel and what is made instead of it."""
    while recipe is not None:
        yield recipe
        recipe = recipe.instead


def problem(recipe: Recipe, cpu: str) -> str | None:
    """Return what is wrong with a kernel and with all that is made instead of it."""
    found = None
    for one in in_turn(recipe):
        found = made(one, cpu).problem
        if found is None:
            break
    return found


@pytest.mark.parametrize(("cpu", "vector"), PROCESSORS)
def test_no_layer_is_refused_for_its_kernels(cpu: str, vector: Vector) -> None:
    layers = [*default_sweep(), *draw(DRAWN, 20261127)]
    wanted = {recipe: layer for layer in layers for recipe in recipes(layer.shape, vector)}
    assert len(wanted) > 80
    for recipe, layer in wanted.items():
        assert problem(recipe, cpu) is None, layer.shape.text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cpu", "vector"), PROCESSORS)
def test_no_product_is_refused_for_its_kernels(cpu: str, vector: Vector, dtype: str) -> None:
    sizes = [(1, 1000, 512), (3, 40, 7), (64, 1000, 90), (100, 24, 1000), (1024, 1024, 1024)]
    shapes = [GemmShape(rows=r, columns=c, depth=d, dtype=dtype) for r, c, d in sizes]
    plans = [Plan(case(shape, vector, make_machine(), 1)) for shape in shapes]
    wanted = {recipe for plan in plans for recipe in plan.recipes if recipe.expected}
    assert len(wanted) > 5
    for recipe in wanted:
        assert problem(recipe, cpu) is None, recipe.arguments


def test_inputs_wait_where_a_compiler_would_load_too_many_ahead() -> None:
    """Nine columns of three vectors leave four registers of 32."""
    shape = conv(32, 48, 27, 3, padding=(0, 0), width=29)
    (recipe,) = {one for one in recipes(shape, AVX512) if "blocks" in dict(one.arguments)}
    assert dict(recipe.arguments)["columns"] == 9
    spilling, held = (made(one, "icelake-server").problem for one in in_turn(recipe))
    assert spilling is not None
    assert "spills" in spilling
    assert held is None
