"""Calls of the kernel whose lanes are positions: one a tile, whatever lies at its edges."""

from dataclasses import dataclass

from benchmarks.conv.entry import Call, Micro
from benchmarks.conv.layout import Layout
from roofline.physics.positions import positions_ask
from roofline.physics.spans import Span
from roofline.records import ConvShape


@dataclass(frozen=True, slots=True)
class Outputs:
    """A tile of a group's outputs, of the first image of a shape `flattened` before."""

    shape: ConvShape
    layout: Layout
    group: int
    first: int
    outputs: int

    def call(self, span: Span) -> Call:
        """Return the call of equal tiles."""
        shape, item, vectors = self.shape, self.layout.item, span.columns
        wide = vectors * self.layout.tiling.lanes
        first = span.column * shape.stride[1] - shape.padding[1]
        weights_row = shape.kernel[1] * self.outputs * item
        return Call(
            micro=self._micro(span),
            x=self._x(span, first) * item,
            weights=self._weights * item,
            out=self._out(span) * item,
            init=(self.layout.factors + self._channel) * item,
            accumulate=False,
            tiles=span.tiles,
            x_tile=(shape.stride[0] * shape.width if span.down else wide * shape.stride[1]) * item,
            out_tile=(shape.out_width if span.down else wide) * item,
            weights_block=shape.kernel[0] * weights_row,
            rows=len(span.kernel_rows),
            weights_row=weights_row,
            taps=shape.kernel[1],
            channel_blocks=-(-shape.group_in // self.layout.tiling.chunk),
            channels=shape.group_in,
            first=first,
            rest=shape.out_width - span.column,
            planes=self.layout.tiling.chunk,
            skipped=span.kernel_rows.start * weights_row,
            ahead=self._ahead(span) * item,
        )

    def _micro(self, span: Span) -> Micro:
        lanes, vectors = self.layout.tiling.lanes, span.columns
        return Micro(
            vectors,
            self.outputs,
            int(span.reached),
            before=min(vectors, -(-span.before // lanes)),
            after=min(vectors, -(-span.after // lanes)),
            relu=self.layout.relu,
            # What follows finds them nearer.
            asked=int(
                self.first == 0
                and positions_ask(self.shape, self.layout.tiling.chunk, vectors * lanes)
            ),
        )

    def _asks(self, columns: int) -> bool:
        return positions_ask(self.shape, self.layout.tiling.chunk, columns)

    def _ahead(self, span: Span) -> int:
        """Return how far on lies what is read next for the first time: of the last kernel row."""
        shape, planes = self.shape, self.layout.tiling.chunk
        row = (len(span.kernel_rows) - 1) * shape.dilation[0] * shape.width
        if planes < shape.group_in:
            return row + planes * shape.height * shape.width
        wide = span.columns * self.layout.tiling.lanes
        return row + (shape.stride[0] * shape.width if span.down else wide * shape.stride[1])

    @property
    def _channel(self) -> int:
        return self.group * self.shape.group_out + self.first

    @property
    def _weights(self) -> int:
        return self._channel * self.shape.group_in * self.layout.taps

    def _x(self, span: Span, column: int) -> int:
        shape = self.shape
        row = span.row * shape.stride[0] - shape.padding[0]
        row += span.kernel_rows.start * shape.dilation[0]
        plane = self.group * shape.group_in
        return (plane * shape.height + row) * shape.width + column

    def _out(self, span: Span) -> int:
        shape = self.shape
        return (self._channel * shape.out_height + span.row) * shape.out_width + span.column


def position_cost(call: Call) -> int:
    """Return the multiply-adds of whole vectors of a call."""
    each = call.micro.columns * call.micro.blocks * call.micro.taps
    return call.tiles * each * call.rows * call.taps * call.channels
