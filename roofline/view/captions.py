"""The words on a roofline figure: every value with the basis that it stands on."""

from collections.abc import Iterator
from textwrap import wrap

from roofline.physics.roof import (
    SHARED,
    Roof,
    compute_ceiling,
    memory_theory,
    triad_ceiling,
    triads,
    whole_socket,
)
from roofline.records import Calibration, Ceiling, MachineSpec, Theoretical
from roofline.units import rate

UNKNOWN_MEMORY = "theoretical memory bandwidth unknown: --spec FILE"
UNKNOWN_COMPUTE = "theoretical peak unknown: --spec FILE"
ABOVE_PAPER = "achieved exceeds paper: the clock on paper is not the one that runs"
_BRIEF = {"float32": "FP32", "float64": "FP64"}


def percent(share: float) -> str:
    """Format a share as whole percent: ``77 %``."""
    return f"{100 * share:.0f} %"


def paper_rate(roof: Roof) -> str:
    """Return the label of the peak on paper."""
    return f"{rate(roof.compute or 0.0, 'FLOP/s')} on paper\n({roof.basis})"


def clock_rate(roof: Roof, ceiling: Ceiling | None) -> str:
    """Return the label of the peak at the clock that the load really gets."""
    hertz = ceiling.evidence.get("hertz") if ceiling else None
    suffix = f" ({rate(hertz, 'Hz')})" if isinstance(hertz, int | float) else ""
    return f"{rate(roof.compute or 0.0, 'FLOP/s')} at the clock\nunder load{suffix}"


def achieved_rate(roof: Roof, paper: Roof | None) -> str:
    """Return the label of the peak achieved, as a share of paper where that is known."""
    text = f"{rate(roof.compute or 0.0, 'FLOP/s')} achieved"
    if paper is None or not paper.compute or not roof.compute:
        return text
    return f"{text}\n({percent(roof.compute / paper.compute)} of paper)"


def double_rate(roof: Roof) -> str:
    """Return the label of the FP64 peak drawn beside an FP32 roof."""
    return f"{rate(roof.compute or 0.0, 'FLOP/s')} in FP64"


def paper_bandwidth(theory: Theoretical | None) -> str:
    """Return the label of the memory's paper figure, and whose it is if not these cores'."""
    if theory is None:
        return ""
    text = f"{rate(theory.paper, 'B/s')} on paper"
    if not whole_socket(theory):
        return f"{text}\n({theory.basis})"
    here = next(part.strip() for part in theory.source.split(";") if SHARED in part)
    return "\n".join([text, *wrap(f"({theory.basis}: whole socket; {here})", 25)])


def achieved_bandwidth(triad: Ceiling | None) -> str:
    """Return the label of the DRAM bandwidth achieved, with its share of paper if comparable."""
    if triad is None:
        return ""
    text = f"{rate(triad.typical, 'B/s')} achieved\n{_kind(triad)}"
    if triad.theoretical is None or whole_socket(triad.theoretical):
        return text
    return f"{text}\n({percent(triad.typical / triad.theoretical.paper)} of paper)"


def slower_triad(triad: Ceiling) -> str:
    """Return the label of a DRAM triad that another one beats."""
    return f"{rate(triad.typical, 'B/s')} {_kind(triad)}"


def level_bandwidth(ceiling: Ceiling) -> str:
    """Return the label of a cache level's diagonal."""
    return f"{rate(ceiling.typical, 'B/s')} {ceiling.level} {ceiling.direction}"


def title(calibration: Calibration, threads: int) -> str:
    """Return the machine and the cores used."""
    cores = "core" if threads == 1 else "cores"
    return f"{machine_name(calibration.machine)}, {threads} {cores} used"


def machine_name(machine: MachineSpec) -> str:
    """Return a machine's name as it is sold and as it is built."""
    name = machine.brand or machine.vendor or machine.architecture
    design = f" ({machine.microarchitecture})" if machine.microarchitecture else ""
    return f"{name}{design}"


def footer(calibration: Calibration, threads: int, dtype: str) -> str:
    """Return when and by what this was measured, and the conventions that its numbers follow."""
    counted = "A multiply-add counts as 2 FLOP; triad bytes are nominal (no write-allocate)."
    roof = _ingredients(calibration, threads, dtype)
    return f"{made(calibration)} {counted}\n{roof}".rstrip()


def made(calibration: Calibration) -> str:
    """Return when and by what a calibration was made."""
    quick = ", quick plan" if calibration.quick else ""
    version = f"calibrated-roofline {calibration.software.suite_version}"
    return f"{calibration.started[:10]}, {version}{quick}."


def notes(
    calibration: Calibration, threads: int, dtype: str, above_paper: bool = False
) -> tuple[str, ...]:
    """Return what a reader must know before trusting the lines."""
    compute = compute_ceiling(calibration, threads, dtype)
    unknown_peak = compute is None or compute.theoretical is None
    found = {
        "INVALID: physics forbids this calibration, see its findings": not calibration.valid,
        UNKNOWN_MEMORY: memory_theory(calibration, threads) is None,
        UNKNOWN_COMPUTE: unknown_peak,
        ABOVE_PAPER: above_paper,
    }
    sure = tuple(text for text, applies in found.items() if applies)
    return (*sure, *_noisy(compute, triad_ceiling(calibration, threads)))


def _noisy(*ceilings: Ceiling | None) -> Iterator[str]:
    for ceiling in ceilings:
        verdict = ceiling.evidence.get("verdict") if ceiling else None
        if ceiling and isinstance(verdict, str) and verdict.startswith("noisy"):
            yield f"{ceiling.name} is {verdict}"


def _ingredients(calibration: Calibration, threads: int, dtype: str) -> str:
    compute = compute_ceiling(calibration, threads, dtype)
    triad = triad_ceiling(calibration, threads)
    parts = []
    if compute:
        width = f", {compute.bits}-bit {compute.isa}" if compute.bits and compute.isa else ""
        parts.append(f"{_BRIEF.get(dtype, dtype)} {compute.mix}{width}")
    if triad:
        many = " (the fastest store)" if len(triads(calibration, threads)) > 1 else ""
        parts.append(f"DRAM triad{_store(triad)}{many}, {triad.mix or 'a = b + s c'}")
    return f"Roof: {'; '.join(parts)}; typical values over rounds." if parts else ""


def _kind(triad: Ceiling) -> str:
    return f"{triad.store} triad" if triad.store else "DRAM triad"


def _store(triad: Ceiling) -> str:
    return f", {triad.store} stores" if triad.store else ""
