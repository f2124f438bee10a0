"""Which runner a subject's name stands for, and what a kept sweep says about its own."""

from collections.abc import Iterable
from dataclasses import replace

from roofline.comparing.libraries import CALL, LibraryOperators, check_library_layer
from roofline.comparing.operators import Operators, check_layer
from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.host import subjects
from roofline.host.subjects import OURS
from roofline.physics.isa import Vector
from roofline.physics.robust import median
from roofline.records import Anchor, Calibration, Layer, Sweep


def runner(
    name: str,
    calibration: Calibration,
    threads: int,
    *,
    cold: bool = False,
    relu: bool = False,
    call_seconds: float | None = None,
) -> Runner:
    """Return how a subject runs layers on a calibrated machine.

    Args:
        name: the subject's.
        calibration: what the machine reaches.
        threads: size of the team.
        cold: tensors rotate past the last-level cache.
        relu: ours fuse a ReLU.
        call_seconds: a library's constant cost of a call, where it is known.

    Raises:
        RooflineError: there is no such subject.

    """
    subject = subjects.find(name)
    if subject.ours:
        natural = not subject.kernel
        return Operators(calibration, threads, cold=cold, natural=natural, relu=relu)
    return LibraryOperators(calibration, threads, subject=subject, call_seconds=call_seconds)


def runner_of(sweep: Sweep, calibration: Calibration) -> Runner:
    """Return who ran a sweep; what a call costs is what its own anchor says.

    Raises:
        RooflineError: this version knows no such subject.

    """
    return runner(
        sweep.subject,
        calibration,
        sweep.threads,
        cold=sweep.cache == "cold",
        call_seconds=call_seconds_of(sweep.anchors),
    )


def called(runner: Runner, anchors: Iterable[Anchor]) -> Runner:
    """Return who ran layers, a library's call costing what these anchors say."""
    if not isinstance(runner, LibraryOperators):
        return runner
    return replace(runner, call_seconds=call_seconds_of(anchors))


def call_seconds_of(anchors: Iterable[Anchor]) -> float | None:
    """Return what a call of a library cost in a run; None where it wasn't measured."""
    rates = [rate for one in anchors if one.ceiling == CALL for rate in one.rates]
    return 1 / median(rates) if rates else None


def check(name: str, *, cold: bool, isa_cap: str | None, relu: bool = False) -> None:
    """Refuse a subject that isn't known, or can't be measured as asked.

    Raises:
        RooflineError: there is no such subject, or it would have to run end to end on tensors in
            no cache, or is a library that would have to run with capped vectors or an activation.

    """
    subject = subjects.find(name)
    if cold and name != OURS:
        raise RooflineError(
            f"--cold rotates the tensors of our own kernels; {name} is called on the same tensors "
            "again and again: leave --cold out."
        )
    if subject.ours:
        return
    if relu:
        raise RooflineError(
            f"--relu is fused into our own kernels; {name} runs convolutions alone: leave --relu "
            "out."
        )
    if isa_cap is not None:
        raise RooflineError(f"--isa caps our own kernels; {name} chooses its own: leave --isa out.")


def check_installed(name: str) -> None:
    """Refuse a library that isn't installed here.

    Raises:
        RooflineError: says what is missing, and the command that brings it.

    """
    absent = subjects.why_absent(subjects.find(name))
    if absent is not None:
        raise RooflineError(absent)


def check_layers(name: str, layers: Iterable[Layer], vector: Vector, memory_available: int) -> None:
    """Refuse layers that a subject can't run, before any calibration is looked for.

    Raises:
        RooflineError: one is no convolution, or not for this subject, or doesn't fit in memory.

    """
    subject = subjects.find(name)
    for layer in layers:
        if subject.ours:
            check_layer(layer, vector, memory_available)
        else:
            check_library_layer(layer, subject, memory_available)
