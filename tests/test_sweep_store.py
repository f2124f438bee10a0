"""A store keeps sweeps beside calibrations, and never takes one for the other."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from roofline.errors import RooflineError
from roofline.records import Finding, Sweep
from roofline.store.files import Store
from roofline.store.index import Entry, choose_sweep, current
from roofline.store.schema import Record, dumps, loads
from tests.builders import make_calibration, make_ceiling, make_machine
from tests.sweep_builders import make_sweep, make_timing

NODE = make_sweep().node
LATER = "2026-11-24T00:00:00Z"
INVALID = (Finding(severity="invalid", what="faster than physics allows"),)
SAMPLES = {"layer1.0.conv1": [[1.31234567e-3, 1.4e-3]]}


def newest(store: Store) -> Path | None:
    found = store.latest(NODE, usable_cores=2, isa_cap=None)
    return found.entry.path if found else None


def newest_sweep(store: Store, **wanted: Any) -> Path | None:
    found = store.latest_sweep(NODE, **wanted)
    return found.entry.path if found else None


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """Return the records that are decoded from now on."""
    seen: list[Record] = []

    def watch(text: str) -> Record:
        seen.append(loads(text))
        return seen[-1]

    monkeypatch.setattr("roofline.store.reading.loads", watch)
    return seen


def test_a_sweep_lies_where_a_calibration_would_with_its_samples_beside_it(tmp_path: Path) -> None:
    path = Store(tmp_path).put(make_sweep(), SAMPLES, "lab")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert path.name == f"20261123T020000Z-{digest}.json"
    assert path.parent == tmp_path / "lab" / make_machine().id / "2026"
    (entry,), skipped = Store(tmp_path).all()
    assert (entry.path, skipped) == (path, [])
    assert entry.record.samples is not None
    data = (path.parent / entry.record.samples.name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry.record.samples.sha256
    assert json.loads(gzip.decompress(data)) == {"layer1.0.conv1": [[1.3123e-3, 1.4e-3]]}


def test_all_gives_both_kinds(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make_calibration(), None, "lab")
    store.put(make_sweep(), None, "lab")
    entries, skipped = store.all()
    assert [entry.record for entry in entries] == [make_calibration(), make_sweep()]
    assert skipped == []


def test_latest_ignores_sweeps(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make_sweep(), None, "lab")
    assert newest(store) is None
    assert store.latest(NODE, usable_cores=2, isa_cap=None, machine_id=make_machine().id) is None
    calibration = store.put(make_calibration(), None, "lab")
    store.put(make_sweep(started=LATER), None, "lab")
    assert newest(store) == calibration


def test_latest_sweep_ignores_calibrations(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make_calibration(), None, "lab")
    assert newest_sweep(store) is None
    assert newest_sweep(store, machine_id=make_machine().id) is None
    sweep = store.put(make_sweep(), None, "lab")
    store.put(make_calibration(started=LATER), None, "lab")
    assert newest_sweep(store) == sweep


def test_latest_sweep_ignores_invalid_superseded_and_damaged_ones(tmp_path: Path) -> None:
    store = Store(tmp_path)
    right = store.put(make_sweep(), None, "lab")
    wrong = store.put(make_sweep(started=LATER), None, "lab")
    assert newest_sweep(store) == wrong
    store.put(
        make_sweep(started="2026-11-25T00:00:00Z", findings=INVALID, supersedes=wrong.name),
        None,
        "other",
    )
    damaged = store.put(make_sweep(started="2026-11-26T00:00:00Z"), None, "lab")
    damaged.write_bytes(damaged.read_bytes()[:-5])
    assert newest_sweep(store) == right


def test_a_sweep_of_another_host_is_offered_only_of_the_type_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path)
    theirs = store.put(make_sweep(node="another", started=LATER), None, "lab")
    assert newest_sweep(store) is None
    assert newest_sweep(store, machine_id="another-type") is None
    found = store.latest_sweep(NODE, machine_id=make_machine().id)
    assert found is not None
    assert (found.entry.path, found.same_node) == (theirs, False)
    own = store.put(make_sweep(), None, "lab")
    found = store.latest_sweep(NODE, machine_id=make_machine().id)
    assert found is not None
    assert (found.entry.path, found.same_node) == (own, True)
    assert found.record == make_sweep()


def test_a_sweep_that_names_a_calibration_takes_nothing_from_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    calibration = store.put(make_calibration(), None, "lab")
    sweep = store.put(
        make_sweep(calibration=calibration.name, supersedes=calibration.name), None, "lab"
    )
    store.put(make_calibration(started=LATER, findings=INVALID, supersedes=sweep.stem), None, "lab")
    assert newest(store) == calibration
    assert newest_sweep(store) == sweep


def test_only_records_that_may_matter_are_decoded(tmp_path: Path, decoded: list[Record]) -> None:
    store = Store(tmp_path)
    calibration, sweep = make_calibration(), make_sweep()
    correction = make_sweep(node="another", started=LATER, supersedes="0123456789ab")
    alien = make_sweep(node="another", machine=make_machine(cores=4))
    for record in (calibration, sweep, correction, alien, make_calibration(node="another")):
        store.put(record, None, "lab")
    store.latest(NODE, usable_cores=2, isa_cap=None)
    assert decoded == [calibration]
    decoded.clear()
    store.latest_sweep(NODE, machine_id=make_machine().id)
    assert decoded == [sweep, correction]
    decoded.clear()
    store.latest_sweep("absent", machine_id=alien.machine.id)
    assert decoded == [correction, correction, alien]


def test_a_record_laid_out_by_hand_is_found_by_its_kind(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.put(make_sweep(), None, "lab").parent
    tree = json.loads(dumps(make_sweep(started=LATER)))
    data = json.dumps(dict(reversed(tree.items())), indent=1).encode()
    path = folder / f"20261124T000000Z-{hashlib.sha256(data).hexdigest()[:12]}.json"
    path.write_bytes(data)
    assert newest_sweep(store) == path


def test_words_of_the_other_kind_inside_a_record_do_no_harm(tmp_path: Path) -> None:
    store = Store(tmp_path)
    # A dotted name keeps these words from being spread over columns.
    ceiling = make_ceiling(evidence={"kind": "sweep", "a.b": 1})
    timing = make_timing(details={"kind": "calibration", "a.b": 1})
    calibration = store.put(make_calibration(ceilings=(ceiling,)), None, "lab")
    sweep = store.put(make_sweep(timings=(timing,)), None, "lab")
    assert b'"kind":"sweep"' in calibration.read_bytes()
    assert b'"kind":"calibration"' in sweep.read_bytes()
    assert newest(store) == calibration
    assert newest_sweep(store) == sweep


def test_a_record_is_found_by_its_file_name_or_stem(tmp_path: Path, decoded: list[Record]) -> None:
    store = Store(tmp_path)
    calibration = store.put(make_calibration(), None, "lab")
    sweep = store.put(make_sweep(), SAMPLES, "lab")
    decoded.clear()
    for path in (calibration, sweep):
        for name in (path.name, path.stem):
            entry = store.named(name)
            assert entry is not None
            assert entry.path == path
    assert len(decoded) == 4


@pytest.mark.parametrize("name", ["", ".json", "lab", "20261123T020000Z-0123456789ab", "../x", "*"])
def test_a_name_that_no_record_has_finds_none(tmp_path: Path, name: str) -> None:
    assert Store(tmp_path / "absent").named(name) is None
    store = Store(tmp_path)
    path = store.put(make_sweep(), SAMPLES, "lab")
    assert store.named(name) is None
    assert store.named(str(path)) is None


def test_a_damaged_record_asked_for_by_name_is_refused_unless_a_whole_one_is_there(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    path = store.put(make_sweep(), None, "lab")
    path.write_bytes(path.read_bytes().replace(b"41.5", b"40.5"))
    with pytest.raises(RooflineError, match=r"damaged or edited") as caught:
        store.named(path.stem)
    assert str(path) in str(caught.value)
    whole = store.put(make_sweep(), None, "other")
    assert whole.name == path.name
    entry = store.named(path.stem)
    assert entry is not None
    assert entry.path == whole


def entry_of(day: int, **overrides: Any) -> Entry[Sweep]:
    path = Path("site", f"202611{day:02}T000000Z-{day:012x}.json")
    return Entry(path=path, record=make_sweep(started=f"2026-11-{day:02}T00:00:00Z", **overrides))


def test_the_newest_sweep_is_chosen_whatever_the_order() -> None:
    old, new, wrong = entry_of(1), entry_of(2), entry_of(3, findings=INVALID)
    for entries in ([old, new, wrong], [wrong, new, old]):
        found = choose_sweep(entries, node=NODE)
        assert found is not None
        assert (found.entry, found.same_node) == (new, True)
    assert choose_sweep([wrong], node=NODE, machine_id=make_machine().id) is None
    assert choose_sweep([], node=NODE) is None


def test_records_supersede_their_own_kind_only() -> None:
    first = entry_of(1)
    second = entry_of(2, supersedes=first.path.stem)
    other: Entry[Record] = Entry(
        path=Path("site", "20261103T000000Z-000000000003.json"),
        record=make_calibration(supersedes=second.path.stem),
    )
    assert current([first, second, other]) == [second, other]
