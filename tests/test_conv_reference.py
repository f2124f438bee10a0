"""The reference that judges every kernel is itself right, by a loop that hides nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.conv.layout import Layout
from benchmarks.conv.reference import TOLERANCE, agrees, convolve, outputs_at, positions
from roofline.records import ConvShape
from tests.conv_walk import little
from tests.tilings import conv, convs

few = settings(max_examples=60, deadline=None)


def by_hand(
    shape: ConvShape, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Return a convolution as it is defined: one multiply-add after the other."""
    out = np.zeros((shape.batch, shape.out_channels, shape.out_height, shape.out_width))
    for n, o, row, column in np.ndindex(*out.shape):
        total = 0.0 if bias is None else float(bias[o])
        for c, kh, kw in np.ndindex(*weights.shape[1:]):
            r = row * shape.stride[0] - shape.padding[0] + kh * shape.dilation[0]
            k = column * shape.stride[1] - shape.padding[1] + kw * shape.dilation[1]
            if 0 <= r < shape.height and 0 <= k < shape.width:
                channel = o // shape.group_out * shape.group_in + c
                total += float(x[n, channel, r, k]) * float(weights[o, c, kh, kw])
        out[n, o, row, column] = total
    return out


def tensors(shape: ConvShape) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return a random input, weights and bias."""
    draw = np.random.default_rng(3)
    x = draw.standard_normal((shape.batch, shape.in_channels, shape.height, shape.width))
    weights = draw.standard_normal((shape.out_channels, shape.group_in, *shape.kernel))
    bias = draw.standard_normal(shape.out_channels) if shape.bias else None
    return x, weights, bias


def narrow(shape: ConvShape) -> ConvShape:
    """Return a shape with few channels: the loop is slow."""
    return replace(shape, batch=min(shape.batch, 2), in_channels=2 * shape.groups)


@few
@given(layout=little())
def test_every_output_is_the_sum_of_its_taps(layout: Layout) -> None:
    shape = narrow(replace(layout.shape, out_channels=layout.shape.groups * 2))
    assert np.allclose(convolve(shape, *tensors(shape)), by_hand(shape, *tensors(shape)), 1e-12)


def test_a_convolution_that_is_done_in_the_head() -> None:
    shape = conv(1, 1, 3, 2, padding=(0, 1), stride=(1, 2), bias=True)
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    weights = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    # Columns -1, 0 and then 1, 2 of the padded rows 0, 1 and 1, 2; the bias is a half.
    expected = [[3000.5, 5421.5], [6030.5, 8754.5]]
    assert convolve(shape, x, weights, np.array([0.5]))[0, 0].tolist() == expected


@few
@given(layout=little())
def test_outputs_at_some_positions_are_those_of_the_whole(layout: Layout) -> None:
    shape = layout.shape
    x, weights, bias = tensors(shape)
    places = layout.inputs
    where = positions(shape)
    found = outputs_at(shape, places.pack(x), places, weights, bias, where)
    whole = convolve(shape, x, weights, bias)
    assert found.shape == (len(where), shape.out_channels)
    expected = whole[where[:, 0], :, where[:, 1], where[:, 2]]
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


@few
@given(shape=convs(), seed=st.integers(0, 9))
def test_positions_have_corners_edges_and_both_ends_of_the_batch(
    shape: ConvShape, seed: int
) -> None:
    where = positions(shape, seed)
    sizes = (shape.batch, shape.out_height, shape.out_width)
    assert (where >= 0).all()
    assert (where < sizes).all()
    told = set(map(tuple, where.tolist()))
    lasts = [{0, size - 1} for size in sizes]
    rows, columns = lasts[1] | {sizes[1] // 2}, lasts[2] | {sizes[2] // 2}
    assert {(n, r, c) for n in lasts[0] for r in rows for c in columns} <= told


def test_positions_are_many_where_that_is_cheap_and_some_where_it_is_not() -> None:
    cheap = positions(conv(1, 1, 100))
    dear = positions(conv(4096, 4096, 100))
    assert len(cheap) > 100
    assert 9 < len(dear) < 30
    assert len({tuple(place) for place in cheap.tolist()}) > 100


def test_positions_are_the_same_each_time_and_others_by_another_seed() -> None:
    shape = conv(3, 3, 30)
    assert (positions(shape) == positions(shape)).all()
    assert (positions(shape) != positions(shape, seed=6)).any()


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 1e-5), ("float64", 1e-12)])
def test_an_error_above_the_tolerance_is_refused(dtype: str, largest: float) -> None:
    """By the largest value of the reference: small ones are sums of large ones that cancel."""
    assert TOLERANCE[dtype] == largest
    expected = np.array([[4.0, -8.0], [1e-9, 2.0]])
    for place in np.ndindex(2, 2):
        for sign in (-1, 1):
            answer = expected.copy()
            answer[place] += sign * 8 * 2 * largest
            assert not agrees(answer, expected, dtype)
            answer[place] = expected[place] + sign * 8 * largest / 2
            assert agrees(answer, expected, dtype)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(wrong: float) -> None:
    expected = np.array([1.0, 2.0])
    assert agrees(expected, expected, "float32")
    assert not agrees(np.array([1.0, wrong]), expected, "float32")
    assert not agrees(np.array([wrong, wrong]), np.zeros(2), "float32")


def test_zeros_are_only_equal_to_zeros() -> None:
    assert agrees(np.zeros(3), np.zeros(3), "float32")
    assert not agrees(np.array([0.0, 1e-30, 0.0]), np.zeros(3), "float32")


def test_a_kernel_that_misses_one_small_product_is_refused() -> None:
    """The smallest fault that there is: one tap of one channel, one output in a hundred."""
    shape = replace(conv(64, 8, 10), dtype="float32")
    x, weights, _ = tensors(shape)
    expected = convolve(shape, x, weights, None)
    answer = expected.astype(np.float32)
    assert agrees(answer, expected, "float32")
    answer[0, 3, 5, 5] -= x[0, 7, 5, 5] * weights[3, 7, 1, 1]
    assert not agrees(answer, expected, "float32")


def test_a_lone_output_near_zero_is_judged_by_what_was_added_up() -> None:
    """A thousand products that cancel leave their rounding, not an error of the kernel."""
    assert not agrees(np.array([0.0011]), np.array([0.001]), "float32")
    assert agrees(np.array([0.0011]), np.array([0.001]), "float32", 1000)
    assert not agrees(np.array([0.0014]), np.array([0.001]), "float32", 1000)


@pytest.mark.parametrize("terms", [51, 3430, 4608])
def test_rounding_alone_never_raises_an_alarm(terms: int) -> None:
    """As a kernel adds them up: one sum, rounded once a product; each as if there were no other."""
    draw = np.random.default_rng(terms)
    x, weights = draw.standard_normal((2, 2000, terms), np.float32).astype(np.float64)
    products = x * weights
    answers = np.zeros(2000, np.float32)
    for product in products.T:
        answers = (answers + product).astype(np.float32)
    for answer, expected in zip(answers, products.sum(axis=1), strict=True):
        assert agrees(answer, expected, "float32", terms)
