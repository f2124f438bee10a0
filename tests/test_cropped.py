"""Convolutions without the taps that only ever fall on padding: the same outputs, fewer weights."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.conv.operator import plan
from benchmarks.conv.reference import convolve
from benchmarks.conv.weights import weights_of
from roofline.physics.cropped import cropped, kept_taps
from roofline.physics.flat import is_flat
from roofline.physics.tiling import touched_taps
from roofline.physics.workload import check, conv_work
from roofline.records import ConvShape
from roofline.shapes import parse_shape
from tests.conv_builders import VECTORS, case_of

WIDEST = VECTORS[max(VECTORS)]


@st.composite
def small(draw: st.DrawFn) -> ConvShape:
    """Draw a convolution of a few positions and many taps."""
    pair = st.tuples(st.integers(1, 7), st.integers(1, 7))
    kernel, dilation = draw(pair), draw(st.sampled_from(((1, 1), (2, 1), (2, 3))))
    padding = draw(st.tuples(st.integers(0, 7), st.integers(0, 7)))
    sizes = [
        draw(st.integers(max(1, d * (k - 1) + 1 - 2 * p), 6 + d * (k - 1) + 1))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    return check(
        ConvShape(
            batch=1,
            in_channels=3,
            height=sizes[0],
            width=sizes[1],
            out_channels=2,
            kernel=kernel,
            stride=draw(st.sampled_from(((1, 1), (2, 2), (1, 3)))),
            padding=padding,
            dilation=dilation,
        )
    )


@settings(max_examples=300)
@given(small())
def test_outputs_are_those_of_the_whole_kernel(shape: ConvShape) -> None:
    fewer, (rows, columns) = cropped(shape), kept_taps(shape)
    assert fewer.kernel == (len(rows), len(columns))
    x = np.random.default_rng(3).standard_normal((1, 3, shape.height, shape.width))
    weights = weights_of(shape, 5).weights.astype(np.float64)
    left = weights[:, :, rows.start : rows.stop, columns.start : columns.stop]
    expected, found = convolve(shape, x, weights, None), convolve(fewer, x, left, None)
    assert found.shape == expected.shape
    # Fewer products by zero may be added in another order.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(weights).sum())


@settings(max_examples=300)
@given(small())
def test_work_and_used_taps_stay(shape: ConvShape) -> None:
    fewer = cropped(shape)
    assert conv_work(fewer).flops_executed == conv_work(shape).flops_executed
    assert conv_work(fewer).bytes_touched == conv_work(shape).bytes_touched
    assert touched_taps(fewer) == touched_taps(shape)
    assert cropped(fewer) == fewer
    assert check(fewer) == fewer


@pytest.mark.parametrize(
    ("text", "kernel", "padding", "stride"),
    [
        ("64x1x1 -> 64, 3x3 p1", (1, 1), (0, 0), (1, 1)),
        ("64x1x1 -> 64, 7x7 s2 p3", (1, 1), (0, 0), (1, 1)),
        ("64x2x2 -> 64, 7x7 p3", (3, 3), (1, 1), (1, 1)),
        ("64x1x9 -> 64, 3x3 p1", (1, 3), (0, 1), (1, 1)),
        ("64x56x56 -> 64, 3x3 p1", (3, 3), (1, 1), (1, 1)),
        ("64x56x56 -> 64, 3x3 s2 p1", (3, 3), (1, 1), (2, 2)),
    ],
)
def test_known_shapes(
    text: str, kernel: tuple[int, int], padding: tuple[int, int], stride: tuple[int, int]
) -> None:
    fewer = cropped(parse_shape(text))
    assert (fewer.kernel, fewer.padding, fewer.stride) == (kernel, padding, stride)


def test_one_position_is_run_as_a_matrix_product() -> None:
    shape = parse_shape("64x1x1 -> 64, 3x3 p1")
    layout = plan(case_of(shape, WIDEST)).layout
    assert is_flat(layout.shape)
    whole = plan(case_of(replace(shape, kernel=(1, 1), padding=(0, 0)), WIDEST)).layout
    assert layout.weight_elements == whole.weight_elements
