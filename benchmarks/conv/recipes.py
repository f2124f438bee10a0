"""How each micro-kernel of an operator is made, and what its hot loop must hold."""

from dataclasses import replace

from benchmarks.assembly import Expectation, registers
from benchmarks.conv.entry import Micro
from benchmarks.conv.layout import Layout
from benchmarks.kernels import Recipe
from benchmarks.mnemonics import add, fused_multiply_add
from roofline.physics.tiling import halves, planar, reads_between, slots, unroll
from roofline.records import Scalar

MODULE, LANES = "benchmarks.conv.micro", "benchmarks.conv.lanes"
POSITIONS = "benchmarks.conv.positions"
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
    if tiling.strategy == "positions":
        return _positions_recipe(micro, common)
    if tiling.strategy != "broadcast":
        return _lanes_recipe(layout, micro, common)
    step = shape.stride[1] * layout.inputs.lanes
    common += (("blocks", micro.blocks), ("stride", step))
    # Said only where it is so, as above.
    common += (("between", True),) * reads_between(shape)
    common += (("asked", True),) * (micro.asked > 0)
    each, planes = micro.columns * micro.blocks, planar(shape, tiling.lanes)
    turn = 1 if planes else unroll(tiling)
    looped = _looped(common, turn, turn * each)
    if micro.whole:
        channels = shape.group_in if planes else tiling.lanes
        whole: Arguments = (("channels", channels), ("planar", planes))
        whole += (("single", shape.kernel == (1, 1)),)
        made = _checked(MODULE, "build_whole", common + whole, channels * each)
        return replace(made, instead=looped)
    return looped


def _positions_recipe(micro: Micro, common: Arguments) -> Recipe:
    common += (("blocks", micro.blocks), ("before", micro.before), ("after", micro.after))
    common += (("asked", True),) * (micro.asked > 0)
    if not micro.taps:
        return Recipe(POSITIONS, "build_positions", (*common, ("reached", False)))
    return _checked(POSITIONS, "build_positions", common, micro.columns * micro.blocks)


def _looped(common: Arguments, turn: int, count: int) -> Recipe:
    """Return the kernel that counts channels; compilers differ in how far they load ahead."""
    arguments = (*common, ("unroll", turn))
    made = _checked(MODULE, "build_broadcast", arguments, count)
    if turn == 1:
        return made
    held = _checked(MODULE, "build_broadcast", (*arguments, ("held", True)), count)
    return replace(made, instead=held)


def _lanes_recipe(layout: Layout, micro: Micro, common: Arguments) -> Recipe:
    factory, arguments = _lanes_factory(layout, micro, common)
    products = micro.reach(layout.shape.stride[1], layout.shape.dilation[1]).products
    products *= layout.shape.group_in if factory == "build_shuffle" else 1
    # At an edge where many columns have no tap, a tile may need too many registers: then its inputs
    # are loaded again for each tap; rows in a line are counted before.
    last = _checked(LANES, factory, (*arguments, ("again", True)), products)
    made = replace(_checked(LANES, factory, arguments, products), instead=last)
    if not micro.rows:
        return made
    in_line = (*arguments[:-1], ("rows", micro.rows))
    return replace(_checked(LANES, factory, in_line, products * micro.rows), instead=made)


def _lanes_factory(layout: Layout, micro: Micro, common: Arguments) -> tuple[str, Arguments]:
    """Return which kernel it is and its arguments; where rows may be in a line, counted ones."""
    shape, lanes = layout.shape, layout.tiling.lanes
    reach = micro.reach(shape.stride[1], shape.dilation[1])
    names = ("taps", "stride", "dilation", "before", "after")
    common += tuple((name, getattr(reach, name)) for name in names)
    common += (("asked", micro.asked),) * (micro.asked > 0)
    if layout.tiling.strategy == "spread":
        return "build_spread", common
    if layout.tiling.strategy == "lanewise":
        return "build_lanes", (*common, ("rows", 0))
    if layout.indexed:
        return "build_permute", common
    slot_in, slot_out = slots(shape, lanes)
    return "build_shuffle", (
        *common,
        ("channels", shape.group_in),
        ("slot_in", slot_in),
        ("slot_out", slot_out),
        ("first", micro.first),
        ("halves", halves(shape, lanes)),
    )


def _checked(module: str, factory: str, arguments: Arguments, count: int) -> Recipe:
    given = dict(arguments)
    dtype, bits = str(given["dtype"]), int(given["bits"] or 0)
    name = fused_multiply_add(dtype) if given["fused"] else add(dtype)
    wanted = Expectation(instruction=name, register=registers(bits), count=count)
    return Recipe(module, factory, arguments, (wanted,))
