"""Variants of a tiling: the same kernels and tensors, other orders, heights and chunks."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.conv.layout import Layout
from benchmarks.conv.operator import plan
from roofline.physics.choice import choose
from roofline.physics.cropped import cropped
from roofline.physics.flat import flattened, is_flat
from roofline.physics.spans import rows_of_all
from roofline.physics.tiling import Tiling
from roofline.physics.variants import STEPS, chunks, heights, orders
from roofline.records import ConvShape
from tests.conv_builders import CLASSES, HOST, VECTORS, Bench, case_of, shapes

WIDEST = VECTORS[max(VECTORS)]
BIG = ConvShape(
    batch=1, in_channels=256, height=56, width=56, out_channels=256, kernel=(3, 3), padding=(1, 1)
)


def variants(shape: ConvShape, cut: Tiling) -> list[Tiling]:
    """Return all that are tried of a tiling at first."""
    return [one for step in STEPS for one in step(shape, cut)]


@pytest.mark.parametrize("kind", CLASSES)
@settings(max_examples=20)
@given(data=st.data())
def test_variants_run_the_same_kernels_on_the_same_tensors(kind: str, data: st.DataObject) -> None:
    shape = cropped(data.draw(shapes(kind)))
    cut = choose(shape, WIDEST, HOST)
    own = plan(case_of(shape, WIDEST, cut))
    shape_of_all = (shape.out_channels, shape.group_in, *shape.kernel)
    weights = np.arange(math.prod(shape_of_all), dtype=np.float32).reshape(shape_of_all)
    packed = Layout(shape, cut, WIDEST.fused).pack_weights(weights, None)
    for other in variants(shape, cut):
        assert other != cut
        made = plan(case_of(shape, WIDEST, other))
        assert {*made.recipes.values()} <= {*own.recipes.values()} or other.along != cut.along
        assert np.array_equal(made.layout.pack_weights(weights, None), packed)


@pytest.mark.parametrize("kind", CLASSES)
@settings(max_examples=10)
@given(data=st.data())
def test_variants_compute_the_same(bench: Bench, kind: str, data: st.DataObject) -> None:
    shape = data.draw(shapes(kind))
    cut = choose(shape, WIDEST, HOST)
    for other in variants(shape, cut):
        operator, trained = bench.operator(case_of(shape, WIDEST, other))
        operator.reset()
        bench.call(operator)
        assert operator.correct(trained), other


def test_heights_are_twice_and_half_as_many_parts() -> None:
    cut = replace(choose(BIG, WIDEST, HOST), rows=14)
    assert [one.rows for one in heights(BIG, cut)] == [28, 7]
    assert [one.rows for one in heights(BIG, replace(cut, rows=56))] == [28]
    assert [one.rows for one in heights(BIG, replace(cut, rows=1))] == [2]


def test_chunks_stay_within_the_channels() -> None:
    lanes = choose(BIG, WIDEST, HOST).lanes
    total = BIG.group_in // lanes
    cut = replace(choose(BIG, WIDEST, HOST), chunk=total)
    assert [one.chunk for one in chunks(BIG, cut)] == [total // 2]
    assert [one.chunk for one in chunks(BIG, replace(cut, chunk=1))] == [2]


def test_a_flat_layer_has_one_order() -> None:
    flat = replace(BIG, kernel=(1, 1), padding=(0, 0))
    cut = choose(flat, WIDEST, HOST)
    assert is_flat(flat)
    assert not [*orders(flat, cut)]
    assert all(one.rows <= rows_of_all(flattened(flat), cut) for one in heights(flat, cut))
    assert [one.along for one in orders(BIG, choose(BIG, WIDEST, HOST))] != []
