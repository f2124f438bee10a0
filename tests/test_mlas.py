"""ONNX Runtime's convolutions: what its tiles wait for, what its matrices cost to make."""

from dataclasses import replace

import pytest

from roofline.physics import mlas
from roofline.physics.pace import Pace
from roofline.physics.workload import conv_work
from roofline.shapes import draw, parse_shape

LANES = 16
PACE = Pace(multiplies=2.0, loads=2.0)


def computing(text: str, pace: Pace = PACE) -> float:
    """Return the cycles of a shape's multiply-adds."""
    return mlas.computing(parse_shape(text), LANES, pace)


def moving(text: str) -> float:
    """Return the cycles of a shape's copies into a matrix."""
    return mlas.moving(parse_shape(text), LANES)


def test_whole_tiles_keep_both_pipes_busy() -> None:
    """Six outputs of four vectors: 24 products, 12 cycles, for 10 loads."""
    assert computing("64x1x12 -> 64, 1x1") == 64 * 2 * 12
    assert computing("64x12x14 -> 64, 3x3") == 64 * 10 * 9 * 2 * 12


@pytest.mark.parametrize(("channels", "cycles"), [(16, 4), (32, 6), (48, 9), (64, 12), (80, 16)])
def test_fewer_vectors_of_outputs_wait_for_sums(channels: int, cycles: int) -> None:
    """One vector: six sums for two pipes of latency four; the fifth is a tile of its own."""
    assert computing(f"64x1x6 -> {channels}, 1x1") == 64 * cycles


def test_outputs_with_taps_on_padding_are_made_alone() -> None:
    """A row of 14 has 12 in two tiles of 12 cycles, three taps each, and two outputs of four."""
    rows = 3 * 14 - 2
    assert computing("64x14x14 -> 64, 3x3 p1") == 64 * rows * (3 * 2 * 12 + 2 * 2 * 4)


def test_depthwise_tiles_wait_for_sums_whatever_the_core_loads() -> None:
    assert computing("32x8x8 -> 32, 3x3 g32") == 2 * 6 * 9 * 4
    slow = replace(PACE, loads=1.0)
    assert computing("32x8x8 -> 32, 3x3 g32", slow) == 2 * 6 * 9 * 7


def test_few_input_channels_go_to_memory_plane_by_plane() -> None:
    """Each plane adds to sums of 64 channels: four vectors an output, a store a cycle.

    Beside that a row of a plane costs 12 cycles, and an output of it a fifth of one.
    """
    row = 2 * 12 + 12 * (4 + 0.2) + 12
    assert computing("3x12x12 -> 64, 1x1") == pytest.approx(3 * 12 * row)


def test_a_product_of_few_rows_waits_and_one_of_many_does_not() -> None:
    few, many = (computing(f"10x16x16 -> {4 * n}, 3x3 p1 g2") for n in (1, 32))
    vectors = 2 * 5 * 9 * 16
    assert few == pytest.approx(vectors * 2)
    assert many == pytest.approx(vectors * 64 / 2 / 0.9)
    # One output position: a product of a matrix and a vector.
    assert computing("6x3x3 -> 34, 3x3 g2") == 2 * 27 * 2


def test_copies_take_longer_where_neighbours_do_not_lie_side_by_side() -> None:
    near, far = moving("10x33x33 -> 8, 3x3 g2"), moving("10x33x33 -> 8, 3x3 s2 g2")
    assert far / 256 > 2 * near / 961
    assert moving("64x14x14 -> 64, 3x3 p1") == 0


def test_a_flat_matrix_is_there_already_and_one_row_needs_no_panels() -> None:
    """Two groups of 3 -> 5 at 32 positions: two vectors of three channels each into panels."""
    assert moving("6x4x8 -> 10, 1x1 g2") == 2 * (200 + 3 * 2 * 5.5)
    assert moving("6x4x8 -> 2, 1x1 g2") == 2 * 200


def test_nothing_is_told_to_beat_its_own_operations() -> None:
    for layer in draw(80, seed=4):
        shape = layer.shape
        executed = (conv_work(shape).flops_executed or 0) - shape.outputs * shape.bias
        least = executed / 2 / LANES / PACE.multiplies
        assert mlas.computing(shape, LANES, PACE) >= least * (1 - 1e-9), shape.text
