"""Operators as figures: matrix products against NumPy's BLAS and the FMA peak, others by level."""

from collections.abc import Iterator, Mapping

from benchmarks import cases
from roofline.comparing.tensors import case
from roofline.physics import ahead
from roofline.physics.tiling import lanes_of
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Case, ElementwiseShape, GemmShape, ReorderShape
from roofline.units import capacity
from versus.figures import Figure
from versus.sizes import Host, array_bytes, half, levels

NUMPY, CEILING = "numpy", "ceiling"
_SIDE = 1024
# What a product should reach: of NumPy's, of the peak; and an operator of its level's bandwidth.
_GOALS = {NUMPY: 1.0, CEILING: 0.95}
_DTYPES = {"float32": "FP32", "float64": "FP64"}
# Inputs of a fully connected layer, and what its outputs are a multiple of.
_DEPTH, _OUTPUTS = 512, 16
# The stream kernel that moves what an operator does.
_ALIKE = {"add": "add", "relu": "copy", "concat": "copy"}
_REORDER = "copy"
# Channels of a tensor that changes its layout: at least one block of any vectors.
_REORDERED = 16
_CHANNELS = {"add": (16,), "relu": (16,), "concat": (8, 8)}


def operator_figures(host: Host) -> tuple[Figure, ...]:
    """Return every figure of operators that this host has.

    Raises:
        RooflineError: there is too little memory for tensors beyond the caches.

    """
    teams = (1, host.cores) if host.cores > 1 else (1,)
    return tuple(figure for threads in teams for figure in _team(host, threads))


def ceiling(figure: Figure, host: Host) -> Case:
    """Return the case that says what a figure's compute or level reaches in the same minute."""
    vector, ours = host.vectors[0], figure.case
    if figure.group == "compute":
        mix = "fma" if vector.fused else "mul+add"
        parameters = cases.arithmetic(mix, vector.registers, fused=vector.fused)
    else:
        mix = figure.equivalents[CEILING]
        store = "ordinary" if ours.benchmark == "reorder" else ours.parameters.get("store")
        size, reads = ours.working_set_bytes, not cases.BENCHMARKS[mix].writes
        parameters = {
            "fused": vector.fused,
            **({"store": store} if store else {}),
            **(ahead.of_reads(host.machine, ours.threads, size) if reads else {}),
        }
    return Case(
        benchmark=mix,
        parameters=parameters,
        dtype=ours.dtype if figure.group == "compute" else "float64",
        isa=ours.isa,
        bits=ours.bits,
        threads=ours.threads,
        working_set_bytes=ours.working_set_bytes if figure.group != "compute" else 0,
    )


def amount(figure: Figure, roof: Case) -> int:
    """Return what one repetition of the roof's case does, in the unit that the figure counts."""
    work = cases.work(roof)
    return work.flops if figure.group == "compute" else work.bytes_touched.total


def _team(host: Host, threads: int) -> Iterator[Figure]:
    for dtype in _DTYPES:
        for rival in (NUMPY, CEILING):
            yield _product(host, dtype, threads, rival)
    for level in levels(host)[1:] if threads == 1 else ():
        yield _layer(host, level, half(host, level), threads)
    yield _layer(host, "DRAM", array_bytes(host), threads)
    for operation in _ALIKE:
        for level in levels(host) if threads == 1 else ():
            yield _flat(host, operation, level, half(host, level), threads)
        arrays = cases.BENCHMARKS[_ALIKE[operation]].arrays
        yield _flat(host, operation, "DRAM", arrays * array_bytes(host), threads)

    for blocked in (True, False):
        for level in levels(host) if threads == 1 else ():
            yield _reorder(host, level, half(host, level), threads, blocked=blocked)
        arrays = cases.BENCHMARKS[_REORDER].arrays
        yield _reorder(host, "DRAM", arrays * array_bytes(host), threads, blocked=blocked)


def _layer(host: Host, level: str, size: int, threads: int) -> Figure:
    """Return a fully connected layer at batch 1, whose weights are all that it has to read."""
    shape = GemmShape(
        rows=1,
        columns=max(1, size // (_DEPTH * ITEM_BYTES["float32"] * _OUTPUTS)) * _OUTPUTS,
        depth=_DEPTH,
        packed=True,
    )
    made = case(shape, host.vectors[0], host.machine, threads)
    return Figure(
        name=f"{level.lower()}-linear" + "-all" * (threads > 1),
        title=f"{level} fully connected, {capacity(made.working_set_bytes)}{_words(threads)}",
        group="memory" if level == "DRAM" else "cache",
        case=made,
        equivalents={CEILING: "read"},
        goal=_GOALS[CEILING],
    )


def _product(host: Host, dtype: str, threads: int, rival: str) -> Figure:
    shape = GemmShape(rows=_SIDE, columns=_SIDE, depth=_SIDE, dtype=dtype)
    named: Mapping[str, str] = {rival: f"{_SIDE} {dtype}" if rival == NUMPY else "fma"}
    short, goal = _DTYPES[dtype], _GOALS[rival]
    return Figure(
        name=f"gemm-{short.lower()}-{rival}" + "-all" * (threads > 1),
        title=f"GEMM {_SIDE}³ {short}{_words(threads)}",
        group="compute",
        case=case(shape, host.vectors[0], host.machine, threads),
        equivalents=named,
        goal=goal,
    )


def _flat(host: Host, operation: str, level: str, size: int, threads: int) -> Figure:
    memory = level == "DRAM"
    channels = _CHANNELS[operation]
    arrays = cases.BENCHMARKS[_ALIKE[operation]].arrays
    # Whole turns of every tensor on every thread, so that both sides walk through the same.
    quantum = arrays * cases.ARRAY_QUANTUM * threads * sum(channels)
    tensor = max(1, size // quantum) * quantum // arrays
    shape = ElementwiseShape(
        operation=operation,
        channels=channels,
        positions=tensor // ITEM_BYTES["float32"] // sum(channels),
    )
    made = case(shape, host.vectors[0], host.machine, threads, past=memory)
    stores = ", non-temporal" * memory
    return Figure(
        name=f"{level.lower()}-{operation}" + "-all" * (threads > 1),
        title=f"{level} {operation}{stores}, {capacity(made.working_set_bytes)}{_words(threads)}",
        group="memory" if memory else "cache",
        case=made,
        equivalents={CEILING: _ALIKE[operation]},
        goal=_GOALS[CEILING],
    )


def _reorder(host: Host, level: str, size: int, threads: int, *, blocked: bool) -> Figure:
    """Return a change of layout of whole blocks, so that both tensors are as large."""
    quantum = cases.ARRAY_QUANTUM * threads * _REORDERED
    tensor = max(1, size // (2 * quantum)) * quantum
    shape = ReorderShape(
        blocked=blocked,
        channels=_REORDERED,
        positions=tensor // ITEM_BYTES["float32"] // _REORDERED,
        lanes=lanes_of(host.vectors[0], "float32"),
    )
    made = case(shape, host.vectors[0], host.machine, threads)
    name = "NCHW to NCHWc" if blocked else "NCHWc to NCHW"
    return Figure(
        name=f"{level.lower()}-{shape.operator}" + "-all" * (threads > 1),
        title=f"{level} {name}, {capacity(made.working_set_bytes)}{_words(threads)}",
        group="memory" if level == "DRAM" else "cache",
        case=made,
        equivalents={CEILING: _REORDER},
        goal=_GOALS[CEILING],
    )


def _words(threads: int) -> str:
    return "" if threads == 1 else f", {threads} threads"
