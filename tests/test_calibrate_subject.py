"""`python -m calibrate.subject` without measuring: kept sweeps are fitted, judged and used."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from calibrate import subject
from roofline import compare, shapes
from roofline.comparing.libraries import CALL
from roofline.records import Anchor, Efficiency
from roofline.store.files import Store
from roofline.store.schema import loads_as
from tests.efficiency_builders import make_complete_efficiency, planted_sweep
from tests.reference import reference

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store that holds the reference calibration."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Store(tmp_path / "results").put(replace(reference(), samples=None), None, "local")
    return tmp_path / "results"


@pytest.fixture
def run(results: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object, main: Callable[..., int] = subject.main) -> tuple[int, str, str]:
        status = main([*map(str, words), "--results", str(results)])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def sweeps(results: Path) -> tuple[Path, Path]:
    """Return a sweep to fit and one to judge by."""
    store = Store(results)
    (calibration,) = results.glob("*/*/*/*.json")
    fitted = planted_sweep(shapes.draw(40, 31), noise=0.03)
    judged = planted_sweep(shapes.draw(30, 32), noise=0.03, seed=2)
    paths = [
        store.put(replace(one, calibration=calibration.name, started=started), None, "local")
        for one, started in ((fitted, "2026-11-25T00:59:59Z"), (judged, "2026-11-25T01:59:59Z"))
    ]
    return paths[0], paths[1]


def fits(results: Path) -> list[Path]:
    return [one for one in results.glob("*/*/*/*.json") if '"kind":"efficiency"' in one.read_text()]


def test_a_kept_sweep_is_fitted_and_judged(
    run: Run, results: Path, sweeps: tuple[Path, Path]
) -> None:
    status, out, err = run("ours", "--measured", sweeps[0], "--judge", sweeps[1])
    assert status == 0
    for words in ("computing", "believed before", "fitted physical parameters", "Judged by"):
        assert words in out
    (path,) = fits(results)
    assert path.name in err
    record = loads_as(Efficiency, path.read_text())
    assert len(record.timings) == 40
    assert record.errors["e"].median_ape < record.errors["d"].median_ape
    assert path.stat().st_size <= 64 << 10


def test_compare_predicts_with_what_was_fitted(
    run: Run, results: Path, sweeps: tuple[Path, Path]
) -> None:
    before = run("--measured", sweeps[1], "--json", main=compare.main)
    assert {row["rung"] for row in json.loads(before[1])["rows"]} == {"d"}
    run("ours", "--measured", sweeps[0], "--quiet")
    status, out, err = run("--measured", sweeps[1], "--json", main=compare.main)
    assert status == 0
    assert f"fit: {fits(results)[0].name}" in err
    answer = json.loads(out)
    assert answer["fit"] == fits(results)[0].name
    for row in answer["rows"]:
        assert row["rung"] == "e"
        assert row["rungs"]["e"] == row["predicted_seconds"]
        assert row["low_seconds"] <= row["predicted_seconds"] <= row["high_seconds"]
        assert isinstance(row["extrapolated"], list)
    assert answer["summary"]["all"]["median_ape"] < 0.08
    again = run("--measured", sweeps[1], "--rung", "d", "--json", main=compare.main)
    assert json.loads(again[1])["summary"] == json.loads(before[1])["summary"]


def test_the_fitted_layers_themselves_stay_at_rung_d(run: Run, sweeps: tuple[Path, Path]) -> None:
    run("ours", "--measured", sweeps[0], "--quiet")
    _, out, err = run("--measured", sweeps[0], "--json", main=compare.main)
    assert "40 of these layers were fitted" in err
    assert {row["rung"] for row in json.loads(out)["rows"]} == {"d"}


def test_the_table_says_how_the_intervals_held(run: Run, sweeps: tuple[Path, Path]) -> None:
    run("ours", "--measured", sweeps[0], "--quiet")
    _, out, _ = run("--measured", sweeps[1], main=compare.main)
    assert "lie in their interval" in " ".join(out.split())


def test_a_fit_is_fitted_again_from_its_own_record(
    run: Run, results: Path, sweeps: tuple[Path, Path]
) -> None:
    run("ours", "--measured", sweeps[0], "--quiet")
    (path,) = fits(results)
    _, out, _ = run("ours", "--measured", path, "--no-save", "--json", "--quiet")
    again, before = loads_as(Efficiency, out), loads_as(Efficiency, path.read_text())
    values = [one.value for one in again.parameters]
    assert values == pytest.approx([one.value for one in before.parameters], rel=1e-3)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nobody"], "unknown subject"),
        (["ours", "--threads", "0"], "no number of cores"),
        (["ours", "--measured", "missing.json"], "cannot read missing.json"),
        (["ours", "--measured", "{sweep}", "--threads", "1"], "leave --threads out"),
        (["torch", "--measured", "{sweep}"], "is of ours, not of torch"),
        (["ours", "--measured", "{sweep}", "--judge", "{sweep}"], "is to be judged by"),
        (["ours", "--measured", "{calibration}"], "neither a sweep nor a fit"),
        (["ours", "--quick", "--shapes", "x.csv"], "give one of the two"),
        (["ours", "--shapes", "missing.csv"], "cannot read"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    run: Run, results: Path, sweeps: tuple[Path, Path], words: list[str], reason: str
) -> None:
    calibration = next(x for x in results.glob("*/*/*/*.json") if x not in sweeps)
    places = {"sweep": sweeps[0], "calibration": calibration}
    status, out, err = run(*(word.format(**places) for word in words))
    assert status == 2
    assert out == ""
    assert reason in err
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    assert not fits(results)


def test_layers_of_the_default_sweep_are_never_fitted(run: Run, tmp_path: Path) -> None:
    layer = shapes.default_sweep()[0].shape
    path = tmp_path / "list.csv"
    lines = [f"{layer.in_channels},{layer.height},{layer.width},{layer.out_channels}"]
    lines[0] += f",{layer.kernel[0]}x{layer.kernel[1]},{layer.stride[0]},{layer.padding[0]}"
    header = "in_channels,height,width,out_channels,kernel,stride,padding"
    path.write_text("\n".join([header, *lines]) + "\n")
    status, _, err = run("ours", "--shapes", path)
    assert status == 2
    assert "default sweep" in err


def test_verify_doubts_a_fit_whose_numbers_misfit() -> None:
    from roofline.archiving.verify import record_faults

    whole = make_complete_efficiency()
    assert [what for severity, what in record_faults(whole) if severity == "error"] == []
    trees = replace(whole.members[0].trees, splits=(0, 3, 99))
    for broken in (
        replace(whole, folds=(0,)),
        replace(whole, folds=(7,) * 6),
        replace(whole, folds=(-1,) * 6),
        replace(whole, folds=(-2, *whole.folds[1:])),
        replace(whole, members=(replace(whole.members[0], parameters=(1.0,)),)),
        replace(whole, members=(replace(whole.members[0], trees=trees), whole.members[1])),
    ):
        assert any(severity == "error" for severity, _ in record_faults(broken))


def test_another_machine_is_predicted_with_what_was_fitted_to_it(
    run: Run, results: Path, sweeps: tuple[Path, Path]
) -> None:
    run("ours", "--measured", sweeps[0], "--quiet")
    machine = reference().machine.id
    words = ["--machine", machine, "--threads", "1", "--random", "8", "--seed", "5", "--json"]
    status, out, err = run(*words, main=compare.main)
    assert status == 0
    assert {row["rung"] for row in json.loads(out)["rows"]} == {"e"}
    assert fits(results)[0].name in err


def test_a_librarys_call_costs_what_its_fit_saw(
    run: Run, results: Path, sweeps: tuple[Path, Path]
) -> None:
    run("ours", "--measured", sweeps[0], "--quiet")
    record = loads_as(Efficiency, fits(results)[0].read_text())
    call = Anchor(ceiling=CALL, unit="1/s", rates=(1e5, 2e5, 4e5))
    Store(results).put(replace(record, subject="torch", anchors=(call,)), None, "local")
    words = ["--machine", record.machine.id, "--subject", "torch", "--threads", "1"]
    words += ["--random", "4", "--seed", "5", "--rung", "c", "--json"]
    known = json.loads(run(*words, main=compare.main)[1])["rows"]
    words[3] = "torch-prepacked"
    unknown = json.loads(run(*words, main=compare.main)[1])["rows"]
    for more, less in zip(known, unknown, strict=True):
        assert more["rungs"]["c"] - less["rungs"]["c"] == pytest.approx(5e-6)
