"""Random shapes stay within their stated domain and are the same for the same seed."""

from collections import Counter

import pytest

from roofline.errors import RooflineError
from roofline.physics.workload import check, conv_work
from roofline.records import CONV_CLASSES, ConvShape
from roofline.shapes import DOMAIN, draw, parse_shape

COUNT = 2000
LAYERS = draw(COUNT, 7)
SHAPES = [layer.shape for layer in LAYERS]


def share(truths: list[bool]) -> float:
    return sum(truths) / len(truths)


def test_the_first_shapes_of_a_seed_never_change() -> None:
    assert [(layer.name, layer.shape.text) for layer in draw(3, 1)] == [
        ("random-1-001", "278x19x3 -> 8, 3x3 b"),
        ("random-1-002", "8x32x32 -> 32, 1x1 s2"),
        ("random-1-003", "66x119x119 -> 88, 1x1 s2 b"),
    ]


def test_the_hundredth_shape_of_a_seed_never_changes() -> None:
    assert draw(100, 1)[-1].shape.text == "16x138x17 -> 393, 1x1 b"


def test_a_longer_draw_starts_with_the_shorter_one() -> None:
    assert draw(50, 7) == LAYERS[:50]


def test_another_seed_draws_other_shapes() -> None:
    assert [layer.shape for layer in draw(20, 8)] != SHAPES[:20]


def test_names_are_numbered_under_the_seed() -> None:
    assert LAYERS[0].name == "random-7-001"
    assert LAYERS[-1].name == f"random-7-{COUNT}"
    assert len({layer.name for layer in LAYERS}) == COUNT


def test_every_shape_can_be_run_and_its_work_is_bounded() -> None:
    for shape in SHAPES:
        work = conv_work(check(shape))
        assert 20_000 <= work.flops <= 1_000_000_000
        assert work.traffic.total <= 64_000_000


def within(shape: ConvShape) -> bool:
    """Tell whether every field is one that the domain names."""
    most = [d * (k - 1) // 2 for d, k in zip(shape.dilation, shape.kernel, strict=True)]
    return all(
        (
            1 <= shape.in_channels <= 512 and 1 <= shape.out_channels <= 512,
            1 <= shape.height <= 224 and 1 <= shape.width <= 224,
            set(shape.kernel) <= {1, 3, 5, 7},
            shape.stride in ((1, 1), (2, 2)),
            shape.dilation in ((1, 1), (2, 2)),
            0 <= shape.padding[0] <= most[0] and 0 <= shape.padding[1] <= most[1],
            shape.batch in (1, 2, 3, 4, 8, 16),
            shape.dtype == "float32",
        )
    )


def test_every_shape_lies_in_the_domain() -> None:
    assert [shape.text for shape in SHAPES if not within(shape)] == []


def test_classes_are_about_equally_likely() -> None:
    counts = Counter(shape.conv_class for shape in SHAPES)
    assert set(counts) == set(CONV_CLASSES)
    # Five standard deviations of a fair draw.
    assert all(abs(found - COUNT / 4) < 97 for found in counts.values())


def test_every_kernel_batch_stride_and_dilation_occurs() -> None:
    assert {shape.kernel for shape in SHAPES} >= {(1, 1), (3, 3), (5, 5), (7, 7), (1, 3), (5, 3)}
    assert {shape.batch for shape in SHAPES} == {1, 2, 3, 4, 8, 16}
    assert {shape.stride for shape in SHAPES} == {(1, 1), (2, 2)}
    assert {shape.dilation for shape in SHAPES} == {(1, 1), (2, 2)}


def test_common_things_are_common_and_rare_ones_occur() -> None:
    assert share([shape.batch == 1 for shape in SHAPES]) == pytest.approx(0.6, abs=0.06)
    assert share([shape.bias for shape in SHAPES]) == pytest.approx(0.5, abs=0.06)
    assert share([shape.height != shape.width for shape in SHAPES]) == pytest.approx(0.2, abs=0.05)
    assert share([shape.stride == (2, 2) for shape in SHAPES]) == pytest.approx(0.3, abs=0.05)
    assert 0.02 < share([shape.dilation == (2, 2) for shape in SHAPES]) < 0.12
    assert share([shape.in_channels % 8 == 0 for shape in SHAPES]) > 0.45
    assert share([shape.in_channels % 2 == 1 for shape in SHAPES]) > 0.1


def test_padding_is_none_same_or_between() -> None:
    wide = [shape for shape in SHAPES if shape.kernel == (7, 7) and shape.dilation == (1, 1)]
    assert {shape.padding[0] for shape in wide} == {0, 1, 2, 3}


def test_sizes_are_spread_evenly_over_their_logarithms() -> None:
    # Each octave of the pointwise channels, about a ninth of them.
    octaves = Counter(
        shape.out_channels.bit_length() for shape in SHAPES if shape.conv_class == "pointwise"
    )
    total = sum(octaves.values())
    assert all(0.02 < octaves[bits] / total < 0.3 for bits in range(1, 10))
    assert {shape.height.bit_length() for shape in SHAPES} == set(range(1, 9))


def test_groups_have_many_structures() -> None:
    grouped = [shape for shape in SHAPES if shape.conv_class == "grouped"]
    assert len({shape.group_in for shape in grouped}) > 30
    assert any(shape.group_in % 2 for shape in grouped)
    assert any(shape.group_in != shape.group_out for shape in grouped)
    depthwise = [shape for shape in SHAPES if shape.conv_class == "depthwise"]
    assert {shape.group_out for shape in depthwise} > {1, 2}


def test_double_precision_only_when_asked_for() -> None:
    doubles = [layer.shape for layer in draw(200, 7, "float64")]
    assert {shape.dtype for shape in doubles} == {"float64"}
    assert all(conv_work(shape).traffic.total <= 64_000_000 for shape in doubles)


def test_the_short_notation_of_every_shape_is_read_back() -> None:
    assert [parse_shape(shape.text) for shape in SHAPES] == SHAPES


def test_the_domain_is_told_with_its_limits() -> None:
    for words in (*CONV_CLASSES, "512", "224", "20 kFLOP", "1 GFLOP", "64 MB", "2, 3, 4, 8, 16"):
        assert words in " ".join(DOMAIN.split())
    assert max(map(len, DOMAIN.splitlines())) <= 100


@pytest.mark.parametrize(
    ("count", "seed", "dtype", "reason"),
    [
        (0, 1, "float32", "cannot draw 0 shapes"),
        (-1, 1, "float32", "cannot draw -1 shapes"),
        (10_001, 1, "float32", "from 1 to 10000"),
        (1, -1, "float32", "-1 is no seed"),
        (1, 1, "int8", "unknown dtype 'int8'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(count: int, seed: int, dtype: str, reason: str) -> None:
    with pytest.raises(RooflineError, match=reason) as caught:
        draw(count, seed, dtype)
    assert caught.value.exit_code == 2


def test_the_smallest_and_a_very_large_seed_are_fine() -> None:
    assert draw(1, 0)[0].name == "random-0-001"
    assert len(draw(1, 10**30)) == 1
