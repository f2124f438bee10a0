"""What an operator has to do: FLOPs, bytes and parameters of a convolution, by stated conventions.

A multiply-add is two FLOPs and a bias one more an output, so that nominal FLOPs are
(2 K_h K_w C_in/g + bias) per output element. Executed FLOPs leave out the taps that fall on
padding. Compulsory bytes are whole tensors, each once (input + output + weights + bias); touched
bytes leave out what no executed tap names: rows and columns of the input, and of the kernel.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from roofline.errors import RooflineError
from roofline.records import ConvShape, Scalar, Traffic, Work

ITEM_BYTES = {"float32": 4, "float64": 8}
# Far above any network's, far below where counts stop meaning anything.
LARGEST = 1 << 20
MOST_ELEMENTS = 1 << 36
# Outputs times taps along one axis: they are walked.
MOST_TAPS = 1 << 22
_COUNTS = ("batch", "in_channels", "height", "width", "out_channels", "groups")


def check(shape: ConvShape) -> ConvShape:
    """Return the shape when it is a convolution that can be run.

    Raises:
        RooflineError: a size isn't positive or is absurd, groups don't divide the channels, the
            kernel is larger than the padded input, or the dtype is unknown.

    """
    _check_sizes(shape)
    for noun, channels in (("input", shape.in_channels), ("output", shape.out_channels)):
        if channels % shape.groups:
            raise RooflineError(
                f"{shape.groups} groups don't divide {channels} {noun} channels: choose a "
                "number of groups that divides both."
            )
    if shape.out_height < 1 or shape.out_width < 1:
        raise RooflineError(
            f"a kernel of {shape.kernel[0]}x{shape.kernel[1]} (dilation {shape.dilation[0]}x"
            f"{shape.dilation[1]}) is larger than the padded input: enlarge the input or padding."
        )
    if shape.dtype not in ITEM_BYTES:
        known = ", ".join(ITEM_BYTES)
        raise RooflineError(f"unknown dtype {shape.dtype!r}: choose one of {known}.")
    weights = shape.out_channels * shape.group_in * shape.kernel[0] * shape.kernel[1]
    whole = shape.batch * shape.in_channels * shape.height * shape.width
    most = max(shape.outputs, whole, weights)
    if most > MOST_ELEMENTS:
        raise RooflineError(f"a tensor of {most:.3g} elements is absurd: {MOST_ELEMENTS} at most.")
    taps = max(shape.out_height * shape.kernel[0], shape.out_width * shape.kernel[1])
    if taps > MOST_TAPS:
        raise RooflineError(
            f"{taps} taps along one axis (outputs times the kernel's size) are absurd: give "
            f"{MOST_TAPS} at most."
        )
    return shape


def _check_sizes(shape: ConvShape) -> None:
    values = [(name, getattr(shape, name), 1) for name in _COUNTS]
    for name, least in (("kernel", 1), ("stride", 1), ("dilation", 1), ("padding", 0)):
        values += [(name, one, least) for one in getattr(shape, name)]
    for name, value, least in values:
        if not least <= value <= LARGEST:
            raise RooflineError(
                f"{name.replace('_', ' ')} is {value}: give a number from {least} to {LARGEST}."
            )


class Axis(NamedTuple):
    """One axis of a convolution: many shapes have the same."""

    size: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    dilation: int


class Counts(NamedTuple):
    """What falls inside the input along an axis.

    Attributes:
        executed: taps, over all output positions.
        taps: of the kernel, at some output position.
        touched: input positions that some tap names.

    """

    executed: int
    taps: int
    touched: int


# The few that are kept are those of one layer, which is asked about many times in a row.
@lru_cache(maxsize=8)
def conv_work(shape: ConvShape) -> Work:
    """Return what one call of a convolution does."""
    item, rows, columns = ITEM_BYTES[shape.dtype], counts(shape, 0), counts(shape, 1)
    macs = shape.group_in * shape.kernel[0] * shape.kernel[1]
    bias = shape.out_channels if shape.bias else 0
    weights = shape.out_channels * macs
    planes = shape.batch * shape.in_channels
    touched = rows.touched * columns.touched * planes
    used = shape.out_channels * shape.group_in * rows.taps * columns.taps
    executed = shape.batch * shape.out_channels * shape.group_in * rows.executed * columns.executed
    written = shape.outputs * item
    read = (touched + used + bias) * item
    whole = (planes * shape.height * shape.width + weights + bias) * item
    return Work(
        flops=(2 * macs + shape.bias) * shape.outputs,
        flops_executed=2 * executed + shape.bias * shape.outputs,
        bytes_touched=Traffic(read=read, written=written),
        bytes_compulsory=Traffic(read=whole, written=written),
        parameters=weights + bias,
    )


def counts(shape: ConvShape, axis: int) -> Counts:
    """Return what falls inside the input along rows (axis 0) or columns (axis 1)."""
    return _counts(_axis(shape, axis))


def valid_taps(shape: ConvShape, axis: int) -> tuple[range, ...]:
    """Return, for each output position along an axis, the taps that fall inside the input."""
    return _valid_taps(_axis(shape, axis))


def touched_lines(shape: ConvShape, place: int, line: int) -> int:
    """Return the cache lines of an input row that some tap names, so many bytes between columns."""
    return _touched_lines(_axis(shape, 1), place, line)


@lru_cache(maxsize=4096)
def _counts(axis: Axis) -> Counts:
    valid = _valid_taps(axis)
    return Counts(
        executed=sum(map(len, valid)),
        taps=len(set().union(*set(valid))),
        touched=_touched(axis).count(1),
    )


@lru_cache(maxsize=4096)
def _touched_lines(axis: Axis, place: int, line: int) -> int:
    touched = _touched(axis)
    if place >= line:
        return touched.count(1)
    return len({position * place // line for position, one in enumerate(touched) if one})


@lru_cache(maxsize=8)
def _valid_taps(axis: Axis) -> tuple[range, ...]:
    # Between the edges all outputs have all taps.
    reach = axis.size - 1 - (axis.kernel - 1) * axis.dilation + axis.padding
    before = min(axis.outputs, -(-axis.padding // axis.stride))
    after = max(before, min(axis.outputs, reach // axis.stride + 1))
    edges = (_taps_at(axis, position) for position in (*range(before), *range(after, axis.outputs)))
    found = tuple(edges)
    return (*found[:before], *(range(axis.kernel),) * (after - before), *found[before:])


def _taps_at(axis: Axis, position: int) -> range:
    start = position * axis.stride - axis.padding
    first = max(0, -(start // axis.dilation)) if start < 0 else 0
    end = min(axis.kernel, (axis.size - 1 - start) // axis.dilation + 1)
    return range(first, max(first, end))


@lru_cache(maxsize=8)
def _touched(axis: Axis) -> bytearray:
    """Return 1 for each input position that some tap names, 0 for the others."""
    touched = bytearray(axis.size)
    for tap in range(axis.kernel):
        start = tap * axis.dilation - axis.padding
        first = start + max(0, -(start // axis.stride)) * axis.stride if start < 0 else start
        end = min(axis.size, start + (axis.outputs - 1) * axis.stride + 1)
        count = len(range(first, end, axis.stride))
        touched[first : first + count * axis.stride : axis.stride] = b"\1" * count
    return touched


def conv_shape(parameters: Mapping[str, Scalar], dtype: str) -> ConvShape:
    """Return the shape that `ConvShape.parameters` flattened.

    Raises:
        RooflineError: something is missing or is no convolution.

    """
    try:
        fields: dict[str, Any] = {name: _whole(parameters[name]) for name in _COUNTS}
        for name in ("kernel", "stride", "padding", "dilation"):
            fields[name] = (_whole(parameters[f"{name}_h"]), _whole(parameters[f"{name}_w"]))
    except (KeyError, ValueError, OverflowError) as error:
        raise RooflineError(f"no convolution has such parameters: {error}.") from error
    return check(ConvShape(**fields, bias=bool(parameters.get("bias")), dtype=dtype))


def _whole(value: Scalar) -> int:
    number = float(value or 0)
    if not number.is_integer():
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def _axis(shape: ConvShape, axis: int) -> Axis:
    size, outputs = (shape.width, shape.out_width) if axis else (shape.height, shape.out_height)
    return Axis(
        size,
        outputs,
        shape.kernel[axis],
        shape.stride[axis],
        shape.padding[axis],
        shape.dilation[axis],
    )
