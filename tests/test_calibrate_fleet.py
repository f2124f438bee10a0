"""A cluster of eight workers as hosts: who fails or is slow is named, and the rest goes on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibrate.fleet import main
from roofline.store.files import Store

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a scheduler with eight workers, each a process of its own."""
    pytest.importorskip("distributed", reason="the extra [fleet] brings Dask")
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli"]
    starts = [[*dask[:2], "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]]
    worker = [*dask[:2], "distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1"]
    starts += [[*worker, "--no-dashboard", "--name", f"n{number}"] for number in range(8)]
    processes = []
    for number, start in enumerate(starts):
        environment = os.environ | {"FLEET_WORKER": str(number - 1), "PYTHONPATH": ""}
        processes.append(
            subprocess.Popen(
                [*start, "--scheduler-file", str(file)],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
    try:
        from distributed import Client

        with Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(8, timeout=60)
            yield client.scheduler.address
    finally:
        for process in reversed(processes):
            process.kill()
        for process in processes:
            process.wait(10)


def test_who_is_slow_dead_hung_or_returns_junk_is_named_and_the_rest_is_stored(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    arguments = ["--dask", cluster, "--results", str(tmp_path / "store"), "--site", "lab"]
    arguments += ["--by", "worker", "--labels", str(labels), "--json"]
    arguments += ["--command", f"{sys.executable} -m tests.replay", "--folder", str(ROOT)]
    assert main(arguments) == 1
    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert answer["calibrated"] == ["n0", "n1", "n2", "n3", "n4", "n6", "n7"]
    assert list(answer["failed"]) == ["n5"]
    assert "died" in answer["failed"]["n5"]
    assert list(answer["slow"]) == ["n3"]
    assert any("memory is slower" in why for why in answer["slow"]["n3"])
    entries, skipped = Store(tmp_path / "store").all()
    assert len({entry.record.node for entry in entries}) == 7
    assert skipped == []
    # Only the suspect was calibrated again.
    assert len(entries) == 8
    assert set(json.loads(labels.read_text()).values()) == set(answer["calibrated"])
    assert labels.stat().st_mode & 0o077 == 0
    assert not any("n3" in path.read_text() for path in (tmp_path / "store").rglob("*.json"))

    assert main([*arguments, "--only-missing", "--retry", "0"]) == 1
    again = json.loads(capsys.readouterr().out)
    assert (again["calibrated"], list(again["slow"])) == ([], ["n3"])

    known = json.loads(labels.read_text())
    labels.write_text(json.dumps({k: v for k, v in known.items() if v not in ("n4", "n6")}))
    program = f"env FLEET_TROUBLE=1 {sys.executable} -m tests.replay"
    arguments[arguments.index("--command") + 1] = program
    before = sorted(path.name for path in (tmp_path / "store").rglob("*.json"))
    assert main([*arguments, "--only-missing", "--retry", "0", "--timeout", "8"]) == 1
    failed = json.loads(capsys.readouterr().out)["failed"]
    assert "hung: ended after 8 s" in failed["n4"]
    assert "returned junk" in failed["n6"]
    assert set(failed) <= {"n4", "n5", "n6"}
    assert sorted(path.name for path in (tmp_path / "store").rglob("*.json")) == before


def test_without_a_scheduler_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="the extra [fleet] brings Dask")
    assert main(["--dask", "nonsense"]) in (2, 3)
    assert "error: " in capsys.readouterr().err
