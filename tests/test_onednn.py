"""oneDNN's convolutions: which kernel runs, how it is cut, what its blocks wait for."""

import math
from dataclasses import replace

import pytest

from roofline.physics import brgemm, library, onednn
from roofline.physics.brgemm_blocks import blocks, register_block
from roofline.physics.pace import LANES, Pace
from roofline.physics.pressure import Rates
from roofline.physics.workload import conv_work
from roofline.shapes import draw, parse_shape

PACE = Pace(multiplies=2.0, loads=2.0)
HABIT = library.Habit(blocked=False, onednn_kernels=True)


def cycles(text: str, pace: Pace = PACE) -> float:
    """Return what a shape takes on one core."""
    return onednn.computing(parse_shape(text), pace, 1)


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        # As the library's own log named them: version 3.12, AVX-512, channels last.
        ("64x28x28 -> 64, 3x3 p1", "brgemm"),
        ("3x224x224 -> 64, 7x7 s2 p3", "brgemm"),
        ("224x31x31 -> 224, 1x1 g2", "brgemm"),
        ("440x81x81 -> 440, 5x5 g440", "brdgmm"),
        ("32x87x87 -> 32, 3x5 s2 d2 g32", "brdgmm"),
        ("448x1x1 -> 448, 5x5 s2 p4 d2 g448 b n3", "gemm"),
        ("67x58x58 -> 469, 1x1 s2 g67 b n16", "jit"),
        ("288x158x158 -> 288, 1x3 g24 b", "jit"),
        ("8x2x2 -> 64, 7x7 p3 g8 n16", "brgemm"),
    ],
)
def test_the_shape_alone_decides_on_the_kernel(text: str, kernel: str) -> None:
    assert onednn.kernel(parse_shape(text)) == kernel


@pytest.mark.parametrize(
    ("positions", "outputs", "padding", "block"),
    [
        (56, 64, 0, (6, 4)),
        (14, 32, 0, (14, 2)),
        (7, 32, 0, (7, 2)),
        (30, 40, 0, (10, 2)),
        # What is left of a row has no fewer positions than padding.
        (112, 64, 3, (6, 4)),
        (56, 64, 3, (14, 2)),
    ],
)
def test_register_blocks_are_the_ones_of_the_library(
    positions: int, outputs: int, padding: int, block: tuple[int, int]
) -> None:
    assert register_block(positions, outputs, 64, padding) == block


def test_deep_blocks_keep_their_inputs_in_l1() -> None:
    assert register_block(28, 32, 64).rows == 14
    assert register_block(28, 32, 1024).rows * 4 * 1024 <= 48 << 10


def test_a_register_block_waits_for_the_busiest() -> None:
    """24 products in 12 cycles; one position of four vectors for its own sums; 30 for loads."""
    assert brgemm.step(6, 4, PACE) == 12
    assert brgemm.step(1, 4, PACE) == 4
    assert brgemm.step(30, 1, PACE) == 16


def test_weights_stay_where_a_plane_is_the_smaller() -> None:
    assert blocks(parse_shape("512x7x7 -> 512, 3x3 p1"), 1).inner
    assert not blocks(parse_shape("64x112x112 -> 64, 3x3 p1"), 1).inner


def test_a_whole_row_is_one_call_and_a_1x1_has_some_positions_of_an_image() -> None:
    assert blocks(parse_shape("64x56x56 -> 64, 3x3 p1"), 1).positions == 56
    flat = blocks(parse_shape("64x56x56 -> 64, 1x1"), 1)
    assert flat.positions <= 251
    assert flat.positions > 56
    assert blocks(parse_shape("64x56x56 -> 64, 1x1 s2"), 1).positions == 28


def test_taps_on_padding_are_left_out() -> None:
    """Of 3x3 on one position, one tap is left."""
    one, all_taps = cycles("64x1x1 -> 64, 3x3 p1"), cycles("64x3x3 -> 64, 3x3")
    assert one < all_taps / 3


def test_few_positions_left_over_cost_a_block() -> None:
    """Six positions fill a block of four vectors; one more waits for its own sums."""
    six, seven = (
        brgemm.computing(parse_shape(f"512x1x{n} -> 64, 1x1 g1"), PACE, 1) for n in (6, 7)
    )
    assert seven - six >= 512 * 2


def test_depthwise_products_with_a_stride_load_an_input_each() -> None:
    slow = replace(PACE, loads=1.0)
    for text in ("64x56x56 -> 64, 3x3 p1 g64", "64x56x56 -> 64, 3x3 s2 p1 g64"):
        assert cycles(text, slow) > cycles(text)
    strided, dense = cycles("64x57x57 -> 64, 3x3 s2 g64"), cycles("64x30x30 -> 64, 3x3 g64")
    assert strided > dense


def test_narrow_groups_cost_a_call_each() -> None:
    """As many outputs in twice as many groups: twice as many calls of whole vectors."""
    few, many = cycles("32x14x14 -> 128, 1x1 g8"), cycles("32x14x14 -> 128, 1x1 g16")
    assert many > 1.5 * few


def test_a_batch_of_single_positions_is_one_product() -> None:
    alone, product = cycles("64x6x6 -> 64, 6x6"), cycles("64x6x6 -> 64, 6x6 n6")
    assert product < 6 * alone


def test_no_layer_is_faster_than_the_core() -> None:
    for layer in draw(150, 5):
        work = conv_work(layer.shape)
        executed = (work.flops_executed or 0) - layer.shape.outputs * layer.shape.bias
        if onednn.kernel(layer.shape) == "gemm":
            continue
        found = onednn.computing(layer.shape, PACE, 1)
        assert math.isfinite(found)
        assert found >= executed / (2 * LANES * PACE.multiplies) * (1 - 1e-9), layer.shape.text


def test_the_library_is_told_by_its_structure_on_wide_vectors_alone() -> None:
    shape = parse_shape("64x28x28 -> 64, 3x3 p1")
    rates = Rates(multiplies=8e9, loads=8e9, hertz=4e9)
    found = library.core_seconds(shape, LANES, rates, 1, HABIT)
    assert found == pytest.approx(onednn.computing(shape, PACE, 1) / 4e9)
    assert library.core_seconds(shape, LANES, rates, 2, HABIT) == pytest.approx(found / 2, rel=0.1)
    plain = replace(HABIT, onednn_kernels=False)
    assert library.core_seconds(shape, 8, rates, 1, HABIT) == library.core_seconds(
        shape, 8, rates, 1, plain
    )
