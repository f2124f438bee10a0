"""One calibration from beginning to end: doctor, plan, children, fit, gate, record."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import cases
from calibrate.fit import fit
from calibrate.plan import Plan, Step
from calibrate.summary import condensed
from roofline.host.child import Child, OpenChild, Progress, described, time_now
from roofline.records import (
    Calibration,
    Conditions,
    Finding,
    MachineSpec,
    Measurement,
    Software,
)


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


class Log:
    """What the children answered, by case and round."""

    def __init__(self, plan: Plan) -> None:
        self._answers: dict[str, list[dict[str, Any]]] = {s.case.key: [] for s in plan.steps}
        self._steps = plan.steps

    def add(self, step: Step, answer: dict[str, Any]) -> None:
        """Keep one round of a case."""
        self._answers[step.case.key].append(answer)

    def measurements(self) -> tuple[Measurement, ...]:
        """Return every case's measurement with all its samples."""
        return tuple(self._measurement(step) for step in self._steps)

    def _measurement(self, step: Step) -> Measurement:
        answers = self._answers[step.case.key]
        chains = answers[0]["steps_per_second"]
        return Measurement(
            case=step.case,
            work=cases.work(step.case),
            seconds=tuple(tuple(answer["seconds"]) for answer in answers),
            steps_per_second={
                name: tuple(tuple(answer["steps_per_second"][name]) for answer in answers)
                for name in chains
            },
            loops=tuple(answer["loops"] for answer in answers),
            checked=all(answer["checked"] for answer in answers),
            kernel_digest=answers[0]["kernel_digest"],
            dropped=sum(answer["dropped"] for answer in answers),
        )


def calibrate(
    subject: Subject,
    plan: Plan,
    open_child: OpenChild,
    *,
    findings: Sequence[Finding] = (),
    progress: Progress = lambda _done, _total, _what: None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run a plan and return what it says of the machine.

    Args:
        subject: the machine and the settings of the run.
        plan: what to measure.
        open_child: starts a measuring process; called once for each entry of `plan.rounds`.
        findings: what the doctor found.
        progress: told how many cases of how many are done, and which is next.
        clock: seconds, for how long the run took.

    Raises:
        RooflineError: a child refused or died.

    """
    started, begin = time_now(), clock()
    log, seen, compile_seconds = Log(plan), [], 0.0
    software = subject.software
    for index in range(len(plan.rounds)):
        with open_child() as child:
            software = described(software, child.ask("describe"))
            compile_seconds += _prepare(child, plan)
            _measure(child, plan, index, log, progress)
            seen.append(child.ask("conditions"))
    subject = dataclasses.replace(subject, software=software)
    calibration = _concluded(
        subject, log.measurements(), (*plan.findings, *findings), _merged(seen)
    )
    calibration = dataclasses.replace(
        calibration,
        started=started,
        seconds_taken=round(clock() - begin - compile_seconds, 1),
        compile_seconds=round(compile_seconds, 1),
    )
    return Outcome(calibration=calibration, samples=_samples(log.measurements()))


def _concluded(
    subject: Subject,
    measurements: Sequence[Measurement],
    findings: Sequence[Finding],
    conditions: Conditions,
) -> Calibration:
    """Return the record of these measurements, its times still to be filled in."""
    concluded = fit(subject.machine, measurements)
    kept = [one for one in measurements if one.case.key not in concluded.unused]
    return Calibration(
        machine=subject.machine,
        node=subject.node,
        software=subject.software,
        conditions=conditions,
        usable_cores=subject.cores,
        isa_cap=subject.isa_cap,
        quick=subject.quick,
        ceilings=concluded.ceilings,
        measurements=condensed(kept),
        findings=(*concluded.findings, *findings),
        started=time_now(),
        seconds_taken=0.0,
    )


def _prepare(child: Child, plan: Plan) -> float:
    """Compile what the plan needs; return the seconds it took beyond reading the cache."""
    request = [dataclasses.asdict(step.case) for step in plan.steps]
    return float(child.ask("prepare", cases=request)["compile_seconds"])


def _measure(child: Child, plan: Plan, index: int, log: Log, progress: Progress) -> None:
    total = len(plan.steps) * sum(plan.rounds)
    first = sum(plan.rounds[:index])
    for number in range(first, first + plan.rounds[index]):
        child.ask("begin_round")
        for place, step in enumerate(plan.in_round(number)):
            progress(number * len(plan.steps) + place, total, step.case.benchmark)
            request = dataclasses.asdict(step.case)
            log.add(step, child.ask("run", case=request, samples=step.samples))


def _merged(seen: Sequence[Mapping[str, Any]]) -> Conditions:
    """Return the children's conditions as one: counts added, shares averaged, the rest as first."""
    merged = dict(seen[0])
    for name in ("involuntary_switches", "migrations", "page_faults"):
        counted = [one[name] for one in seen if one[name] is not None]
        merged[name] = sum(counted) if counted else None
    for name in ("steal_fraction", "huge_page_fraction"):
        known = [one[name] for one in seen if one[name] is not None]
        merged[name] = sum(known) / len(known) if known else None
    merged["affinity"] = tuple(merged["affinity"])
    return Conditions(**merged)


def _samples(measurements: Sequence[Measurement]) -> dict[str, Any]:
    return {
        one.case.key: {"seconds": one.seconds, "steps_per_second": dict(one.steps_per_second)}
        for one in measurements
    }
