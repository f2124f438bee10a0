"""`python -m roofline.compare --measured`: a kept sweep compared again, and every way to ask."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roofline.compare import main
from roofline.comparing import measured as measuring
from roofline.records import RUNGS
from roofline.store.files import Store
from roofline.store.schema import dumps
from tests.fake_conv_child import NAME, SHAPES, stored, swept
from tests.reference import reference

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "roofline.compare"]
HEAVY = {"numba", "llvmlite", "matplotlib", "pandas", "numpy"}
TOP = {
    *("format", "machine", "node", "calibration", "fit", "subject", "threads", "cache"),
    "drift",
    *("libraries", "environment", "rows", "summary", "undrifted", "noise_floor"),
}
ROW = {
    *("name", "shape", "class", "flops", "flops_executed", "bytes", "intensity"),
    *("paper_seconds", "roof_seconds", "rungs", "rung", "predicted_seconds"),
    *("low_seconds", "extrapolated"),
    *("high_seconds", "measured_seconds", "measured_low_seconds", "measured_high_seconds"),
    *("bound_by", "verdict", "layout", "algorithm"),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a sweep in a store, its calibration beside it."""
    return stored(tmp_path_factory.mktemp("archive"), swept())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own results out of every test."""
    monkeypatch.setenv("ROOFLINE_RESULTS", str(tmp_path / "none"))


def test_a_kept_sweep_is_shown_as_a_table(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--measured", str(archive)]) == 0
    shown = capsys.readouterr()
    assert all(name in shown.out for name in SHAPES)
    assert max(map(len, shown.out.splitlines())) <= 100
    assert shown.err == f"sweep: {archive}\n"


def test_quiet_says_nothing_beside_the_table(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--measured", str(archive), "--quiet"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "dense" in shown.out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    """Run with --json; return the status and what was printed."""
    status = main([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_names_in_json_stay(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = as_json(capsys, "--measured", archive)
    assert status == 0
    assert set(told) == TOP
    assert all(set(row) == ROW for row in told["rows"])
    assert [row["name"] for row in told["rows"]] == list(SHAPES)
    assert all(set(row["rungs"]) == set(RUNGS) for row in told["rows"])
    assert set(told["summary"]) == {"all", "dense", "pointwise", "grouped", "depthwise"}
    errors = {"n", "median_ape", "within_10", "within_25", "bias"}
    assert all(set(one) == errors for one in told["summary"].values())
    assert told["calibration"] == NAME


def test_what_isn_t_known_is_null_and_what_is_has_a_number(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = as_json(capsys, "--measured", archive)
    for row in told["rows"]:
        assert row["rungs"]["e"] is row["rungs"]["f"] is None
        assert min(row["rungs"][rung] for rung in "abcd") > 0
        assert row["predicted_seconds"] == row["rungs"]["d"]
        assert row["paper_seconds"] == row["rungs"]["a"]
        assert row["low_seconds"] <= row["predicted_seconds"] <= row["high_seconds"]
    assert told["noise_floor"] == pytest.approx(0, abs=1e-9)


def test_csv_has_a_row_a_layer_and_says_what_json_says(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    _, told = as_json(capsys, "--measured", archive, "--csv", path)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == list(SHAPES)
    for row, one in zip(rows, told["rows"], strict=True):
        assert float(row["measured_seconds"]) == one["measured_seconds"]
        assert row["rung_e"] == ""
    assert [path] == list(tmp_path.iterdir())


def test_figures_are_drawn(archive: Path, tmp_path: Path) -> None:
    paths = [tmp_path / "one.svg", tmp_path / "deep" / "two.png"]
    assert main(["--measured", str(archive), "--figure", *map(str, paths)]) == 0
    assert paths[0].read_text().startswith("<?xml")
    assert paths[1].read_bytes().startswith(b"\x89PNG")


def test_tolerance_decides_the_exit_status_only_when_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = stored(tmp_path, swept(machine={"share": 0.2}))
    assert main(["--measured", str(archive), "--json"]) == 0
    assert "slower" in capsys.readouterr().out
    assert main(["--measured", str(archive), "--json", "--tolerance", "0.25"]) == 1
    assert main(["--measured", str(archive), "--json", "--tolerance", "99"]) == 0


@pytest.mark.parametrize(("ratio", "status"), [(0.6, 1), (1.0, 0)])
def test_a_planted_low_ceiling_fires_faster_than_roof_and_honest_anchors_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ratio: float, status: int
) -> None:
    """Layers ran at 80 % of the calibrated peak while the anchors saw 60 % of everything."""
    archive = stored(tmp_path, swept({"all": ratio}))
    found, told = as_json(capsys, "--measured", archive)
    verdicts = {row["name"]: row["verdict"] for row in told["rows"]}
    assert found == status
    assert (verdicts["dense"] == "faster-than-roof") == (ratio < 1)
    assert ("faster-than-roof" in verdicts.values()) == (ratio < 1)
    assert told["drift"]["fma-float32-512"] == pytest.approx(ratio)


def test_a_machine_that_became_faster_is_not_faster_than_its_roof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Layers beat the calibration by 20 %, and so did the anchors of the same run."""
    archive = stored(tmp_path, swept({"all": 1.5}, machine={"share": 1.2}))
    status, told = as_json(capsys, "--measured", archive)
    assert status == 0
    assert "faster-than-roof" not in {row["verdict"] for row in told["rows"]}


def test_drift_that_the_anchors_saw_is_no_error_of_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anchors at half of the calibration: each part of a prediction takes twice as long then."""
    usual, slow = swept(), swept({"all": 0.5})
    tellings = [
        as_json(capsys, "--measured", stored(tmp_path / name, one))[1]
        for name, one in (("usual", usual), ("slow", slow))
    ]
    ratios = [1 + told["undrifted"]["bias"] for told in tellings]
    assert ratios[1] == pytest.approx(2 * ratios[0], rel=0.02)
    assert tellings[0]["summary"]["all"]["bias"] == tellings[1]["summary"]["all"]["bias"]


def test_what_moved_is_said_once_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = stored(tmp_path, swept({"dram-read": 0.4}))
    assert main(["--measured", str(archive), "--json"]) == 0
    assert "warning: dram-read moved: it is at 40 %" in capsys.readouterr().err


def test_the_calibration_is_found_beside_the_file(archive: Path, tmp_path: Path) -> None:
    for path in (archive, archive.with_name(NAME)):
        shutil.copy(path, tmp_path)
    assert main(["--measured", str(tmp_path / archive.name), "--quiet"]) == 0


def test_the_calibration_is_found_in_the_results(archive: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(archive, tmp_path))
    root = archive.parents[3]
    assert main(["--measured", str(alone), "--results", str(root), "--quiet"]) == 0


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Return the one sentence that these arguments end with."""
    assert main([*map(str, arguments)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    return line


def test_a_calibration_that_is_nowhere_is_one_sentence(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Path(shutil.copy(archive, tmp_path))
    sentence = refused(capsys, "--measured", alone, "--results", tmp_path / "empty")
    assert NAME in sentence
    assert "--results" in sentence


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_a_damaged_calibration_beside_it_is_named(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    alone = Path(shutil.copy(archive, tmp_path))
    (tmp_path / NAME).write_bytes(content)
    assert str(tmp_path / NAME) in refused(capsys, "--measured", alone)


def test_latest_is_the_newest_sweep_of_this_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, own = swept(), reference()
    stored(tmp_path, outcome)
    newer = dataclasses.replace(outcome.sweep, started="2027-01-01T00:00:00Z", subject="openvino")
    path = Store(tmp_path).put(newer, None, "lab")
    for node, words in ((own.node, ""), ("another", ", of another host of this type")):
        host = (node, own.machine.id)
        monkeypatch.setattr(measuring, "host", lambda host=host: host)
        assert main(["--measured", "latest", "--json", "--results", str(tmp_path)]) == 0
        shown = capsys.readouterr()
        assert json.loads(shown.out)["subject"] == "openvino"
        assert shown.err == f"sweep: {path}{words}\n"


def test_no_latest_sweep_tells_the_way_to_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refused(capsys, "--measured", "latest", "--results", tmp_path)
    assert "python -m roofline.compare" in sentence


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace('"sweep"', '"calibration"'), "not a valid record"),
        (lambda text: text.replace('"format":2', '"format":99'), "format 99"),
        (lambda text: text[: len(text) // 2], "damaged JSON"),
        (lambda _: dumps(reference()), "is a calibration, not a sweep"),
        (lambda _: "", "damaged JSON"),
    ],
)
def test_a_file_that_is_no_sweep_is_one_sentence(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, word: str
) -> None:
    path = tmp_path / "sweep.json"
    path.write_text(change(archive.read_text()))
    sentence = refused(capsys, "--measured", path)
    assert str(path) in sentence
    assert word in sentence


@pytest.mark.parametrize("name", ["missing.json", "", "."])
def test_a_file_that_isn_t_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert "cannot read" in refused(capsys, "--measured", name and tmp_path / name)


@pytest.mark.parametrize(
    "option",
    ["--threads 1", "--shapes a.csv", "--random 3", "--seed 0", "--subject ours", "--isa avx2"],
)
def test_what_decides_a_measurement_conflicts_with_a_kept_one(
    archive: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert option.split()[0] in refused(capsys, "--measured", archive, *option.split())
    assert "--cold" in refused(capsys, "--measured", archive, "--cold")


def loaded_by(*arguments: str | Path) -> set[str]:
    """Return the top-level modules that a process holds after the command."""
    code = "import sys; from roofline.compare import main\ntry: main(sys.argv[1:])\nfinally: "
    code += "print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}


def test_json_of_a_kept_sweep_loads_nothing_heavy(archive: Path) -> None:
    loaded = loaded_by("--measured", archive, "--json")
    assert {"roofline", "json"} <= loaded
    assert not loaded & (HEAVY | {"rich"})


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_by("--help")
    assert {"roofline", "argparse"} <= loaded
    assert not loaded & (HEAVY | {"rich", "cattrs", "psutil", "cpuinfo"})


def test_it_works_where_numba_cannot_be_imported(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('no numba here')\n")
    arguments = ["--measured", str(archive), "--figure", str(tmp_path / "one.svg")]
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, f"sweep: {archive}\n")
    assert "dense" in done.stdout
