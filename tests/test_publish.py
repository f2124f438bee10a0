"""A file appears whole or not at all, whoever dies or races while it is written."""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roofline.errors import RooflineError
from roofline.store.files import Store
from tests.builders import make_calibration

SAMPLES = {"stream.read": [[1.5e-4]]}


def test_a_damaged_file_is_never_overwritten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.put(make_calibration(), None, "lab")
    path.write_text("changed")
    with pytest.raises(RooflineError, match="is damaged"):
        store.put(make_calibration(), None, "lab")
    assert path.read_text() == "changed"


def test_a_rename_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(RooflineError, match=r"No space left on device.*--results"):
        Store(tmp_path).put(make_calibration(), SAMPLES, "lab")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def _die_before_rename(root: Path, renames: int) -> None:
    rename = Path.rename
    left = [None] * renames

    def dying(path: Path, target: Path) -> Path:
        if not left:
            os._exit(9)
        left.pop()
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        Store(root).put(make_calibration(), SAMPLES, "lab")


def _start(target: Callable[..., None], *args: object) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


@pytest.mark.parametrize("renames", [0, 1])
def test_a_writer_killed_at_any_rename_leaves_no_partial_record(
    tmp_path: Path, renames: int
) -> None:
    child = _start(_die_before_rename, tmp_path, renames)
    child.join(20)
    assert child.exitcode == 9
    store = Store(tmp_path)
    assert store.all() == ([], [])
    assert len(list(tmp_path.rglob("[!.]*.*"))) == renames
    store.put(make_calibration(), SAMPLES, "lab")
    assert len(store.all()[0]) == 1


def test_stale_leftovers_are_removed_and_fresh_ones_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.put(make_calibration(), None, "lab").parent
    stale, fresh = folder / ".stale.json.1.ab.tmp", folder / ".fresh.json.2.cd.tmp"
    for path, age in ((stale, 3700), (fresh, 3500)):
        path.write_text("half a rec")
        os.utime(path, (time.time() - age,) * 2)
    store.put(make_calibration(seconds_taken=1.0), None, "lab")
    assert not stale.exists()
    assert fresh.exists()
    assert store.all()[1] == []


def _write_many(root: Path, writer: int) -> None:
    for k in range(20):
        # Every second record is the same for all writers: they race for one name.
        taken = float(k) if k % 2 else float(1000 * writer + k)
        Store(root).put(make_calibration(seconds_taken=taken), {"k": [taken]}, "lab")


def test_concurrent_writers_leave_nothing_torn(tmp_path: Path) -> None:
    store = Store(tmp_path)
    writers = [_start(_write_many, tmp_path, w) for w in range(8)]
    while any(writer.is_alive() for writer in writers):
        assert store.all()[1] == []
    assert [writer.exitcode for writer in writers] == [0] * 8
    entries, skipped = store.all()
    assert (len(entries), skipped) == (8 * 10 + 10, [])
    for entry in entries:
        samples = entry.record.samples
        assert samples is not None
        data = (entry.path.parent / samples.name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == samples.sha256
    assert not list(tmp_path.rglob(".*.tmp"))
