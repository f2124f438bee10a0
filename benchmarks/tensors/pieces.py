"""An element-by-element operator as contiguous pieces: which elements of which input make which."""

from collections.abc import Iterator
from dataclasses import dataclass

from roofline.records import ElementwiseShape


@dataclass(frozen=True, slots=True)
class Piece:
    """Elements of the output that are made of neighbouring ones of one input (and its fellow).

    Attributes:
        out: the first one's place in the output.
        length: how many.
        part: which input tensor.
        start: the place in there.
        channel: whose factor and summand, where channels have them.

    """

    out: int
    length: int
    part: int
    start: int
    channel: int = 0


def pieces(shape: ElementwiseShape, own: range) -> Iterator[Piece]:
    """Yield the pieces of a thread's own range of the output, in order."""
    for whole in _whole(shape):
        first, last = max(whole.out, own.start), min(whole.out + whole.length, own.stop)
        if first < last:
            start = whole.start + first - whole.out
            yield Piece(first, last - first, whole.part, start, whole.channel)


def _whole(shape: ElementwiseShape) -> Iterator[Piece]:
    """Yield the pieces of the whole output."""
    if shape.operation in ("add", "relu"):
        yield Piece(0, shape.elements, 0, 0)
        return
    planes = shape.operation == "affine"
    out = 0
    for image in range(shape.batch):
        for part, channels in enumerate(shape.channels):
            start, length = image * channels * shape.positions, channels * shape.positions
            if planes:
                for channel in range(channels):
                    step = channel * shape.positions
                    yield Piece(out + step, shape.positions, part, start + step, channel)
            else:
                yield Piece(out, length, part, start)
            out += length
