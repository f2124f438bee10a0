"""Tensors as they lie inside: nothing is lost, empty lanes are zero, weights as they are used."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.conv.lanes import pattern
from benchmarks.conv.layout import Layout
from roofline.physics import tiling
from roofline.physics.pieces import split
from roofline.physics.tiling import Tiling, planar
from roofline.records import ConvShape
from tests.conv_walk import little
from tests.tilings import legal

many = settings(max_examples=200, deadline=None)
# One of each way to compute, and of each way that lanes stay empty.
EXAMPLES = {
    "whole blocks": ((8, 8), 1, 4, 2),
    "blocks and a rest": ((10, 6), 1, 4, 2),
    "planes": ((3, 5), 1, 4, 1),
    "groups of blocks": ((10, 12), 2, 4, 2),
    "groups of planes": ((6, 10), 2, 4, 2),
    "a channel a lane": ((5, 5), 5, 4, 1),
    "narrow groups": ((10, 10), 5, 8, 1),
    "narrow groups that don't fill a vector": ((9, 9), 3, 8, 1),
    "narrow groups with few inputs": ((5, 15), 5, 8, 1),
    "narrow groups with few outputs": ((15, 5), 5, 8, 1),
    "one input of many outputs": ((2, 12), 2, 4, 1),
    "positions": ((6, 5), 1, 8, 2),
    "positions of groups": ((12, 6), 2, 8, 2),
}


def example(name: str, *, bias: bool = True, dtype: str = "float32") -> Layout:
    """Return a tiny convolution of 2x3 taps."""
    (c_in, c_out), groups, lanes, blocks = EXAMPLES[name]
    shape = ConvShape(
        batch=2,
        in_channels=c_in,
        height=3,
        width=18 if name.startswith("positions") else 5,
        out_channels=c_out,
        kernel=(2, 3),
        groups=groups,
        bias=bias,
        dtype=dtype,
    )
    kind = tiling.strategy(shape, lanes)
    return Layout(shape, Tiling(strategy=kind, lanes=lanes, columns=2, blocks=blocks))


def numbered(*size: int) -> np.ndarray:
    """Return an array whose elements are told apart, none of them zero."""
    return np.arange(1, 1 + int(np.prod(size)), dtype=np.float32).reshape(size)


@many
@given(case=legal())
def test_channels_come_back_from_where_they_lie(case: tuple[ConvShape, Tiling]) -> None:
    layout = Layout(*case)
    for places, channels in (
        (layout.inputs, layout.shape.in_channels),
        (layout.outputs, layout.shape.out_channels),
    ):
        natural = numbered(2, channels, 2, 3)
        packed = places.pack(natural)
        assert packed.shape == (2, places.blocks, 2, 3, places.lanes)
        assert (places.unpack(packed) == natural).all()
        assert np.count_nonzero(packed) == natural.size
        assert not packed.transpose(1, 4, 0, 2, 3)[places.unused].any()
        assert places.unused.sum() == places.blocks * places.lanes - channels


@many
@given(case=legal())
def test_tensors_are_as_large_as_foretold(case: tuple[ConvShape, Tiling]) -> None:
    """Whether memory suffices, and what is moved, is told without this layout."""
    layout = Layout(*case)
    shape, lanes = layout.shape, layout.tiling.lanes
    assert layout.x_shape[1] * layout.x_shape[4] == tiling.input_lanes(shape, lanes)
    assert layout.out_shape[1] * layout.out_shape[4] == tiling.output_lanes(shape, lanes)
    assert layout.x_shape[::2] + layout.x_shape[3:4] == (
        shape.batch,
        shape.height,
        layout.inputs.lanes,
        shape.width,
    )
    assert layout.out_shape[2:4] == (shape.out_height, shape.out_width)
    elements = layout.weight_elements
    elements += int(np.prod(layout.x_shape)) + int(np.prod(layout.out_shape))
    assert elements * layout.item <= tiling.tensor_bytes(shape, lanes)


@many
@given(layout=little())
def test_every_weight_is_packed_once_and_the_rest_is_zero(layout: Layout) -> None:
    shape = layout.shape
    weights = numbered(shape.out_channels, shape.group_in, *shape.kernel).astype(shape.dtype)
    bias = -numbered(shape.out_channels).astype(shape.dtype)
    packed = layout.pack_weights(weights, bias)
    assert packed.size == layout.weight_elements
    assert packed.dtype == shape.dtype
    factors = packed[: layout.factors]
    assert sorted(factors[factors != 0]) == sorted(weights.ravel())
    biases = packed[layout.factors :][: layout.outputs.blocks * layout.tiling.lanes]
    assert sorted(biases[biases != 0]) == sorted(bias)
    without = layout.pack_weights(weights, None)
    assert (without[: layout.factors] == factors).all()
    assert not without[layout.factors :][: biases.size].any()


def one_by_one(layout: Layout, weights: np.ndarray) -> Iterator[float]:
    """Yield packed weights by the order that kernels walk, one after the other."""
    shape, lanes = layout.shape, layout.tiling.lanes
    if layout.tiling.strategy == "positions":
        yield from _one_weight_each(layout, weights)
        return
    if layout.tiling.strategy != "broadcast":
        spread = layout.tiling.strategy == "spread"
        yield from (_spread if spread else _where_channels_are_lanes)(layout, weights)
        return
    planes = planar(shape, lanes)
    depth = shape.group_in if planes else -(-shape.group_in // min(4, lanes)) * min(4, lanes)
    step = depth if planes else lanes
    per_group = -(-shape.group_out // lanes)
    for group in range(shape.groups):
        for first in range(0, per_group, layout.tiling.blocks):
            last = min(first + layout.tiling.blocks, per_group)
            for start in range(0, depth, step):
                for kh, kw in np.ndindex(*shape.kernel):
                    for c in range(start, min(start + step, depth)):
                        for o in range(first * lanes, last * lanes):
                            real = o < shape.group_out and c < shape.group_in
                            yield weights[group * shape.group_out + o, c, kh, kw] if real else 0


def _one_weight_each(layout: Layout, weights: np.ndarray) -> Iterator[float]:
    shape, cut = layout.shape, layout.tiling
    for group in range(shape.groups):
        for first, count in split(shape.group_out, cut.blocks):
            for start in range(0, shape.group_in, cut.chunk):
                for kh, kw in np.ndindex(*shape.kernel):
                    for c in range(start, min(start + cut.chunk, shape.group_in)):
                        for o in range(first, first + count):
                            yield weights[group * shape.group_out + o, c, kh, kw]


def _spread(layout: Layout, weights: np.ndarray) -> Iterator[float]:
    shape, lanes = layout.shape, layout.tiling.lanes
    for group in range(shape.groups):
        for first in range(0, shape.group_out, lanes):
            for kh, kw in np.ndindex(*shape.kernel):
                for out in range(first, first + lanes):
                    inside = out < shape.group_out
                    at = group * shape.group_out + out
                    yield float(weights[at, 0, kh, kw]) if inside else 0.0


def _where_channels_are_lanes(layout: Layout, weights: np.ndarray) -> Iterator[float]:
    shape, lanes = layout.shape, layout.tiling.lanes
    together = lanes // max(shape.group_in, shape.group_out)
    slot = lanes // together
    for block in range(-(-shape.groups // together)):
        for kh in range(shape.kernel[0]):
            for c in range(shape.group_in):
                for kw in range(shape.kernel[1]):
                    for lane in range(lanes):
                        place, within = divmod(lane, slot)
                        group = block * together + place
                        real = place < together and within < shape.group_out
                        real = real and group < shape.groups
                        o = group * shape.group_out + within
                        yield weights[o, c, kh, kw] if real else 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_weights_lie_in_the_order_of_use(name: str) -> None:
    layout = example(name)
    shape = layout.shape
    weights = numbered(shape.out_channels, shape.group_in, *shape.kernel)
    expected = list(one_by_one(layout, weights))
    assert len(expected) == layout.factors
    assert layout.pack_weights(weights, None)[: layout.factors].tolist() == expected


@many
@given(layout=little())
def test_weights_of_any_shape_lie_in_the_order_of_use(layout: Layout) -> None:
    shape = layout.shape
    weights = numbered(shape.out_channels, shape.group_in, *shape.kernel).astype(shape.dtype)
    packed = layout.pack_weights(weights, None)
    assert packed[: layout.factors].tolist() == list(one_by_one(layout, weights))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bias_lies_where_its_channel_does(name: str) -> None:
    layout = example(name)
    bias = numbered(layout.shape.out_channels)
    weights = np.zeros((layout.shape.out_channels, layout.shape.group_in, 2, 3), np.float32)
    packed = layout.pack_weights(weights, bias)
    wide = layout.outputs.lanes
    biases = packed[layout.factors :][: layout.outputs.blocks * wide].reshape(1, -1, 1, 1, wide)
    assert layout.outputs.unpack(biases).ravel().tolist() == bias.tolist()


def test_the_examples_are_one_of_each() -> None:
    """Else a way to compute would go untested here without anybody noticing."""
    layouts = [example(name) for name in EXAMPLES]
    kinds = {layout.tiling.strategy for layout in layouts}
    assert kinds == {"broadcast", "permute", "lanewise", "spread", "positions"}
    assert {layout.parts for layout in layouts} == {1, 4}
    planes = [tiling.planar(one.shape, one.tiling.lanes) for one in layouts[:5]]
    assert planes == [False, False, True, False, True]
    assert any(layout.depth > layout.shape.group_in for layout in layouts)


@many
@given(layout=little(narrow=True))
def test_a_pattern_names_the_inputs_of_each_output(layout: Layout) -> None:
    """In the part of the input vector that holds the groups of an output vector."""
    assert layout.tiling.strategy == "permute"
    shape, lanes = layout.shape, layout.tiling.lanes
    weights = np.zeros((shape.out_channels, shape.group_in, *shape.kernel), shape.dtype)
    start = layout.factors + layout.outputs.blocks * lanes
    kind = np.int32 if shape.dtype == "float32" else np.int64
    indices = layout.pack_weights(weights, None)[start:].view(kind)
    table = indices.reshape(layout.parts, shape.group_in, lanes)
    assert table.min() >= 0
    assert table.max() < lanes
    inputs, outputs = layout.inputs, layout.outputs
    for out in range(shape.out_channels):
        block, part = divmod(int(outputs.block[out]), layout.parts)
        for c in range(shape.group_in):
            channel = out // shape.group_out * shape.group_in + c
            assert inputs.block[channel] == block
            assert table[part, c, outputs.lane[out]] == inputs.lane[channel]


@pytest.mark.parametrize(
    ("arguments", "lanes"),
    [
        ((0, 4, 2, 2), [0, 0, 2, 2]),
        ((1, 4, 2, 2), [1, 1, 3, 3]),
        ((0, 8, 1, 2), [0, 0, 1, 1, 2, 2, 3, 3]),
        ((4, 8, 1, 2), [4, 4, 5, 5, 6, 6, 7, 7]),
        ((0, 8, 1, 2, 2), [0, 0, 1, 1, 4, 4, 5, 5]),
        ((3, 8, 1, 3, 2), [3, 3, 3, 3, 7, 7, 7, 7]),
        ((2, 8, 4, 4), [2, 2, 2, 2, 6, 6, 6, 6]),
        ((0, 16, 3, 3), [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 12, 12, 12, 12]),
    ],
)
def test_patterns_by_hand(arguments: tuple[int, ...], lanes: list[int]) -> None:
    assert pattern(*arguments) == lanes


@pytest.mark.parametrize(
    ("dtype", "bits", "indexed"),
    [
        ("float32", 512, True),
        ("float32", 256, False),
        ("float32", 128, False),
        ("float64", 512, True),
        ("float64", 256, False),
    ],
)
def test_lanes_are_indexed_where_an_instruction_does_that(
    dtype: str, bits: int, indexed: bool
) -> None:
    lanes = bits // (64 if dtype == "float64" else 32)
    shape = ConvShape(
        in_channels=8, height=1, width=1, out_channels=8, kernel=(1, 1), groups=4, dtype=dtype
    )
    cut = Tiling(strategy=tiling.strategy(shape, lanes), lanes=lanes, columns=1)
    assert Layout(shape, cut).indexed == indexed


@pytest.mark.parametrize(
    ("channels", "outputs"),
    [(2, 2), (3, 3), (4, 4), (4, 1), (2, 4), (1, 2), (1, 3), (1, 4)],
)
def test_on_256_bits_lanes_stay_in_their_half(channels: int, outputs: int) -> None:
    """Even where several output vectors take their groups from one input vector."""
    shape = ConvShape(
        in_channels=8 * channels,
        height=1,
        width=1,
        out_channels=8 * outputs,
        kernel=(1, 1),
        groups=8,
    )
    layout = Layout(shape, Tiling(strategy="permute", lanes=8, columns=1))
    assert not layout.indexed
    assert (layout.patterns // 4 == np.arange(8) // 4).all()
