"""FLOPs, bytes and parameters of convolutions agree with counting by hand and by brute force."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roofline.errors import RooflineError
from roofline.physics.workload import (
    LARGEST,
    MOST_TAPS,
    check,
    conv_shape,
    conv_work,
    counts,
    touched_lines,
    valid_taps,
)
from roofline.records import ConvShape, Traffic, Work


def shape(
    channels: int, size: tuple[int, int], out: int, kernel: tuple[int, int], **rest: Any
) -> ConvShape:
    return ConvShape(
        in_channels=channels,
        height=size[0],
        width=size[1],
        out_channels=out,
        kernel=kernel,
        **rest,
    )


P1 = {"padding": (1, 1)}
OP4 = shape(128, (20, 20), 128, (3, 3), groups=128, bias=True, **P1)
DENSE = shape(64, (56, 56), 64, (3, 3), **P1)
# name: shape, FLOPs, executed FLOPs, (read, written) compulsory bytes, touched bytes read, weights.
# Written as the products that one counts by, so that a reader can follow each.
COUNTED: dict[str, tuple[ConvShape, int, int, tuple[int, int], int, int]] = {
    "article depthwise": (
        OP4,
        972_800,
        128 * (2 * 58 * 58 + 400),
        (4 * (51_200 + 1_152 + 128), 4 * 51_200),
        4 * (51_200 + 1_152 + 128),
        1_280,
    ),
    "dense": (
        DENSE,
        2 * 9 * 64 * 64 * 3136,
        2 * 64 * 64 * 166 * 166,
        (4 * (64 * 3136 + 9 * 64 * 64), 4 * 64 * 3136),
        4 * (64 * 3136 + 9 * 64 * 64),
        36_864,
    ),
    "pointwise with bias, batch 4": (
        shape(16, (7, 7), 32, (1, 1), bias=True, batch=4),
        4 * 32 * 49 * 33,
        4 * 32 * 49 * 33,
        (4 * (4 * 16 * 49 + 512 + 32), 4 * 4 * 32 * 49),
        4 * (4 * 16 * 49 + 512 + 32),
        544,
    ),
    "strided 1x1 touches a quarter": (
        shape(256, (56, 56), 512, (1, 1), stride=(2, 2)),
        2 * 256 * 512 * 784,
        2 * 256 * 512 * 784,
        (4 * (256 * 3136 + 256 * 512), 4 * 512 * 784),
        4 * (256 * 3136 // 4 + 256 * 512),
        131_072,
    ),
    "strided 3x3 reads the last row, not beyond": (
        shape(8, (8, 8), 8, (3, 3), stride=(2, 2), **P1),
        2 * 9 * 8 * 8 * 16,
        # 4 outputs an axis at rows -1, 1, 3, 5: 2 + 3 + 3 + 3 taps.
        2 * 8 * 8 * 11 * 11,
        (4 * (8 * 64 + 576), 4 * 8 * 16),
        4 * (8 * 64 + 576),
        576,
    ),
    "stride larger than the kernel": (
        shape(2, (10, 10), 2, (2, 2), stride=(4, 4)),
        2 * 4 * 2 * 2 * 9,
        2 * 4 * 2 * 2 * 9,
        (4 * (2 * 100 + 16), 4 * 2 * 9),
        # Rows 0, 1, 4, 5, 8, 9 of 10.
        4 * (2 * 36 + 16),
        16,
    ),
    "grouped": (
        shape(12, (5, 5), 6, (1, 1), groups=3),
        2 * 4 * 6 * 25,
        2 * 4 * 6 * 25,
        (4 * (12 * 25 + 24), 4 * 6 * 25),
        4 * (12 * 25 + 24),
        24,
    ),
    "depthwise with multiplier": (
        shape(3, (4, 4), 6, (3, 3), groups=3),
        2 * 9 * 6 * 4,
        2 * 9 * 6 * 4,
        (4 * (48 + 54), 4 * 24),
        4 * (48 + 54),
        54,
    ),
    "dilated": (
        shape(4, (9, 9), 4, (3, 3), padding=(2, 2), dilation=(2, 2)),
        2 * 9 * 4 * 4 * 81,
        # Each axis: 9 + 2 x 7 taps.
        2 * 4 * 4 * 23 * 23,
        (4 * (4 * 81 + 144), 4 * 4 * 81),
        4 * (4 * 81 + 144),
        144,
    ),
    "dilated past every other row": (
        shape(1, (5, 5), 1, (2, 2), stride=(5, 5), dilation=(2, 2)),
        2 * 4,
        2 * 4,
        (4 * (25 + 4), 4),
        4 * (4 + 4),
        4,
    ),
    "rectangular": (
        shape(2, (6, 10), 3, (1, 7), padding=(0, 3)),
        2 * 7 * 2 * 3 * 60,
        # Rows: 6 x 1; columns: 10 x 7 without 2 x (3 + 2 + 1).
        2 * 2 * 3 * 6 * 58,
        (4 * (120 + 42), 4 * 180),
        4 * (120 + 42),
        42,
    ),
    "padding past the kernel: outputs with no valid tap": (
        shape(1, (2, 2), 1, (1, 1), padding=(3, 3), bias=True),
        3 * 64,
        2 * 4 + 64,
        (4 * (4 + 1 + 1), 4 * 64),
        4 * (4 + 1 + 1),
        2,
    ),
    "float64 takes 8 bytes": (
        shape(3, (4, 4), 2, (2, 2), bias=True, dtype="float64"),
        (2 * 4 * 3 + 1) * 18,
        (2 * 4 * 3 + 1) * 18,
        (8 * (48 + 24 + 2), 8 * 18),
        8 * (48 + 24 + 2),
        26,
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_work_is_as_counted_by_hand(name: str) -> None:
    one, flops, executed, (read, written), touched, parameters = COUNTED[name]
    assert conv_work(one) == Work(
        flops=flops,
        flops_executed=executed,
        bytes_compulsory=Traffic(read=read, written=written),
        bytes_touched=Traffic(read=touched, written=written),
        parameters=parameters,
    )


def test_the_depthwise_operator_of_the_article_has_its_intensity() -> None:
    work = conv_work(OP4)
    assert (work.flops, work.traffic.total) == (972_800, 414_720)
    assert work.intensity == pytest.approx(2.346, abs=5e-4)


@pytest.mark.parametrize(("size", "percent"), [(56, 97.6), (14, 90.7), (7, 81.9)])
def test_the_share_of_taps_inside_a_padded_image(size: int, percent: float) -> None:
    work = conv_work(shape(32, (size, size), 32, (3, 3), **P1))
    assert work.flops_executed is not None
    assert 100 * work.flops_executed / work.flops == pytest.approx(percent, abs=0.05)


def test_a_column_of_outputs_without_a_valid_tap_names_no_tap() -> None:
    wide = shape(1, (4, 2), 1, (1, 2), padding=(0, 3))
    assert [len(taps) for taps in valid_taps(wide, 1)] == [0, 0, 1, 2, 1, 0, 0]
    assert [len(taps) for taps in valid_taps(wide, 0)] == [1, 1, 1, 1]
    assert counts(wide, 1) == (4, 2, 2)


@st.composite
def shapes(draw: st.DrawFn) -> ConvShape:
    def both(low: int, high: int) -> tuple[int, int]:
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    kernel, dilation, padding = both(1, 5), both(1, 4), both(0, 9)
    least = [
        max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    groups = draw(st.integers(1, 3))
    return ConvShape(
        batch=draw(st.integers(1, 3)),
        in_channels=groups * draw(st.integers(1, 3)),
        height=draw(st.integers(least[0], 24)),
        width=draw(st.integers(least[1], 24)),
        out_channels=groups * draw(st.integers(1, 3)),
        kernel=kernel,
        stride=both(1, 5),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from(["float32", "float64"])),
    )


def padded_places(one: ConvShape, axis: int) -> list[list[int | None]]:
    """Return for each output the input position of every tap, None on padding, by walking."""
    size = (one.height, one.width)[axis]
    line = [None] * one.padding[axis] + list(range(size)) + [None] * one.padding[axis]
    reach = (one.kernel[axis] - 1) * one.dilation[axis]
    starts = range(0, len(line) - reach, one.stride[axis])
    return [line[start : start + reach + 1 : one.dilation[axis]] for start in starts]


@settings(max_examples=300, deadline=None)
@given(shapes())
def test_taps_and_touched_positions_agree_with_a_walk_over_the_padded_line(one: ConvShape) -> None:
    assert check(one) is one
    for axis, outputs in ((0, one.out_height), (1, one.out_width)):
        places = padded_places(one, axis)
        assert len(places) == outputs
        valid = [[tap for tap, place in enumerate(taps) if place is not None] for taps in places]
        assert [list(taps) for taps in valid_taps(one, axis)] == valid
        touched = {place for taps in places for place in taps if place is not None}
        used = {tap for taps in valid for tap in taps}
        assert counts(one, axis) == (sum(map(len, valid)), len(used), len(touched))
        if axis:
            lines = {20 * place // 64 for place in touched}
            assert touched_lines(one, 20, 64) == len(lines)


@settings(max_examples=100, deadline=None)
@given(shapes())
def test_executed_operations_are_counted_output_by_output(one: ConvShape) -> None:
    inside = [
        [sum(place is not None for place in taps) for taps in padded_places(one, axis)]
        for axis in (0, 1)
    ]
    pairs = [rows * columns for rows in inside[0] for columns in inside[1]]
    each = one.batch * one.out_channels
    expected = each * sum(2 * taps * one.group_in + one.bias for taps in pairs)
    work = conv_work(one)
    assert work.flops_executed == expected
    assert expected <= work.flops
    assert work.bytes_compulsory is not None
    assert work.bytes_touched.read <= work.bytes_compulsory.read


def test_the_longest_lines_that_pass_are_counted_at_once() -> None:
    long = shape(1, (1, LARGEST), 1, (1, 4), padding=(0, 2))
    with pytest.raises(RooflineError, match="taps along one axis"):
        check(long)
    fewer = replace(long, padding=(0, 0))
    outputs = LARGEST - 3
    assert outputs * 4 <= MOST_TAPS
    assert counts(check(fewer), 1) == (4 * outputs, 4, LARGEST)
    half = LARGEST // 2
    wide = shape(1, (1, LARGEST), 1, (1, half), padding=(0, half), dilation=(1, 2))
    with pytest.raises(RooflineError, match="absurd"):
        check(wide)


@given(shapes())
def test_flattened_parameters_give_the_shape_back(one: ConvShape) -> None:
    assert conv_shape(one.parameters, one.dtype) == one


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kernel_h": None}, "kernel is 0"),
        ({"height": 5.5}, "5.5 is no whole number"),
        ({"height": float("inf")}, "inf is no whole number"),
        ({"height": 10**400}, "no convolution"),
        ({"stride_w": "two"}, "no convolution"),
        ({"groups": 3}, "3 groups"),
    ],
)
def test_parameters_of_no_convolution_are_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(RooflineError, match=reason):
        conv_shape(DENSE.parameters | change, "float32")


@pytest.mark.parametrize("missing", sorted(set(DENSE.parameters) - {"bias"}))
def test_a_missing_parameter_is_named(missing: str) -> None:
    kept = {name: value for name, value in DENSE.parameters.items() if name != missing}
    with pytest.raises(RooflineError, match=missing):
        conv_shape(kept, "float32")


def changed(**fields: Any) -> ConvShape:
    usual = shape(4, (8, 8), 6, (3, 3), **P1)
    names = ConvShape.__dataclass_fields__
    return ConvShape(**{name: getattr(usual, name) for name in names} | fields)


NOT_POSITIVE = [
    *((name, 0) for name in ("batch", "in_channels", "height", "width", "out_channels", "groups")),
    *((name, pair) for name in ("kernel", "stride", "dilation") for pair in ((0, 1), (1, 0))),
    *(("padding", pair) for pair in ((-1, 0), (0, -1))),
]


@pytest.mark.parametrize(("name", "value"), NOT_POSITIVE)
def test_a_size_below_its_least_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(RooflineError, match=f"^{name.replace('_', ' ')} is (0|-1): give"):
        check(changed(**{name: value}))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"height": LARGEST + 1}, f"height is {LARGEST + 1}"),
        ({"padding": (0, LARGEST + 1)}, "padding is"),
        ({"in_channels": 5, "groups": 2}, "2 groups don't divide 5 input"),
        ({"out_channels": 5, "groups": 2}, "2 groups don't divide 5 output"),
        ({"height": 2, "padding": (0, 0)}, "kernel of 3x3"),
        ({"width": 2, "padding": (0, 0)}, "kernel of 3x3"),
        ({"height": 4, "padding": (0, 0), "dilation": (2, 1)}, "dilation 2x1"),
        ({"stride": (2, 2), "height": 1, "padding": (0, 0)}, "larger than the padded input"),
        ({"dtype": "float16"}, "unknown dtype 'float16'.*float32, float64"),
        ({"height": LARGEST, "width": LARGEST}, "elements is absurd"),
        ({"out_channels": LARGEST, "padding": (999, 999)}, "elements is absurd"),
        ({"in_channels": LARGEST, "out_channels": LARGEST, "kernel": (1, 1)}, "is absurd"),
    ],
)
def test_what_cannot_be_run_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(RooflineError, match=reason) as caught:
        check(changed(**fields))
    assert caught.value.exit_code == 2


def test_what_only_just_fits_is_let_pass() -> None:
    just = changed(height=3, width=3, padding=(0, 0), groups=2)
    assert check(just) is just
    assert (just.out_height, just.out_width) == (1, 1)
