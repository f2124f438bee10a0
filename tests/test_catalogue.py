"""The catalogue says what reading everything would say, whatever happens to the store or to it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from roofline.store import catalogue
from roofline.store.catalogue import catalogue_of
from roofline.store.files import Store
from tests.builders import make_calibration, make_machine
from tests.test_index import INVALID

NODE = make_calibration().node
OTHER = "0123456789abcdef"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    for day in range(1, 8):
        started = f"2026-11-{day:02}T00:00:00Z"
        made.put(make_calibration(started=started, quick=day % 2 == 0), None, f"site{day % 3}")
        made.put(make_calibration(started=started, node=OTHER, usable_cores=1), None, "lab")
    newest = make_calibration(started="2026-11-08T00:00:00Z")
    wrong = made.put(newest, None, "lab")
    made.put(
        make_calibration(started=newest.started, supersedes=wrong.name, findings=(INVALID,)),
        None,
        "lab",
    )
    return made


QUESTIONS: list[dict[str, Any]] = [
    {"node": NODE, "usable_cores": 2, "isa_cap": None},
    {"node": OTHER, "usable_cores": 1, "isa_cap": None},
    {"node": OTHER, "usable_cores": 2, "isa_cap": None},
    {"node": "ffffffffffffffff", "usable_cores": 2, "isa_cap": None},
    {
        "node": "ffffffffffffffff",
        "usable_cores": 1,
        "isa_cap": None,
        "machine_id": make_machine().id,
    },
    {"node": NODE, "usable_cores": 2, "isa_cap": "avx2", "machine_id": make_machine().id},
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_chooses_what_reading_everything_chooses(
    store: Store, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = store.latest(**question)
    monkeypatch.setattr(catalogue, "WORTHWHILE", 1)
    assert store.latest(**question) == direct
    # And again, from the file.
    assert store.latest(**question) == direct


def test_what_comes_and_goes_is_seen(store: Store) -> None:
    before = len(catalogue_of(store.root).lines())
    path = store.put(make_calibration(seconds_taken=1.0), None, "new-site")
    assert len(catalogue_of(store.root).lines()) == before + 1
    path.unlink()
    assert len(catalogue_of(store.root).lines()) == before


def test_what_was_damaged_since_is_left_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "WORTHWHILE", 1)
    first = store.latest(NODE, usable_cores=2, isa_cap=None)
    assert first is not None
    first.entry.path.write_text("{}")
    second = store.latest(NODE, usable_cores=2, isa_cap=None)
    assert second is not None
    assert second.entry.path != first.entry.path


def test_a_file_that_is_no_record_is_named(store: Store) -> None:
    (store.root / "lab" / "junk.json").write_text("{}")
    (skipped,) = catalogue_of(store.root).skipped()
    assert skipped.path.name == "junk.json"
    assert [one.reason for one in store.all()[1]] == [skipped.reason]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, None])
def test_a_damaged_catalogue_is_made_anew(
    store: Store, own_cache: Path, content: bytes | None
) -> None:
    expected = catalogue_of(store.root).lines()
    (file,) = own_cache.rglob("*.sqlite")
    if content is None:
        with sqlite3.connect(file) as base:
            base.execute("update meta set version = 'older'")
    else:
        file.write_bytes(content)
    for _ in range(2):
        assert catalogue_of(store.root).lines() == expected


def test_where_nothing_can_be_kept_it_works_in_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = catalogue_of(store.root).lines()
    monkeypatch.setattr(catalogue, "_file", lambda _: None)
    assert catalogue_of(store.root).lines() == expected
