"""A layer's losses after the article: from the time on paper, step by step, to the measured one.

Paper: nominal FLOPs at the peak and compulsory bytes at the bandwidth on paper, whichever takes
longer. Clock: the peak at the clock that the load really gets. Hardware: the measured peak and DRAM
bandwidth, which is the corrected roofline. Caches: touched bytes at the bandwidth of the level that
holds them instead (a gain where they stay near). Padding: taps outside of the input aren't run (a
gain). Operating system: what an unprepared run takes longer than a pinned one on touched memory.
Software: what is left to the measured time. The steps add up: each is the difference of two times.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from roofline.physics.bandwidth import transfer_seconds
from roofline.physics.roof import (
    Roof,
    achieved_roof,
    clock_roof,
    compute_ceiling,
    paper_roof,
)
from roofline.records import Calibration, Loss, Waterfall, Work
from roofline.units import duration

Stage = tuple[str, float, str]
SYSTEM, SOFTWARE = "operating system", "software"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """How long a layer took, pinned, and unprepared.

    Attributes:
        pinned: threads pinned, all memory touched before.
        unpinned: threads wherever the system puts them.
        unprepared: the same, its output in memory that was never touched.
        interval: 95 % interval of unprepared - pinned, over rounds.

    """

    pinned: float
    unpinned: float | None = None
    unprepared: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Whose roofs a layer falls from."""

    calibration: Calibration
    threads: int
    dtype: str
    cold: bool = False


def waterfall(name: str, work: Work, machine: Machine, timed: Timed) -> Waterfall | None:
    """Return the steps from the first known roof to the measured time; None without any roof."""
    stages = list(_stages(work, machine))
    if not stages:
        return None
    (basis, start, _), *later = stages
    losses, before = [], start
    for stage, seconds, about in later:
        losses.append(Loss(name=stage, seconds=seconds - before, about=about))
        before = seconds
    end = timed.pinned if timed.unprepared is None else timed.unprepared
    losses.append(_system(timed))
    software = "loops, empty lanes, tiles and calls: what --explain takes apart"
    losses.append(Loss(name=SOFTWARE, seconds=timed.pinned - before, about=software))
    return Waterfall(
        name=name,
        basis=basis,
        start=start,
        losses=tuple(losses),
        seconds=end,
        system_measured=timed.unprepared is not None,
    )


def _stages(work: Work, machine: Machine) -> Iterator[Stage]:
    """Yield the time on each roof that is known, from paper to the caches."""
    place = (machine.calibration, machine.threads, machine.dtype)
    paper, clock, achieved = paper_roof(*place), clock_roof(*place), achieved_roof(*place)
    if (seconds := _on(paper, work)) is not None:
        yield "paper", seconds, ""
        if (slowed := _on(clock, work)) is not None:
            yield "clock", slowed, "the peak at the clock that the load gets"
    if (seconds := _on(achieved, work)) is not None:
        yield "hardware", seconds, "the measured peak and DRAM bandwidth: the corrected roofline"
    yield from _near(work, machine)


def _on(roof: Roof | None, work: Work) -> float | None:
    return roof.seconds(work) if roof else None


def _near(work: Work, machine: Machine) -> Iterator[Stage]:
    """Yield the time at the level that holds the data, with all taps and with valid ones."""
    peak = compute_ceiling(machine.calibration, machine.threads, machine.dtype)
    touched = work.bytes_touched
    moved = transfer_seconds(
        machine.calibration, machine.threads, touched, touched.total, cold=machine.cold
    )
    if peak is None or moved is None:
        return
    level, seconds = moved
    about = f"data in {level} instead of DRAM" if level != "DRAM" else "reads and writes as mixed"
    yield "caches", max(work.flops / peak.typical, seconds), about
    executed = work.flops if work.flops_executed is None else work.flops_executed
    yield "padding", max(executed / peak.typical, seconds), "taps on padding aren't run"


def _system(timed: Timed) -> Loss:
    if timed.unprepared is None:
        about = "not measured: name the layer with --waterfall when it is measured"
        return Loss(name=SYSTEM, seconds=None, about=about)
    return Loss(
        name=SYSTEM,
        seconds=timed.unprepared - timed.pinned,
        about=_system_words(timed, timed.unprepared),
        interval=timed.interval,
    )


def _system_words(timed: Timed, unprepared: float) -> str:
    loose = timed.pinned if timed.unpinned is None else timed.unpinned
    text = f"threads not pinned {_signed(loose - timed.pinned)}, "
    text += f"first touch of the output {_signed(unprepared - loose)}"
    if timed.interval is None:
        return text
    return f"{text} (95 %: {' to '.join(map(_signed, timed.interval))})"


def _signed(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '-'} {duration(abs(seconds))}"
