"""The figures that are compared: our case of each, every rival's equivalent, and the goal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks import cases
from roofline.errors import RooflineError
from roofline.physics import ahead
from roofline.physics.isa import Vector
from roofline.records import Case
from roofline.units import capacity
from versus import equivalents
from versus.sizes import TRIAD_ARRAYS, Host, array_bytes, half, levels

Group = Literal["compute", "cache", "memory"]
_GOALS: Mapping[Group, float] = {"compute": 0.99, "cache": 0.97, "memory": 0.98}
# Of memory, only the non-temporal triad has a goal, and an interval that should reach this.
_REACHING = 1.0
_DTYPES = ("float32", "float64")
_SHORT = {"float32": "FP32", "float64": "FP64", "bfloat16": "BF16", "int8": "INT8"}
# A divide's and a square root's rates are results a second.
_MIXES = ("mul+add", "fma+add", "fp-add", "fp-mul", "divide", "sqrt")
_TITLES = {
    "fma": "FMA",
    "fma+add": "FMA+ADD",
    "fp-add": "add",
    "fp-mul": "mul",
    "sqrt": "square root",
}
# Dot products of narrow numbers, and the feature that has them in the widest registers.
_DOTS = {"bfloat16": "avx512_bf16", "int8": "avx512_vnni"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that both sides measure.

    Attributes:
        name: what the command line calls it.
        title: what a table calls it.
        case: what our side runs.
        equivalents: each rival's word for the same, by the rival's name.
        goal: the least median of ours / theirs to be content with, None where none is set.
        reaching: what the interval's upper end should reach beside that.

    """

    name: str
    title: str
    group: Group
    case: Case
    equivalents: Mapping[str, str]
    goal: float | None = None
    reaching: float | None = None

    @property
    def unit(self) -> str:
        """The unit of its rates."""
        return "FLOP/s" if self.group == "compute" else "B/s"

    def rate(self, seconds: float) -> float:
        """Return our rate when one repetition takes so long."""
        work = cases.work(self.case)
        done = work.flops if self.group == "compute" else work.bytes_touched.total
        return done / seconds


def figures(host: Host) -> tuple[Figure, ...]:
    """Return every figure that this host has.

    Raises:
        RooflineError: there is too little memory for arrays beyond the caches.

    """
    alone = (*_compute(host), *_cached(host), *_memory(host))
    return (*alone, *(_together(host) if host.cores > 1 else ()))


def chosen(known: Sequence[Figure], names: Sequence[str]) -> tuple[Figure, ...]:
    """Return the figures of these names, all when there are none.

    Raises:
        RooflineError: there is no such figure.

    """
    every = [figure.name for figure in known]
    missing = [name for name in names if name not in every]
    if missing:
        listed = ", ".join(every)
        raise RooflineError(f"this host has no figure {missing[0]!r}: choose from {listed}.")
    return tuple(figure for figure in known if not names or figure.name in names)


def _compute(host: Host) -> Iterator[Figure]:
    for vector in host.vectors:
        for dtype in _DTYPES:
            yield _arithmetic(_roof(vector), vector, dtype)
    widest = host.vectors[0]
    for mix in _MIXES if widest.fused else ():
        for dtype in _DTYPES:
            yield _arithmetic(mix, widest, dtype)
    for dtype, flag in _DOTS.items():
        if widest.bits == 512 and flag in host.machine.features:
            yield _arithmetic("dot", widest, dtype)


def _cached(host: Host) -> Iterator[Figure]:
    for level in levels(host):
        yield _stream(host, "read", level, half(host, level))
        yield _stream(host, "triad", level, half(host, level), "ordinary")


def _memory(host: Host) -> Iterator[Figure]:
    array = array_bytes(host)
    yield _stream(host, "read", "DRAM", array)
    for name, arrays in (("copy", 2), ("triad", TRIAD_ARRAYS)):
        for store in ("ordinary", "non-temporal"):
            yield _stream(host, name, "DRAM", arrays * array, store)


def _together(host: Host) -> Iterator[Figure]:
    """Yield what is compared on all cores: compute and the DRAM triad."""
    widest, team = host.vectors[0], host.cores
    for dtype in _DTYPES:
        yield _arithmetic(_roof(widest), widest, dtype, team)
    for store in ("ordinary", "non-temporal"):
        yield _stream(host, "triad", "DRAM", TRIAD_ARRAYS * array_bytes(host), store, team)


def _roof(vector: Vector) -> str:
    return "fma" if vector.fused else "mul+add"


def _arithmetic(mix: str, vector: Vector, dtype: str, threads: int = 1) -> Figure:
    return Figure(
        name=f"{mix}-{_SHORT[dtype].lower()}-{vector.bits}" + "-all" * (threads > 1),
        title=f"{_TITLES.get(mix, mix)} {_SHORT[dtype]}, {vector.bits} bit{_team(threads)}",
        group="compute",
        case=Case(
            benchmark=mix,
            # The same as a calibration's, so that it is the same kernel.
            parameters=cases.arithmetic(mix, vector.registers, fused=vector.fused),
            dtype=dtype,
            isa=vector.isa,
            bits=vector.bits,
            threads=threads,
        ),
        equivalents=equivalents.arithmetic(mix, dtype, vector),
        goal=_GOALS["compute"],
    )


def _stream(
    host: Host, name: str, level: str, size: int, store: str | None = None, threads: int = 1
) -> Figure:
    memory, past = level == "DRAM", store == "non-temporal"
    case = _stream_case(host, name if memory else f"{name}-curve", size, store, threads)
    called = "load" if name == "read" else name
    stores = f", {store}" if memory and store else ""
    held = not memory or (name == "triad" and past)
    group: Group = "memory" if memory else "cache"
    return Figure(
        name=f"{level.lower()}-{called}{'-nt' * past}{'-all' * (threads > 1)}",
        title=f"{level} {called}{stores}, {capacity(case.working_set_bytes)}{_team(threads)}",
        group=group,
        case=case,
        equivalents=equivalents.streaming(name, host.vectors[0], past=past, memory=memory),
        goal=_GOALS[group] if held else None,
        reaching=_REACHING if memory and held else None,
    )


def _stream_case(host: Host, benchmark: str, size: int, store: str | None, threads: int) -> Case:
    row, vector = cases.BENCHMARKS[benchmark], host.vectors[0]
    # Whole turns of every array on every thread, so that both sides walk through the same.
    quantum = (row.reads + row.writes) * cases.ARRAY_QUANTUM * threads
    whole = max(1, size // quantum) * quantum
    return Case(
        benchmark=benchmark,
        parameters={
            **({} if vector.fused else {"fused": False}),
            **({"store": store} if store else {}),
            **(ahead.of_reads(host.machine, threads, whole) if not row.writes else {}),
        },
        isa=vector.isa,
        bits=vector.bits,
        threads=threads,
        working_set_bytes=whole,
    )


def _team(threads: int) -> str:
    return "" if threads == 1 else f", {threads} threads"
