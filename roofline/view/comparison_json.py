"""A comparison as plain data, for JSON and CSV: SI units, shares as fractions, unknown is null."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from roofline.records import RUNGS, Comparison, Report, Scalar

FORMAT = 1

Tree = dict[str, Any]


def to_json(report: Report) -> str:
    """Return a report as JSON text, a line for each key and layer; equal ones give equal text."""
    tree = finite(to_tree(report))
    lines = (f"{_text(name)}: {_lines(value)}" for name, value in tree.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def to_tree(report: Report) -> Tree:
    """Return a report as nested dictionaries and lists."""
    return {
        "format": FORMAT,
        **heading(report),
        "libraries": dict(report.libraries),
        "environment": dict(report.environment),
        "drift": dict(report.drift),
        "rows": [row_tree(row) for row in report.rows],
        "summary": {name: dataclasses.asdict(one) for name, one in report.summary.items()},
        "undrifted": report.undrifted and dataclasses.asdict(report.undrifted),
        "noise_floor": report.noise_floor,
        **_asked_for(report),
    }


def _asked_for(report: Report) -> Tree:
    """Return what is there only when it was asked for."""
    made = {
        "explanations": [dataclasses.asdict(one) for one in report.explanations],
        "waterfalls": [dataclasses.asdict(one) for one in report.waterfalls],
    }
    return {name: some for name, some in made.items() if some}


def heading(report: Report) -> Tree:
    """Return what all rows of a report share."""
    names = ("machine", "node", "calibration", "fit", "subject", "threads", "cache")
    return {name: getattr(report, name) for name in names}


def row_tree(row: Comparison) -> Tree:
    """Return one layer as plain data."""
    rungs = {rung: row.prediction.rungs.get(rung) for rung in RUNGS}
    return {
        "name": row.name,
        "shape": {field.name: _shape_value(row, field.name) for field in _fields(row)},
        "class": row.shape.conv_class,
        **_work(row),
        "paper_seconds": rungs["a"],
        "roof_seconds": row.bound.seconds,
        "rungs": rungs,
        "rung": row.prediction.rung,
        "predicted_seconds": row.prediction.seconds,
        "low_seconds": row.prediction.low,
        "high_seconds": row.prediction.high,
        "extrapolated": list(row.prediction.extrapolated),
        **_measured(row),
        "bound_by": row.bound.bound_by,
        "verdict": row.verdict,
        "layout": row.details.get("layout"),
        "algorithm": _algorithm(row.details),
    }


def _algorithm(details: Mapping[str, Scalar]) -> str | None:
    """Return what a library tells of how it ran a layer: its choice, and what that ran."""
    told = [str(details[name]) for name in ("backend", "algorithm") if details.get(name)]
    return ": ".join(told) or None


def finite(value: Any) -> Any:
    """Return plain data with null in place of numbers that JSON can't write."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value


def _lines(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return _text(value)
    return "[\n" + ",\n".join(map(_text, value)) + "\n]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _fields(row: Comparison) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(row.shape)


def _shape_value(row: Comparison, name: str) -> Any:
    value = getattr(row.shape, name)
    return list(value) if isinstance(value, tuple) else value


def _work(row: Comparison) -> Tree:
    work = row.prediction.work
    executed = work.flops if work.flops_executed is None else work.flops_executed
    return {
        "flops": work.flops,
        "flops_executed": executed,
        "bytes": work.traffic.total,
        "intensity": work.intensity,
    }


def _measured(row: Comparison) -> Tree:
    seen = row.measured
    return {
        "measured_seconds": seen.seconds if seen else None,
        "measured_low_seconds": seen.low if seen else None,
        "measured_high_seconds": seen.high if seen else None,
    }
