"""Records of each kind as they were once written: they load for ever and use the vocabulary."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from roofline.store.schema import KINDS, dumps, kind_of, loads
from tests.sweep_builders import make_complete_sweep

GOLDEN = {kind: Path(__file__).parent / "golden" / f"{kind}-1.json" for kind in KINDS}


def classes_in(annotation: Any) -> set[type]:
    """Return every record that a value of this type may hold, however deep."""
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        hints = get_type_hints(annotation).values()
        return {annotation}.union(*map(classes_in, hints))
    return set().union(*map(classes_in, get_args(annotation)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_golden_record_loads_for_ever(kind: str) -> None:
    text = GOLDEN[kind].read_text()
    record = loads(text)
    assert kind_of(type(record)) == kind
    assert dumps(record) == text


@pytest.mark.parametrize("kind", KINDS)
def test_the_golden_record_uses_every_field(kind: str) -> None:
    text = GOLDEN[kind].read_text()
    named = {f.name for cls in classes_in(KINDS[kind]) for f in dataclasses.fields(cls)}
    assert {"machine", "git_dirty", "command", "sha256", "seconds"} <= named
    assert {name for name in named if not re.search(rf'[".]{name}[".]', text)} == set()


def test_the_golden_sweep_holds_what_was_put_into_it() -> None:
    assert loads(GOLDEN["sweep"].read_text()) == make_complete_sweep()
