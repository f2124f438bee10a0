"""A library's rig: it asks for what it can run only, checks answers, and waits until it sleeps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.conv.reference import convolve
from benchmarks.conv.weights import Array, Natural, weights_of
from benchmarks.subjects import registry
from benchmarks.subjects.library import (
    Bound,
    Library,
    LibraryRig,
    Prepared,
    settle,
)
from benchmarks.subjects.natural import correct
from roofline.errors import RooflineError
from roofline.host.subjects import SUBJECTS, why_absent
from roofline.host.worker import Worker
from roofline.records import Case, ConvShape

SHAPE = ConvShape(
    in_channels=6,
    height=9,
    width=7,
    out_channels=4,
    kernel=(3, 3),
    padding=(1, 0),
    groups=2,
    bias=True,
)


def case_of(shape: ConvShape, threads: int = 1) -> Case:
    """Return the case of a shape."""
    return Case(benchmark="conv", parameters=shape.parameters, dtype=shape.dtype, threads=threads)


class Exact(Library):
    """The reference as a library; `error` is added to one output."""

    def __init__(self, error: float = 0.0) -> None:
        self.error = error

    def versions(self) -> dict[str, str]:
        """Return a version."""
        return {"exact": "1"}

    def prepare(self, shape: ConvShape, natural: Natural) -> Prepared:
        """Return the reference."""
        return _Exact(shape, natural, self.error)


class _Exact(Prepared):
    def __init__(self, shape: ConvShape, natural: Natural, error: float) -> None:
        self.details = {"algorithm": "reference"}
        self._how = (shape, natural, error)

    def bind(self, x: Array, out: Array) -> Bound:
        return _Bound(x, out, *self._how)


class _Bound(Bound):
    def __init__(
        self, x: Array, out: Array, shape: ConvShape, natural: Natural, error: float
    ) -> None:
        def run() -> None:
            out[:] = convolve(shape, x, natural.weights, natural.bias)
            out[-1, -1, -1, -1] += error

        super().__init__(run)
        self._out = out

    def answer(self) -> Array:
        return self._out


def rig(error: float = 0.0, name: str = "torch") -> LibraryRig:
    """Return a rig of the reference under a subject's name."""
    return LibraryRig(SUBJECTS[name], Exact(error), [0])


@pytest.mark.parametrize("name", ["torch", "torch-channels-last"])
def test_a_right_answer_is_timed_and_told(name: str) -> None:
    sampled = rig(name=name).run(case_of(SHAPE), samples=2)
    assert sampled.checked
    assert len(sampled.seconds) == 2
    assert min(sampled.seconds) > 0
    assert sampled.details["algorithm"] == "reference"
    assert sampled.details["layout"] == SUBJECTS[name].layout


def test_a_wrong_answer_is_never_timed() -> None:
    with pytest.raises(RooflineError, match="wrong answer"):
        rig(error=0.01).run(case_of(SHAPE), samples=2)


def test_an_unwritten_output_is_no_answer() -> None:
    natural = weights_of(SHAPE)
    x = np.random.default_rng(1).standard_normal((1, 6, 9, 7)).astype(np.float32)
    answer = convolve(SHAPE, x, natural.weights, natural.bias).astype(np.float32)
    assert correct(SHAPE, x, answer, natural)
    answer[0, 1, 3, 2] = np.nan
    assert not correct(SHAPE, x, answer, natural)


def test_what_a_library_cannot_run_is_refused() -> None:
    with pytest.raises(RooflineError, match="1 threads, 2 were asked"):
        rig().prepare([case_of(SHAPE, threads=2)])
    with pytest.raises(RooflineError, match="no convolution in float64"):
        rig(name="openvino").prepare([case_of(replace(SHAPE, dtype="float64"))])
    with pytest.raises(RooflineError, match="convolutions only"):
        rig().prepare([Case(benchmark="triad", parameters={"store": "ordinary"})])


def test_a_child_waits_until_its_threads_sleep() -> None:
    used = iter([0.0, 0.012, 0.012, 0.024, 0.024, 0.0241])
    assert settle(lambda: next(used), lambda _seconds: None)
    assert next(used, None) is None
    spinning: Any = iter(range(10_000))
    assert not settle(lambda: float(next(spinning)), lambda _seconds: None)


@pytest.mark.machine
@pytest.mark.parametrize("name", [name for name, one in SUBJECTS.items() if not one.ours])
def test_a_library_answers_in_a_child_of_its_own(name: str, cpu: int) -> None:
    subject = SUBJECTS[name]
    absent = why_absent(subject)
    if absent is not None:
        pytest.skip(absent)
    from dataclasses import asdict

    from roofline.host.subjects import environment

    with Worker([cpu], environment(subject, [cpu]), subject=name) as worker:
        assert worker.ask("describe")["libraries"]
        answer = worker.ask("run", case=asdict(case_of(SHAPE)), samples=2)
    assert answer["checked"]
    assert answer["details"]["layout"] == subject.layout
    assert min(answer["seconds"]) > 0


def test_every_library_has_a_module() -> None:
    libraries = {one.library for one in SUBJECTS.values() if one.library}
    assert libraries == set(registry._CLASSES)
