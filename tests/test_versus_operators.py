"""Operators in pairs: figures, NumPy's BLAS, and the roof that is timed in the same minute."""

import os
from pathlib import Path

import pytest

from benchmarks import cases
from roofline.errors import RooflineError
from tests.test_versus_command import open_child
from tests.versus_fakes import FakeChild, host
from versus import command
from versus.__main__ import main
from versus.document import OPERATORS
from versus.figures import Figure, chosen
from versus.operators import CEILING, NUMPY, ceiling, operator_figures
from versus.rivals.blas import NumpyBlas
from versus.rivals.ceiling import Ceiling

HOST = host()
FIGURES = operator_figures(HOST)


def test_names_are_unique_and_each_figure_has_one_opponent() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert all(len(figure.equivalents) == 1 for figure in FIGURES)
    assert {
        "gemm-fp32-numpy",
        "gemm-fp64-ceiling-all",
        "l1-add",
        "dram-linear",
        "l2-to-planes",
    } <= set(names)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_roof_does_like_work_on_as_much_memory(figure: Figure) -> None:
    if CEILING not in figure.equivalents:
        return
    roof = ceiling(figure, HOST)
    assert roof.threads == figure.case.threads
    if figure.group == "compute":
        assert (roof.benchmark, roof.dtype) == ("fma", figure.case.dtype)
        return
    ours, theirs = cases.work(figure.case).bytes_touched, cases.work(roof).bytes_touched
    assert theirs.total == pytest.approx(ours.total, rel=0.03)
    assert theirs.written / theirs.total == pytest.approx(ours.written / ours.total, abs=0.03)
    usual = "ordinary" if figure.case.benchmark == "reorder" else None
    assert roof.parameters.get("store") == figure.case.parameters.get("store", usual)


def test_the_roof_is_asked_of_the_same_process() -> None:
    child = FakeChild([], lambda _number: [2e-3])
    rival = Ceiling(child, HOST)
    (figure,) = chosen(FIGURES, ["l2-add"])
    work = cases.work(ceiling(figure, HOST)).bytes_touched.total
    assert rival.rate(figure, (0,)) == pytest.approx(work / 2e-3)
    assert rival.why_absent() is None
    assert rival.why_not(figure) is None
    assert rival.why_not(chosen(FIGURES, ["gemm-fp32-numpy"])[0]) is not None


def test_numpy_multiplies_on_as_many_threads_as_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NumpyBlas, "seconds", 0.01)
    rival, cpu = NumpyBlas(), min(os.sched_getaffinity(0))
    (figure,) = chosen(FIGURES, ["gemm-fp32-numpy"])
    assert rival.rate(figure, (cpu,)) > 1e8
    assert "NumPy" in rival.version()
    assert rival.why_not(chosen(FIGURES, ["l2-add"])[0]) is not None


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the host and the measuring process by fakes."""
    monkeypatch.setattr(command, "Worker", open_child)
    monkeypatch.setattr(command, "_host", lambda _options: (HOST, (0, 1)))
    monkeypatch.setattr(command, "busy_cpus", lambda: 0.0)


@pytest.mark.usefixtures("staged")
def test_the_section_is_written_between_its_own_markers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "doc.md"
    document.write_text("a\n" + "\n".join(OPERATORS) + "\nb\n")
    options = ["--operators", "--pairs", "1", "--figure", "l1-relu", "--markdown", str(document)]
    assert main([*options, "--quiet"]) == 0
    assert "L1 relu" in capsys.readouterr().out
    text = document.read_text()
    assert text.startswith("a\n")
    assert text.endswith("b\n")
    assert text.count("L1 relu") == 1


@pytest.mark.usefixtures("staged")
def test_an_unknown_opponent_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--operators", "--rival", "mkl", "--quiet"]) == 2
    assert f"choose from {NUMPY}, {CEILING}" in capsys.readouterr().err


def test_too_little_memory_is_said() -> None:
    with pytest.raises(RooflineError, match="free some"):
        operator_figures(host(memory_available=1 << 28))
