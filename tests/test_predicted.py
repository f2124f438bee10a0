"""Predictions for hardware that isn't here: from the store alone, without numba."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from roofline.compare import main
from roofline.comparing.operators import Operators
from roofline.comparing.predicted import Elsewhere, predicted
from roofline.errors import RooflineError
from roofline.shapes import default_sweep
from roofline.store.files import Store

ROOT = Path(__file__).resolve().parents[1]
IDS = ("amd-zen3-2c-3297c6e7", "amd-zen4-2c-57821e20", "intel-emeraldrapids-16c-6db7e358")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("machine", IDS)
def test_every_kept_machine_is_predicted_as_its_own_calibration_says(
    machine: str, kept: Path
) -> None:
    report, operators, _ = predicted(Elsewhere(machine=machine), default_sweep(), Store(kept))
    assert report.machine == machine
    assert operators.calibration.machine.id == machine
    assert report.threads == operators.calibration.usable_cores
    for row, layer in zip(report.rows, default_sweep(), strict=True):
        expected = Operators(operators.calibration, report.threads).predict(layer)
        assert row.prediction == expected
        assert 0 < row.bound.seconds <= 1.03 * row.prediction.seconds
        assert (row.measured, row.ratio, row.verdict) == (None, None, None)


def test_a_beginning_that_one_machine_has_is_enough(kept: Path) -> None:
    report, *_ = predicted(Elsewhere(machine="intel", threads=1), default_sweep(), Store(kept))
    assert (report.machine, report.threads) == (IDS[2], 1)


@pytest.mark.parametrize(
    ("machine", "says"), [("amd", "several machines.*zen3.*zen4"), ("power", "no machine.*intel")]
)
def test_an_unclear_machine_is_refused_with_the_choice(machine: str, says: str, kept: Path) -> None:
    with pytest.raises(RooflineError, match=says):
        predicted(Elsewhere(machine=machine), default_sweep(), Store(kept))


def test_the_command_predicts_without_numba_and_outside_of_a_checkout(
    tmp_path: Path, kept: Path
) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('no numba here')\n")
    command = [sys.executable, "-m", "roofline.compare", "--machine", "intel", "--json"]
    done = subprocess.run(
        [*command, "--results", str(kept)],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["machine"] == IDS[2]
    assert {row["measured_seconds"] for row in answer["rows"]} == {None}
    assert min(row["predicted_seconds"] for row in answer["rows"]) > 0


def test_the_table_says_that_nothing_was_measured(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--machine", "intel", "--results", str(kept), "--random", "5"]) == 0
    printed = capsys.readouterr()
    assert "emeraldrapids" in printed.out
    assert "Errors" not in printed.out


def test_measured_and_machine_are_two_questions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--machine", "intel", "--measured", "latest"]) == 2
    assert "leave --measured out" in capsys.readouterr().err
