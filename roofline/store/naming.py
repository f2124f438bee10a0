"""Calibrations by the names that people give them: a file, a date, a node, latest, previous."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from roofline.errors import RooflineError
from roofline.records import Calibration
from roofline.store.files import Store
from roofline.store.index import Entry, choose_latest, current, when
from roofline.store.reading import record_at, stamp_of
from roofline.store.schema import Record

LATEST, PREVIOUS = "latest", "previous"
WAYS = f"a record's file or its name, a date like 2026-11-23, a node, {LATEST} or {PREVIOUS}"
_TIME = re.compile(r"\d{4}-?\d\d-?\d\d(T[\d:]*Z?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What decides which records speak for the host that asks."""

    node: str
    usable_cores: int
    machine_id: str


def calibration_named(text: str, store: Store, here: Callable[[], Here]) -> Entry[Calibration]:
    """Return the calibration that a user means.

    Args:
        text: one of `WAYS`.
        store: where names are looked up.
        here: asked only where the name depends on the host.

    Raises:
        RooflineError: there is none of that name, or it is no calibration; says what to do.

    """
    if text in (LATEST, PREVIOUS):
        return _latest(store, here()) if text == LATEST else _previous(store, here())
    path = Path(text)
    if path.is_file() or os.sep in text:
        return _calibration(Entry(path=path, record=record_at(path)))
    if _TIME.fullmatch(text):
        return _at(text, store, here())
    if (found := store.named(text)) is not None:
        return _calibration(found)
    if own := _valid(store, text):
        return max(own, key=_age)
    raise RooflineError(f"no calibration {text!r} in {store.address}: give {WAYS}.")


def _calibration(entry: Entry[Record]) -> Entry[Calibration]:
    if not isinstance(entry.record, Calibration):
        raise RooflineError(
            f"{entry.path} is a sweep, not a calibration: give {WAYS} of calibrations."
        )
    return Entry(path=entry.path, record=entry.record)


def _latest(store: Store, here: Here) -> Entry[Calibration]:
    found = store.latest(
        here.node, usable_cores=here.usable_cores, isa_cap=None, machine_id=here.machine_id
    )
    if found is None:
        raise RooflineError(
            f"no calibration of this host in {store.address}: "
            "run `make calibrate`, or name a record."
        )
    return found.entry


def _previous(store: Store, here: Here) -> Entry[Calibration]:
    """Return what was the latest before the latest was made."""
    newest = _latest(store, here)
    node = newest.record.node
    older = [one for one in _valid(store, node) if _age(one) < _age(newest)]
    cores = newest.record.usable_cores
    found = choose_latest(older, node=node, usable_cores=cores, isa_cap=None)
    if found is None:
        raise RooflineError(
            f"{newest.path.name} is the only calibration of its kind in {store.address}: "
            "run `make calibrate` again, or name a record."
        )
    return found.entry


def _at(text: str, store: Store, here: Here) -> Entry[Calibration]:
    """Return this host's newest calibration that was begun on a day, or in a part of it."""
    wanted = re.sub("[-:]", "", text)
    then = [one for one in _valid(store, here.node) if stamp_of(one.record).startswith(wanted)]
    if not then:
        raise RooflineError(
            f"no calibration of this host began at {text} (UTC) in {store.address}."
        )
    return max(then, key=_age)


def _valid(store: Store, node: str) -> Sequence[Entry[Calibration]]:
    entries = current(store.near(Calibration, node))
    return [one for one in entries if one.record.valid and one.record.node == node]


def _age(entry: Entry[Calibration]) -> tuple[object, str]:
    return when(entry.record.started), entry.path.name
