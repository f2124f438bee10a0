"""How each micro-kernel of an operator is made, and what its hot loop must hold."""

from dataclasses import replace

from benchmarks.assembly import Expectation, registers
from benchmarks.conv.entry import Micro
from benchmarks.conv.layout import Layout
from benchmarks.kernels import Recipe
from benchmarks.mnemonics import add, fused_multiply_add
from roofline.physics.tiling import halves, planar, slots, unroll
from roofline.records import Scalar

MODULE, LANES = "benchmarks.conv.micro", "benchmarks.conv.lanes"
Arguments = tuple[tuple[str, Scalar], ...]
CALL = Recipe("benchmarks.conv.call", "build")


def micro_recipe(layout: Layout, micro: Micro, bits: int, *, fused: bool) -> Recipe:
    """Return the recipe of one register tile."""
    shape, tiling = layout.shape, layout.tiling
    common: Arguments = (("dtype", shape.dtype), ("bits", bits))
    # Said only where it is so: matrix products share the kernels that have none.
    common += (("relu", True),) * micro.relu
    if not micro.blocks:
        return Recipe(MODULE, "build_fill", common)
    common += (("fused", fused), ("columns", micro.columns))
    if tiling.strategy != "broadcast":
        return _lanes_recipe(layout, micro, common)
    step = shape.stride[1] * layout.inputs.lanes
    common += (("blocks", micro.blocks), ("stride", step))
    each = micro.columns * micro.blocks
    if micro.whole:
        single: Arguments = (("single", shape.kernel == (1, 1)),)
        return _checked(MODULE, "build_whole", common + single, tiling.lanes * each)
    turn = 1 if planar(shape, tiling.lanes) else unroll(tiling.lanes)
    return _checked(MODULE, "build_broadcast", (*common, ("unroll", turn)), turn * each)


def _lanes_recipe(layout: Layout, micro: Micro, common: Arguments) -> Recipe:
    shape, lanes = layout.shape, layout.tiling.lanes
    reach = micro.reach(shape.stride[1], shape.dilation[1])
    names = ("taps", "stride", "dilation", "before", "after")
    common += tuple((name, getattr(reach, name)) for name in names)
    if layout.tiling.strategy == "spread":
        return _checked(LANES, "build_spread", common, reach.products)
    if layout.tiling.strategy == "lanewise":
        counted = _checked(LANES, "build_lanes", (*common, ("rows", 0)), reach.products)
        if not micro.rows:
            return counted
        # At an edge where many columns have no tap, rows in a line may need too many registers.
        count = reach.products * micro.rows
        made = _checked(LANES, "build_lanes", (*common, ("rows", micro.rows)), count)
        return replace(made, instead=counted)
    if layout.indexed:
        return _checked(LANES, "build_permute", common, reach.products)
    slot_in, slot_out = slots(shape, lanes)
    groups: Arguments = (
        ("channels", shape.group_in),
        ("slot_in", slot_in),
        ("slot_out", slot_out),
        ("first", micro.first),
        ("halves", halves(shape, lanes)),
    )
    return _checked(LANES, "build_shuffle", (*common, *groups), reach.products * shape.group_in)


def _checked(module: str, factory: str, arguments: Arguments, count: int) -> Recipe:
    given = dict(arguments)
    dtype, bits = str(given["dtype"]), int(given["bits"] or 0)
    name = fused_multiply_add(dtype) if given["fused"] else add(dtype)
    wanted = Expectation(instruction=name, register=registers(bits), count=count)
    return Recipe(module, factory, arguments, (wanted,))
