"""The JSON Schemas in results/ are those of the records, and real records fit them."""

import json
from pathlib import Path

import pytest

from roofline.records import FORMAT
from roofline.store.schema import KINDS
from tools.record_schemas import path_of, text_of

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = sorted((ROOT / "results" / "reference").rglob("*Z-????????????.json"))
FILES = [
    *(path for path in REFERENCES if json.loads(path.read_text())["format"] == FORMAT),
    *sorted((ROOT / "tests" / "golden").glob(f"*-{FORMAT}*.json")),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_the_one_of_the_records(kind: str) -> None:
    assert path_of(kind).read_text() == text_of(kind), "run `python -m tools.record_schemas`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_and_golden_records_fit(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the extra [test] brings jsonschema")
    tree = json.loads(path.read_text())
    jsonschema.validate(tree, json.loads(path_of(tree["kind"]).read_text()))


@pytest.mark.parametrize(
    "change", [{"owner": 1}, {"started": 5}, {"findings": [{"severity": "bad", "what": ""}]}]
)
def test_what_is_no_record_does_not_fit(change: dict[str, object]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the extra [test] brings jsonschema")
    tree = json.loads((ROOT / "tests" / "golden" / f"calibration-{FORMAT}.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree | change, json.loads(path_of("calibration").read_text()))
