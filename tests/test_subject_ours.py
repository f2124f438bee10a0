"""Our convolutions as the rig runs them: prepared, checked before they are timed, on new memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.conv import schedule, words
from benchmarks.conv.operator import Operator, Tensors, Trained
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.rig import Rig
from benchmarks.subjects import ours
from benchmarks.subjects.ours import Ours
from benchmarks.team import DRIVER, Team
from roofline.errors import RooflineError
from roofline.records import Case, ConvShape
from tests.conv_builders import VECTORS, case_of, fault

WIDEST = VECTORS[max(VECTORS)]
DENSE = ConvShape(
    in_channels=19, height=9, width=11, out_channels=21, kernel=(3, 3), padding=(1, 1), bias=True
)
DEPTHWISE = replace(DENSE, out_channels=19, groups=19)
OTHER = replace(DENSE, kernel=(5, 5), padding=(2, 2))


def with_copies(case: Case, copies: int) -> Case:
    """Return the case on so many copies of its tensors."""
    return replace(case, parameters={**case.parameters, "copies": copies})


@pytest.fixture(scope="module")
def kernels(cache_home: Path) -> KernelCache:
    """Return the tests' own cache of kernels."""
    return KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))


@pytest.fixture(scope="module")
def rig(cpu: int, kernels: KernelCache) -> Rig:
    """Return a rig on one CPU."""
    return Rig([cpu], kernels)


@pytest.fixture(scope="module")
def wide_rig(two_cpus: tuple[int, int], kernels: KernelCache) -> Rig:
    """Return a rig on two CPUs."""
    return Rig(two_cpus, kernels)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Operator, Trained]]:
    """Return the operators that are made from here on, all of which stay in memory."""
    kept: list[tuple[Operator, Trained]] = []
    training: list[Trained] = []

    class Kept(Operator):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            kept.append((self, training[-1]))

    class Seen(Tensors):
        def __init__(self, layout: object, trained: Trained, *others: object) -> None:
            training.append(trained)
            super().__init__(layout, trained, *others)

    monkeypatch.setattr(ours, "Operator", Kept)
    monkeypatch.setattr(ours, "Tensors", Seen)
    return kept


@pytest.mark.parametrize("shape", [DENSE, DEPTHWISE, OTHER], ids=lambda shape: shape.text)
@pytest.mark.parametrize("name", ["rig", "wide_rig"])
def test_a_convolution_is_checked_and_timed(
    request: pytest.FixtureRequest, name: str, shape: ConvShape
) -> None:
    subject: Rig = request.getfixturevalue(name)
    case = case_of(shape, WIDEST, threads=len(subject.team.cpus))
    sampled = subject.run(case, samples=3)
    assert sampled.checked
    assert len(sampled.seconds) == 3
    assert all(0 < second < 1 for second in sampled.seconds)
    assert sampled.loops > 1
    assert len(sampled.kernel_digest) == 12


def test_a_sample_is_as_many_calls_as_it_says(
    rig: Rig, made: list[tuple[Operator, Trained]]
) -> None:
    """Each call turns to the next copy: the place where they stop tells how many there were."""
    case = with_copies(case_of(DENSE, WIDEST), 101)
    rig.run(case, samples=1)
    loops = rig.run(case, samples=2).loops
    ((first, _), (second, _)) = made
    assert second is not first
    assert second._blocks[0][words.COPY] == 2 * loops % 101


def test_the_digest_is_of_the_code_and_not_of_the_run(rig: Rig, kernels: KernelCache) -> None:
    case = case_of(DENSE, WIDEST)
    digest = rig.run(case, samples=1).kernel_digest
    assert rig.run(case, samples=2).kernel_digest == digest
    again = Rig(rig.team.cpus, KernelCache(kernels.folder))
    assert again.run(case, samples=1).kernel_digest == digest
    assert again.run(with_copies(case, 3), samples=1).kernel_digest == digest
    assert rig.run(case_of(DEPTHWISE, WIDEST), samples=1).kernel_digest != digest


def test_prepared_is_compiled(cpu: int, tmp_path: Path) -> None:
    kernels = KernelCache(tmp_path)
    subject = Rig([cpu], kernels)
    wanted = [case_of(shape, WIDEST) for shape in (DENSE, DEPTHWISE)]
    before = kernels.compile_seconds
    subject.prepare(wanted)
    after = kernels.compile_seconds
    assert after > before
    for case in wanted:
        subject.run(case, samples=1)
    assert kernels.compile_seconds == after


def test_each_run_is_on_memory_of_its_own(rig: Rig, made: list[tuple[Operator, Trained]]) -> None:
    """Else all rounds would have the luck of the first mapping."""
    case = with_copies(case_of(DENSE, WIDEST), 2)
    for _ in range(3):
        rig.begin_round()
        rig.run(case, samples=1)
    bases = np.concatenate([operator.tensors.bases for operator, _ in made])
    assert len(made) == 3
    assert len(np.unique(bases)) == bases.size


@pytest.mark.parametrize("shape", [DENSE, DEPTHWISE], ids=lambda shape: shape.conv_class)
def test_copies_take_turns(
    rig: Rig, made: list[tuple[Operator, Trained]], shape: ConvShape
) -> None:
    """Each copy has an input of its own, and its output is of that one."""
    rig.run(with_copies(case_of(shape, WIDEST), 5), samples=1)
    ((operator, trained),) = made
    inputs = [operator.tensors.x(copy) for copy in range(5)]
    for copy, x in enumerate(inputs):
        assert fault(operator, trained, copy) == ""
        assert not any((x == other).all() for other in inputs[:copy])


def test_weights_are_packed_once_unless_they_are_very_large(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, made: list[tuple[Operator, Trained]]
) -> None:
    case, subject = case_of(DENSE, WIDEST), Ours(rig.team, rig.kernels, rig.clock_cost)
    for _ in range(2):
        subject.run(case, samples=1)
    assert made[0][1] is made[1][1]
    monkeypatch.setattr(ours, "_KEPT_WEIGHTS", 1000)
    frugal = Ours(rig.team, rig.kernels, rig.clock_cost)
    for _ in range(2):
        frugal.run(case, samples=1)
    assert made[2][1] is not made[3][1]
    assert (made[2][1].packed == made[3][1].packed).all()


def test_a_check_comes_before_the_first_time_and_not_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    check, time = Operator.correct, Team.time

    def correct(operator: Operator, trained: Trained) -> bool:
        asked.append("check")
        return check(operator, trained)

    def timed(team: Team, programs: list, samples: int, **more: bool) -> object:
        asked.append(f"{programs[0][0].repeats} x {samples}")
        return time(team, programs, samples, **more)

    monkeypatch.setattr(Operator, "correct", correct)
    monkeypatch.setattr(Team, "time", timed)
    subject = Ours(rig.team, rig.kernels, rig.clock_cost)
    case = case_of(DENSE, WIDEST)
    loops = subject.run(case, samples=7).loops
    assert asked[:2] == ["1 x 1", "check"]
    assert asked[-1] == f"{loops} x 7"
    asked.clear()
    assert subject.run(case, samples=7).loops == loops
    assert asked == [f"{loops} x 7"]


def a_wrong_output(tensors: Tensors) -> None:
    """Change one output by a part in a thousand of the largest."""
    out = tensors.out(0)
    out[0, 0, 0, 0, 0] += 1e-3 * np.abs(out).max()


def an_unwritten_output(tensors: Tensors) -> None:
    """Leave one lane of one output as it was before."""
    tensors.out(0)[-1, -1, -1, -1, -1] = np.nan


@pytest.mark.parametrize("spoil", [a_wrong_output, an_unwritten_output])
@pytest.mark.parametrize("shape", [DENSE, DEPTHWISE], ids=lambda shape: shape.conv_class)
def test_a_wrong_answer_is_never_timed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, shape: ConvShape, spoil: object
) -> None:
    check, time, calls = Operator.correct, Team.time, []

    def correct(operator: Operator, trained: Trained) -> bool:
        spoil(operator.tensors)
        return check(operator, trained)

    def timed(team: Team, *arguments: object) -> object:
        calls.append(1)
        return time(team, *arguments)

    monkeypatch.setattr(Operator, "correct", correct)
    monkeypatch.setattr(Team, "time", timed)
    subject = Ours(rig.team, rig.kernels, rig.clock_cost)
    with pytest.raises(RooflineError, match="computes a wrong answer") as refused:
        subject.run(case_of(shape, WIDEST), samples=1)
    assert refused.value.exit_code == 3
    assert shape.text in str(refused.value)
    assert len(calls) == 1


@pytest.mark.parametrize("shape", [DENSE, DEPTHWISE], ids=lambda shape: shape.conv_class)
def test_a_fused_relu_is_checked_and_timed(
    rig: Rig, made: list[tuple[Operator, Trained]], shape: ConvShape
) -> None:
    digests = {rig.run(case_of(shape, WIDEST, relu=relu), 1).kernel_digest for relu in (0, 1)}
    assert len(digests) == 2
    plain, rectified = (operator.tensors.out(0) for operator, _ in made)
    assert plain.min() < 0 == rectified.min() < rectified.max()
    np.testing.assert_array_equal(rectified, np.maximum(plain, 0))


def test_a_relu_that_is_left_out_is_noticed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "RECTIFY", schedule.FILL)
    with pytest.raises(RooflineError, match="computes a wrong answer"):
        Ours(rig.team, rig.kernels, rig.clock_cost).run(case_of(DENSE, WIDEST, relu=True), 1)


def test_an_activation_that_is_unknown_is_refused(rig: Rig) -> None:
    case = case_of(DENSE, WIDEST)
    wrong = replace(case, parameters={**case.parameters, "activation": "gelu"})
    with pytest.raises(RooflineError, match="no activation 'gelu' is fused: choose one of relu"):
        rig.run(wrong, samples=1)


def test_a_case_that_is_no_convolution_is_refused(rig: Rig) -> None:
    case = case_of(DENSE, WIDEST)
    wrong = replace(case, parameters={**case.parameters, "groups": 2})
    with pytest.raises(RooflineError, match="2 groups don't divide 19 input channels"):
        rig.run(wrong, samples=1)
    with pytest.raises(RooflineError, match="2 groups"):
        rig.prepare([wrong])


@pytest.mark.parametrize("threads", [1, 2])
def test_what_ends_a_call_of_so_many_threads_is_timed_too(wide_rig: Rig, threads: int) -> None:
    sampled = wide_rig.run(Case(benchmark="barrier", threads=threads), samples=3)
    assert len(sampled.seconds) == 3
    assert all(0 < second < 1 for second in sampled.seconds)
    assert sampled.kernel_digest == wide_rig.kernels.get(DRIVER).verdict.digest
