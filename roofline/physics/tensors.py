"""What matrix products, element-by-element operators and reorders do, by stated conventions.

A multiply-add is two FLOPs, an addition (a bias, too) one; a comparison (ReLU) and a copy are none.
Bytes are whole tensors, each once, in both directions, lanes without a channel included; a packed
copy is no work but how it is done.
"""

from collections.abc import Callable, Mapping

from roofline.errors import RooflineError
from roofline.physics.workload import ITEM_BYTES, LARGEST, MOST_ELEMENTS
from roofline.records import (
    ELEMENTWISE,
    ElementwiseShape,
    GemmShape,
    ReorderShape,
    Scalar,
    Traffic,
    Work,
)

# FLOPs an element of the output.
_FLOPS = {"add": 1, "relu": 0, "concat": 0, "affine": 2}
_SIZES = ("rows", "columns", "depth")

Shape = GemmShape | ElementwiseShape | ReorderShape


def work(shape: Shape) -> Work:
    """Return what one call of an operator does."""
    if isinstance(shape, ReorderShape):
        return _reorder(shape)
    return _gemm(shape) if isinstance(shape, GemmShape) else _elementwise(shape)


def shape_of(family: str, parameters: Mapping[str, Scalar], dtype: str) -> Shape:
    """Return the operator that a case of `FAMILIES` describes.

    Raises:
        RooflineError: it describes none.

    """
    return FAMILIES[family](parameters, dtype)


def _gemm(shape: GemmShape) -> Work:
    """Return what one matrix product does."""
    item, outputs = ITEM_BYTES[shape.dtype], shape.rows * shape.columns
    bias = shape.columns if shape.bias else 0
    read = shape.rows * shape.depth + shape.depth * shape.columns + bias
    return Work(
        flops=2 * outputs * shape.depth + outputs * shape.bias,
        bytes_touched=Traffic(read=read * item, written=outputs * item),
        parameters=bias + shape.depth * shape.columns * shape.packed,
    )


def _elementwise(shape: ElementwiseShape) -> Work:
    """Return what one element-by-element operator does."""
    item, trained = ITEM_BYTES[shape.dtype], 0
    read = shape.elements * (2 if shape.operation == "add" else 1)
    if shape.operation == "affine":
        trained = 2 * shape.channels[0]
    return Work(
        flops=_FLOPS[shape.operation] * shape.elements,
        bytes_touched=Traffic(read=(read + trained) * item, written=shape.elements * item),
        parameters=trained,
    )


def _reorder(shape: ReorderShape) -> Work:
    """Return what one reorder does."""
    item, each = ITEM_BYTES[shape.dtype], shape.batch * shape.positions
    planes, blocks = each * shape.channels * item, each * shape.blocks * shape.lanes * item
    read, written = (planes, blocks) if shape.blocked else (blocks, planes)
    return Work(bytes_touched=Traffic(read=read, written=written))


def gemm_shape(parameters: Mapping[str, Scalar], dtype: str) -> GemmShape:
    """Return the shape that `GemmShape.parameters` flattened.

    Raises:
        RooflineError: a size is missing or absurd, or the dtype unknown.

    """
    _check_dtype(dtype)
    rows, columns, depth = (_size(parameters.get(name), name) for name in _SIZES)
    shape = GemmShape(
        rows=rows,
        columns=columns,
        depth=depth,
        bias=bool(parameters.get("bias")),
        packed=bool(parameters.get("packed")),
        dtype=dtype,
    )
    _check_elements(
        shape.rows * shape.depth, shape.depth * shape.columns, shape.rows * shape.columns
    )
    return shape


def elementwise_shape(parameters: Mapping[str, Scalar], dtype: str) -> ElementwiseShape:
    """Return the shape that `ElementwiseShape.parameters` flattened.

    Raises:
        RooflineError: the operation is unknown, it has more inputs than it takes, or a size is
            missing or absurd.

    """
    _check_dtype(dtype)
    operation = str(parameters.get("operation"))
    if operation not in ELEMENTWISE:
        known = ", ".join(ELEMENTWISE)
        raise RooflineError(f"no element-by-element operator {operation!r}: choose from {known}.")
    parts = str(parameters.get("channels")).split("+")
    channels = tuple(_size(part, "channels") for part in parts)
    if len(channels) > 1 and operation != "concat":
        raise RooflineError(f"{operation} has one number of channels, not {len(channels)}.")
    shape = ElementwiseShape(
        operation=operation,
        batch=_size(parameters.get("batch"), "batch"),
        channels=channels,
        positions=_size(parameters.get("positions"), "positions"),
        dtype=dtype,
    )
    _check_elements(shape.elements)
    return shape


def reorder_shape(parameters: Mapping[str, Scalar], dtype: str) -> ReorderShape:
    """Return the shape that `ReorderShape.parameters` flattened.

    Raises:
        RooflineError: a size is missing or absurd, or the dtype unknown.

    """
    _check_dtype(dtype)
    names = ("batch", "channels", "positions", "lanes")
    batch, channels, positions, lanes = (_size(parameters.get(name), name) for name in names)
    shape = ReorderShape(
        blocked=bool(parameters.get("blocked")),
        batch=batch,
        channels=channels,
        positions=positions,
        lanes=lanes,
        dtype=dtype,
    )
    _check_elements(batch * shape.blocks * lanes * positions)
    return shape


FAMILIES: Mapping[str, Callable[[Mapping[str, Scalar], str], Shape]] = {
    "gemm": gemm_shape,
    "elementwise": elementwise_shape,
    "reorder": reorder_shape,
}
"""How each family of the table of benchmarks reads its shape."""


def _check_dtype(dtype: str) -> None:
    if dtype not in ITEM_BYTES:
        raise RooflineError(f"unknown dtype {dtype!r}: choose one of {', '.join(ITEM_BYTES)}.")


def _size(value: Scalar, name: str) -> int:
    try:
        number = float(value or 0)
    except ValueError:
        number = 0.0
    if not (number.is_integer() and 1 <= number <= LARGEST**2):
        raise RooflineError(f"{name} is {value!r}: give a whole number from 1.")
    return int(number)


def _check_elements(*counts: int) -> None:
    if max(counts) > MOST_ELEMENTS:
        raise RooflineError(
            f"a tensor of {max(counts):.3g} elements is absurd: {MOST_ELEMENTS} at most."
        )
