"""The trial of the verdict: what it counts, what it keeps, and that no load outlives it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.builders import make_bandwidth, make_ceiling
from tests.processes import gone_in_time
from tools import verdict_trial

ROOT = Path(__file__).parents[1]


def run(situation: str, word: str, probe: str, **facts: Any) -> dict[str, Any]:
    """Return what a trial keeps of a run."""
    return {
        "situation": situation,
        "verdict": word,
        "causes": ["others"] if word == "noisy" else [],
        "text": word,
        "unbacked": [],
        "started": "2026-11-26T00:00:00Z",
        "probe": {"verdict": probe, "reasons": []},
        **facts,
    }


def test_the_table_counts_by_situation() -> None:
    runs = [
        run("alone", "quiet", "quiet"),
        run("alone", "noisy", "quiet", unbacked=["fma 1T"]),
        run("memory", "noisy", "noisy"),
    ]
    alone, compute, memory, *each = verdict_trial.table(runs)
    words = " ".join(alone.split())
    assert words == "alone runs 2 noisy 1 others noticed 1 probe agrees 1 noisy figures backed 1"
    assert compute.split()[:3] == ["compute", "runs", "0"]
    assert memory.split()[-1] == "1"
    assert len(each) == len(runs)


def test_a_trial_begun_again_makes_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trial.jsonl"
    path.write_text(json.dumps(run("alone", "quiet", "quiet")) + "\n")
    asked: list[str] = []

    def one_run(situation: str, _options: list[str], _results: Path) -> dict[str, Any]:
        asked.append(situation)
        return run(situation, "noisy", "noisy")

    monkeypatch.setattr(verdict_trial, "one_run", one_run)
    assert verdict_trial.main(["--runs", "2", "--out", str(path)]) == 0
    assert asked == ["compute", "memory", "alone", "compute", "memory"]
    assert len(verdict_trial.made(path)) == 6
    assert "others noticed   2" in capsys.readouterr().out


def test_an_unnoticed_load_is_the_exit_status(tmp_path: Path) -> None:
    path = tmp_path / "trial.jsonl"
    path.write_text(json.dumps(run("compute", "quiet", "quiet")) + "\n")
    assert verdict_trial.main(["--runs", "1", "--only", "compute", "--out", str(path)]) == 1


@pytest.mark.parametrize(
    ("facts", "proved"),
    [
        ({"spread": 0.05}, True),
        ({"spread": 0.001}, False),
        ({"spread": 0.001, "low": 0.5 * make_ceiling().typical}, True),
    ],
)
def test_a_noisy_figure_is_backed_by_its_rounds(facts: dict[str, Any], proved: bool) -> None:
    assert verdict_trial.backed(make_ceiling(**facts)) is proved


def test_kinds_have_limits_of_their_own() -> None:
    assert not verdict_trial.backed(make_bandwidth("L2", spread=0.05))


@pytest.mark.parametrize("situation", ["compute", "memory"])
def test_a_load_works_on_the_last_core_and_ends_with_its_run(situation: str) -> None:
    with verdict_trial.load(situation):
        (process,) = psutil.Process().children()
        assert process.cpu_affinity() == [max(os.sched_getaffinity(0))]
    assert gone_in_time([process])


def test_no_load_outlives_a_trial_that_is_killed() -> None:
    code = (
        "import time; from tools.verdict_trial import load\n"
        "with load('compute'): print('on', flush=True); time.sleep(60)"
    )
    trial = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert trial.stdout is not None
    assert trial.stdout.readline() == "on\n"
    children = psutil.Process(trial.pid).children()
    trial.send_signal(signal.SIGKILL)
    trial.wait()
    trial.stdout.close()
    assert len(children) == 1
    assert gone_in_time(children)
