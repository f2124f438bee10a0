"""One calibration from beginning to end: plan, rounds, patience, fit, gate, verdict, record."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibrate.fit import fit
from calibrate.patience import settle
from calibrate.plan import Plan
from calibrate.rounds import Rounds
from calibrate.summary import condensed
from roofline.host.activity import Lookout
from roofline.host.child import OpenChild, Progress, time_now
from roofline.physics.noise import verdict
from roofline.records import Calibration, Finding, MachineSpec, Measurement, Software


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a session calibrates, and with what."""

    machine: MachineSpec
    node: str
    cores: int
    isa_cap: str | None
    quick: bool
    software: Software


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The record, and every sample by case for the file beside it."""

    calibration: Calibration
    samples: Mapping[str, Any]


def calibrate(
    subject: Subject,
    plan: Plan,
    open_child: OpenChild,
    *,
    findings: Sequence[Finding] = (),
    patience: float = 0.0,
    progress: Progress = lambda _done, _total, _what: None,
    clock: Callable[[], float] = time.monotonic,
    lookout: Lookout | None = None,
) -> Outcome:
    """Run a plan and return what it says of the machine.

    Args:
        subject: the machine and the settings of the run.
        plan: what to measure.
        open_child: starts a measuring process; called once for each entry of `plan.rounds`, and
            for every few rounds that patience adds.
        findings: what the doctor found.
        patience: seconds after the planned rounds in which more are made until figures settle.
        progress: told how many cases of how many are done, and which is next.
        clock: seconds, for how long the run took.
        lookout: tells what others on the host do, by the same clock.

    Raises:
        RooflineError: a child refused or died.

    """
    started, begin = time_now(), clock()
    rounds = Rounds(
        plan, open_child, subject.software, progress=progress, clock=clock, lookout=lookout
    )
    rounds.make_planned()
    waited = (settle(rounds, subject.machine, patience),) if patience else ()
    calibration = dataclasses.replace(
        _concluded(subject, rounds, (*waited, *plan.findings, *findings)),
        started=started,
        seconds_taken=round(clock() - begin - rounds.compile_seconds, 1),
        compile_seconds=round(rounds.compile_seconds, 1),
    )
    return Outcome(calibration=calibration, samples=_samples(rounds.measurements()))


def _concluded(subject: Subject, rounds: Rounds, findings: Sequence[Finding]) -> Calibration:
    """Return the record of these rounds, its times still to be filled in."""
    concluded = fit(subject.machine, rounds.measurements())
    kept = [m for m in concluded.measurements if m.case.key not in concluded.unused]
    calibration = Calibration(
        machine=subject.machine,
        node=subject.node,
        software=rounds.software,
        conditions=rounds.conditions,
        usable_cores=subject.cores,
        isa_cap=subject.isa_cap,
        quick=subject.quick,
        ceilings=concluded.ceilings,
        measurements=condensed(kept),
        rounds=rounds.made,
        started=time_now(),
        seconds_taken=0.0,
    )
    noise = verdict(calibration).findings
    return dataclasses.replace(calibration, findings=(*concluded.findings, *noise, *findings))


def _samples(measurements: Sequence[Measurement]) -> dict[str, Any]:
    return {
        one.case.key: {"seconds": one.seconds, "steps_per_second": dict(one.steps_per_second)}
        for one in measurements
    }
