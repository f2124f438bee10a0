"""Where channels lie inside: blocks of one vector each (NCHWc), and weights as kernels walk them.

Activations are arrays (copies, batch, blocks, height, width, lanes). A block holds channels of one
group, or several narrow groups; a group with fewer channels than a vector lies in planes (blocks
of one lane). Lanes without a channel are zero.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.conv.lanes import pattern
from benchmarks.simd import PERMUTES
from roofline.physics.pieces import split
from roofline.physics.tiling import (
    Tiling,
    by_output,
    depth,
    groups_in_vector,
    halves,
    out_blocks,
    parts_in_vector,
    planar,
    slots,
)
from roofline.physics.workload import ITEM_BYTES
from roofline.records import ConvShape

Array = NDArray[Any]
# Some instructions permute lanes within so many bits only.
_HALF_BITS = 128


@dataclass(frozen=True, slots=True)
class Places:
    """Where each channel of a tensor lies: its block, and its lane in there."""

    block: NDArray[np.intp]
    lane: NDArray[np.intp]
    blocks: int
    lanes: int

    def pack(self, natural: Array) -> Array:
        """Turn (batch, channels, height, width) into (batch, blocks, height, width, lanes)."""
        batch, _, height, width = natural.shape
        packed = np.zeros((batch, self.blocks, height, width, self.lanes), natural.dtype)
        packed[:, self.block, :, :, self.lane] = natural.swapaxes(0, 1)
        return packed

    def unpack(self, packed: Array) -> Array:
        """Turn it back."""
        return np.asarray(packed[:, self.block, :, :, self.lane].swapaxes(0, 1))

    @property
    def unused(self) -> NDArray[np.bool_]:
        """Return which (block, lane) holds no channel."""
        empty = np.ones((self.blocks, self.lanes), np.bool_)
        empty[self.block, self.lane] = False
        return empty


@dataclass(frozen=True)
class Layout:
    """The tensors of one operator as its kernels see them; all sizes in elements.

    `fused` when the host has fused multiply-adds; `relu` when negative outputs become zero.
    """

    shape: ConvShape
    tiling: Tiling
    fused: bool = True
    relu: bool = False

    @cached_property
    def indexed(self) -> bool:
        """Whether an instruction permutes by a pattern that is read.

        On 256 bits only where lanes leave their half: within it, others permute as they load.
        """
        bits = 8 * self.item * self.tiling.lanes
        # Such instructions came with fused ones; elsewhere the compiler would end the process.
        able = self.fused and (self.shape.dtype, bits) in PERMUTES
        return able and (bits > 2 * _HALF_BITS or self._crosses(_HALF_BITS // (8 * self.item)))

    def _crosses(self, half: int) -> bool:
        own = np.arange(self.tiling.lanes) // half
        return bool((self.patterns // half != own).any())

    @cached_property
    def patterns(self) -> NDArray[np.int64]:
        """Which input lane each output lane takes: (parts x channels of a group, lanes)."""
        shape, lanes = self.shape, self.tiling.lanes
        step = groups_in_vector(shape, lanes) * shape.group_in // halves(shape, lanes)
        rows = [
            pattern(part * step + channel, lanes, *slots(shape, lanes), halves(shape, lanes))
            for part in range(self.parts)
            for channel in range(shape.group_in)
        ]
        return np.array(rows, np.int64)

    @cached_property
    def item(self) -> int:
        """Bytes of an element."""
        return ITEM_BYTES[self.shape.dtype]

    @cached_property
    def inputs(self) -> Places:
        """Where input channels lie."""
        if planar(self.shape, self.tiling.lanes):
            return _planes(self.shape.in_channels)
        return self._places(0, self.shape.group_in, self.parts)

    @cached_property
    def outputs(self) -> Places:
        """Where output channels lie."""
        if self.tiling.strategy == "positions":
            return _planes(self.shape.out_channels)
        return self._places(1, self.shape.group_out, 1)

    def _places(self, side: int, group: int, parts: int) -> Places:
        """Return the places of a tensor's channels; a vector holds that many parts of groups."""
        shape, lanes = self.shape, self.tiling.lanes
        number, within = np.divmod(np.arange(shape.groups * group), group)
        if by_output(shape, lanes):
            per_group = -(-group // lanes)
            block, lane = np.divmod(within, lanes)
            return Places(number * per_group + block, lane, shape.groups * per_group, lanes)
        together, slot = groups_in_vector(shape, lanes), slots(shape, lanes)[side]
        part, place = np.divmod(number, together)
        block, position = np.divmod(part, parts)
        dealt = halves(shape, lanes) if side == 0 else 1
        half, place = np.divmod(place, together // dealt)
        lane = half * (lanes // dealt) + place * slot + within
        lane += position * together // dealt * group
        return Places(block, lane, -(-shape.groups // (together * parts)), lanes)

    @cached_property
    def parts(self) -> int:
        """Output vectors that one input vector serves, where channels are lanes."""
        return parts_in_vector(self.shape, self.tiling.lanes)

    @cached_property
    def x_shape(self) -> tuple[int, int, int, int, int]:
        """Shape of one copy of the input."""
        places, shape = self.inputs, self.shape
        return shape.batch, places.blocks, shape.height, shape.width, places.lanes

    @cached_property
    def out_shape(self) -> tuple[int, int, int, int, int]:
        """Shape of one copy of the output."""
        places, shape = self.outputs, self.shape
        return shape.batch, places.blocks, shape.out_height, shape.out_width, places.lanes

    @cached_property
    def depth(self) -> int:
        """Input channels that weights exist for: whole turns of the innermost loop."""
        return depth(self.shape, self.tiling)

    @cached_property
    def taps(self) -> int:
        """Kernel rows times columns."""
        return self.shape.kernel[0] * self.shape.kernel[1]

    @cached_property
    def factors(self) -> int:
        """Elements of the weights proper; the bias follows, then the indices."""
        return self.biases * self.depth * self.taps

    @cached_property
    def biases(self) -> int:
        """Elements of the bias, those of empty lanes, too."""
        return self.outputs.blocks * self.outputs.lanes

    @cached_property
    def weight_elements(self) -> int:
        """Elements of weights, bias and indices together."""
        lanes = self.tiling.lanes
        indices = self.parts * self.shape.group_in * lanes
        return self.factors + self.biases + indices

    def pack_weights(self, weights: Array, bias: Array | None) -> Array:
        """Return weights (out, in/g, kh, kw), bias and indices as one flat array."""
        flat = np.zeros(self.weight_elements, weights.dtype)
        pack = {"broadcast": _broadcast_weights, "positions": _single_weights}
        flat[: self.factors] = pack.get(self.tiling.strategy, _lane_weights)(self, weights)
        end = self.factors + self.biases
        if bias is not None:
            places = self.outputs
            flat[self.factors : end].reshape(-1, places.lanes)[places.block, places.lane] = bias
        if self.tiling.strategy == "permute":
            integer = np.int32 if self.item == 4 else np.int64
            flat[end:].view(integer)[:] = self.patterns.ravel()
        return flat


def _planes(channels: int) -> Places:
    """Return the places of so many channels, a plane each."""
    numbers = np.arange(channels)
    return Places(numbers, np.zeros_like(numbers), channels, 1)


def _single_weights(layout: Layout, weights: Array) -> Array:
    """Order as group, tile of outputs, chunk of planes, kh, kw, input channel, output."""
    shape, planes = layout.shape, layout.tiling.chunk
    groups = weights.reshape(shape.groups, shape.group_out, shape.group_in, *shape.kernel)
    pieces = [
        group[first : first + count, plane : plane + planes].transpose(2, 3, 1, 0).ravel()
        for group in groups
        for first, count in split(shape.group_out, layout.tiling.blocks)
        for plane in range(0, shape.group_in, planes)
    ]
    return np.concatenate(pieces)


def _broadcast_weights(layout: Layout, weights: Array) -> Array:
    """Order as group, tile of output blocks, input block, kh, kw, channel, block, lane."""
    shape, tiling = layout.shape, layout.tiling
    lanes, per_group = tiling.lanes, out_blocks(shape, tiling.lanes)
    padded = np.zeros((shape.groups, per_group * lanes, layout.depth, *shape.kernel), weights.dtype)
    grouped = weights.reshape(shape.groups, shape.group_out, shape.group_in, *shape.kernel)
    padded[:, : shape.group_out, : shape.group_in] = grouped
    step = layout.depth if planar(shape, lanes) else lanes
    pieces = []
    for group in padded:
        for first in range(0, per_group, tiling.blocks):
            part = group[first * lanes : (first + tiling.blocks) * lanes]
            for start in range(0, layout.depth, step):
                block = part[:, start : start + step]
                split = block.reshape(-1, lanes, *block.shape[1:])
                pieces.append(split.transpose(3, 4, 2, 0, 1).ravel())
    return np.concatenate(pieces)


def _lane_weights(layout: Layout, weights: Array) -> Array:
    """Order as block, kh, channel of the group, kw, lane."""
    places = layout.outputs
    height, width = layout.shape.kernel
    shape = (places.blocks, height, layout.shape.group_in, width, places.lanes)
    packed = np.zeros(shape, weights.dtype)
    packed[places.block, :, :, :, places.lane] = weights.transpose(0, 2, 1, 3)
    return packed.ravel()
