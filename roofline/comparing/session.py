"""One sweep from beginning to end: predictions are made, then a child measures, round by round."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from roofline.comparing.anchors import Probe, probes
from roofline.comparing.libraries import CALL, CALL_LAYER
from roofline.comparing.runner import Runner
from roofline.host.child import Child, OpenChild, Progress, described, time_now
from roofline.physics.drift import moved
from roofline.physics.robust import median
from roofline.records import (
    Anchor,
    Conditions,
    Layer,
    MachineSpec,
    Rounds,
    Software,
    Sweep,
    Timing,
)

ROUNDS = 6
# Anchors are visited this often in a round; samples of a layer and of an anchor.
VISITS = 2
SAMPLES, ANCHOR_SAMPLES = 5, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be measured, where.

    Attributes:
        calibration_name: the file name of the record that the operators reason from.

    """

    operators: Runner
    layers: tuple[Layer, ...]
    calibration_name: str
    subject: str
    machine: MachineSpec
    node: str
    software: Software
    cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The record, and every sample by layer for the file beside it."""

    sweep: Sweep
    samples: Mapping[str, Any]


class _Log:
    """What the children answered, by layer and by anchor."""

    def __init__(self, layers: Sequence[Layer], anchors: Sequence[Probe]) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {layer.name: [] for layer in layers}
        self.rates: list[tuple[Probe, list[float]]] = [(probe, []) for probe in anchors]
        self.calls: list[float] = []

    def seconds(self, name: str) -> Rounds:
        """Return every sample of a layer, by round."""
        return tuple(tuple(answer["seconds"]) for answer in self.answers[name])

    def timing(self, job: Job, layer: Layer) -> Timing:
        """Return a layer's timing, one median a round."""
        answers = self.answers[layer.name]
        return Timing(
            name=layer.name,
            shape=layer.shape,
            seconds=tuple((median(samples),) for samples in self.seconds(layer.name)),
            loops=tuple(answer["loops"] for answer in answers),
            checked=all(answer["checked"] for answer in answers),
            kernel_digest=answers[0]["kernel_digest"],
            details=job.operators.details(layer) | answers[0].get("details", {}),
        )

    def anchors(self) -> tuple[Anchor, ...]:
        """Return what the anchors reached, in the order of their visits."""
        ceilings = tuple(
            Anchor(ceiling=probe.ceiling.name, unit=probe.unit, rates=tuple(rates))
            for probe, rates in self.rates
        )
        calls = Anchor(ceiling=CALL, unit="1/s", rates=tuple(self.calls))
        return (*ceilings, calls) if self.calls else ceilings


@dataclass(frozen=True, slots=True)
class _Children:
    """Who is asked for anchors, and who for layers: one and the same for our own kernels."""

    ours: Child
    subject: Child

    @property
    def all(self) -> tuple[Child, ...]:
        """Each once."""
        return (self.ours,) if self.subject is self.ours else (self.ours, self.subject)

    @property
    def library(self) -> Child | None:
        """The subject's, where it is another than ours."""
        return None if self.subject is self.ours else self.subject


def measure(
    job: Job,
    open_child: OpenChild,
    open_subject: OpenChild | None = None,
    *,
    rounds: int = ROUNDS,
    progress: Progress = lambda _done, _total, _what: None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Measure every layer in each round, on fresh memory, with anchors between.

    Args:
        job: what, where.
        open_child: starts the child that runs our kernels, and so the anchors.
        open_subject: starts a library's, which then runs the layers; they are asked in turn.
        rounds: how often each layer is measured.
        progress: told how many of how many are done, and which is next.
        clock: counts seconds.

    Raises:
        RooflineError: a child refused or died.

    """
    started, begin = time_now(), clock()
    dtypes = tuple(sorted({layer.shape.dtype for layer in job.layers}))
    anchors = probes(job.operators.calibration, job.operators.threads, dtypes)
    log = _Log(job.layers, anchors)
    with ExitStack() as opened:
        ours = opened.enter_context(open_child())
        children = _Children(ours, opened.enter_context(open_subject()) if open_subject else ours)
        software = job.software
        for child in children.all:
            software = described(software, child.ask("describe"))
        compile_seconds = _prepare(children, job, anchors)
        for number in range(rounds):
            _round(children, job, log, number, rounds, progress)
        conditions = children.subject.ask("conditions")
    sweep = _sweep(
        job, log, Conditions(**{**conditions, "affinity": tuple(conditions["affinity"])})
    )
    sweep = dataclasses.replace(
        sweep,
        software=software,
        started=started,
        seconds_taken=round(clock() - begin - compile_seconds, 1),
        compile_seconds=round(compile_seconds, 1),
        findings=moved(job.operators.calibration, job.operators.threads, sweep.anchors),
    )
    samples = {layer.name: {"seconds": log.seconds(layer.name)} for layer in job.layers}
    return Outcome(sweep=sweep, samples=samples)


def _prepare(children: _Children, job: Job, anchors: Sequence[Probe]) -> float:
    """Compile what is needed; return the seconds it took beyond reading the cache."""
    cases = [dataclasses.asdict(job.operators.case(layer)) for layer in job.layers]
    beside = [dataclasses.asdict(probe.case) for probe in anchors]
    if children.library is None:
        return float(children.ours.ask("prepare", cases=[*cases, *beside])["compile_seconds"])
    call = dataclasses.asdict(job.operators.case(CALL_LAYER))
    children.library.ask("prepare", cases=[*cases, call])
    return float(children.ours.ask("prepare", cases=beside)["compile_seconds"])


def _round(
    children: _Children, job: Job, log: _Log, number: int, rounds: int, progress: Progress
) -> None:
    """Run every layer once on fresh memory, beginning elsewhere than the round before."""
    for child in children.all:
        child.ask("begin_round")
    total = len(job.layers)
    turn = number * total // rounds
    order = (*job.layers[turn:], *job.layers[:turn])
    every = -(-total // VISITS)
    for place, layer in enumerate(order):
        if place % every == 0:
            _visit(children, job, log)
        progress(number * total + place, rounds * total, layer.name)
        request = dataclasses.asdict(job.operators.case(layer))
        answer = children.subject.ask("run", case=request, samples=SAMPLES)
        log.answers[layer.name].append(answer)
    if number == rounds - 1:
        _visit(children, job, log)


def _visit(children: _Children, job: Job, log: _Log) -> None:
    for probe, rates in log.rates:
        request = dataclasses.asdict(probe.case)
        answer = children.ours.ask("run", case=request, samples=ANCHOR_SAMPLES)
        rates.append(probe.rate(median(answer["seconds"])))
    if children.library is not None:
        request = dataclasses.asdict(job.operators.case(CALL_LAYER))
        answer = children.library.ask("run", case=request, samples=ANCHOR_SAMPLES)
        log.calls.append(1 / median(answer["seconds"]))


def _sweep(job: Job, log: _Log, conditions: Conditions) -> Sweep:
    """Return the record of what was seen, its times still to be filled in."""
    return Sweep(
        machine=job.machine,
        node=job.node,
        software=job.software,
        conditions=conditions,
        calibration=job.calibration_name,
        usable_cores=job.cores,
        isa_cap=job.operators.calibration.isa_cap,
        subject=job.subject,
        threads=job.operators.threads,
        cache="cold" if job.operators.cold else "warm",
        timings=tuple(log.timing(job, layer) for layer in job.layers),
        anchors=log.anchors(),
        started=time_now(),
        seconds_taken=0.0,
    )
