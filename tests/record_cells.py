"""Cells of a stored table by name, for tests that spoil one."""

import json
from typing import Any

from roofline.store.schema import Record, dumps


def flattened(lines: list[Any]) -> list[Any]:
    """Return a table as one section in which each line says everything itself."""
    rows: list[dict[str, Any]] = []
    head: dict[str, Any] = {}
    for line in lines:
        if isinstance(line, dict):
            head = line
            continue
        usual = {name: value for name, value in head.items() if name != "columns"}
        own = zip(head["columns"], line, strict=False)
        rows.append(usual | {name: value for name, value in own if value is not None})
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [{"columns": columns}, *([row.get(name) for name in columns] for row in rows)]


def with_cell(record: Record, table: str, column: str, value: object) -> str:
    """Write a record with another value in the first line of a table."""
    tree = json.loads(dumps(record))
    head, first, *rest = flattened(tree[table])
    cells = dict(zip(head["columns"], first, strict=True)) | {column: value}
    columns = [*dict.fromkeys([*head["columns"], column])]
    tree[table] = [{"columns": columns}, [cells.get(name) for name in columns], *rest]
    return json.dumps(tree)
