"""A list says of each record what reading it would say, in the order of time."""

import json
from pathlib import Path

import pytest

from roofline.archiving.listing import as_json, in_words
from roofline.store.catalogue import catalogue_of
from roofline.store.files import Store
from roofline.store.outlines import COLUMNS
from tests.builders import make_calibration
from tests.sweep_builders import make_sweep
from tests.test_index import INVALID


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    old = made.put(make_calibration(started="2026-11-01T00:00:00Z"), None, "lab")
    made.put(make_calibration(started="2026-11-03T00:00:00Z", quick=True), None, "a")
    made.put(make_calibration(started="2026-11-02T00:00:00Z", supersedes=old.name), None, "lab")
    made.put(make_calibration(started="2026-11-04T00:00:00Z", findings=(INVALID,)), None, "lab")
    made.put(make_sweep(), None, "lab")
    return made


def test_json_is_the_catalogues_lines_newest_first(store: Store) -> None:
    catalogue = catalogue_of(store.root)
    listed = json.loads(as_json(catalogue, everything=True))
    lines = sorted(catalogue.lines(), key=lambda one: one.started, reverse=True)
    assert listed == [one._asdict() for one in lines]
    assert [list(one) for one in listed] == [list(COLUMNS)] * 5
    assert {type(one["quick"]) for one in listed} == {bool}


def test_what_is_used_no_longer_is_left_out(store: Store) -> None:
    listed = json.loads(as_json(catalogue_of(store.root)))
    assert {one["valid"] for one in listed} == {True}
    days = [one["started"][:10] for one in listed if one["kind"] == "calibration"]
    assert days == ["2026-11-03", "2026-11-02"]


def test_words_name_plan_roofs_and_place(store: Store) -> None:
    first, *rest = (
        line for line in in_words(catalogue_of(store.root)).splitlines() if "sweep" not in line
    )
    when, plan, *_, place, name = first.split()
    assert (when, plan) == ("2026-11-03T00:00:00Z", "quick")
    assert (store.root / place / "2026" / name).is_file()
    assert len(rest) == 1


def test_a_machine_that_is_not_there_gives_nothing(store: Store) -> None:
    catalogue = catalogue_of(store.root)
    assert in_words(catalogue, "zx") == ""
    assert json.loads(as_json(catalogue, "zx")) == []
    machine = catalogue.lines()[0].machine
    assert json.loads(as_json(catalogue, machine[:5])) == json.loads(as_json(catalogue))
    # No wildcards.
    assert json.loads(as_json(catalogue, "%")) == []
