"""The store keeps every record whole, whoever writes, dies or meddles."""

import gzip
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from roofline.errors import RooflineError
from roofline.records import Calibration, Finding
from roofline.store.files import LOCAL_SITE, MAX_BYTES, Store, default_root, resolve_root
from roofline.store.schema import dumps
from tests.builders import make_calibration, make_machine

NODE = make_calibration().node
SAMPLES = {"stream.read": [[1.23456789e-4, 2e-4], [3.0]]}


def visible(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))


def reasons(store: Store) -> list[str]:
    return [skipped.reason for skipped in store.all()[1]]


def plant(root: Path, data: bytes, stamp: str = "20261123T005959Z", machine: str = "") -> Path:
    """Write bytes where a record would lie, under the name that their hash asks for."""
    folder = root / "lab" / (machine or make_machine().id) / stamp[:4]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stamp}-{hashlib.sha256(data).hexdigest()[:12]}.json"
    path.write_bytes(data)
    return path


def latest(store: Store, **wanted: Any) -> Calibration | None:
    facts: dict[str, Any] = {"node": NODE, "usable_cores": 2, "isa_cap": None}
    found = store.latest(**(facts | wanted))
    return found.record if found else None


def test_a_record_is_named_by_its_time_and_hash(tmp_path: Path) -> None:
    path = Store(tmp_path).put(make_calibration(), None, LOCAL_SITE)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    folder = tmp_path / "local" / make_machine().id / "2026"
    assert path == folder / f"20261123T005959Z-{digest}.json"
    assert visible(tmp_path) == [path]


def test_what_was_put_is_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.put(make_calibration(), None, "lab")
    (entry,), skipped = store.all()
    assert (entry.path, entry.record, skipped) == (path, make_calibration(), [])


def test_samples_lie_beside_the_record_that_names_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.put(make_calibration(), SAMPLES, "lab")
    named = store.all()[0][0].record.samples
    assert named is not None
    data = (path.parent / named.name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == named.sha256
    assert named.name == f"20261123T005959Z-{named.sha256[:12]}.samples.json.gz"
    assert json.loads(gzip.decompress(data)) == {"stream.read": [[1.2346e-4, 2e-4], [3.0]]}


def test_the_same_content_twice_is_the_same_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.put(make_calibration(), SAMPLES, "lab") == store.put(
        make_calibration(), SAMPLES, "lab"
    )
    assert len(visible(tmp_path)) == 2


@pytest.mark.parametrize("site", ["", "..", ".", "a/b", "/tmp", "Lab", "-x", ".x", "a" * 65, "a\n"])
def test_a_site_is_a_plain_name(tmp_path: Path, site: str) -> None:
    store = Store(tmp_path)
    with pytest.raises(RooflineError, match="no site name") as caught:
        store.check_writable(site)
    assert caught.value.exit_code == 2
    with pytest.raises(RooflineError, match="no site name"):
        store.put(make_calibration(), None, site)
    assert not list(tmp_path.iterdir())


def test_a_record_that_could_not_be_read_back_is_not_stored(tmp_path: Path) -> None:
    huge = (Finding(severity="note", what="x" * MAX_BYTES),)
    for bad in ({"started": "today"}, {"seconds_taken": float("nan")}, {"findings": huge}):
        with pytest.raises(RooflineError):
            Store(tmp_path).put(make_calibration(**bad), None, "lab")
    with pytest.raises(RooflineError, match="finite"):
        Store(tmp_path).put(make_calibration(), {"a": [float("inf")]}, "lab")
    assert list(tmp_path.iterdir()) == []


def test_what_writes_records_must_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before anything is measured, not as the record is written."""
    monkeypatch.delitem(sys.modules, "roofline.store.convert", raising=False)
    monkeypatch.setitem(sys.modules, "cattrs", None)
    with pytest.raises(ModuleNotFoundError, match="cattrs"):
        Store(tmp_path).check_writable("lab")


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    Store(tmp_path / "not" / "yet").check_writable("lab")
    Store(tmp_path).check_writable("lab", make_machine().id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("in_the_way", ["results", "results/lab", "results/lab/machine"])
def test_a_file_in_the_way_is_noticed_before_measuring(tmp_path: Path, in_the_way: str) -> None:
    obstacle = tmp_path / in_the_way
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_text("")
    with pytest.raises(RooflineError, match=r"a file is in the way.*--results") as caught:
        Store(tmp_path / "results").check_writable("lab", "machine")
    assert caught.value.exit_code == 2
    assert str(obstacle) in str(caught.value)


def test_a_file_in_the_way_stops_put_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("")
    with pytest.raises(RooflineError, match="a file is in the way"):
        Store(tmp_path).put(make_calibration(), None, "lab")


def test_a_link_to_nowhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "lab").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RooflineError):
        Store(tmp_path).check_writable("lab")


def test_a_folder_that_cannot_be_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        # Mode bits don't bind root: stand in for a read-only file system.
        def refuse(**_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RooflineError, match="cannot write results in"):
            Store(tmp_path).check_writable("lab")
    finally:
        tmp_path.chmod(0o700)


def test_a_site_that_links_out_of_the_store_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "lab").symlink_to(outside)
    with pytest.raises(RooflineError, match="leads out of the store"):
        Store(root).put(make_calibration(), None, "lab")
    assert list(outside.iterdir()) == []
    assert reasons(Store(root)) == ["not a record: it is a link out of the store."]


def test_an_absent_or_empty_store_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path / "absent").all() == ([], [])
    assert Store(tmp_path).all() == ([], [])
    assert latest(Store(tmp_path)) is None


def test_files_that_are_no_records_by_place_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("{}")
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "README.md").write_text("")
    (tmp_path / "lab" / ".hidden.json").write_text("")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.json").write_text("")
    assert Store(tmp_path).all() == ([], [])


RECORD = dumps(make_calibration()).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (RECORD[:-30], "damaged JSON"),
        (b"", "damaged JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"name":"another tool"}', "its kind is None"),
        (RECORD.replace(b'"format":2', b'"format":3'), "update calibrated-roofline"),
        (RECORD.replace(b"2026-11-23T00", b"2026-11-23T01"), "time when it was started"),
        (RECORD.replace(b"2026-11-23T00:59:59Z", b"yesterday"), "isn't written like"),
        (RECORD.replace(b'"cores":2', b'"cores":3'), "wrong folder: it belongs in <site>/genuine"),
        (b" " * (MAX_BYTES + 1), "too large"),
    ],
)
def test_each_kind_of_damage_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    store = Store(tmp_path)
    good = store.put(make_calibration(seconds_taken=1.0), None, "lab")
    bad = plant(tmp_path, data)
    entries, (skipped,) = store.all()
    assert [entry.path for entry in entries] == [good]
    assert skipped.path == bad
    assert reason in skipped.reason


def test_an_edited_or_renamed_record_is_named(tmp_path: Path) -> None:
    path = plant(tmp_path, RECORD)
    path.write_bytes(RECORD.replace(b"93.5", b"92.5"))
    renamed = path.with_name("best.json")
    renamed.write_bytes(RECORD)
    assert reasons(Store(tmp_path)) == [
        "damaged or edited: its content does not match the hash in its name.",
        "not a record: its name isn't <UTC-time>-<hash>.json.",
    ]


def test_a_record_in_a_strange_place_is_named(tmp_path: Path) -> None:
    path = plant(tmp_path, RECORD, machine="another-machine")
    path.rename(tmp_path / "lab" / path.name)
    assert "wrong folder" in reasons(Store(tmp_path))[0]


def test_links_and_pipes_are_named_and_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    outside = plant(tmp_path / "outside", RECORD)
    inside = plant(root, RECORD)
    os.mkfifo(inside.with_name("1pipe.json"))
    inside.with_name("2out.json").symlink_to(outside)
    inside.with_name("3in.json").symlink_to(inside)
    inside.with_name("4loop.json").symlink_to("4loop.json")
    (root / "lab" / "out").symlink_to(outside.parent)
    entries, skipped = Store(root).all()
    assert [entry.path for entry in entries] == [inside]
    found = {s.path.name: s.reason for s in skipped}
    assert found.keys() == {"1pipe.json", "2out.json", "3in.json", "4loop.json", "out"}
    assert "regular file" in found["1pipe.json"]
    assert "out of the store" in found["2out.json"]
    assert "another place in the store" in found["3in.json"]
    assert "out of the store" in found["out"]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = Store(tmp_path / "link")
    store.put(make_calibration(), None, "lab")
    assert len(store.all()[0]) == 1


def test_latest_ignores_invalid_superseded_damaged_and_capped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    right = store.put(make_calibration(), None, "lab")
    wrong = store.put(make_calibration(started="2026-11-24T00:00:00Z"), None, "lab")
    invalid = (Finding(severity="invalid", what="too fast"),)
    later: list[dict[str, Any]] = [
        {"findings": invalid, "supersedes": wrong.stem},
        {"isa_cap": "avx2"},
        {"usable_cores": 1},
        {"node": "another"},
    ]
    for facts in later:
        store.put(make_calibration(started="2026-11-25T00:00:00Z", **facts), None, "other")
    plant(tmp_path, RECORD[:-5], stamp="20261126T000000Z")
    found = store.latest(NODE, usable_cores=2, isa_cap=None)
    assert found is not None
    assert (found.entry.path, found.same_node) == (right, True)


def test_latest_offers_another_host_only_of_the_type_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make_calibration(node="another"), None, "lab")
    assert latest(store) is None
    assert latest(store, machine_id="another-type") is None
    found = store.latest(NODE, usable_cores=2, isa_cap=None, machine_id=make_machine().id)
    assert found is not None
    assert not found.same_node


def test_a_checkout_keeps_results_in_itself(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "setup.cfg").write_text("")
    assert default_root(tmp_path / "roofline", {}) == tmp_path / "results"


def test_a_wheel_keeps_results_in_the_users_data_folder(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "roofline"
    there = default_root(package, {"XDG_DATA_HOME": str(tmp_path)})
    assert there == tmp_path / "calibrated-roofline"
    for environ in ({}, {"XDG_DATA_HOME": "relative"}):
        assert default_root(package, environ) == Path.home() / ".local/share/calibrated-roofline"


def test_the_argument_outranks_the_environment(tmp_path: Path) -> None:
    environ = {"ROOFLINE_RESULTS": str(tmp_path)}
    assert resolve_root(None, environ) == tmp_path
    assert resolve_root("here", environ) == Path("here")
    assert resolve_root("~/there", {}) == Path.home() / "there"
    assert resolve_root(None, {}) == default_root(Path(__file__).parents[1] / "roofline", {})


@pytest.mark.parametrize("url", ["s3://bucket/results", "https://example.org", "file:///tmp"])
def test_where_only_a_folder_will_do_a_url_is_refused(url: str) -> None:
    with pytest.raises(RooflineError, match="give --results a folder") as caught:
        resolve_root(url, {})
    assert caught.value.exit_code == 2
