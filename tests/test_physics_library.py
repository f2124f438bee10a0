"""What a library's convolution asks of a machine: lanes, matrices of taps, copies of tensors."""

from dataclasses import replace

import pytest

from roofline.physics import library
from roofline.physics.bandwidth import transfers
from roofline.physics.library import Habit
from roofline.physics.predict import predict
from roofline.physics.pressure import Rates
from roofline.physics.workload import conv_work
from roofline.records import Traffic
from roofline.shapes import draw, parse_shape
from tests.reference import reference

LANES = 8
BLOCKED = Habit(blocked=True, reorders=("input", "output"), mlas_kernels=True)
ALONE = Habit(blocked=True, mlas_kernels=True)
LAST = Habit(blocked=False)
RATES = Rates(multiplies=6e9, loads=6e9, hertz=3e9)
WIDE = parse_shape("64x28x28 -> 64, 3x3 p1")


def seconds(text: str, habit: Habit = LAST, threads: int = 1, rates: Rates = RATES) -> float:
    """Return the in-core time of a shape."""
    return library.core_seconds(parse_shape(text), LANES, rates, threads, habit)


def test_full_vectors_take_what_their_executed_operations_take() -> None:
    executed = conv_work(WIDE).flops_executed or 0
    assert seconds(WIDE.text) == pytest.approx(executed / (2 * LANES * RATES.multiplies))


def test_narrow_groups_pay_for_empty_lanes() -> None:
    """As many operations in groups of two channels fill two lanes of eight."""
    full, narrow = seconds("64x28x28 -> 64, 3x3 p1 g8"), seconds("64x28x28 -> 64, 3x3 p1 g32")
    assert narrow / full == pytest.approx((1 / 4) * (8 / 2))


def test_depthwise_fills_lanes_but_loads_each_input() -> None:
    slow = replace(RATES, loads=RATES.multiplies / 2)
    text = "64x28x28 -> 64, 3x3 p1 g64"
    assert seconds(text, rates=slow) == pytest.approx(2 * seconds(text))
    assert seconds(WIDE.text, rates=slow) == seconds(WIDE.text)
    # With two outputs a channel, it is a group of one input and two outputs.
    assert seconds("64x28x28 -> 128, 3x3 p1 g64") == pytest.approx(2 * 4 * seconds(text))


@pytest.mark.parametrize("habit", [BLOCKED, LAST])
def test_threads_share_evenly(habit: Habit) -> None:
    for text in (WIDE.text, "30x9x9 -> 30, 3x3 p1 g10"):
        assert seconds(text, habit, 2) == pytest.approx(seconds(text, habit) / 2)


@pytest.mark.parametrize(
    ("text", "matrix"),
    [
        ("64x28x28 -> 64, 3x3 p1", False),
        ("3x28x28 -> 64, 3x3 p1", False),
        ("10x28x28 -> 64, 3x3 p1", True),
        ("64x28x28 -> 64, 3x3 p1 g8", False),
        ("64x28x28 -> 64, 3x3 p1 g16", True),
        ("64x28x28 -> 64, 3x3 p1 g64", False),
        ("60x28x28 -> 60, 3x3 p1 g60", False),
        ("62x28x28 -> 62, 3x3 p1 g62", True),
        ("64x28x28 -> 128, 3x3 p1 g64", True),
    ],
)
def test_a_matrix_is_gathered_where_channels_leave_blocks_unfilled(
    text: str, *, matrix: bool
) -> None:
    shape = parse_shape(text)
    assert library.as_matrix(shape, LANES, BLOCKED) is matrix
    assert not library.as_matrix(shape, LANES, LAST)
    if matrix:
        assert library.copied(shape, LANES, BLOCKED).total == 0
    took = library.copying_seconds(shape, LANES, RATES, 1, ALONE)
    assert (took > 0) is matrix
    assert library.copying_seconds(shape, LANES, RATES, 2, ALONE) == took / 2
    assert library.copying_seconds(shape, LANES, RATES, 1, LAST) == 0


def test_copies_between_layouts_take_the_core_a_third_of_a_cycle_an_element() -> None:
    elements = library.copied(WIDE, LANES, BLOCKED).read // 4
    took = library.copying_seconds(WIDE, LANES, RATES, 1, BLOCKED)
    assert took == pytest.approx(0.33 * elements / RATES.hertz)


def test_copies_of_what_no_cache_holds_go_to_memory() -> None:
    """A curve still finds some of it in the last cache; a kernel in between drives that out."""
    calibration = reference()
    small, large = Traffic(read=1 << 16, written=1 << 16), Traffic(read=1 << 27, written=1 << 27)
    near, far = (
        library.copy_seconds(calibration, 1, one, one)["typical"] for one in (small, large)
    )
    cold = transfers(calibration, 1, large, 0, cold=True)
    assert cold is not None
    assert far == cold[1]["typical"]
    assert far / large.total > near / small.total


def test_copies_read_and_write_the_whole_tensors() -> None:
    work = conv_work(WIDE)
    tensors = 4 * (64 * 28 * 28) + work.bytes_touched.written
    assert library.copied(WIDE, LANES, BLOCKED).read == tensors
    assert library.copied(WIDE, LANES, BLOCKED).total == 2 * tensors
    assert library.copied(WIDE, LANES, LAST).total == 0
    weights = Habit(blocked=False, reorders=("weights",))
    assert library.copied(WIDE, LANES, weights).read == 4 * work.parameters


def test_an_image_of_few_channels_is_read_as_it_lies() -> None:
    first = parse_shape("3x28x28 -> 64, 3x3 p1")
    assert library.copied(first, LANES, BLOCKED).read == conv_work(first).bytes_touched.written
    assert library.inside(first, LANES, BLOCKED).read == conv_work(first).bytes_touched.read


def test_a_blocked_layout_moves_empty_lanes() -> None:
    odd = parse_shape("12x28x28 -> 12, 3x3 p1")
    plain, blocked = (library.inside(odd, LANES, habit) for habit in (LAST, BLOCKED))
    assert plain == conv_work(odd).bytes_touched
    assert blocked.written * 12 == plain.written * 16
    assert blocked.read - plain.read == 4 * 4 * 28 * 28


def test_no_library_is_predicted_to_beat_the_operations_that_it_executes() -> None:
    for layer in draw(60, seed=4):
        executed = (conv_work(layer.shape).flops_executed or 0) - (
            layer.shape.outputs * layer.shape.bias
        )
        least = executed / (2 * LANES * RATES.multiplies)
        for habit in (BLOCKED, LAST):
            found = library.core_seconds(layer.shape, LANES, RATES, 1, habit)
            assert found >= least * (1 - 1e-9)


def test_copies_are_a_term_of_rung_d_alone() -> None:
    calibration = reference()
    core = dict.fromkeys(library.PICKS, 1e-4)
    plain = predict(conv_work(WIDE), "float32", calibration, 1, core_seconds=core)
    kernel = library.inside(WIDE, LANES, BLOCKED)
    copies = library.copied(WIDE, LANES, BLOCKED)
    took = library.copy_seconds(calibration, 1, copies, kernel)
    made = library.with_copies(plain, took)
    assert min(took.values()) > 0
    assert (made.rungs["d"] or 0) - (plain.rungs["d"] or 0) == pytest.approx(took["typical"])
    assert {**made.rungs, "d": None} == {**plain.rungs, "d": None}
    assert sum(made.terms.values()) == pytest.approx(made.seconds)
    assert made.low <= made.seconds <= made.high


def test_without_copies_or_rung_d_a_prediction_stays() -> None:
    calibration = reference()
    plain = predict(conv_work(WIDE), "float32", calibration, 1)
    assert plain.rungs["d"] is None
    assert library.with_copies(plain, dict.fromkeys(library.PICKS, 1.0)) is plain
    nothing = library.copied(WIDE, LANES, LAST)
    took = library.copy_seconds(calibration, 1, nothing, library.inside(WIDE, LANES, LAST))
    assert set(took.values()) == {0.0}


def test_which_structures_are_known() -> None:
    onednn = Habit(blocked=False, onednn_kernels=True)
    assert library.is_structured(BLOCKED, LANES)
    assert library.is_structured(onednn, 16)
    assert not library.is_structured(onednn, 8)
    assert not library.is_structured(LAST, 16)
