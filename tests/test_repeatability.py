"""What the tool says of records: deviations, false alarms, and slow-downs that were planted."""

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from roofline.physics.replicates import sample
from roofline.store.files import Store
from tests.simulated import Machine
from tools import repeatability
from tools.repeatability import PLANTED, analysed, load, planted

CALM = Machine(noise=0.3)


def stored(folder: Path, count: int) -> None:
    draw = random.Random(4)
    for number in range(count):
        record = CALM.calibrate(draw)
        record = replace(record, started=f"2026-11-23T{number:02}:00:00Z")
        Store(folder).put(record, None, "local")


def test_records_are_read_oldest_first(tmp_path: Path) -> None:
    stored(tmp_path, 3)
    assert [one.started[11:13] for one in load(tmp_path)] == ["00", "01", "02"]


def test_a_slow_down_is_planted_in_the_ceiling_its_evidence_and_its_rounds_only() -> None:
    record = CALM.calibrate(random.Random(1))
    for name, threads in (("fma-float32-512", 1), ("l2-read", 2)):
        before, slow = record.ceiling(name, threads), planted(record, name, threads, PLANTED)
        after = slow.ceiling(name, threads)
        assert before is not None
        assert after is not None
        assert after.typical == pytest.approx(PLANTED * before.typical)
        for figure in ("best", "flop_per_cycle"):
            if figure in before.evidence:
                scaled = PLANTED * float(before.evidence[figure] or 0)
                assert after.evidence[figure] == pytest.approx(scaled)
        rounds = sample(slow, after).rounds
        assert rounds == pytest.approx([PLANTED * one for one in sample(record, before).rounds])
        kept = [c for c in slow.ceilings if c is not after]
        assert kept == [c for c in record.ceilings if c is not before]
        assert sum(a != b for a, b in zip(record.measurements, slow.measurements, strict=True)) == 1
    with pytest.raises(KeyError):
        planted(record, "l9-read", 1, PLANTED)


def test_what_is_planted_is_found_and_what_did_not_change_is_not_called_so(tmp_path: Path) -> None:
    stored(tmp_path, 4)
    report = analysed(load(tmp_path))
    assert report.minutes == 180
    assert len(report.changed) == 3
    assert sum(map(len, report.changed)) <= 1
    found = {(one.name, one.threads): one for one in report.planted}
    assert found["fma-float32-512", 1].found == found["fma-float32-512", 1].pairs == 3
    inside = [one for one in report.planted if not one.name.startswith("dram")]
    assert sum(one.found for one in inside) >= 0.9 * sum(one.pairs for one in inside)


def test_deviations_have_limits_by_kind(tmp_path: Path) -> None:
    stored(tmp_path, 3)
    report = analysed(load(tmp_path))
    limits = {one.kind: one.limit for one in report.deviations}
    assert limits == {"FLOP/cycle": 0.015, "L1": 0.05, "L2": 0.1, "L3": 0.1}
    for one in report.deviations:
        assert 0 <= one.median <= one.largest
        assert (one.largest <= one.limit) == (one.within == 1)


def test_records_that_are_there_are_analysed_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, 2)
    assert repeatability.main(["--from", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["records"]) == 2
    assert repeatability.main(["--from", str(tmp_path)]) == 0
    assert "15% planted" in capsys.readouterr().out


def test_one_record_makes_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(tmp_path, 1)
    assert repeatability.main(["--from", str(tmp_path)]) == 2
    assert "two make a pair" in capsys.readouterr().err


def test_calibrations_are_made_until_there_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, 1)
    commands: list[list[str]] = []

    def calibrated(command: list[str], **_: object) -> object:
        commands.append(command)
        stored(tmp_path, len(commands) + 1)
        return type("Done", (), {"returncode": 0})()

    monkeypatch.setattr(repeatability.subprocess, "run", calibrated)
    repeatability.collect(tmp_path, 3, 0.0, "nice -n 5", "--quick")
    assert len(commands) == 2
    assert commands[0][:6] == ["nice", "-n", "5", sys.executable, "-m", "calibrate"]
    assert commands[0][-1] == "--quick"
    assert str(tmp_path.resolve()) in commands[0]


def test_a_calibration_that_leaves_nothing_ends_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = type("Done", (), {"returncode": 3})()
    monkeypatch.setattr(repeatability.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(SystemExit, match="ended with 3"):
        repeatability.collect(tmp_path, 2, 0.0, "", "")
