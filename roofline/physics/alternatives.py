"""Shapes that a designer could choose instead of one: fuller vectors, other groups, more images."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from roofline.records import ConvShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another shape, and what is different in words.

    Attributes:
        images: how many times as many, whose time is told each.

    """

    what: str
    shape: ConvShape
    images: int = 1


def alternatives(shape: ConvShape, lanes: int) -> tuple[Alternative, ...]:
    """Return what could be chosen instead, nearest first, each a convolution that can be run.

    Args:
        shape: the convolution as it is.
        lanes: elements of a vector.

    """
    made: dict[ConvShape, Alternative] = {}
    for one in (*_widths(shape, lanes), *_groupings(shape, lanes), *_sizes(shape)):
        if one.shape != shape:
            made.setdefault(one.shape, one)
    return tuple(made.values())


def full(channels: int, lanes: int, *, up: bool) -> int:
    """Return the next number of channels that fills vectors, up or down; 1 at least.

    Groups narrower than half a vector lie in one together: a power of two of them fills it.
    """
    if channels > lanes // 2:
        whole = -(-channels // lanes) if up else channels // lanes
        return whole * lanes or lanes // 2
    power = 1 << (channels - 1).bit_length()
    return power if up or power == channels else power // 2


def _widths(shape: ConvShape, lanes: int) -> Iterator[Alternative]:
    """Yield shapes whose groups fill vectors."""
    if shape.group_in == shape.group_out == 1:
        yield from _depthwise_widths(shape, lanes)
        return
    for up in (True, False):
        wide_out = full(shape.group_out, lanes, up=up)
        # An image has as many channels as it has.
        image = shape.groups == 1 and shape.group_in <= 4
        wide_in = shape.group_in if image else full(shape.group_in, lanes, up=up)
        # Outputs lie in the lanes: fuller ones can be free where more inputs never are.
        fuller = replace(shape, out_channels=wide_out * shape.groups)
        both = replace(fuller, in_channels=wide_in * shape.groups)
        yield from (Alternative(what=_width_words(shape, one), shape=one) for one in (fuller, both))


def _depthwise_widths(shape: ConvShape, lanes: int) -> Iterator[Alternative]:
    for up in (True, False):
        count = full(shape.in_channels, lanes, up=up)
        changed = replace(shape, in_channels=count, out_channels=count, groups=count)
        words = f"{count} instead of {shape.in_channels} channels"
        yield Alternative(what=words, shape=changed)


def _width_words(before: ConvShape, after: ConvShape) -> str:
    parts = [
        f"{new} instead of {old} {noun} channels"
        for noun, old, new in (
            ("input", before.group_in, after.group_in),
            ("output", before.group_out, after.group_out),
        )
        if new != old
    ]
    return " and ".join(parts) + (" a group" if before.groups > 1 else "")


def _groupings(shape: ConvShape, lanes: int) -> Iterator[Alternative]:
    """Yield the same tensors in other groups, and a dense layer of about as many operations."""
    if shape.groups == 1:
        return
    wide = shape.in_channels // lanes
    if 0 < wide < shape.groups and not (shape.in_channels % wide or shape.out_channels % wide):
        words = f"groups of {shape.in_channels // wide} input channels"
        yield Alternative(what=words, shape=replace(shape, groups=wide))
    yield Alternative(what="dense, the same tensors", shape=replace(shape, groups=1))
    thin = math.sqrt(shape.groups)
    narrow = replace(
        shape,
        groups=1,
        in_channels=max(1, round(shape.in_channels / thin)),
        out_channels=max(1, round(shape.out_channels / thin)),
    )
    yield Alternative(what="dense, about the same FLOPs (fewer channels)", shape=narrow)


def _sizes(shape: ConvShape) -> Iterator[Alternative]:
    """Yield a thinner, a split and a larger layer."""
    if shape.groups == 1 and min(shape.in_channels, shape.out_channels) >= 8:
        yield Alternative(
            what="half the channels, in and out",
            shape=replace(
                shape, in_channels=shape.in_channels // 2, out_channels=shape.out_channels // 2
            ),
        )
        if shape.in_channels == shape.out_channels and shape.kernel != (1, 1):
            split = replace(shape, groups=shape.in_channels)
            yield Alternative(what="depthwise, the same tensors", shape=split)
    twice = replace(shape, batch=2 * shape.batch)
    yield Alternative(what="twice the batch, for each image", shape=twice, images=2)
