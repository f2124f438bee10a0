"""How each micro-kernel of an operator is made, and what its hot loop must hold."""

from benchmarks.assembly import Expectation, registers
from benchmarks.conv.layout import Layout
from benchmarks.conv.schedule import FILL, Micro
from benchmarks.kernels import Recipe
from benchmarks.mnemonics import add, fused_multiply_add
from roofline.physics.tiling import planar, unroll
from roofline.records import Scalar

MODULE = "benchmarks.conv.micro"
CALL = Recipe("benchmarks.conv.call", "build")


def micro_recipe(layout: Layout, micro: Micro, bits: int, *, fused: bool) -> Recipe:
    """Return the recipe of one register tile."""
    shape, tiling = layout.shape, layout.tiling
    common: tuple[tuple[str, Scalar], ...] = (("dtype", shape.dtype), ("bits", bits))
    if micro == FILL:
        return Recipe(MODULE, "build_fill", common)
    common += (("fused", fused), ("columns", micro.columns))
    stride = shape.stride[1]
    if tiling.strategy != "broadcast":
        common += (("taps", micro.taps), ("stride", stride), ("dilation", shape.dilation[1]))
        count = micro.columns * micro.taps
        if tiling.strategy == "lanewise":
            return _checked("build_lanes", common, count)
        if layout.indexed:
            return _checked("build_permute", common, count)
        groups: tuple[tuple[str, Scalar], ...] = (
            ("group_in", shape.group_in),
            ("group_out", shape.group_out),
            ("first", micro.first),
        )
        return _checked("build_shuffle", (*common, *groups), count * shape.group_in)
    turn = 1 if planar(shape, tiling.lanes) else unroll(tiling.lanes)
    step = stride * layout.inputs.lanes
    extra = (("blocks", micro.blocks), ("stride", step), ("unroll", turn))
    return _checked("build_broadcast", (*common, *extra), turn * micro.columns * micro.blocks)


def _checked(factory: str, arguments: tuple[tuple[str, Scalar], ...], count: int) -> Recipe:
    given = dict(arguments)
    dtype, bits = str(given["dtype"]), int(given["bits"] or 0)
    name = fused_multiply_add(dtype) if given["fused"] else add(dtype)
    wanted = Expectation(instruction=name, register=registers(bits), count=count)
    return Recipe(MODULE, factory, arguments, (wanted,))
