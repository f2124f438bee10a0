"""The commands of an archive: copies are checked, corrections supersede, a table has it all."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas
import pytest

import roofline
from roofline.archive import main
from roofline.errors import RooflineWarning
from roofline.store.files import Store
from roofline.store.schema import dumps
from roofline.store.shelf import digest_of
from tests.builders import make_calibration, make_machine
from tests.moto_server import bucket
from tests.sweep_builders import make_sweep

__all__ = ["bucket"]
REFERENCE = Path(__file__).parents[1] / "results" / "reference"
# Records that the repository carries.
CARRIED = len([*REFERENCE.rglob("*Z-????????????.json")])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_what_is_pushed_by_one_is_pulled_by_another(
    bucket: str, tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, here = f"{bucket}/x", str(tmp_path / "here")
    assert len(answer(capsys, "push", url, "--results", str(kept))["new"]) == CARRIED
    assert answer(capsys, "push", url, "--results", str(kept))["kept"] == CARRIED
    first = answer(capsys, "pull", url, "--results", here, "--machine", "intel")
    assert len(first["new"]) == len([*REFERENCE.glob("intel-*/*/*Z-????????????.json")]) > 1
    # Interrupted or partial, the next one goes on.
    rest = answer(capsys, "pull", url, "--results", here)
    assert (len(rest["new"]) + rest["kept"], rest["refused"]) == (CARRIED, {})
    assert rest["kept"] == len(first["new"])
    mine = sorted(p.name for p in Path(here).rglob("*") if p.is_file())
    assert mine == sorted(p.name for p in kept.glob("*/*/*/*") if p.is_file())
    listed = answer(capsys, "list", "--results", url)
    assert {one["machine"].split("-")[0] for one in listed} == {"amd", "intel"}


def test_what_was_kept_for_oneself_is_not_pushed_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = str(tmp_path / "a"), str(tmp_path / "b")
    Store(Path(here)).put(make_calibration(), None, "local")
    assert main(["push", there, "--results", here]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("0 new")
    assert "kept back: 1 of the site local" in told.err
    assert len(answer(capsys, "push", there, "--results", here, "--site", "local")["new"]) == 1


def test_a_damaged_file_is_refused_and_the_rest_goes_on(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    shutil.copytree(kept / "reference", source / "reference")
    (bad,) = source.rglob("*cbac0fe6ac0d.json")
    bad.write_text("{}")
    for verb in ("pull", "merge"):
        into = str(tmp_path / verb)
        done = answer(capsys, verb, str(source), "--results", into, status=1)
        assert (len(done["new"]), len(done["refused"])) == (CARRIED - 1, 1)
        assert bad.name in next(iter(done["refused"]))


def test_a_folder_without_layout_needs_a_site(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, store = tmp_path / "sent", str(tmp_path / "store")
    sent.mkdir()
    for path in (kept / "reference" / "amd-zen3-2c-3297c6e7" / "2026").iterdir():
        shutil.copy(path, sent)
    refused = answer(capsys, "merge", str(sent), "--results", store, status=1)
    assert "--site" in next(iter(refused["refused"].values()))
    done = answer(capsys, "merge", str(sent), "--results", store, "--site", "guest")
    assert len(done["new"]) == 1
    assert len(list(Path(store).glob("guest/*/2026/*.samples.json.gz"))) == 1
    assert main(["verify", store]) == 0


def test_the_folder_of_a_site_may_be_sent_as_it_is(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    done = answer(capsys, "merge", str(kept / "reference"), "--results", str(store))
    assert (len(done["new"]), done["refused"]) == (CARRIED, {})
    assert [path.name for path in store.iterdir()] == ["reference"]


@pytest.mark.parametrize("vendor", ["../../up", "x" * 300, "\u4e2d"])
def test_a_machine_leads_nowhere_else(
    vendor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_calibration(measurements=(), machine=make_machine(vendor=vendor))
    text = dumps(record)
    name = f"20261123T005959Z-{digest_of(text.encode())}.json"
    sent = tmp_path / "a" / "sent"
    sent.mkdir(parents=True)
    (sent / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    store = tmp_path / "a" / "store"
    arguments = ["merge", str(sent), "--results", str(store), "--site", "lab"]
    told = main(arguments)
    assert told == (0 if vendor.startswith(".") else 1), capsys.readouterr()
    new = [path for path in tmp_path.rglob("*") if path not in before]
    assert all(path.is_relative_to(store) for path in new)


def test_a_correction_is_verified_and_brings_its_samples(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    shutil.copytree(kept / "reference" / "amd-zen3-2c-3297c6e7", store / "lab" / "x")
    (store / "lab" / "x").rename(store / "lab" / "amd-zen3-2c-3297c6e7")
    (old,) = store.rglob("*Z-????????????.json")
    (samples,) = store.rglob("*.samples.json.gz")
    sent = tmp_path / "sent"
    sent.mkdir()
    right = sent / "right.json"
    right.write_text(old.read_text().replace('"seconds_taken":', '"seconds_taken":1', 1))
    samples.rename(sent / samples.name)
    arguments = ["supersede", old.name, "--with", str(right), "--results", str(store)]
    right_text = right.read_text()
    right.write_text(right_text.replace('"hypervisor":"KVM"', '"hypervisor":"10.1.2.3"', 1))
    assert "network address" in refused(capsys, *arguments)
    assert list(store.rglob("*.samples.json.gz")) == []
    right.write_text(right_text)
    assert answer(capsys, *arguments)["record"].endswith(".json")
    assert samples.is_file()
    assert answer(capsys, "verify", str(store)) == []


def test_a_withdrawn_record_is_used_no_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    old = store.put(make_calibration(), None, "lab")
    wanted = {"usable_cores": 2, "isa_cap": None}
    assert store.latest(make_calibration().node, **wanted) is not None
    answer(capsys, "supersede", old.name, "--reason", "a build ran", "--results", str(tmp_path))
    assert store.latest(make_calibration().node, **wanted) is None
    assert old.exists()
    assert answer(capsys, "list", "--results", str(tmp_path)) == []
    assert len(answer(capsys, "list", "--all", "--results", str(tmp_path))) == 2


def test_a_correction_takes_the_place_of_what_it_corrects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "store")
    old = store.put(make_calibration(), None, "lab")
    better = make_calibration(seconds_taken=5.0, measurements=())
    right = Store(tmp_path / "other").put(better, None, "lab")
    answer(
        capsys, "supersede", old.name, "--with", str(right), "--results", str(tmp_path / "store")
    )
    found = store.latest(make_calibration().node, usable_cores=2, isa_cap=None)
    assert found is not None
    assert (found.record.seconds_taken, found.record.supersedes) == (5.0, old.name)


def test_a_frame_has_a_row_a_record_and_a_long_one_a_row_a_ceiling(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make_calibration(), None, "lab")
    store.put(make_sweep(), None, "lab")
    archive = roofline.open_archive(str(tmp_path))
    frame = archive.frame()
    assert list(frame["kind"]) == ["calibration", "sweep"]
    assert frame["machine"].unique().tolist() == [make_machine().id]
    assert str(frame["started"].dtype).endswith("UTC]")
    long = archive.frame(long=True)
    expected = make_calibration().ceilings
    assert len(long) == len(expected)
    assert list(long["typical"]) == [one.typical for one in expected]
    assert list(long["name"]) == [one.name for one in expected]
    assert set(long["threads"]) == {1, 2}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_export_reads_back(
    tmp_path: Path, ending: str, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra [parquet] brings pyarrow")
    file = tmp_path / f"all.{ending}"
    rows = answer(capsys, "export", f"--{ending}", str(file), "--results", str(kept))["rows"]
    read = pandas.read_csv if ending == "csv" else pandas.read_parquet
    assert len(read(file)) == rows == CARRIED


def test_a_record_of_the_future_is_skipped_with_a_warning(tmp_path: Path) -> None:
    from tests.test_files import plant

    store = Store(tmp_path)
    store.put(make_calibration(), None, "lab")
    text = next(tmp_path.rglob("*.json")).read_text().replace('"format":2', '"format":9')
    plant(tmp_path, text.encode())
    with pytest.warns(RooflineWarning, match=r"format 9.*update"):
        found = store.latest(make_calibration().node, usable_cores=2, isa_cap=None)
    assert found is not None


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one sentence that a command ends with."""
    assert main([*arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert len(shown.err.splitlines()) == 1
    return shown.err


@pytest.mark.parametrize("verb", ["pull", "merge"])
def test_a_full_disk_ends_a_copy_with_one_sentence_and_nothing_half_written(
    verb: str,
    tmp_path: Path,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    into = tmp_path / "store"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("roofline.store.publish.os.fsync", full)
        said = refused(capsys, verb, str(kept), "--results", str(into))
        assert "No space left on device" in said
        assert [path for path in into.rglob("*") if path.is_file()] == []
    assert len(answer(capsys, verb, str(kept), "--results", str(into))["new"]) == CARRIED


def test_an_export_that_fails_leaves_what_was_there(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.csv"
    file.write_text("mine")

    def half(_: object, path: Path, **__: object) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pandas.DataFrame, "to_csv", half)
    assert "No space" in refused(capsys, "export", "--csv", str(file), "--results", str(kept))
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["all.csv"]


@pytest.mark.parametrize(
    "line",
    [
        "list --results {0}/nowhere",
        "list --results {0}/file",
        "show x --results {0}/nowhere",
        "export --csv {0}/x.csv --results {0}/nowhere",
        "export --csv {0}/no/x.csv --results {1}",
        "push {0}/there --results {0}/nowhere",
        "pull {0}/nowhere --results {0}/there",
        "pull {1} --results {0}/file",
        "merge {1} --results {0}/file/below",
        "merge {1} --results {0}/new --site ../up",
        "merge {1} --results {0}/new --site Lab",
        "verify {0}/nowhere",
        "verify {1} {0}",
        "verify {1} --private {0}/nowhere",
        "verify {1} --private {0}/binary",
        "list --results nonsense://x",
        "list --results s3://",
    ],
)
def test_what_is_not_there_or_cannot_be_used_is_said(
    line: str, tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "://" in line:
        pytest.importorskip("fsspec", reason="the extra [cloud] brings fsspec")
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    before = sorted(tmp_path.rglob("*"))
    refused(capsys, *line.format(tmp_path, kept).split())
    assert [one for one in sorted(tmp_path.rglob("*")) if "cache" not in str(one)] == before


def test_a_damaged_object_behind_a_url_is_an_error_of_verify(
    bucket: str, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from roofline.store.cloud import Cloud

    url = f"{bucket}/verified"
    answer(capsys, "push", url, "--results", str(kept))
    faults = answer(capsys, "verify", url)
    assert {one["severity"] for one in faults} <= {"warning"}
    assert not any("samples" in one["what"] for one in faults)
    cloud = Cloud(url)
    place = next(one for one in cloud.places() if one.name.endswith("cbac0fe6ac0d.json"))
    system, root = cloud._opened
    system.pipe_file(f"{root}/{place.text}", b"{}", mode="overwrite")
    for where in ([url], ["--results", url]):
        (fault,) = (
            one for one in answer(capsys, "verify", *where, status=1) if one["severity"] == "error"
        )
        assert fault["path"] == f"{url}/{place.text}"
        assert "hash in its name" in fault["what"]


@pytest.mark.parametrize("verb", ["list", "pull", "push", "verify"])
def test_a_bucket_that_is_not_there_is_said(
    verb: str, bucket: str, tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del bucket
    url, here = "s3://no-such-bucket/x", ["--results", str(tmp_path / "store")]
    lines = {
        "list": ["list", "--results", url],
        "pull": ["pull", url, *here],
        "push": ["push", url, "--results", str(kept)],
        "verify": ["verify", url],
    }
    assert "no-such-bucket" in refused(capsys, *lines[verb])


@pytest.mark.parametrize(
    "line", ["show nothing", "export", "supersede x", "merge nowhere", "verify nowhere", "fly", ""]
)
def test_bad_input_is_one_sentence(
    line: str, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--results", str(kept)] if " " in line or line == "export" else []
    assert main([*line.split(), *where]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert len(shown.err.splitlines()) == 1
