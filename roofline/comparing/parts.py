"""The parts of a predicted time in words: what our kernels ask of a core, and each further term."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from roofline.comparing.operators import Operators
from roofline.physics import anatomy, cores, pressure, tiling
from roofline.physics.again import again, moved, spread
from roofline.physics.anatomy import Inside
from roofline.physics.bandwidth import level_of
from roofline.physics.flat import flattened
from roofline.physics.isa import Vector
from roofline.physics.library import REORDERS
from roofline.physics.positions import row_vectors
from roofline.physics.roof import MEMORY, cache_levels
from roofline.physics.tiling import Tiling
from roofline.physics.workload import conv_work
from roofline.records import Calibration, ConvShape, Layer, Part, Prediction, Traffic, Work
from roofline.units import capacity, rate, significant

_COPIES = "copies between layouts, or of taps into a matrix, that each call makes"
COMPUTE, OVERHEAD = "compute", "overhead"
CALL = "call overhead"
_PAGE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissected:
    """An explained time: parts that add up to it, and what each port alone would need."""

    parts: tuple[Part, ...]
    ports: tuple[Part, ...]


def dissected(
    operators: Operators, layer: Layer, cut: Tiling, prediction: Prediction
) -> Dissected | None:
    """Return the parts of rung d for our kernels, or None where in-core time can't be told."""
    inside = _inside(operators, layer, cut)
    if inside is None or prediction.rungs.get("d") is None:
        return None
    terms, found = prediction.terms, anatomy.anatomy(inside)
    words = _words(inside, prediction.work, operators.vector)
    core = [
        Part(
            name=name,
            seconds=seconds,
            about=words[name] if seconds or name == anatomy.LANES else "",
            flops=prediction.work.flops_executed if name == anatomy.ARITHMETIC else None,
        )
        for name, seconds in found.items()
    ]
    crossing = _crossing(operators, layer.shape, cut)
    ports = tuple(
        Part(name=name, seconds=seconds, about=_PORTS[name])
        for name, seconds in anatomy.demands(inside).items()
    )
    hides = inside.core.overlap > 1
    moving = outside(terms, crossing, operators.calibration, hides=hides)
    return Dissected(parts=(*core, *moving), ports=ports)


def _crossing(operators: Operators, shape: ConvShape, cut: Tiling) -> Mapping[str, Traffic]:
    """Return what crosses from each level: all tensors once, and what comes again."""
    calibration, threads = operators.calibration, operators.threads
    once = moved(shape, cut)
    footprint = once.total + spread(shape, cut)
    first = MEMORY if operators.cold else level_of(calibration, threads, footprint)
    found = {first: once}
    for one in again(shape, cut, threads):
        level, more = level_of(calibration, threads, one.footprint), one.traffic
        so_far = found.get(level, Traffic(read=0, written=0))
        found[level] = Traffic(read=so_far.read + more.read, written=so_far.written + more.written)
    return found


def outside(
    terms: Mapping[str, float],
    crossing: Mapping[str, Traffic],
    calibration: Calibration,
    *,
    hides: bool = False,
) -> Iterator[Part]:
    """Yield the terms of a prediction that aren't compute: a level's traffic, and the overhead.

    With `hides`, computing hides what it can of traffic.
    """
    for name, seconds in terms.items():
        if name == OVERHEAD:
            about = "meeting at the barrier, and what a call costs" if seconds else ""
            yield Part(name=CALL, seconds=seconds, about=about)
        elif name == MEMORY or name in cache_levels(calibration):
            here = crossing[name]
            about = _traffic_words(name, here, seconds, calibration, hides=hides)
            yield Part(name=f"{name} traffic", seconds=seconds, about=about, bytes=here.total)
        elif name != COMPUTE:
            about = _COPIES if name == REORDERS else f"{name} of this subject"
            yield Part(name=name, seconds=seconds, about=about)


def _inside(operators: Operators, layer: Layer, cut: Tiling) -> Inside | None:
    calibration, threads, vector = operators.calibration, operators.threads, operators.vector
    rates = pressure.rates(calibration, threads, vector, layer.shape.dtype, "typical")
    if rates is None:
        return None
    core = cores.core_of(calibration.machine, vector)
    return Inside(shape=layer.shape, tiling=cut, core=core, rates=rates, threads=threads)


def _words(inside: Inside, work: Work, vector: Vector) -> dict[str, str]:
    shape, cut = inside.shape, inside.tiling
    peak = inside.rates.multiplies * 2 * cut.lanes * inside.threads
    return {
        anatomy.ARITHMETIC: f"{_flops_words(work)}, at {rate(peak, 'FLOP/s')}, were no lane empty",
        anatomy.LANES: _lanes_words(shape, cut, vector),
        "sums": f"each {_tile_words(cut)} loads and stores its sums once a pass over channels",
        "loads": f"a {_tile_words(cut)} loads more than the multiply-adds hide",
        "permutations": f"groups narrower than {cut.lanes} lanes: inputs are permuted, on ports "
        "that multiply-adds use, too",
        "chain": f"a {_tile_words(cut)} has too few sums to hide {inside.core.latency:g} cycles "
        "of latency",
        "front end": "the core's other thread takes some of the turns in which instructions start",
        "calls": _calls_words(inside),
        anatomy.BALANCE: "the threads' shares of the work are unequal",
    }


def _calls_words(inside: Inside) -> str:
    text = f"{significant(inside.core.call)} cycles from one run of equal tiles to the next"
    if inside.tiling.strategy not in ("broadcast", "positions"):
        return text
    return f"{text}, {significant(inside.core.exit)} for the branch that ends each tile's loops"


def _flops_words(work: Work) -> str:
    executed = work.flops if work.flops_executed is None else work.flops_executed
    text = f"{rate(executed, 'FLOP')} on valid taps"
    spared = 1 - executed / work.flops if work.flops else 0.0
    return f"{text} ({100 * spared:.1f} % of the nominal fall on padding)" if spared else text


def _lanes_words(shape: ConvShape, cut: Tiling, vector: Vector) -> str:
    held = f"{vector.bits}-bit vectors of {cut.lanes}"
    if cut.strategy == "positions":
        used = flattened(shape).out_width
        room, noun = row_vectors(shape, cut.lanes) * cut.lanes, "positions of a row"
    elif tiling.by_output(shape, cut.lanes):
        used = shape.group_out
        room = tiling.out_blocks(shape, cut.lanes) * cut.lanes
        noun = "output channels a group" if shape.groups > 1 else "output channels"
    else:
        used, room = shape.out_channels, tiling.output_lanes(shape, cut.lanes)
        noun = "output channels"
    empty = "all in use" if used == room else f"{100 * (1 - used / room):.0f} % empty"
    return f"{used} {noun} on {room} lanes ({held}): {empty}"


def _tile_words(cut: Tiling) -> str:
    if cut.strategy == "positions":
        many = f"{cut.blocks} output channel{'s' * (cut.blocks > 1)}"
        return f"tile of {cut.columns} vector{'s' * (cut.columns > 1)} of positions x {many}"
    return f"tile of {cut.columns} outputs x {cut.blocks} vector{'s' * (cut.blocks > 1)}"


_PORTS = {
    anatomy.MULTIPLY_ADDS: "multiply-adds as issued, empty lanes included",
    "loads": "loads of weights, inputs and sums",
    "permutations": "permutations on ports that both use",
    "chain": "sums that wait for earlier ones",
    "front end": "instructions that wait for their turn to start",
}


def _traffic_words(
    level: str, moved: Traffic, seconds: float, calibration: Calibration, *, hides: bool
) -> str:
    sizes = [c.typical for c in calibration.ceilings if (c.kind, c.level) == ("capacity", level)]
    holds = f", found to hold {capacity(max(sizes))}" if sizes else ""
    text = f"{capacity(moved.read)} read and {capacity(moved.written)} written in {level}{holds}"
    if hides and level != "L1":
        return f"{text}: {'what computing does not hide' if seconds else 'hidden by computing'}"
    if level == "L1" or not seconds:
        return f"{text}: nothing beyond the loads and stores above"
    return f"{text}: beyond what L1 takes"


def first_touch(
    calibration: Calibration, shape: ConvShape, threads: int
) -> tuple[str, float] | None:
    """Return what the first call on fresh memory adds, in words and seconds; None if unknown."""
    ceiling = calibration.ceiling("first-touch-4k", threads)
    if ceiling is None:
        return None
    written = conv_work(shape).bytes_touched.written
    pages = -(-written // _PAGE)
    # The figure is of a page on each of a team's threads at once.
    seconds = -(-pages // threads) * ceiling.typical
    return f"{pages} page{'s' * (pages > 1)} of 4 KiB", seconds
