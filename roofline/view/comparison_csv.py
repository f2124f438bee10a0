"""A comparison as CSV: one row a layer, SI units, unknown is empty."""

import csv
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roofline.errors import RooflineError
from roofline.records import Report
from roofline.view.comparison_json import Tree, finite, heading, row_tree


def comparison_csv(report: Report, path: Path) -> None:
    """Write a report's rows as CSV; the file appears whole or not at all.

    Raises:
        RooflineError: the file can't be written.

    """
    try:
        _replace(path, to_csv(report))
    except OSError as problem:
        reason = problem.strerror or problem
        raise RooflineError(
            f"cannot write {path}: {reason}; name a file that you may write."
        ) from problem


def to_csv(report: Report) -> str:
    """Return a report's rows as CSV text, each with what all rows share before it."""
    shared = heading(report)
    rows = [shared | dict(_cells(row_tree(row))) for row in report.rows]
    text = io.StringIO()
    names = list(rows[0]) if rows else list(shared)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cells(tree: Tree) -> Iterator[tuple[str, Any]]:
    for name, value in finite(tree).items():
        if name == "shape":
            for field, one in value.items():
                yield from _axes(field, one)
        elif name == "rungs":
            yield from ((f"rung_{rung}", one) for rung, one in value.items())
        elif name == "extrapolated":
            yield name, "; ".join(value)
        else:
            yield name, value


def _axes(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from zip((f"{name}_h", f"{name}_w"), value, strict=True)
    else:
        yield name, value


def _replace(path: Path, text: str) -> None:
    # Renaming over a device such as /dev/stdout would take the device away.
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
