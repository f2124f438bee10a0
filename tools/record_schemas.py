"""`python -m tools.record_schemas`: writes the JSON Schema of each kind of record to results/."""

import json
import sys
from pathlib import Path

from roofline.store.jsonschema import json_schema
from roofline.store.schema import KINDS

FOLDER = Path(__file__).resolve().parents[1] / "results"


def path_of(kind: str) -> Path:
    """Return where the schema of a kind lies."""
    return FOLDER / f"{kind}.schema.json"


def text_of(kind: str) -> str:
    """Return the schema of a kind as text."""
    return json.dumps(json_schema(KINDS[kind]), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write every schema."""
    for kind in KINDS:
        path_of(kind).write_text(text_of(kind), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
