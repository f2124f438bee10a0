"""Which calibration a comparison reasons from, how it is told, how a missing one is made."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roofline.comparing import calibrated
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.records import Calibration, Finding
from roofline.store.files import Found, Store
from tests.fake_conv_child import NAME, found
from tests.reference import reference

NODE = "0123456789abcdef"
OWN = replace(reference(), node=NODE)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Calibrator:
    """Stands for the process that calibrates; `status` is what it ends with."""

    def __init__(self, status: int = 0, make: Callable[[], object] = lambda: None) -> None:
        self.status, self.make = status, make
        self.commands: list[list[str]] = []
        self.folders: list[Path] = []

    def __call__(
        self, command: list[str], *, cwd: Path, stdout: int, check: bool
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it."""
        assert (stdout, check) == (subprocess.DEVNULL, False)
        self.commands.append(command)
        self.folders.append(cwd)
        self.make()
        return subprocess.CompletedProcess(command, self.status)


def replaced(monkeypatch: pytest.MonkeyPatch, calibrator: Calibrator) -> Calibrator:
    """Put a calibrator in the place of the real process."""
    monkeypatch.setattr(calibrated.subprocess, "run", calibrator)
    return calibrator


def newest(
    store: Store, said: list[str] | None = None, *, cap: str | None = None, quiet: bool = False
) -> Found[Calibration]:
    """Ask for the newest calibration of `NODE`."""
    return calibrated.newest(
        store,
        NODE,
        usable_cores=OWN.usable_cores,
        isa_cap=cap,
        machine_id=OWN.machine.id,
        say=([] if said is None else said).append,
        quiet=quiet,
    )


def test_the_newest_of_this_host_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calibrator, store = replaced(monkeypatch, Calibrator()), Store(tmp_path)
    later = replace(OWN, started="2026-12-24T00:00:00Z")
    store.put(OWN, None, "lab")
    path = store.put(later, None, "lab")
    store.put(replace(OWN, node="another", started="2026-12-25T00:00:00Z"), None, "lab")
    answer = newest(store)
    assert answer.entry.path == path
    assert answer.same_node
    assert calibrator.commands == []


def test_another_host_of_the_type_is_better_than_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrator, said = replaced(monkeypatch, Calibrator()), []
    Store(tmp_path).put(replace(OWN, node="another"), None, "lab")
    answer = newest(Store(tmp_path), said)
    assert not answer.same_node
    assert answer.record.node == "another"
    assert (calibrator.commands, said) == ([], [])


def test_where_there_is_none_a_quick_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = Store(tmp_path), []
    calibrator = Calibrator(make=lambda: store.put(replace(OWN, quick=True), None, "local"))
    replaced(monkeypatch, calibrator)
    answer = newest(store, said)
    assert answer.record.quick
    assert answer.same_node
    expected = [sys.executable, "-m", "calibrate", "--quick", "--results", str(tmp_path)]
    assert calibrator.commands == [expected]
    assert (calibrator.folders[0] / "calibrate" / "__main__.py").is_file()
    assert said == ["no calibration of this host yet: a quick one first."]


def test_the_one_that_is_made_has_the_cap_and_the_silence_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put(OWN, None, "lab")
    capped = replace(OWN, isa_cap="avx2")
    calibrator = Calibrator(make=lambda: store.put(capped, None, "local"))
    replaced(monkeypatch, calibrator)
    assert newest(store, cap="avx2", quiet=True).record.isa_cap == "avx2"
    assert calibrator.commands[0][-3:] == ["--isa", "avx2", "--quiet"]


def test_a_relative_folder_is_the_same_one_for_the_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(Path("results"))
    calibrator = replaced(monkeypatch, Calibrator(make=lambda: store.put(OWN, None, "local")))
    newest(store)
    assert str(tmp_path / "results") in calibrator.commands[0]


@pytest.mark.parametrize(
    ("status", "ours"), [(1, 1), (2, 2), (3, 3), (130, 130), (-9, CANNOT_MEASURE)]
)
def test_a_calibration_that_fails_ends_the_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, ours: int
) -> None:
    replaced(monkeypatch, Calibrator(status))
    with pytest.raises(RooflineError, match="quick calibration failed") as caught:
        newest(Store(tmp_path))
    assert caught.value.exit_code == ours


@pytest.mark.parametrize(
    "made",
    [
        None,
        replace(OWN, usable_cores=1),
        replace(OWN, findings=(Finding(severity="invalid", what="too fast"),)),
    ],
)
def test_one_that_cannot_be_used_is_made_once_and_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Calibration | None
) -> None:
    store = Store(tmp_path)
    calibrator = Calibrator(make=lambda: made and store.put(made, None, "local"))
    replaced(monkeypatch, calibrator)
    with pytest.raises(RooflineError, match="make calibrate") as caught:
        newest(store)
    assert caught.value.exit_code == CANNOT_MEASURE
    assert len(calibrator.commands) == 1


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=3, seconds=59), "3 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(minutes=120), "2 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_age_is_told_in_one_unit(span: timedelta, words: str) -> None:
    assert calibrated.age(span) == words


def test_a_calibration_is_described_by_name_plan_and_age() -> None:
    record = replace(OWN, started="2026-11-23T09:30:00Z")
    assert calibrated.described(found(record), NOON) == f"{NAME} (full plan, 2 h old)"
    quick = replace(record, quick=True)
    assert calibrated.described(found(quick), NOON) == f"{NAME} (quick plan, 2 h old)"


def test_another_hosts_calibration_says_so() -> None:
    record = replace(OWN, started="2026-11-20T12:00:00Z")
    words = calibrated.described(found(record, same_node=False), NOON)
    assert words == f"{NAME} (full plan, 3 days old, of another host of this type)"


def test_now_is_in_utc() -> None:
    assert calibrated.now().utcoffset() == timedelta(0)
