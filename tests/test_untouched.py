"""Convolutions on outputs that nobody touched: right answers, a page fault a page, fresh memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.buffers import PAGE
from benchmarks.conv.operator import Operator, plan, train
from benchmarks.conv.untouched import Untouched
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.rig import Rig
from benchmarks.subjects import untouched
from roofline.errors import RooflineError
from roofline.records import Case, ConvShape, Scalar
from tests.conv_builders import VECTORS, case_of

WIDEST = VECTORS[max(VECTORS)]
SHAPE = ConvShape(
    in_channels=24, height=30, width=31, out_channels=40, kernel=(3, 3), padding=(1, 1), bias=True
)
THIN = replace(SHAPE, out_channels=24, groups=24)
LOOSE: dict[str, Scalar] = {"pinned": False, "prefaulted": False}


@pytest.fixture(scope="module")
def rig(cpu: int, cache_home: Path) -> Rig:
    """Return a rig on one CPU."""
    return Rig([cpu], KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)})))


def switched(case: Case, **switches: Scalar) -> Case:
    """Return the case with these switches."""
    return replace(case, parameters={**case.parameters, **switches})


def made(rig: Rig, shape: ConvShape, outputs: int) -> tuple[Untouched, Operator]:
    """Return an operator that writes so many untouched outputs in turn."""
    planned = plan(case_of(shape, WIDEST))
    trained = train(planned.layout)
    tensors = Untouched(planned.layout, trained, outputs, rig.team, 1)
    return tensors, Operator(planned, tensors, rig.kernels)


@pytest.mark.parametrize("shape", [SHAPE, THIN], ids=lambda shape: shape.conv_class)
def test_every_output_is_the_one_that_touched_memory_gets(rig: Rig, shape: ConvShape) -> None:
    tensors, operator = made(rig, shape, 4)
    rig.team.time(operator.programs(4), 1)
    first = tensors.out(0)
    assert np.abs(first).max() > 0
    for copy in range(1, 4):
        assert (tensors.out(copy) == first).all()
    assert operator.correct(train(operator.plan.layout))


def test_each_page_of_each_output_faults_once(rig: Rig) -> None:
    """Unless the system backs memory with huge pages unasked, a fault for each 4 KiB."""
    tensors, operator = made(rig, SHAPE, 5)
    pages = 5 * -(-tensors.out(0).nbytes // PAGE)
    first = rig.team.time(operator.programs(5), 1).disturbance.page_faults
    again = rig.team.time(operator.programs(5), 1).disturbance.page_faults
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    always = huge.exists() and "[always]" in huge.read_text()
    assert first >= (1 if always else pages)
    assert again < pages / 2


def test_outputs_are_apart_and_share_input_and_weights(rig: Rig) -> None:
    tensors, _ = made(rig, SHAPE, 3)
    bases = tensors.bases
    assert bases.shape == (3, 3)
    assert (bases[:, :2] == bases[0, :2]).all()
    assert (np.diff(bases[:, 2]) >= tensors.out(0).nbytes).all()
    assert (bases[:, 2] % PAGE == bases[0, 2] % PAGE).all()


@pytest.mark.parametrize("switches", [{"pinned": False}, LOOSE])
def test_the_rig_runs_them_as_cases(rig: Rig, switches: dict[str, Scalar]) -> None:
    case = case_of(SHAPE, WIDEST)
    plain = rig.run(case, samples=2)
    loose = rig.run(switched(case, **switches), samples=2)
    assert len(loose.seconds) == 2
    assert all(0 < one < 1 for one in loose.seconds)
    assert loose.checked
    assert loose.kernel_digest == plain.kernel_digest
    assert loose.loops >= 1


def test_threads_are_pinned_unless_the_case_says_otherwise(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    go = rig.team._go

    def spied(runs: object, *, pinned: bool) -> object:
        asked.append(pinned)
        return go(runs, pinned=pinned)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.team, "_go", spied)
    case = case_of(SHAPE, WIDEST)
    for switches, last in (({}, True), ({"pinned": False}, False), (LOOSE, False)):
        rig.run(switched(case, **switches), samples=1)
        assert asked[-1] is last


def test_a_wrong_answer_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Operator, "correct", lambda *_: False)
    with pytest.raises(RooflineError, match="wrong answer"):
        rig.run(switched(case_of(SHAPE, WIDEST), **LOOSE), samples=1)


def test_a_sample_is_long_but_writes_no_endless_memory() -> None:
    assert untouched._calls(1e-5, 1 << 20) == 100
    assert untouched._calls(1e-5, 1 << 26) == 4
    assert untouched._calls(5.0, 1 << 30) == 3
    assert untouched._calls(0.0, 1 << 10) == 3


def test_the_switches_change_neither_plan_nor_weights() -> None:
    case = case_of(SHAPE, WIDEST)
    assert untouched.plain(switched(case, **LOOSE)) == case
    assert untouched.plain(case) == case
