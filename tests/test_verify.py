"""`verify` finds each planted defect, and nothing in what real machines gave."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from roofline.archiving.verify import verify

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"
MACHINE = "amd-zen3-2c-3297c6e7"

Edit = Callable[[str], str]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store" / "lab" / MACHINE
    shutil.copytree(REFERENCE / MACHINE, folder)
    return tmp_path / "store"


def the_record(store: Path) -> Path:
    (path,) = [p for p in store.rglob("*.json") if "samples" not in p.name]
    return path


def renamed(path: Path, text: str, stamp: str = "") -> Path:
    """Write a text under the name that its hash asks for, as a careful forger would."""
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()[:12]
    target = path.with_name(f"{stamp or path.name.partition('-')[0]}-{digest}.json")
    path.unlink()
    target.write_bytes(data)
    return target


def errors(store: Path, secrets: tuple[str, ...] = ()) -> list[str]:
    return [one.what for one in verify(store, secrets=secrets) if one.severity == "error"]


def replaced(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


def in_head(name: str, value: object) -> Edit:
    """Return an edit that adds a field to the record, or replaces it."""

    def edit(text: str) -> str:
        tree = json.loads(text)
        tree[name] = value
        return json.dumps(tree)

    return edit


def in_software(value: str) -> Edit:
    def edit(text: str) -> str:
        tree = json.loads(text)
        tree["software"]["libraries"] = {"torch": value}
        return json.dumps(tree)

    return edit


def environment(value: str) -> Edit:
    def edit(text: str) -> str:
        tree = json.loads(text)
        tree["conditions"]["environment"] = {"OMP_PLACES": value}
        return json.dumps(tree)

    return edit


def times_ten(kind: str) -> Edit:
    """Return an edit that makes the ceilings of one kind ten times as large."""

    def edit(text: str) -> str:
        from dataclasses import replace

        from roofline.records import Calibration
        from roofline.store.schema import dumps, loads_as

        record = loads_as(Calibration, text)
        grown = tuple(
            replace(c, typical=10 * c.typical, low=10 * c.low, high=10 * c.high, interval=None)
            if c.kind == kind
            else c
            for c in record.ceilings
        )
        return dumps(replace(record, ceilings=grown))

    return edit


FORGED: dict[str, tuple[Edit, str]] = {
    "a number edited": (times_ten("bandwidth"), "no measurement gives it|physics forbids"),
    "a peak no core has": (times_ten("compute"), "no measurement gives it|physics forbids"),
    "a clock no core has": (times_ten("clock"), "no core clocks"),
    "NaN": (replaced('"seconds_taken":', '"seconds_taken":NaN,"x":'), "no finite number|NaN"),
    "infinity": (replaced('"seconds_taken":', '"seconds_taken":1e999,"x":'), "finite|unknown"),
    "an unknown unit": (replaced('"unit":"FLOP/s"', '"unit":"MFLOPS"'), "not a valid record"),
    "an unknown field": (in_head("owner", "me"), "unknown field"),
    "an unknown kind": (in_head("kind", "rumour"), "its kind is"),
    "a future format": (in_head("format", 99), "format 99"),
    "no format": (in_head("format", "two"), "its format"),
    "a field missing": (replaced('"usable_cores":2,', ""), "missing|not a valid record"),
    "a text for a number": (in_head("usable_cores", "two"), "whole number"),
    "another time": (in_head("started", "2026-01-01T00:00:00Z"), "time when it was started"),
    "no time": (in_head("started", "yesterday"), "isn't written like"),
    "deep nesting": (lambda _: '{"kind":' * 30000, "nested too deeply|damaged JSON"),
    "half a file": (lambda text: text[: len(text) // 2], "damaged JSON"),
    "a name twice": (replaced("{", '{"node":"a",'), "stands twice"),
    "no object": (lambda _: "[]", "no JSON object"),
    "samples elsewhere": (
        in_head("samples", {"name": "../../../etc/passwd", "sha256": "0" * 64}),
        "samples outside of its folder",
    ),
    "a machine that climbs": (replaced('"vendor":"AMD"', '"vendor":"../../up"'), "wrong folder"),
    "a host's name": (in_software("2.4 built on node17.cluster.example.org"), "a host's name"),
    "this host's name": (in_software("built on marvin-lab"), "must stay private"),
    "a user's path": (environment("/home/alice/places.txt"), "path of somebody"),
    "an address": (environment("10.12.0.7"), "network address"),
    "a mail address": (in_software("ask alice@example.org"), "e-mail"),
    "a readable node": (in_head("node", "login01"), "no opaque name"),
    "oversize": (in_head("findings", [{"severity": "note", "what": "x" * 1_100_000}]), "too large"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_found_though_its_hash_is_right(store: Path, name: str) -> None:
    edit, says = FORGED[name]
    path = the_record(store)
    renamed(path, edit(path.read_text()))
    found = errors(store, ("marvin-lab",))
    assert any(re.search(says, one) for one in found), found


def test_an_edit_that_forgets_the_hash_is_found(store: Path) -> None:
    path = the_record(store)
    path.write_text(path.read_text().replace("178550000000", "278550000000") + " ")
    assert any("hash in its name" in one for one in errors(store))


def test_a_wrong_name_is_found(store: Path) -> None:
    path = the_record(store)
    path.rename(path.with_name("mine.json"))
    assert any("name isn't" in one for one in errors(store))


@pytest.mark.parametrize("folder", ["other-machine", "a..%2f..", "Lab"])
def test_a_record_in_the_wrong_folder_is_found(store: Path, folder: str) -> None:
    (store / "lab" / MACHINE).rename(store / "lab" / folder)
    assert any("wrong folder" in one for one in errors(store))


def test_a_site_that_is_no_name_is_found(store: Path) -> None:
    (store / "lab").rename(store / "My Lab")
    assert any("no name" in one for one in errors(store))


def test_a_link_out_of_the_store_is_found(store: Path, tmp_path: Path) -> None:
    path = the_record(store)
    path.rename(tmp_path / path.name)
    path.symlink_to(tmp_path / path.name)
    assert any("link out of" in one for one in errors(store))


def test_damaged_samples_are_found(store: Path) -> None:
    (samples,) = store.rglob("*.samples.json.gz")
    samples.write_bytes(samples.read_bytes()[:-9])
    assert any("samples are damaged" in one for one in errors(store))


def test_what_real_machines_gave_has_no_error(kept: Path) -> None:
    assert [one for one in verify(kept) if one.severity == "error"] == []


def test_only_the_files_that_are_named_are_spoken_of(store: Path) -> None:
    path = the_record(store)
    other = path.with_name("other.json")
    other.write_text("{}")
    assert [one.path for one in verify(store, [other])] == [str(other)]
    assert verify(store, [path]) == []
    assert path.exists()
