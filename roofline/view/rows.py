"""A calibration as rows of words, section by section: what a table prints, without its borders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roofline.physics.disturbed import counts, often
from roofline.physics.noise import verdict
from roofline.physics.pipes import whole_pipes
from roofline.physics.roof import (
    Roof,
    achieved_roof,
    clock_roof,
    compute_ceiling,
    memory_theory,
    paper_roof,
    triad_ceiling,
    whole_socket,
)
from roofline.records import Calibration, Ceiling, Kind
from roofline.units import capacity, duration, rate, significant
from roofline.view import clock_rows, level_rows, memory_rows, node_rows, operation_rows
from roofline.view.captions import machine_name, percent
from roofline.view.cells import fact as _fact
from roofline.view.cells import giga as _giga
from roofline.view.cells import share as _share
from roofline.view.cells import team as _team
from roofline.view.clock_rows import clocks
from roofline.view.level_rows import levels

Row = tuple[str, ...]
_OVERHEADS = {
    "first-touch-4k": "first touch of a 4 KiB page",
    "first-touch-huge": "first touch of a huge page",
    "barrier": "barrier of the team",
    "timer": "reading the clock",
    "call": "calling a kernel",
    "migration": "moving a thread to another CPU",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table: columns whose name begins with ">" are set flush right."""

    title: str
    columns: Row
    rows: tuple[Row, ...]


def sections(calibration: Calibration) -> tuple[Section, ...]:
    """Return the tables of a calibration in reading order, empty ones left out."""
    operations = operation_rows.operations(calibration)
    made = (
        _section("Compute", _COMPUTE, map(_compute, _of(calibration, "compute"))),
        _section("Operations (results)", operation_rows.COLUMNS, operations),
        _section(
            "Clock (GHz, spread over rounds)", clock_rows.columns(calibration), clocks(calibration)
        ),
        _section("Memory (DRAM, nominal bytes)", _MEMORY, _memory(calibration)),
        _section(
            "Memory by mix of reads and writes (GB/s, nominal and moved)",
            memory_rows.mix_columns(calibration),
            memory_rows.mixes(calibration),
        ),
        _section(
            "Memory by cores (GB/s)",
            memory_rows.saturation_columns(calibration),
            memory_rows.saturations(calibration),
        ),
        _section("Levels (GB/s)", level_rows.level_columns(calibration), levels(calibration)),
        _section(
            "Knees (FLOP/byte; above, compute binds)",
            level_rows.knee_columns(calibration),
            level_rows.knee_rows(calibration),
        ),
        _section("Latency (dependent loads)", _LATENCY, _latencies(calibration)),
        _section(
            "Latency of memory under load", memory_rows.LOADED, memory_rows.loaded(calibration)
        ),
        _section("Memory by node", node_rows.columns(calibration), node_rows.nodes(calibration)),
        _section("Overheads", ("of", ">cores", ">typical", ">spread"), _overheads(calibration)),
    )
    return tuple(section for section in made if section.rows)


def conditions(calibration: Calibration) -> Iterator[Row]:
    """Yield what was measured, by what, and what it was like."""
    machine, software, state = calibration.machine, calibration.software, calibration.conditions
    yield "machine", machine_name(machine)
    yield "cores", _cores(calibration)
    if machine.hypervisor:
        yield "hypervisor", machine.hypervisor
    if machine.memory_bytes:
        count = {None: "", 1: ", one node"}.get(machine.numa_nodes, f", {machine.numa_nodes} nodes")
        yield "memory", capacity(machine.memory_bytes) + count
    versions = f"suite {software.suite_version}, Python {software.python}"
    yield "software", f"{versions}, Numba {software.numba}" if software.numba else versions
    plan = "quick plan" if calibration.quick else "full plan"
    taken = f", {duration(calibration.seconds_taken)}" if calibration.seconds_taken else ""
    yield "measured", f"{calibration.started}, {plan}{taken}"
    if calibration.rounds:
        yield "verdict", verdict(calibration).text
    yield (
        "steal",
        "unknown" if state.steal_fraction is None else f"{100 * state.steal_fraction:.1f} %",
    )
    yield "huge pages", state.huge_pages or "unknown"


def roofs(calibration: Calibration, threads: int) -> Iterator[Row]:
    """Yield paper, clock and achieved: peak, bandwidth, knee, each with its basis."""
    dtype = "float32" if compute_ceiling(calibration, threads, "float32") else "float64"
    theory = memory_theory(calibration, threads)
    memory = f"memory {theory.basis}: {theory.source}" if theory else "memory: --spec FILE"
    ceiling = compute_ceiling(calibration, threads, dtype)
    source = ceiling.theoretical if ceiling else None
    peak = f"{source.basis}: {source.source}" if source else "unknown: --spec FILE"
    achieved = achieved_roof(calibration, threads, dtype)
    yield _roof("on paper", paper_roof(calibration, threads, dtype), f"{peak}; {memory}")
    yield _roof("at the clock", clock_roof(calibration, threads, dtype), _clock_basis(ceiling))
    yield _roof("achieved", achieved, _achieved_basis(achieved, calibration, threads))


def verdicts(calibration: Calibration) -> Iterator[Row]:
    """Yield each figure that its conditions cast doubt on, with the whole reason."""
    for ceiling in calibration.ceilings:
        words, (apart, of) = ceiling.evidence.get("verdict"), counts(ceiling)
        told = [words] if isinstance(words, str) and words != "steady" else []
        told += [f"{apart} of {of} windows set apart"] * often(apart, of)
        if told:
            yield f"{ceiling.name}, {_team(ceiling.threads)}", "; ".join(told)


_COMPUTE = (
    "instructions",
    ">bits",
    ">cores",
    ">GFLOP/s",
    ">high",
    ">spread",
    ">FLOP/cycle p95",
    ">of limit",
    ">p50",
    "verdict",
)
_LATENCY = ("level", "pages", ">walk over", ">a load takes", ">cycles", ">spread")
_MEMORY = ("kernel", "stores", ">cores", ">GB/s", ">high", ">spread", ">moved", "verdict")


def _section(title: str, columns: Row, rows: Iterable[Row]) -> Section:
    return Section(title=title, columns=columns, rows=tuple(rows))


def _of(calibration: Calibration, kind: Kind) -> list[Ceiling]:
    return [c for c in calibration.ceilings if c.kind == kind]


def _compute(c: Ceiling) -> Row:
    return (
        f"{c.mix or c.name} {c.dtype or ''}".strip(),
        str(c.bits or ""),
        str(c.threads),
        _giga(c.typical),
        _giga(c.high),
        _share(c.spread),
        _fact(c, "flop_per_cycle"),
        _of_limit(c),
        _fact(c, "flop_per_cycle_median"),
        _verdict(c),
    )


def _of_limit(c: Ceiling) -> str:
    """Return FLOP/cycle as a share of whole pipes, by the same percentiles as the gate."""
    pipes = c.evidence.get("pipes")
    if not isinstance(pipes, int | float):
        return ""
    return percent(pipes / whole_pipes(pipes, c.mix or ""))


def _memory(calibration: Calibration) -> Iterator[Row]:
    for c in _of(calibration, "bandwidth"):
        if c.level == "DRAM":
            kernel = c.direction or c.name
            rates = (_giga(c.typical), _giga(c.high), _share(c.spread))
            moved = _fact(c, "moved_over_nominal")
            yield kernel, c.store or "", str(c.threads), *rates, moved and f"x {moved}", _verdict(c)


def _latencies(calibration: Calibration) -> Iterator[Row]:
    found = _of(calibration, "latency")
    for c in (c for c in found if not c.name.endswith(memory_rows.UNDER_LOAD)):
        size = c.evidence.get("working_set")
        walk = capacity(size) if isinstance(size, int | float) else ""
        pages = "4 KiB" if c.name.endswith("-4k") else "huge, if granted"
        cycles = _fact(c, "cycles")
        yield c.level or c.name, pages, walk, duration(c.typical), cycles, _share(c.spread)


def _overheads(calibration: Calibration) -> Iterator[Row]:
    for c in _of(calibration, "overhead"):
        words = _OVERHEADS.get(c.name, c.name)
        yield words, str(c.threads), duration(c.typical), _share(c.spread)


def _roof(name: str, roof: Roof | None, basis: str) -> Row:
    compute = rate(roof.compute, "FLOP/s") if roof and roof.compute else "unknown"
    memory = rate(roof.bandwidth, "B/s") if roof and roof.bandwidth else "unknown"
    knee = f"{significant(roof.knee)} FLOP/B" if roof and roof.knee else ""
    return name, compute, memory, knee, basis


def _clock_basis(ceiling: Ceiling | None) -> str:
    hertz = ceiling.evidence.get("hertz") if ceiling else None
    if isinstance(hertz, int | float):
        return f"paper at the {rate(hertz, 'Hz')} (p95) that this load gets"
    return "paper at the clock that this load gets"


def _achieved_basis(roof: Roof | None, calibration: Calibration, threads: int) -> str:
    if roof is None:
        return "nothing was measured"
    triad = triad_ceiling(calibration, threads)
    theory = triad.theoretical if triad else None
    share = ""
    if triad and theory and not whole_socket(theory):
        share = f" ({percent(triad.typical / theory.paper)} of paper)"
    return ", ".join(filter(None, (roof.basis, f"{roof.memory_basis}{share}")))


def _cores(calibration: Calibration) -> str:
    machine = calibration.machine
    quota = f", quota {significant(machine.cpu_quota)} CPUs" if machine.cpu_quota else ""
    cap = f", capped to {calibration.isa_cap}" if calibration.isa_cap else ""
    return f"{calibration.usable_cores} usable of {machine.cores or 'unknown'}{quota}{cap}"


def _verdict(ceiling: Ceiling) -> str:
    return str(ceiling.evidence.get("verdict") or "").partition(":")[0]
