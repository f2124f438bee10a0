"""The independent witness: it tells its charge's time from others', and a slow core from a fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine_trees import put
from tools.noise_probe import Interval, Reading, alive, between, report, tree

SCRIPT = Path(__file__).parents[1] / "tools/noise_probe.py"
CALM = Interval(others=0.01, stolen=0.0, spin=1e-4)


def put_process(root: Path, pid: int, ticks: tuple[int, int, int, int], children: str = "") -> None:
    """Write a process whose name has blanks and a bracket in it."""
    before = "S 1 2 3 4 5 6 7 8 9 10"
    put(root, f"{pid}/stat", f"{pid} (a (b) c) {before} {' '.join(map(str, ticks))} 20 0")
    put(root, f"{pid}/task/{pid}/children", children)


def test_a_tree_of_processes_counts_the_living_and_the_reaped(tmp_path: Path) -> None:
    put_process(tmp_path, 7, (10, 20, 300, 400), "8 9")
    put_process(tmp_path, 8, (1, 2, 3, 4))
    # 9 has gone between the two looks.
    assert tree(tmp_path, 7, 0.01) == pytest.approx(7.4)


@pytest.mark.parametrize(("state", "living"), [("S", True), ("R", True), ("Z", False)])
def test_who_waits_to_be_reaped_is_not_alive(state: str, living: bool, tmp_path: Path) -> None:
    put(tmp_path, "7/stat", f"7 (name) {state} 1 2")
    assert alive(tmp_path, 7) is living
    assert not alive(tmp_path, 8)


def test_the_watched_and_the_witness_are_no_others() -> None:
    before = Reading(at=0.0, busy=0.0, stolen=0.0, total=0.0, watched=0.0, own=0.0)
    after = Reading(at=2.0, busy=3.5, stolen=0.1, total=4.0, watched=2.0, own=0.5)
    assert between(before, after, 1e-4) == Interval(others=0.5, stolen=0.025, spin=1e-4)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (Interval(others=0.8, stolen=0.0, spin=1e-4), "other processes work"),
        (Interval(others=0.0, stolen=0.1, spin=1e-4), "time is stolen"),
        (Interval(others=0.0, stolen=0.0, spin=1.5e-4), "cores are slow"),
    ],
)
def test_more_than_a_quarter_of_the_time_is_noise(odd: Interval, reason: str) -> None:
    assert report([CALM] * 7 + [odd] * 2, 0.0)["verdict"] == "quiet"
    found = report([CALM] * 7 + [odd] * 3, 0.0)
    assert (found["verdict"], found["reasons"]) == ("noisy", [reason])


def test_a_moment_is_too_short_to_tell() -> None:
    assert report([CALM], 0.0)["reasons"] == ["too short to tell"]


def test_the_script_watches_until_its_charge_has_ended() -> None:
    charge = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2.2)"])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(charge.pid)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    charge.wait()
    told = json.loads(done.stdout)
    assert told["verdict"] in ("quiet", "noisy")
    assert told["intervals"] >= 2
    # Of a CPU; beside a measurement it must cost less than anything could notice.
    assert told["cost_cpus"] < 0.05


def test_a_process_that_is_not_there_is_refused() -> None:
    charge = subprocess.Popen([sys.executable, "-c", ""])
    charge.wait()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(charge.pid)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"error: there is no process {charge.pid}.\n"
