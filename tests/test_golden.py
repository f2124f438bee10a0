"""Records of each kind as they were once written: they load for ever and use the vocabulary."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from roofline.physics.noise import verdict
from roofline.records import FORMAT, Calibration, Kind
from roofline.store.schema import KINDS, dumps, kind_of, loads, loads_as
from tests.sweep_builders import make_complete_sweep

FOLDER = Path(__file__).parent / "golden"
GOLDEN = {kind: FOLDER / f"{kind}-{FORMAT}.json" for kind in KINDS}
# Made in the first format, without a new one: latencies, mixes, dot products, calls, migrations.
LATER = {"calibration": FOLDER / f"calibration-{FORMAT}-latency.json"}
# And what others did while each round was made.
ROUNDS = {"calibration": FOLDER / f"calibration-{FORMAT}-rounds.json"}
OLDER = sorted(FOLDER.glob("*-1*.json"))


def classes_in(annotation: Any) -> set[type]:
    """Return every record that a value of this type may hold, however deep."""
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        hints = get_type_hints(annotation).values()
        return {annotation}.union(*map(classes_in, hints))
    return set().union(*map(classes_in, get_args(annotation)))


@pytest.mark.parametrize(
    ("kind", "path"),
    [*GOLDEN.items(), *LATER.items(), *ROUNDS.items()],
    ids=lambda value: Path(value).stem,
)
def test_the_golden_record_loads_for_ever(kind: str, path: Path) -> None:
    text = path.read_text()
    record = loads(text)
    assert kind_of(type(record)) == kind
    assert dumps(record) == text


@pytest.mark.parametrize("path", [p for p in OLDER if "article" not in p.name], ids=str)
def test_a_record_of_an_older_format_says_the_same_as_the_newest(path: Path) -> None:
    newest = path.with_name(path.name.replace("-1", f"-{FORMAT}"))
    assert path.read_text() != newest.read_text()
    assert loads(path.read_text()) == loads(newest.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_the_golden_records_use_every_field(kind: str) -> None:
    text = "".join(golden[kind].read_text() for golden in (GOLDEN, ROUNDS) if kind in golden)
    named = {f.name for cls in classes_in(KINDS[kind]) for f in dataclasses.fields(cls)}
    assert {"machine", "git_dirty", "command", "sha256", "seconds"} <= named
    assert {name for name in named if not re.search(rf'[".]{name}[".]', text)} == set()


def test_the_later_golden_calibration_holds_the_kinds_of_ceilings_that_there_are() -> None:
    record = loads(LATER["calibration"].read_text())
    assert isinstance(record, Calibration)
    assert record.valid
    # Divides, roots and exponentials came after it, and memory by node.
    assert {c.kind for c in record.ceilings} == set(get_args(Kind)) - {"operation", "node"}
    waits = [c.typical for c in record.ceilings if c.kind == "latency"]
    assert waits == sorted(waits)
    assert {c.mix for c in record.ceilings if c.kind == "compute"} == {
        *("fma", "fma+add", "add", "mul", "mul+add", "dot")
    }
    names = {c.name for c in record.ceilings}
    assert {"fma-float32-32", "dot-int8-512", "dram-latency-4k", "call", "migration"} <= names
    benchmarks = {m.case.benchmark for m in record.measurements}
    assert {"latency", "dot", "fp-add", "fp-mul", "fma+add", "call", "migration"} <= benchmarks


def test_the_golden_sweep_holds_what_was_put_into_it() -> None:
    assert loads(GOLDEN["sweep"].read_text()) == make_complete_sweep()


def test_the_golden_calibration_with_rounds_knows_what_others_did() -> None:
    record = loads(ROUNDS["calibration"].read_text())
    assert isinstance(record, Calibration)
    assert [one.child for one in record.rounds] == [0, 0, 0, 1, 1, 2, 2]
    assert [one.others for one in record.rounds].count(None) == 1
    assert verdict(record).word == "noisy"
    assert verdict(loads_as(Calibration, GOLDEN["calibration"].read_text())).word == "quiet"
