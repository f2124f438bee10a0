"""Sweeps of a library: our child measures anchors, the library's the layers, never both at once."""

import functools
import itertools
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from roofline import compare
from roofline.comparing import measured as measuring
from roofline.comparing.libraries import CALL, CALL_LAYER
from roofline.comparing.reporting import report
from roofline.comparing.session import (
    ANCHOR_SAMPLES,
    ROUNDS,
    SAMPLES,
    VISITS,
    Job,
    Outcome,
    measure,
)
from roofline.comparing.subjects import runner, runner_of
from roofline.host import subjects as registry
from roofline.host.worker import Worker
from roofline.physics.workload import conv_shape
from roofline.view.comparison_json import to_tree
from roofline.view.comparison_rows import conditions, lessons
from tests.fake_child import CONDITIONS
from tests.fake_conv_child import SHAPES, ConvChild, child, job, layers, stored
from tests.reference import reference

CALL_SECONDS = 8e-6
KEPT = {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=1", "OMP_NUM_THREADS": "2"}


@dataclass(slots=True, kw_only=True)
class LibraryChild(ConvChild):
    """A library's child: every call costs something, and it tells how it ran it."""

    order: list[str] = field(default_factory=list)

    def _describe(self) -> dict[str, Any]:
        return ConvChild._describe(self) | {"libraries": {"runtime": "1.2.3"}}

    def _run(self, case: dict[str, Any], samples: int) -> dict[str, Any]:
        self.order.append("library")
        answer = ConvChild._run(self, case, samples)
        slower = [seconds + CALL_SECONDS for seconds in answer["seconds"]]
        told = {"layout": "NCHW", "pool": 2, "algorithm": "ReorderInput Conv ReorderOutput"}
        return answer | {"seconds": slower, "details": told}


@dataclass(slots=True, kw_only=True)
class AnchorChild(ConvChild):
    """Our child, which shares a list of who ran with the library's."""

    order: list[str] = field(default_factory=list)

    def _run(self, case: dict[str, Any], samples: int) -> dict[str, Any]:
        self.order.append("ours")
        return ConvChild._run(self, case, samples)


def library_child(order: list[str], share: float = 0.8) -> LibraryChild:
    """Build a library's child on the reference machine."""
    planted = child(machine={"share": share}).planted
    conditions = replace(CONDITIONS, environment=KEPT)
    return LibraryChild(planted=planted, conditions=conditions, order=order)


def library_job(name: str = "onnxruntime") -> Job:
    """Build the job of measuring all layers by a library."""
    return replace(job(), subject=name, operators=runner(name, reference(), 2))


def swept(
    share: float = 0.8, name: str = "onnxruntime"
) -> tuple[AnchorChild, LibraryChild, Outcome]:
    """Measure all layers by a library, on children that pretend."""
    order: list[str] = []
    ours = AnchorChild(planted=child().planted, order=order)
    theirs = library_child(order, share)
    return ours, theirs, measure(library_job(name), lambda: ours, lambda: theirs)


@pytest.fixture(scope="module")
def whole() -> tuple[AnchorChild, LibraryChild, Outcome]:
    """Return both children of a sweep, and what came of it."""
    return swept()


Whole = tuple[AnchorChild, LibraryChild, Outcome]


def test_layers_run_in_the_librarys_child_and_anchors_in_ours(whole: Whole) -> None:
    ours, theirs, _ = whole
    assert set(theirs.ran) == {"conv"}
    assert "conv" not in ours.ran
    visits = VISITS * ROUNDS + 1
    shapes = [conv_shape(case.parameters, case.dtype) for case, _ in theirs.runs]
    assert shapes.count(CALL_LAYER.shape) == visits
    assert len(shapes) == visits + ROUNDS * len(SHAPES)
    counted = {
        (shape == CALL_LAYER.shape, n) for shape, (_, n) in zip(shapes, theirs.runs, strict=True)
    }
    assert counted == {(True, ANCHOR_SAMPLES), (False, SAMPLES)}


def test_children_take_turns_and_are_let_go(whole: Whole) -> None:
    ours, theirs, _ = whole
    changes = sum(a != b for a, b in itertools.pairwise(ours.order))
    assert changes == 2 * (VISITS * ROUNDS + 1) - 1
    assert ours.ended
    assert theirs.ended


def test_each_child_prepares_its_own(whole: Whole) -> None:
    """The fake children refuse whatever they weren't asked to prepare."""
    ours, theirs, _ = whole
    assert ours.asked[:3] == theirs.asked[:3] == ["describe", "prepare", "begin_round"]
    assert ours.asked.count("begin_round") == theirs.asked.count("begin_round") == ROUNDS


def test_the_record_says_who_ran_and_how(whole: Whole) -> None:
    sweep = whole[2].sweep
    assert (sweep.subject, sweep.threads, sweep.cache) == ("onnxruntime", 2, "warm")
    assert sweep.software.libraries == {"runtime": "1.2.3"}
    assert sweep.software.numba == "0.62.1"
    assert sweep.conditions.environment == KEPT
    for timing in sweep.timings:
        assert timing.details["algorithm"] == "ReorderInput Conv ReorderOutput"
        assert timing.details["layout"] == "NCHW"


def test_what_a_call_costs_is_an_anchor_and_no_drift(whole: Whole) -> None:
    sweep = whole[2].sweep
    (calls,) = (one for one in sweep.anchors if one.ceiling == CALL)
    assert len(calls.rates) == VISITS * ROUNDS + 1
    assert calls.rates == pytest.approx([1 / CALL_SECONDS] * len(calls.rates), rel=0.01)
    made = report(sweep, runner_of(sweep, reference()))
    assert CALL not in made.drift
    for row in made.rows:
        assert row.prediction.terms["overhead"] == pytest.approx(CALL_SECONDS, rel=0.01)


def test_a_kept_sweep_is_compared_again_without_the_library(
    whole: Whole,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(registry, "_installed", lambda _module: False)
    path = stored(tmp_path, whole[2])
    words = ["--measured", str(path), "--results", str(tmp_path / "own"), "--json", "--quiet"]
    assert compare.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    direct = to_tree(report(whole[2].sweep, runner_of(whole[2].sweep, reference())))
    assert told["libraries"] == {"runtime": "1.2.3"}
    assert told["environment"] == KEPT
    for row, same in zip(told["rows"], direct["rows"], strict=True):
        assert row["predicted_seconds"] == pytest.approx(same["predicted_seconds"], rel=1e-3)
        assert (row["layout"], row["algorithm"]) == ("NCHW", "ReorderInput Conv ReorderOutput")


def test_a_table_names_version_and_allocator(whole: Whole) -> None:
    sweep = whole[2].sweep
    told = dict(conditions(report(sweep, runner_of(sweep, reference()))))
    assert told["library"] == "runtime 1.2.3; freed memory is kept"


def test_a_library_that_skips_operations_is_told_not_failed() -> None:
    """1.6 times the peak is no error of ours, when a library may have chosen Winograd."""
    sweep = swept(share=1.6)[2].sweep
    made = report(sweep, runner_of(sweep, reference()))
    beaten = [row for row in made.rows if row.verdict == "fewer-operations-than-counted"]
    assert beaten
    assert {row.bound.bound_by for row in beaten} == {"compute"}
    assert any("Winograd" in one for one in lessons(made))
    assert "faster-than-roof" not in {row.verdict for row in made.rows}


def test_half_a_step_of_a_coarse_clock_is_uncertain() -> None:
    sweep = swept(name="onnxruntime-kernel")[2].sweep
    timings = tuple(
        replace(one, details={**one.details, "clock_step": 2e-6}) for one in sweep.timings
    )
    fine, coarse = (
        report(one, runner_of(one, reference())) for one in (sweep, replace(sweep, timings=timings))
    )
    for sharp, blurred in zip(fine.rows, coarse.rows, strict=True):
        assert sharp.measured is not None
        assert blurred.measured is not None
        assert blurred.measured.seconds == sharp.measured.seconds
        assert blurred.measured.high - sharp.measured.high == pytest.approx(1e-6)
        assert 0 <= blurred.measured.low < sharp.measured.low


@pytest.fixture
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a results folder; the command finds the reference calibration and may do nothing."""
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ROOFLINE_RESULTS"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path / "results"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one sentence that a refusal is."""
    assert compare.main(list(arguments)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.endswith(".")
    return line


def test_a_missing_library_is_one_sentence_with_the_command(
    staged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "_installed", lambda _module: False)
    monkeypatch.setattr(registry.why_absent, "__defaults__", (registry._installed,))
    line = refused(capsys, "--subject", "openvino", "--results", str(staged))
    assert "openvino, which is not installed: `.venv/bin/python -m pip install" in line
    assert not staged.exists()


def test_cold_caches_and_capped_vectors_are_refused(
    staged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--subject", "torch", "--results", str(staged))
    assert "leave --cold out" in refused(capsys, *common, "--cold")
    assert "leave --isa out" in refused(capsys, *common, "--isa", "avx2")
    assert "leave --relu out" in refused(capsys, *common, "--relu")
    assert "leave --relu out" in refused(capsys, "--measured", "latest", "--relu")
    assert "leave --relu out" in refused(capsys, "--machine", "amd", "--relu")
    assert "leave --no-tune out" in refused(capsys, "--measured", "latest", "--no-tune")
    assert "leave --no-tune out" in refused(capsys, "--machine", "amd", "--no-tune")
    assert not staged.exists()


def test_a_dtype_is_refused_before_a_calibration_is_looked_for(
    staged: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.why_absent, "__defaults__", (lambda _module: True,))
    monkeypatch.setattr(measuring, "newest", lambda *_, **__: pytest.fail("looked for one"))
    staged.mkdir()
    listed = staged / "double.csv"
    listed.write_text("in_channels,height,width,out_channels,kernel,dtype\n8,8,8,8,3,float64\n")
    common = ("--subject", "openvino", "--results", str(staged))
    assert "not in float64" in refused(capsys, *common, "--shapes", str(listed))


def test_predictions_for_another_machine_need_no_library(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry.why_absent, "__defaults__", (lambda _module: False,))
    machine = reference().machine.id
    common = ["--machine", machine, "--subject", "onnxruntime", "--random", "5"]
    assert compare.main([*common, "--json", "--results", str(kept)]) == 0
    shown = capsys.readouterr()
    assert "what a call of onnxruntime costs there isn't known" in shown.err
    told = json.loads(shown.out)
    assert told["subject"] == "onnxruntime"
    assert all(row["predicted_seconds"] > 0 for row in told["rows"])
    assert all(row["measured_seconds"] is None for row in told["rows"])


@pytest.mark.machine
def test_onnx_runtime_is_measured_in_a_child_of_its_own(cpu: int) -> None:
    """Our side pretends and has no anchors; the library's side is real."""
    subject = registry.find("onnxruntime")
    if absent := registry.why_absent(subject):
        pytest.skip(absent)
    bare = replace(reference(), measurements=())
    small = layers("depthwise", "grouped")
    wanted = replace(library_job(), operators=runner("onnxruntime", bare, 1), layers=small)
    start = functools.partial(
        Worker, [cpu], registry.environment(subject, [cpu]), subject="onnxruntime"
    )
    sweep = measure(wanted, child, start, rounds=2).sweep
    assert set(sweep.software.libraries) == {"onnxruntime", "onnx"}
    assert sweep.conditions.affinity == (cpu,)
    assert sweep.conditions.environment["OMP_NUM_THREADS"] == "1"
    assert [one.ceiling for one in sweep.anchors] == [CALL]
    for timing in sweep.timings:
        assert timing.checked
        assert "Conv" in str(timing.details["algorithm"])
        assert timing.details["layout"] == "NCHW"
    made = report(sweep, runner_of(sweep, bare))
    assert all(row.prediction.terms["overhead"] > 0 for row in made.rows)
