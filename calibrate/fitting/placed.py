"""Which rounds of a layer a fit rests on: those with the cores placed as the calibration had them.

A hypervisor may move virtual CPUs for some seconds to where they meet at a barrier three times as
slowly. What a team's layer takes then says nothing of the machine that was calibrated.
"""

from collections.abc import Sequence
from dataclasses import replace

from roofline.comparing.session import VISITS
from roofline.physics.chiplets import FAR
from roofline.physics.drift import as_rate
from roofline.physics.predict import BARRIER
from roofline.records import Calibration, Finding, Sweep, Timing


def placed(sweep: Sweep, calibration: Calibration) -> tuple[Sweep, float]:
    """Return a sweep without rounds that were run elsewhere, and the share of visits there.

    A layer that was never run as calibrated keeps all its rounds, and so do anchors.
    """
    elsewhere = _elsewhere(sweep, calibration)
    rounds = {len(timing.seconds) for timing in sweep.timings}
    if len(rounds) != 1 or len(elsewhere) != VISITS * next(iter(rounds)) + 1:
        return sweep, 0.0
    total = len(sweep.timings)
    timings = [_kept(one, place, total, elsewhere) for place, one in enumerate(sweep.timings)]
    anchors = [replace(one, rates=_there(one.rates, elsewhere)) for one in sweep.anchors]
    share = sum(elsewhere) / len(elsewhere)
    return replace(sweep, timings=tuple(timings), anchors=tuple(anchors)), share


def _there(rates: tuple[float, ...], elsewhere: Sequence[bool]) -> tuple[float, ...]:
    if len(rates) != len(elsewhere):
        return rates
    return tuple(one for one, away in zip(rates, elsewhere, strict=True) if not away) or rates


def _elsewhere(sweep: Sweep, calibration: Calibration) -> Sequence[bool]:
    """Return, by visit of the anchors, whether the team met as if its cores lay elsewhere."""
    ceiling = calibration.ceiling(BARRIER, sweep.threads) if sweep.threads > 1 else None
    rates = next((one.rates for one in sweep.anchors if one.ceiling == BARRIER), ())
    if ceiling is None:
        return ()
    usual = as_rate(ceiling, ceiling.typical)
    return [FAR * rate <= usual for rate in rates]


def _kept(timing: Timing, place: int, total: int, elsewhere: Sequence[bool]) -> Timing:
    count = len(timing.seconds)
    seconds = tuple(
        samples
        for number, samples in enumerate(timing.seconds)
        if not any(elsewhere[visit] for visit in _beside(place, total, number, count))
    )
    return replace(timing, seconds=seconds) if seconds else timing


def _beside(place: int, total: int, number: int, rounds: int) -> tuple[int, int]:
    """Return the visits before and after a layer in a round: each begins further on in the list."""
    turn = number * total // rounds
    before = VISITS * number + (place - turn) % total // -(-total // VISITS)
    return before, before + 1


def advice(share: float) -> tuple[Finding, ...]:
    """Return what to say of a sweep, so much of which was run elsewhere."""
    if not share:
        return ()
    if share == 1:
        return (
            Finding(
                severity="warning",
                what="all the time the cores met as if they lay further apart than when they were "
                "calibrated: this fit is of another place",
                why_it_matters="a hypervisor moves virtual CPUs; a team takes other times there",
                command="python -m calibrate.subject, again",
            ),
        )
    return (
        Finding(
            severity="note",
            what=f"for {share:.0%} of the time the cores met as if they lay further apart than "
            "when they were calibrated; layers rest on their other rounds, where they have any",
            why_it_matters="a hypervisor moves virtual CPUs; what a team takes there is not fitted",
            command="--measured FILE after another calibration, or fit again",
        ),
    )
