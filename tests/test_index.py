"""The newest valid record of a host is chosen, and its doubles, rivals and errors are not."""

from pathlib import Path
from typing import Any

import pytest

from roofline.errors import RooflineError
from roofline.records import Calibration, Finding
from roofline.store.index import Entry, choose_latest, current, when
from tests.builders import make_calibration, make_machine

NODE = "9f3ac2d1e4b56078"
INVALID = Finding(severity="invalid", what="faster than physics allows")


def entry(day: int, **overrides: Any) -> Entry[Calibration]:
    stamp = f"202611{day:02}T000000Z"
    started = f"2026-11-{day:02}T00:00:00Z"
    path = Path("site", f"{stamp}-{day:012x}.json")
    return Entry(path=path, record=make_calibration(started=started, **overrides))


def chosen(*entries: Entry[Calibration], **wanted: Any) -> Entry[Calibration] | None:
    facts: dict[str, Any] = {"node": NODE, "usable_cores": 2, "isa_cap": None}
    found = choose_latest(entries, **(facts | wanted))
    return found.entry if found else None


def test_the_newest_is_chosen_whatever_the_order() -> None:
    old, new = entry(1), entry(2)
    assert chosen(old, new) is new
    assert chosen(new, old) is new


def test_nothing_is_found_among_nothing() -> None:
    assert chosen() is None


def test_an_invalid_record_is_never_chosen() -> None:
    old, new = entry(1), entry(2, findings=(INVALID,))
    assert chosen(old, new) is old
    assert chosen(new) is None


def test_other_cores_and_other_caps_are_other_machines() -> None:
    assert chosen(entry(1, usable_cores=1), entry(2, isa_cap="avx2")) is None
    capped = entry(3, isa_cap="avx2")
    assert chosen(entry(1), capped, isa_cap="avx2") is capped


@pytest.mark.parametrize(("quick_day", "full_wins"), [(2, True), (7, True), (8, False)])
def test_a_full_record_outranks_a_quick_one_for_a_week(quick_day: int, full_wins: bool) -> None:
    full, quick = entry(1), entry(quick_day, quick=True)
    assert chosen(full, quick) is (full if full_wins else quick)


def test_a_quick_record_is_better_than_none_and_an_old_one() -> None:
    old, new = entry(1, quick=True), entry(2, quick=True)
    assert chosen(old, new) is new


def test_a_newer_full_record_wins_over_an_older_quick_one() -> None:
    quick, full = entry(1, quick=True), entry(2)
    assert chosen(quick, full) is full


@pytest.mark.parametrize(
    "name",
    [
        "20261102T000000Z-000000000002.json",
        "20261102T000000Z-000000000002",
        "000000000002",
        "000000000002" + "f" * 52,
    ],
)
def test_a_superseded_record_is_never_chosen(name: str) -> None:
    old, wrong = entry(1), entry(2)
    correction = entry(3, supersedes=name, findings=(INVALID,))
    assert chosen(old, wrong, correction) is old


def test_a_chain_of_corrections_leaves_the_last() -> None:
    first = entry(1)
    second = entry(2, supersedes=first.path.stem)
    third = entry(3, supersedes=second.path.stem)
    assert current([first, second, third]) == [third]


def test_another_host_of_the_type_is_named_as_such() -> None:
    other = entry(2, node="another")
    machine = make_machine().id
    found = choose_latest([other], node=NODE, usable_cores=2, isa_cap=None, machine_id=machine)
    assert found is not None
    assert found.entry is other
    assert found.record is other.record
    assert not found.same_node


def test_another_host_is_not_chosen_unasked_nor_before_the_own_one() -> None:
    own, other = entry(1), entry(2, node="another")
    assert chosen(other) is None
    assert chosen(own, other, machine_id=make_machine().id) is own
    assert chosen(other, machine_id="another-type") is None


def test_a_time_is_read_as_utc() -> None:
    assert when("2026-11-23T00:59:59Z").isoformat() == "2026-11-23T00:59:59+00:00"


@pytest.mark.parametrize("bad", ["", "yesterday", "2026-11-23T00:59:59", "2026-13-01T00:00:00Z"])
def test_a_time_in_another_form_is_refused(bad: str) -> None:
    with pytest.raises(RooflineError, match="2026-11-23T00:59:59Z"):
        when(bad)
