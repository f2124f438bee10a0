"""What kernels make of their tables, in Python and exactly: whole numbers, one vector at a time.

Written from the meaning of the words alone, so that a schedule is judged without any kernel.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.conv import words
from benchmarks.conv.entry import Call
from benchmarks.conv.lanes import pattern
from benchmarks.conv.layout import Layout
from benchmarks.conv.tables import shared_words
from roofline.physics.tiling import Tiling, halves, planar, slots, strategy, unroll
from roofline.records import ConvShape

Array = NDArray[Any]
_LANES = (2, 4, 8)


@st.composite
def little(draw: st.DrawFn, *, narrow: bool = False) -> Layout:
    """Draw a convolution that is walked in milliseconds, cut in any way that kernels could run.

    Narrow: of several groups, of which at least two and their channels fit into a vector.
    """
    lanes = draw(st.sampled_from([n for n in _LANES if n >= 4] if narrow else _LANES))
    groups = draw(st.sampled_from((2, 3, 7) if narrow else (1, 1, 2, 3, 7)))
    most = 2 * lanes + 3 if groups == 1 else lanes + 1
    most = lanes // 2 if narrow else most
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 5)))
    padding = (draw(st.integers(0, 3)), draw(st.integers(0, 5)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    reach = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    height, width = (max(1, least) + draw(st.integers(0, 5)) for least in reach)
    single = draw(st.booleans())
    shape = ConvShape(
        batch=draw(st.integers(1, 2)),
        in_channels=groups * (1 if single else draw(st.integers(1, most))),
        height=height,
        width=width,
        # One channel in and one out would be depthwise.
        out_channels=groups * draw(st.integers(1 + narrow, most)),
        kernel=kernel,
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from(("float32", "float64"))),
    )
    return Layout(shape, _any_tiling(draw, shape, lanes), relu=draw(st.booleans()))


def _any_tiling(draw: st.DrawFn, shape: ConvShape, lanes: int) -> Tiling:
    kind = strategy(shape, lanes)
    several = kind in ("broadcast", "positions")
    return Tiling(
        strategy=kind,
        lanes=lanes,
        columns=draw(st.integers(1, 6)),
        taps=1 if several else draw(st.integers(1, 5)),
        blocks=draw(st.integers(1, 3)) if several else 1,
        rows=draw(st.integers(1, 6)),
        chunk=draw(st.integers(1, 2)) if several else 1,
        along=draw(st.booleans()),
    )


class Walk:
    """One operator: its tensors, in whole numbers that are never zero, and what was done.

    Attributes:
        x, weights, bias: natural; the packed ones are walked.
        out: packed and flat, NaN where nothing was stored.
        products: multiply-adds of real weights.
        vectors: multiply-adds of whole vectors.
        begun: elements of `out` that a call which doesn't accumulate has stored.
        ended: elements of `out` that a call with an activation has stored.

    """

    def __init__(self, layout: Layout) -> None:
        self.layout, self.shape = layout, layout.shape
        shape = layout.shape
        self.x = self._numbers((shape.batch, shape.in_channels, shape.height, shape.width), 1)
        self.weights = self._numbers((shape.out_channels, shape.group_in, *shape.kernel), 2)
        self.bias = self._numbers((shape.out_channels,), 3) if shape.bias else None
        self._x = layout.inputs.pack(self.x).ravel()
        self._weights = layout.pack_weights(self.weights, self.bias)
        self._shared = shared_words(layout)
        self.out = np.full(int(np.prod(layout.out_shape)), np.nan)
        self.products = self.vectors = 0
        self.begun: set[int] = set()
        self.ended: set[int] = set()

    def _numbers(self, size: tuple[int, ...], seed: int) -> Array:
        draw = np.random.default_rng(seed)
        signs = draw.choice((-1, 1), size)
        return (signs * draw.integers(1, 9, size)).astype(self.shape.dtype)

    def run(self, call: Call) -> list[int]:
        """Do what one entry says and return the elements that it stored, by their vectors."""
        layout, stored = self.layout, []
        lanes, item = layout.tiling.lanes, layout.item
        if layout.tiling.strategy == "positions":
            return [place for tile in range(call.tiles) for place in self._positions(call, tile)]
        for tile in range(call.tiles):
            for n in range(max(1, call.micro.blocks)):
                block = n * int(self._shared[words.OUT_BLOCK])
                for column in range(call.micro.columns):
                    moved = tile * call.out_tile + block + column * lanes * item
                    place = (call.out + moved) // item
                    start = self._begin(call, moved, n, place)
                    whole = start + self._sum(call, tile, n, column)
                    self.out[place : place + lanes] = self._ended(place, whole, call.micro.relu)
                    stored.append(place)
        return stored

    def _positions(self, call: Call, tile: int) -> list[int]:
        """Do one tile of vectors of positions: of each, the lanes that lie in the output."""
        item, micro = self.layout.item, call.micro
        wide = micro.columns * self.layout.tiling.lanes
        self.vectors += micro.taps * micro.columns * micro.blocks * self._turns(call)
        masked = range(wide - micro.after * self.layout.tiling.lanes, wide)
        lanes = [lane for lane in range(wide) if lane < call.rest or lane not in masked]
        stored = []
        for n in range(micro.blocks):
            block = n * int(self._shared[words.OUT_BLOCK])
            for lane in lanes:
                place = (call.out + tile * call.out_tile + block) // item + lane
                assert 0 <= place < self.out.size
                assert place not in self.begun
                self.begun.add(place)
                start = self._weights[call.init // item + n]
                whole = start + sum(self._position(call, tile, n, lane) if micro.taps else ())
                self.out[place] = self._ended(place, np.array(whole), micro.relu)
                stored.append(place)
        return stored

    def _turns(self, call: Call) -> int:
        return call.rows * call.taps * call.channels

    def _position(self, call: Call, tile: int, block: int, lane: int) -> Iterator[float]:
        """Yield the products of one output; what a mask leaves out is none."""
        shared, item, wide = self._shared, self.layout.item, self.layout.tiling.lanes
        vector, micro = lane // wide, call.micro
        masked = vector < micro.before or vector >= micro.columns - micro.after
        x, weights, left = call.x + tile * call.x_tile, call.weights, call.channels
        for _ in range(call.channel_blocks):
            count = min(left, call.planes)
            for kh, kw, i in np.ndindex(call.rows, call.taps, count):
                column = call.first + kw * int(shared[words.DILATION]) + lane
                inside = 0 <= column < shared[words.X_WIDTH]
                assert inside or masked
                if not inside:
                    continue
                at = x + kh * shared[words.X_ROW] + kw * shared[words.X_TAP]
                at += i * shared[words.X_CHANNEL] + lane * item
                factor = weights + count * (call.skipped + kh * call.weights_row)
                factor += ((kw * count + i) * micro.blocks + block) * item
                self.products += 1
                yield float(self._x[at // item]) * float(self._weights[factor // item])
            weights += count * call.weights_block
            x += count * int(shared[words.X_CHANNEL])
            left -= count
        assert not left

    def _ended(self, place: int, whole: Array, relu: bool) -> Array:
        """Return what is stored; refuse to add to what an activation has ended."""
        assert place not in self.ended
        if relu:
            self.ended.add(place)
        return np.maximum(whole, 0) if relu else whole

    def _begin(self, call: Call, moved: int, block: int, place: int) -> Array:
        """Return what a vector's sum begins with; refuse a second beginning, or none."""
        lanes, item = self.layout.tiling.lanes, self.layout.item
        assert 0 <= place <= self.out.size - lanes
        assert call.accumulate == (place in self.begun)
        self.begun.add(place)
        if call.accumulate:
            return self.out[(call.init + moved) // item :][:lanes].copy()
        return self._weights[call.init // item + block * lanes :][:lanes].astype(np.float64)

    def _sum(self, call: Call, tile: int, block: int, column: int) -> Array:
        lanes, item = self.layout.tiling.lanes, self.layout.item
        if not call.micro.blocks:
            return np.zeros(lanes)
        if self.layout.tiling.strategy == "broadcast":
            x_at, weights_at = self._broadcast(call, block)
        else:
            x_at, weights_at = self._lanewise(call, column)
        if not len(weights_at):
            return np.zeros(lanes)
        stride = self.shape.stride[1] * self.layout.inputs.lanes * item
        x_at = (x_at + call.x + tile * call.x_tile + column * stride) // item
        weights_at = (weights_at + call.weights) // item
        assert x_at.min() >= 0
        assert x_at.max() < self._x.size
        assert weights_at.min() >= 0
        assert weights_at.max() + lanes <= self.layout.factors
        factors = self._weights[weights_at[:, None] + np.arange(lanes)].astype(np.float64)
        self.products += int((factors != 0).sum())
        self.vectors += len(factors)
        return np.asarray((self._x[x_at] * factors).sum(axis=0))

    def _broadcast(self, call: Call, block: int) -> tuple[Array, Array]:
        """Return the offsets of inputs (products, 1) and of weights, in the order of use."""
        layout, shared = self.layout, self._shared
        lanes, item = layout.tiling.lanes, layout.item
        turn = 1 if planar(self.shape, lanes) else unroll(layout.tiling)
        c, kh, kw, i, u = np.indices(
            (call.channel_blocks, call.rows, call.taps, call.channels, turn)
        )
        x = c * shared[words.X_BLOCK] + kh * shared[words.X_ROW] + kw * shared[words.X_TAP]
        x += i * shared[words.X_CHANNEL] + u * item
        vectors = ((kw * call.channels + i) * turn + u) * call.micro.blocks + block
        weights = c * call.weights_block + kh * call.weights_row + vectors * lanes * item
        return x.reshape(-1, 1), weights.ravel()

    def _lanewise(self, call: Call, column: int) -> tuple[Array, Array]:
        """Return the offsets of inputs (products, lanes) and of weights, of a column's taps."""
        layout, shared = self.layout, self._shared
        vector = layout.tiling.lanes * layout.item
        assert call.micro.taps == call.taps
        reach = call.micro.reach(self.shape.stride[1], self.shape.dilation[1])
        taps = [tap for uses in reach.uses().values() for at, tap in uses if at == column]
        kh, i, kw = np.indices((call.rows, call.channels, len(taps)))
        kw = np.array(taps, np.int64)[kw]
        place = layout.inputs.lanes * layout.item
        x = kh * shared[words.X_ROW] + kw * self.shape.dilation[1] * place
        weights = kh * call.weights_row + i * shared[words.WEIGHTS_CHANNEL] + kw * vector
        picked = np.array([self._pattern(call, channel) for channel in range(call.channels)])
        lanes = picked[i.ravel()] * layout.item
        return x.reshape(-1, 1) + lanes, weights.ravel()

    def _pattern(self, call: Call, channel: int) -> Array:
        """Return which lane of the input each lane of the output takes."""
        layout, shape, lanes = self.layout, self.shape, self.layout.tiling.lanes
        if layout.tiling.strategy == "lanewise":
            return np.arange(lanes)
        if layout.tiling.strategy == "spread":
            return np.zeros(lanes, np.int64)
        if layout.indexed:
            start = call.weights_block // layout.item + channel * lanes
            integers = self._weights.view(np.int32 if layout.item == 4 else np.int64)
            return integers[start : start + lanes].astype(np.int64)
        first = call.micro.first + channel
        return np.array(pattern(first, lanes, *slots(shape, lanes), halves(shape, lanes)))
