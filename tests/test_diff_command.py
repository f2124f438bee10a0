"""The diff command: every way to name a calibration, what it prints, how it exits."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import roofline.host.machine as host
from roofline.diff import main
from roofline.records import Calibration, Finding
from roofline.store.files import Store
from roofline.store.schema import dumps
from tests.reference import reference
from tests.sweep_builders import make_sweep

DAY = "2026-11-23"


def at(time: str) -> Calibration:
    return replace(reference(), started=f"{DAY}T{time}Z")


def slower(calibration: Calibration) -> Calibration:
    """Return a calibration whose first ceiling was measured at 0.8 of its speed."""
    first, *others = calibration.ceilings
    figures = ("flop_per_cycle_median", "flop_per_cycle")
    cycles = {name: 0.8 * float(first.evidence[name] or 0) for name in figures}
    peak = replace(
        first,
        typical=0.8 * first.typical,
        low=0.8 * first.low,
        high=0.8 * first.high,
        evidence={**first.evidence, **cycles},
    )
    one, *rest = calibration.measurements
    seconds = tuple(tuple(s / 0.8 for s in samples) for samples in one.seconds)
    measurements = (replace(one, seconds=seconds), *rest)
    return replace(calibration, ceilings=(peak, *others), measurements=measurements)


class Shelf:
    """A store with three calibrations of this host, one of another and a sweep."""

    def __init__(self, root: Path) -> None:
        store = Store(root)
        self.root = str(root)
        self.old = store.put(at("01:00:00"), None, "local")
        self.middle = store.put(at("02:30:00"), None, "local")
        self.new = store.put(slower(at("04:00:00")), None, "local")
        self.other = store.put(replace(at("05:00:00"), node="feed"), None, "local")
        self.sweep = store.put(make_sweep(), None, "local")

    def compared(self, a: str, b: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
        """Return the names of the records that were compared."""
        assert main([a, b, "--json", "--quiet", "--results", self.root]) in (0, 1)
        shown = capsys.readouterr()
        assert shown.err == ""
        tree = json.loads(shown.out)
        return tree["a"]["record"], tree["b"]["record"]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    own = reference()
    monkeypatch.setattr(host, "node_id", lambda *_: own.node)
    monkeypatch.setattr(host, "usable_cpus", lambda *_: (0, 1))
    monkeypatch.setattr(host, "read_machine", lambda *_: own.machine)
    return Shelf(tmp_path)


def test_files_names_and_stems(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    names = (shelf.old.name, shelf.new.name)
    assert shelf.compared(str(shelf.old), str(shelf.new), capsys) == names
    assert shelf.compared(*names, capsys) == names
    assert shelf.compared(shelf.old.stem, shelf.new.stem, capsys) == names


def test_latest_and_the_one_before(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    found = shelf.compared("previous", "latest", capsys)
    assert found == (shelf.middle.name, shelf.new.name)


def test_dates_and_times(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert shelf.compared(f"{DAY}T01", DAY, capsys) == (shelf.old.name, shelf.new.name)
    assert shelf.compared("20261123T0230", f"{DAY}T04:00:00Z", capsys)[0] == shelf.middle.name


def test_nodes(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    names = (shelf.new.name, shelf.other.name)
    assert shelf.compared(reference().node, "feed", capsys) == names


def test_the_exit_status_tells_whether_anything_changed(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--results", shelf.root]
    assert main([shelf.old.name, shelf.middle.name, *common]) == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines()[0] == f"A: {shelf.old} (full plan)"
    assert "0 changed" in shown.out
    assert main([shelf.old.name, shelf.new.name, *common]) == 1
    shown = capsys.readouterr().out
    assert "20% less" in shown
    assert "1 changed" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_what_stayed_the_same_is_shown_when_asked_for(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths = []
    for options in ([], ["--all"]):
        main([shelf.old.name, shelf.middle.name, "--results", shelf.root, *options])
        lengths.append(len(capsys.readouterr().out.splitlines()))
    assert lengths[0] < lengths[1]


def test_json_is_deterministic_and_its_names_are_stable(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [shelf.old.name, shelf.new.name, "--json", "--results", shelf.root]
    assert main(arguments) == 1
    first = capsys.readouterr().out
    assert main(arguments) == 1
    assert capsys.readouterr().out == first
    tree = json.loads(first)
    top = ["format", "a", "b", "counts", "rows", "only_in_a", "only_in_b", "differs"]
    assert list(tree) == top
    heading = ["record", "machine", "node", "started", "quick", "isa_cap", "valid"]
    assert list(tree["a"]) == list(tree["b"]) == heading
    assert list(tree["counts"]) == ["changed", "cant_tell", "same"]
    assert list(tree["rows"][0]) == [
        *("kind", "name", "threads", "family", "unit", "a", "b", "ratio", "ratio_low"),
        *("ratio_high", "p", "peak_ratio", "shared", "floor", "rounds_a", "rounds_b", "same_code"),
        *("verdict", "why"),
    ]
    moved = [row for row in tree["rows"] if row["verdict"] == "changed"]
    assert [(row["name"], row["unit"]) for row in moved] == [("fma-float32-512", "FLOP/cycle")]
    assert moved[0]["ratio"] == pytest.approx(0.8, abs=1e-3)


def test_an_invalid_calibration_may_be_named_and_is_called_that(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "invalid.json"
    finding = Finding(severity="invalid", what="Faster than its pipes.")
    path.write_text(dumps(replace(at("03:00:00"), findings=(finding,))))
    main([shelf.old.name, str(path), "--results", shelf.root])
    assert "passed -> invalid" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing-of-that-name", "a date like 2026-11-23"),
        ("2025-01-01", "no calibration of this host began at 2025-01-01"),
        ("absent/record.json", "No such file"),
        ("SWEEP", "is a sweep, not a calibration"),
        ("SWEEP PATH", "is a sweep, not a calibration"),
        ("BROKEN", "damaged JSON"),
    ],
)
def test_bad_input_is_one_sentence(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    special = {"SWEEP": shelf.sweep.name, "SWEEP PATH": str(shelf.sweep), "BROKEN": str(broken)}
    assert main([shelf.old.name, special.get(name, name), "--results", shelf.root]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert words in shown.err


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("arguments", [[], ["latest"], ["a", "b", "--unknown"]])
def test_slips_of_the_command_line_are_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(("a", "words"), [("latest", "make calibrate"), ("previous", "make")])
def test_an_empty_store_has_no_latest(
    a: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([a, "latest", "--results", str(tmp_path / "empty")]) == 2
    assert words in capsys.readouterr().err


def test_the_only_calibration_has_none_before_it(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(tmp_path / "one").put(at("01:00:00"), None, "local")
    assert shelf
    assert main(["previous", "latest", "--results", str(tmp_path / "one")]) == 2
    assert "the only calibration" in capsys.readouterr().err


def _loaded_by(*arguments: str) -> set[str]:
    code = "import sys; from roofline.diff import main\ntry: main(sys.argv[1:])\nfinally: "
    code += "print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_loads_no_heavy_library() -> None:
    heavy = {"numpy", "pandas", "matplotlib", "rich", "numba", "cattrs"}
    assert not heavy & _loaded_by("--help")


def test_json_loads_neither_numpy_nor_pandas_nor_matplotlib(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(dumps(reference()))
    loaded = _loaded_by(str(path), str(path), "--json", "--quiet")
    assert not {"numpy", "pandas", "matplotlib", "numba"} & loaded
