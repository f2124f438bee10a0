"""Calibrations that a simulated machine might give: noise as the reference's, and its own drift."""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from roofline.physics.replicates import sample
from roofline.records import Calibration, Ceiling, Measurement
from tests.reference import reference

Slower = Callable[[Ceiling], float]
# Standard deviations between calibrations of an unchanged machine, beside what rounds differ by.
BETWEEN = {
    "compute": 0.004,
    "operation": 0.004,
    "clock": 0.004,
    "capacity": 0.05,
    "overhead": 0.03,
    "effect": 0.03,
}
LEVELS = {"L1": 0.01, "L2": 0.02, "L3": 0.025, "DRAM": 0.03}
# All memory figures of a team drift together: neighbours.
MEMORY = 0.1
# FLOP/cycle in the best windows.
PEAK = 0.003
# Best windows of caches, as two calibrations of a disturbed machine had them.
CACHES, BEST_CACHE = ("L1", "L2", "L3"), 0.03
DIGITS = 5


class Machine:
    """A machine that is calibrated again and again.

    Args:
        noise: the rounds' noise, as a multiple of the reference's.
        base: the reference, if another one.

    """

    def __init__(self, noise: float = 1.0, base: Calibration | None = None) -> None:
        self.base = base or reference()
        self.noise = noise
        self.samples = {(c.name, c.threads): sample(self.base, c) for c in self.base.ceilings}

    def calibrate(
        self,
        draw: random.Random,
        *,
        factor: Slower = lambda _: 1.0,
        clock: float = 1.0,
        rounds: int = 9,
    ) -> Calibration:
        """Make a calibration; `factor` plants a change in a ceiling, `clock` one in the clock."""
        memory = {threads: math.exp(draw.gauss(0, MEMORY)) for threads in (1, 2)}
        measurements: list[Measurement] = list(self.base.measurements)
        ceilings = []
        for ceiling in self.base.ceilings:
            values = self._rounds(ceiling, draw, rounds)
            planted = factor(ceiling)
            scale = planted
            scale *= memory[ceiling.threads] if ceiling.level == "DRAM" else 1.0
            scale *= clock if follows_the_clock(ceiling) else 1.0
            values = [scale * one for one in values]
            measurement = self.samples[ceiling.name, ceiling.threads].measurement
            if measurement is not None:
                values = _stored(measurement, ceiling, values, measurements)
            cached = ceiling.level in CACHES
            best = planted * math.exp(draw.gauss(0, BEST_CACHE if cached else PEAK))
            best *= clock if cached and follows_the_clock(ceiling) else 1.0
            ceilings.append(_ceiling(ceiling, values, clock, best))
        return replace(self.base, ceilings=tuple(ceilings), measurements=tuple(measurements))

    def _rounds(self, ceiling: Ceiling, draw: random.Random, rounds: int) -> list[float]:
        known = self.samples[ceiling.name, ceiling.threads]
        usual = LEVELS.get(ceiling.level or "", 0.0) if ceiling.kind == "bandwidth" else 0.0
        offset = draw.gauss(0, usual or BETWEEN.get(ceiling.kind, 0.03))
        if known.rounds:
            residuals = [math.log(one / known.typical) for one in known.rounds]
            drawn = [draw.choice(residuals) + draw.gauss(0, 0.002) for _ in range(rounds)]
        else:
            drawn = [draw.gauss(0, max(0.002, ceiling.spread or 0.0)) for _ in range(rounds)]
        return [known.typical * math.exp(offset + self.noise * one) for one in drawn]


def follows_the_clock(ceiling: Ceiling) -> bool:
    """Tell whether a ceiling is as fast as the core's clock."""
    inner = ceiling.kind == "bandwidth" and ceiling.level in ("L1", "L2")
    return inner or ceiling.kind in ("compute", "clock", "operation")


def _stored(
    one: Measurement, ceiling: Ceiling, values: Sequence[float], into: list[Measurement]
) -> list[float]:
    """Put rounds in a measurement's place, rounded as in a record; return what is read back."""
    done = {"FLOP/s": one.work.flops, "B/s": one.work.bytes_touched.total}.get(ceiling.unit)
    times = [done / value if done else value for value in values]
    seconds = tuple((float(f"{t:.4g}"),) for t in times)
    place = next(i for i, other in enumerate(into) if other.case == one.case)
    into[place] = replace(one, seconds=seconds)
    return [done / s if done else s for (s,) in seconds]


def _ceiling(ceiling: Ceiling, values: Sequence[float], clock: float, best: float) -> Ceiling:
    typical, low, high = statistics.median(values), min(values), max(values)
    if ceiling.unit == "s":
        low, high = high, low
    deviation = statistics.median([abs(value - typical) for value in values])
    evidence = dict(ceiling.evidence)
    cycles = evidence.get("flop_per_cycle_median")
    if isinstance(cycles, float):
        evidence["flop_per_cycle_median"] = cycles * typical / ceiling.typical / clock
    peak = evidence.get("flop_per_cycle")
    if isinstance(peak, float):
        evidence["flop_per_cycle"] = peak * best
    if ceiling.kind == "bandwidth" and ceiling.level in CACHES:
        evidence["best"] = ceiling.high * best
    return replace(
        ceiling,
        typical=float(f"{typical:.{DIGITS}g}"),
        low=float(f"{low:.{DIGITS}g}"),
        high=float(f"{high:.{DIGITS}g}"),
        spread=1.4826 * deviation / typical,
        evidence=evidence,
    )
