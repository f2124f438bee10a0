"""Every convolution is right at every width, output by output, against a float64 reference.

Each example runs twice: as it is checked before it is timed, then between guards of NaN.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roofline.physics.isa import Vector
from roofline.physics.tiling import lanes_of
from roofline.shapes import parse_shape
from tests.conv_builders import (
    CLASSES,
    VECTORS,
    Bench,
    bench_on,
    case_of,
    fault,
    guard,
    shapes,
    strays,
    tilings,
)

CPUS = sorted(os.sched_getaffinity(0))[:2]


def often(usual: int) -> settings:
    """Return how often a test is drawn: `usual` times, or as the profile says when that is more.

    The same examples each time: each may compile kernels.
    """
    asked = settings.default.max_examples
    more = asked > settings.get_profile("default").max_examples
    return settings(max_examples=asked if more else usual, derandomize=True, deadline=None)


def vector_of(lanes: int, dtype: str) -> Vector:
    """Return the vectors with so many lanes."""
    for vector in VECTORS.values():
        if lanes_of(vector, dtype) == lanes:
            return vector
    pytest.skip(f"this host has no registers of {lanes} {dtype}")


@pytest.fixture(scope="module")
def bench(cache_home: Path) -> Bench:
    """Return a bench on two CPUs, wherever there are two."""
    return bench_on(CPUS, cache_home)


def examine(bench: Bench, data: st.DataObject, kind: str, vector: Vector, dtype: str) -> None:
    """Draw a convolution and how it is cut; run it and look at everything."""
    shape = data.draw(shapes(kind, dtype), label="shape")
    threads = data.draw(st.integers(1, len(CPUS)), label="threads")
    cut = data.draw(tilings(shape, vector, threads), label="tiling")
    relu = data.draw(st.booleans(), label="relu")
    operator, trained = bench.operator(case_of(shape, vector, cut, threads, relu=relu))
    bench.call(operator)
    assert operator.correct(trained)
    assert strays(operator, 1) == 0
    guard(operator)
    bench.call(operator)
    assert fault(operator, trained, 1) == ""
    assert strays(operator, 2) == 0


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("lanes", [4, 8, 16])
@often(40)
@given(data=st.data())
def test_single_precision_is_right(
    bench: Bench, data: st.DataObject, lanes: int, kind: str
) -> None:
    examine(bench, data, kind, vector_of(lanes, "float32"), "float32")


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("lanes", [2, 4, 8])
@often(12)
@given(data=st.data())
def test_double_precision_is_right(
    bench: Bench, data: st.DataObject, lanes: int, kind: str
) -> None:
    examine(bench, data, kind, vector_of(lanes, "float64"), "float64")


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "8x6x5 -> 8, 3x5 p1x4 d1x2 g8",
        "2x4x1 -> 2, 3x1 p0x4 g2 f64",
        "8x6x40 -> 8, 2x2 p1x2 g8",
        "8x6x9 -> 8, 3x3 p1x4 g8",
    ],
)
def test_edges_where_rows_in_a_line_would_spill_are_right(
    bench: Bench, widest: Vector, text: str, *, relu: bool
) -> None:
    """On 16 registers their kernels were refused, or would be with a ReLU."""
    operator, trained = bench.operator(case_of(parse_shape(text), widest, relu=relu))
    bench.call(operator)
    assert operator.correct(trained)


@pytest.mark.parametrize(
    "text",
    [
        "35x101x103 -> 35, 3x3 p1 g35",
        "20x131x129 -> 20, 5x3 s2 p2x1 g20",
        "32x99x101 -> 32, 3x3 g32 f64",
        "12x161x163 -> 12, 7x7 s1x2 p3 g12",
        "24x110x113 -> 96, 3x3 p1 g3",
        "6x211x214 -> 32, 3x5 s2",
        "10x131x129 -> 32, 3x3 p1 g2 n2 f64",
        "3x311x313 -> 32, 1x1 s2",
    ],
)
def test_layers_that_ask_for_rows_or_planes_are_right(
    bench: Bench, widest: Vector, text: str
) -> None:
    operator, trained = bench.operator(case_of(parse_shape(text), widest, threads=len(CPUS)))
    assert any(micro.asked for micro in operator.plan.recipes)
    bench.call(operator)
    assert operator.correct(trained)
    assert strays(operator, 1) == 0


@pytest.mark.parametrize("kind", CLASSES)
@often(12)
@given(data=st.data())
def test_a_lone_output_is_right(
    bench: Bench, data: st.DataObject, kind: str, widest: Vector
) -> None:
    """Its value may be near zero by chance, so rounding is judged by what was added up."""
    drawn = data.draw(shapes(kind, fewest=1), label="shape")
    reach = [d * (k - 1) + 1 for d, k in zip(drawn.dilation, drawn.kernel, strict=True)]
    shape = replace(drawn, batch=1, height=reach[0], width=reach[1], padding=(0, 0))
    relu = data.draw(st.booleans(), label="relu")
    operator, trained = bench.operator(case_of(shape, widest, relu=relu))
    bench.call(operator)
    assert (shape.out_height, shape.out_width) == (1, 1)
    assert operator.correct(trained)
    assert strays(operator, 1) == 0
