"""Theoretical peaks, each with its basis and its arithmetic in words.

Invariant: what is achieved never exceeds pipes x 2 x lanes x the clock of the same window
(``at_clock``). Exceeding a paper roof drawn at a base clock is normal: that is turbo.

Of two bases the weaker one names a figure, in the order derived < spec < datasheet: a
measurement of ours says less about the part than its owner, and its owner less than its maker.
"""

from roofline.physics.datasheet import Sheet, find
from roofline.records import Basis, MachineSpec, Theoretical
from roofline.units import rate

_STRENGTH: tuple[Basis, ...] = ("derived", "spec", "datasheet")
_WIDTHS = {"int8": 8, "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}
_BYTES_PER_TRANSFER = 8


def lanes(dtype: str, bits: int) -> int:
    """Return how many numbers of that dtype a vector register of that width holds.

    Raises:
        KeyError: the dtype has no known width.

    """
    return bits // _WIDTHS[dtype]


def widest(machine: MachineSpec) -> int | None:
    """Return the widest vector in bits that the machine's features show, None if none is known."""
    by_feature = {"avx512f": 512, "avx": 256, "sse2": 128}
    sheet = find(machine)
    if "sve" in machine.features and sheet is not None:
        return max(sheet.fma_pipes)
    wide = next((bits for name, bits in by_feature.items() if name in machine.features), None)
    return 128 if "asimd" in machine.features else wide


def pipes(machine: MachineSpec, bits: int) -> tuple[int, Basis, str] | None:
    """Return how many FMA instructions of that width a core starts in a cycle.

    A spec speaks of the widest vector only, and wins there; other widths come from the
    datasheet.

    Returns:
        The number, its basis and its source; None if nobody states it.

    """
    if machine.fma_pipes is not None and bits == widest(machine):
        return machine.fma_pipes, _basis(machine, "fma_pipes"), "--spec"
    sheet = find(machine)
    if sheet is None or bits not in sheet.fma_pipes:
        return None
    return sheet.fma_pipes[bits], "datasheet", sheet.source


def compute(
    machine: MachineSpec,
    *,
    dtype: str,
    bits: int,
    cores: int,
    seen_hertz: float | None,
    load_hertz: float | None,
    measured_pipes: float | None,
    mix: str = "fma",
) -> Theoretical | None:
    """Return the FMA peak in FLOP/s: pipes x 2 x lanes x clock x cores.

    Args:
        machine: whose spec or datasheet may state pipes and boost clock.
        dtype: "float32" or "float64".
        bits: vector width.
        cores: how many run at once.
        seen_hertz: the highest clock seen under any load; paper's clock if none is stated.
        load_hertz: the clock under this very load, for `at_clock`.
        measured_pipes: multiply-adds a cycle that FLOP/cycle showed (an addition is half of one).
        mix: "fma", or another: those a cycle are stated nowhere, only measured.

    Returns:
        None if the pipes or every paper clock are unknown.

    """
    fused = mix == "fma"
    width = _agreed_pipes(machine, bits, measured_pipes) if fused else _counted(measured_pipes)
    clock = _paper_clock(machine, seen_hertz)
    if width is None or clock is None:
        return None
    count, pipes_basis, pipes_source = width
    hertz, clock_basis, clock_source = clock
    per_cycle = count * 2 * lanes(dtype, bits) * cores
    product = f"{count:g} {mix.upper()} x 2 x {lanes(dtype, bits)} lanes x {rate(hertz, 'Hz')}"
    return Theoretical(
        paper=per_cycle * hertz,
        at_clock=per_cycle * load_hertz if load_hertz is not None else None,
        basis=min(pipes_basis, clock_basis, key=_STRENGTH.index),
        source=f"{product} ({clock_source}) x {_cores(cores)}; pipes: {pipes_source}",
    )


def memory(machine: MachineSpec, cores: int) -> Theoretical | None:
    """Return the memory bandwidth on paper in B/s: channels x transfers/s x 8 bytes.

    The spec's channels, over all sockets, win; else each socket counts with the most that the
    datasheet allows it. A team smaller than what shares that bandwidth is told so.
    """
    channels, transfers = machine.memory_channels, machine.memory_transfers_per_second
    if channels is not None and transfers is not None:
        basis = min(
            _basis(machine, "memory_channels"),
            _basis(machine, "memory_transfers_per_second"),
            key=_STRENGTH.index,
        )
        paper = channels * transfers * _BYTES_PER_TRANSFER
        few = machine.cores is not None and cores < machine.cores
        here = f", of all cores; {cores} of its cores here" if few else ""
        return Theoretical(paper=paper, basis=basis, source=_product(channels, transfers) + here)
    sheet = find(machine)
    return None if sheet is None else _socket_memory(machine, sheet, cores)


def _socket_memory(machine: MachineSpec, sheet: Sheet, cores: int) -> Theoretical | None:
    most = sheet.memory
    if most is None:
        return None
    sockets = _sockets(machine)
    reach = "whole socket" if sockets == 1 else f"{sockets} whole sockets"
    few = machine.hypervisor or (machine.cores is not None and cores < machine.cores)
    here = f"; {cores} of its cores here" if few else ""
    words = _product(sockets * most.channels, most.transfers_per_second)
    return Theoretical(
        paper=sockets * most.bytes_per_second,
        basis="datasheet",
        source=f"{words}, {reach} at its most{here}; {most.source}",
    )


def _sockets(machine: MachineSpec) -> int:
    stated = machine.sockets or 1
    # Some hypervisors show every virtual CPU as a socket, but none invents NUMA nodes for them.
    return min(stated, machine.numa_nodes or 1) if machine.hypervisor else stated


def _agreed_pipes(
    machine: MachineSpec, bits: int, measured: float | None
) -> tuple[float, Basis, str] | None:
    stated = pipes(machine, bits)
    if measured is None:
        return stated
    if stated is None:
        return _counted(measured)
    # A processor that does more than its datasheet allows isn't the one it calls itself.
    if stated[1] == "datasheet" and measured > stated[0]:
        doubt = f"counted from FLOP/cycle, where {stated[2]} allows {stated[0]}"
        return measured, "derived", f"{doubt}: the system may not name its true processor"
    return stated


def _counted(measured: float | None) -> tuple[float, Basis, str] | None:
    return None if measured is None else (measured, "derived", "counted from FLOP/cycle")


def _paper_clock(machine: MachineSpec, seen: float | None) -> tuple[float, Basis, str] | None:
    if machine.boost_hertz is not None:
        basis = _basis(machine, "boost_hertz")
        return machine.boost_hertz, basis, f"boost clock by {basis}"
    return None if seen is None else (seen, "derived", "highest clock seen")


def _basis(machine: MachineSpec, field: str) -> Basis:
    return "datasheet" if machine.sources.get(field) == "datasheet" else "spec"


def _product(channels: int, transfers: float) -> str:
    return f"{channels} channels x {rate(transfers, 'T/s', 4)} x {_BYTES_PER_TRANSFER} B"


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"
