"""A store at a URL: nothing is overwritten, all that is fetched is checked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from roofline.archive import main
from roofline.errors import RooflineError, RooflineWarning
from roofline.store.cloud import Cloud, CloudStore
from roofline.store.files import Store, open_store
from roofline.store.shelf import agrees, is_record
from tests.builders import make_calibration, make_machine
from tests.moto_server import bucket

__all__ = ["bucket"]

NODE = make_calibration().node
WRITER = """
import sys
from roofline.store.files import open_store
from tests.builders import make_calibration
for k in range(5):
    # Every second record is the same for all writers: they race for one name.
    taken = float(k) if k % 2 else 1000.0 * int(sys.argv[2]) + k
    record = make_calibration(seconds_taken=taken)
    open_store(sys.argv[1]).put(record, {"k": [taken]}, "lab")
"""


def opened(url: str, cache: Path) -> CloudStore:
    store = open_store(url, {"XDG_CACHE_HOME": str(cache)})
    assert isinstance(store, CloudStore)
    return store


def test_what_one_host_puts_another_finds(bucket: str, tmp_path: Path) -> None:
    url = f"{bucket}/a"
    here, there = opened(url, tmp_path / "here"), opened(url, tmp_path / "there")
    here.check_writable("lab")
    path = here.put(make_calibration(), {"k": [1.0]}, "lab")
    assert here.shown(path).startswith(f"{url}/lab/{make_machine().id}/2026/20261123T005959Z-")
    found = there.latest(NODE, usable_cores=2, isa_cap=None, machine_id=make_machine().id)
    assert found is not None
    assert found.record.seconds_taken == make_calibration().seconds_taken
    assert len(there.cloud.places()) == 2
    assert there.named(path.name) is not None


def test_the_same_content_twice_is_one_object(bucket: str, tmp_path: Path) -> None:
    store = opened(f"{bucket}/b", tmp_path)
    assert store.put(make_calibration(), None, "lab") == store.put(make_calibration(), None, "lab")
    assert len(store.cloud.places()) == 1


def test_what_is_there_is_never_overwritten(bucket: str, tmp_path: Path) -> None:
    store = opened(f"{bucket}/c", tmp_path)
    store.put(make_calibration(), None, "lab")
    (place,) = store.cloud.places()
    with pytest.raises(RooflineError, match="is damaged"):
        store.cloud.write(place, b"something else")


def test_an_edited_object_is_skipped_and_named(bucket: str, tmp_path: Path) -> None:
    store = opened(f"{bucket}/d", tmp_path)
    store.put(make_calibration(), None, "lab")
    (place,) = store.cloud.places()
    system, root = store.cloud._opened
    system.pipe_file(f"{root}/{place.text}", b"{}", mode="overwrite")
    other = opened(f"{bucket}/d", tmp_path / "other")
    with pytest.warns(RooflineWarning, match="damaged or edited"):
        assert other.all() == ([], [])


def test_what_went_from_the_archive_goes_from_the_mirror(bucket: str, tmp_path: Path) -> None:
    store = opened(f"{bucket}/e", tmp_path)
    store.put(make_calibration(), None, "lab")
    system, root = store.cloud._opened
    system.rm(root, recursive=True)
    assert store.all() == ([], [])


def test_processes_that_race_lose_and_double_nothing(bucket: str, tmp_path: Path) -> None:
    url = f"{bucket}/race"
    command = [sys.executable, "-c", WRITER, url]
    root = Path(__file__).resolve().parents[1]
    writers = [subprocess.Popen([*command, str(number)], cwd=root) for number in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    cloud = Cloud(url)
    places = cloud.places()
    assert len([one for one in places if is_record(one)]) == 3 * 3 + 2
    assert all(agrees(place, cloud.read(place)) for place in places)
    entries, skipped = opened(url, tmp_path).all()
    assert (len(entries), skipped) == (11, [])


@pytest.mark.usefixtures("bucket")
def test_a_record_that_cannot_be_put_is_kept_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roofline.store.cloud.default_root", lambda _: tmp_path / "kept")
    store = opened("s3://no-such-bucket/x", tmp_path)
    for site in ("lab", "local"):
        with pytest.raises(RooflineError, match="kept as ") as caught:
            store.put(make_calibration(), {"k": [1.0]}, site)
        (line,) = re.findall(r"`python -m roofline.archive (.*)`", str(caught.value))
        store.cloud._opened[0].mkdir("no-such-bucket")
        assert main(line.split()) == 0
        assert [place.site for place in store.cloud.places() if is_record(place)] == [site]
        store.cloud._opened[0].rm("no-such-bucket", recursive=True)
    assert len(Store(tmp_path / "kept").all()[0]) == 2
    with pytest.raises(RooflineError, match=r"no bucket|cannot use"):
        store.check_writable("lab")


def test_a_folder_needs_no_fsspec(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from roofline.store.files import open_store;"
        "from tests.builders import make_calibration;"
        f"open_store({str(tmp_path)!r}).put(make_calibration(), None, 'lab');"
        "print('fsspec' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
