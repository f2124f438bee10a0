"""What changed between two calibrations as JSON: SI units, fractions, unknown is null."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from roofline.physics.circumstances import Change
from roofline.physics.difference import Difference, Differences
from roofline.records import Calibration
from roofline.view.comparison_json import finite

FORMAT = 1

Tree = dict[str, Any]
Named = tuple[str, Calibration]

_FACTS = ("node", "started", "quick", "isa_cap")


def to_json(a: Named, b: Named, found: Differences, others: Sequence[Change]) -> str:
    """Return everything as JSON text, a line for each key and row; equal input, equal text.

    Args:
        a: the calibration before, with the name of its file.
        b: the same after.
        found: the ceilings.
        others: what else differs.

    """
    tree: Tree = {
        "format": FORMAT,
        "a": _heading(a),
        "b": _heading(b),
        "counts": {
            "changed": found.count("changed"),
            "cant_tell": found.count("can't tell"),
            "same": found.count("same"),
        },
        "rows": [_row(row) for row in found.rows],
        "only_in_a": [{"name": name, "threads": threads} for name, threads in found.only_a],
        "only_in_b": [{"name": name, "threads": threads} for name, threads in found.only_b],
        "differs": [dataclasses.asdict(change) for change in others],
    }
    lines = (f"{_text(name)}: {_lines(value)}" for name, value in tree.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _heading(named: Named) -> Tree:
    name, record = named
    facts = {fact: getattr(record, fact) for fact in _FACTS}
    return {"record": name, "machine": record.machine.id, **facts, "valid": record.valid}


def _row(row: Difference) -> Tree:
    """Return a row with the names that scripts rely on, in this order."""
    low, high = row.interval or (None, None)
    return {
        "kind": row.kind,
        "name": row.name,
        "threads": row.threads,
        "family": row.family,
        "unit": row.unit,
        "a": row.a,
        "b": row.b,
        "ratio": row.ratio,
        "ratio_low": low,
        "ratio_high": high,
        "p": row.p,
        "peak_ratio": row.peak,
        "shared": row.shared,
        "floor": row.floor,
        "rounds_a": row.rounds[0],
        "rounds_b": row.rounds[1],
        "same_code": row.same_code,
        "verdict": row.verdict,
        "why": row.why,
    }


def _lines(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return _text(value)
    return "[\n" + ",\n".join(map(_text, value)) + "\n]"


def _text(value: Any) -> str:
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False)
