"""Long lists of a record as tables: sections of lines, what most of a section shares said once.

A table is a list. An object in it opens a section: its `columns` name the cells of the lines that
follow, its other fields hold for each of these lines. A cell that is null, or left out at the end
of a line, is as the section says, else at the field's default. Names and values repeated on every
line would be most of the file.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from roofline.errors import RooflineError

Tree = dict[str, Any]

COLUMNS = "columns"
# A section begins where one of these changes, unless the file is shorter without.
TABLES: Mapping[str, tuple[str, ...]] = {
    "ceilings": ("kind", "threads", "level"),
    "measurements": ("case.benchmark", "case.threads"),
    "timings": (),
    "anchors": (),
}
_SPREAD = (
    *("case", "parameters", "work", "bytes_compulsory", "bytes_touched"),
    *("steps_per_second", "theoretical", "evidence", "shape", "details"),
)
_NULL = "null"

# A line of a table: each cell as JSON, by its column.
_Row = dict[str, str]


def written(table: str, items: Iterable[Tree], encode: Callable[[object], str]) -> list[str]:
    """Return the lines of a table, each as JSON text."""
    rows = [{path: encode(value) for path, value in _cells(item)} for item in items]

    def key(row: _Row) -> tuple[str | None, ...]:
        return tuple(row.get(path) for path in TABLES[table])

    sections = [_section([*run], encode) for _, run in groupby(rows, key)]
    return [line for _, lines in _merged(sections, encode) for line in lines]


def items_of(table: str, lines: object) -> list[Tree]:
    """Return the items of a table as nested dictionaries.

    Raises:
        RooflineError: it is no table; says why.

    """
    if not isinstance(lines, list):
        raise RooflineError(f"not a valid record: {table} is not a table.")
    items: list[Tree] = []
    head: Tree | None = None
    for line in lines:
        if isinstance(line, dict):
            head = _opened(table, line)
        elif head is None or not isinstance(line, list):
            raise RooflineError(f"not a valid record: {table} is not a table.")
        else:
            items.append(nested(table, _filled(table, head, line)))
    return items


def nested(table: str, cells: Mapping[str, object]) -> Tree:
    """Return an item from its cells: a dot in a column's name stands for a field within a field.

    Raises:
        RooflineError: two columns contradict each other.

    """
    item: Tree = {}
    for path, value in cells.items():
        if value is None:
            continue
        place: Any = item
        name = path
        # Most have none, and an archive has millions of them.
        if "." in path:
            *parents, name = path.split(".")
            for parent in parents:
                place = place.setdefault(parent, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name in place:
            raise RooflineError(f"not a valid record: the column {path!r} of {table} misfits.")
        place[name] = value
    return item


def named(table: str, columns: object) -> list[str]:
    """Return a line of column names, checked.

    Raises:
        RooflineError: they are no names, or not distinct.

    """
    if (
        not isinstance(columns, list)
        or not all(isinstance(name, str) for name in columns)
        or len({*columns}) < len(columns)
    ):
        raise RooflineError(f"not a valid record: {table} has no distinct column names.")
    return columns


def _opened(table: str, head: Tree) -> Tree:
    columns = named(table, head.get(COLUMNS))
    usual = {name: value for name, value in head.items() if name != COLUMNS}
    return {COLUMNS: columns, **usual}


def _filled(table: str, head: Tree, line: list[object]) -> Tree:
    columns = head[COLUMNS]
    if len(line) > len(columns):
        raise RooflineError(f"not a valid record: {table} has a line longer than its columns.")
    cells = {name: value for name, value in head.items() if name != COLUMNS}
    pairs = zip(columns, line, strict=False)
    return cells | {name: value for name, value in pairs if value is not None}


def _cells(item: Tree, prefix: str = "") -> Iterable[tuple[str, object]]:
    for name, value in item.items():
        if name in _SPREAD and _spreadable(value):
            yield from _cells(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _spreadable(fields: object) -> bool:
    """Whether columns can carry these fields: null would read as absent, a dot as nesting."""
    if not isinstance(fields, dict) or not fields:
        return False
    return all("." not in name and value is not None for name, value in fields.items())


_Section = tuple[Sequence[_Row], list[str]]


def _merged(sections: list[_Section], encode: Callable[[object], str]) -> list[_Section]:
    """Join neighbouring sections for as long as that makes the file shorter."""
    # The pair is kept beside what it is joined to: an id is free again when its object is gone.
    joined: dict[tuple[int, int], tuple[_Section, _Section, _Section]] = {}
    while len(sections) > 1:
        best, place = 0, -1
        for index, (one, other) in enumerate(pairwise(sections)):
            key = (id(one), id(other))
            if key not in joined:
                joined[key] = one, other, _section([*one[0], *other[0]], encode)
            saved = _length(one) + _length(other) - _length(joined[key][-1])
            if saved > best:
                best, place = saved, index
        if place < 0:
            break
        pair = sections[place : place + 2]
        sections[place : place + 2] = [joined[id(pair[0]), id(pair[1])][-1]]
    return sections


def _length(section: _Section) -> int:
    return sum(len(line) + 2 for line in section[1])


def _section(rows: Sequence[_Row], encode: Callable[[object], str]) -> _Section:
    """Return the rows with their lines: what they share, then what is each one's own."""
    usual = _usual(rows)
    own = [{p: text for p, text in row.items() if usual.get(p) != text} for row in rows]
    seen = Counter(path for row in own for path in row)
    # Sorted by how often they are filled: lines end where nothing follows.
    columns = sorted(seen, key=lambda path: -seen[path])
    fields = [f"{encode(path)}:{text}" for path, text in usual.items()]
    head = "{" + ",".join([*fields, f"{encode(COLUMNS)}:{encode(columns)}"]) + "}"
    return rows, [head, *(_line([row.get(path) for path in columns]) for row in own)]


def _usual(rows: Sequence[_Row]) -> _Row:
    """Return what most rows share; null can stand for it only where no row lacks a value."""
    usual: _Row = {}
    for path in dict.fromkeys(path for row in rows for path in row):
        texts = [row[path] for row in rows if path in row]
        text, count = Counter(texts).most_common(1)[0]
        saved = count * (len(text) - len(_NULL)) - len(text) - len(path)
        mostly = len(texts) == len(rows) < 2 * count and saved > 0
        if mostly or count == len(rows) > 1:
            usual[path] = text
    return usual


def _line(cells: list[str | None]) -> str:
    while cells and cells[-1] is None:
        cells.pop()
    return "[" + ",".join(_NULL if cell is None else cell for cell in cells) + "]"
