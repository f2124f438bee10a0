"""The report command: what it prints, what it writes, and how it fails."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import roofline.host.machine as host
from roofline.records import Calibration, Finding
from roofline.report import main
from roofline.store.files import Store
from roofline.store.schema import dumps, loads
from tests import roof_builders as build
from tests.article_builder import article
from tests.sweep_builders import make_sweep

GOLDEN = Path(__file__).parent / "golden" / "article-10980xe.json"


def test_a_record_is_printed_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(GOLDEN)]) == 0
    shown = capsys.readouterr()
    assert "Intel Core i9-10980XE" in shown.out
    assert "2.86 TFLOP/s" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    assert shown.err == ""


def test_json_is_the_record_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(GOLDEN), "--json"]) == 0
    assert loads(capsys.readouterr().out) == article()


def test_figures_and_csv_are_written(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text(dumps(build.calibration()))
    names = ["roof.svg", "roof.png", "curve.svg", "all.csv"]
    svg, png, curve, csv = (str(tmp_path / name) for name in names)
    arguments = [str(record), "--figure", svg, png, "--threads", "1", "--curve", curve]
    assert main([*arguments, "--csv", csv]) == 0
    assert "1 core used" in Path(svg).read_text()
    assert Path(png).read_bytes().startswith(b"\x89PNG")
    assert "L1 ends at" in Path(curve).read_text()
    assert len(Path(csv).read_text().splitlines()) == 1 + len(build.calibration().ceilings)


def test_an_invalid_record_is_shown_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = Finding(severity="invalid", what="Faster than its pipes.")
    record = tmp_path / "record.json"
    record.write_text(dumps(replace(article(), findings=(finding,))))
    assert main([str(record)]) == 1
    assert "Faster than its pipes." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"{", "damaged JSON"), (b"\xff\xfe", "no JSON record")],
)
def test_a_bad_record_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, words: str
) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    problem = capsys.readouterr().err
    assert problem.startswith("error: ")
    assert words in problem
    assert str(path) in problem
    assert problem.count("\n") == 1


def test_a_sweep_is_sent_to_the_command_that_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sweep.json"
    path.write_text(dumps(make_sweep()))
    assert main([str(path)]) == 2
    shown = capsys.readouterr()
    advice = f"use `python -m roofline.compare --measured {path}`."
    assert shown.err == f"error: {path} is a sweep, not a calibration: {advice}\n"
    assert shown.out == ""


def test_unfit_requests_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["--figure", str(tmp_path / "a.gif")],
        ["--figure", str(tmp_path / "a.svg"), "--threads", "3"],
        ["--curve", str(tmp_path / "a.svg")],
        ["--csv", str(tmp_path / "absent" / "a.csv")],
    ):
        assert main([str(GOLDEN), *arguments]) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_a_number_of_cores_is_a_count(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(GOLDEN), "--threads", number]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert f"{number!r} is no number of cores" in told
    assert told.count("\n") == 1


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Calibration:
    """Make this host the one that the built calibration is of."""
    calibration = build.calibration()
    monkeypatch.setattr(host, "node_id", lambda *_: calibration.node)
    monkeypatch.setattr(host, "usable_cpus", lambda *_: (0, 1))
    monkeypatch.setattr(host, "read_machine", lambda *_: calibration.machine)
    return calibration


def test_by_default_the_newest_record_of_this_host_is_shown(
    own: Calibration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = replace(own, started="2026-02-02T00:00:00Z")
    for calibration in (newer, own):
        Store(tmp_path).put(calibration, None, "local")
    assert main(["--results", str(tmp_path), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["started"] == newer.started
    assert shown.err.startswith("record: ")
    assert "20260202T000000Z" in shown.err
    assert "(full plan)" in shown.err


def test_another_host_s_record_is_shown_with_a_note(
    own: Calibration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(tmp_path).put(replace(own, node="another"), None, "local")
    assert main(["--results", str(tmp_path)]) == 0
    assert "another host of this type" in capsys.readouterr().err


@pytest.mark.usefixtures("own")
def test_without_a_record_the_way_to_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(tmp_path)]) == 2
    assert "make calibrate" in capsys.readouterr().err


def _loaded_by(*arguments: str) -> set[str]:
    code = "import sys; from roofline.report import main\ntry: main(sys.argv[1:])\nfinally: "
    code += "print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_loads_no_heavy_library() -> None:
    heavy = {"numpy", "pandas", "matplotlib", "rich", "numba", "cattrs"}
    assert not heavy & _loaded_by("--help")


def test_json_loads_neither_pandas_nor_matplotlib() -> None:
    assert not {"numpy", "pandas", "matplotlib", "numba"} & _loaded_by(str(GOLDEN), "--json")


def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    command = f"{sys.executable} -m roofline.report {GOLDEN} | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
