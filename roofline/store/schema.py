"""Records as JSON text: deterministic to write, strict to read, upgraded one version at a time.

A record is one JSON object with a line for each top-level key and for each item of its lists.
Fields at their default are left out, so changing a default in `roofline.records` is a change
of format. Long lists (`_TABLES`) are tables: a line of column names, then a line each, because
names repeated on every line would be almost half of the file; null is "at its default".
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from roofline.errors import RooflineError
from roofline.records import FORMAT, Calibration, Sweep

Tree = dict[str, Any]
Record = Calibration | Sweep
"""Whatever is kept in a store: one of `KINDS`."""

RecordT = TypeVar("RecordT", bound=Record)

KINDS: dict[str, type[Record]] = {"calibration": Calibration, "sweep": Sweep}
"""The word that a file opens with, and what it holds."""

UPGRADES: dict[int, Callable[[Tree], Tree]] = {}
"""From a format to the next one; each step gets the record as nested dictionaries."""

_DIGITS = 6
_TABLES = ("ceilings", "measurements", "timings", "anchors")
_SPREAD = (
    *("case", "parameters", "work", "bytes_compulsory", "bytes_touched"),
    *("steps_per_second", "theoretical", "evidence", "shape", "details"),
)


def dumps(record: Record) -> str:
    """Write a record as JSON text; equal records give equal text.

    Raises:
        RooflineError: a number is NaN or infinite, or a value has no place in JSON.

    """
    tree: Tree = {"kind": kind_of(type(record))} | _plain(record) | {"format": record.format}
    tree |= {name: _tabulate(tree[name]) for name in _TABLES if name in tree}
    order = ["kind", *(field.name for field in dataclasses.fields(record))]
    lines = (f"{compact(name)}:{_lines(tree[name])}" for name in order if name in tree)
    return "{\n" + ",\n".join(lines) + "\n}\n"


def loads(text: str) -> Record:
    """Read a record of any kind, upgrading an older format.

    Raises:
        RooflineError: the text is no record of this or an older format; says why.

    """
    tree = _parse(text)
    if not isinstance(tree, dict):
        raise RooflineError("not a record: the file holds no JSON object.")
    cls = _class_of(tree)
    tree = _upgraded(_expanded(tree))
    return _structured(tree, cls)


def loads_as(wanted: type[RecordT], text: str) -> RecordT:
    """Read a record of the kind that is wanted, upgrading an older format.

    Raises:
        RooflineError: the text is no record, or one of another kind; says which.

    """
    record = loads(text)
    if not isinstance(record, wanted):
        found = kind_of(type(record))
        raise RooflineError(f"this record is a {found}, not a {kind_of(wanted)}.")
    return record


def kind_of(cls: type[RecordT]) -> str:
    """Return the word that files of these records open with."""
    return next(name for name, known in KINDS.items() if known is cls)


def compact(value: object, digits: int = _DIGITS) -> str:
    """Write plain data as JSON without spaces, floats to that many significant digits.

    Raises:
        RooflineError: a number is NaN or infinite, or a value has no place in JSON.

    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, Mapping):
        items = (f"{compact(str(k))}:{compact(v, digits)}" for k, v in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(compact(item, digits) for item in value) + "]"
    raise RooflineError(f"cannot store a value of type {type(value).__name__}.")


def _plain(record: Record) -> Tree:
    # Importing cattrs costs 40 ms, which `--help` should not pay.
    from roofline.store.convert import converter

    try:
        tree: Tree = converter().unstructure(record)
    except (TypeError, ValueError) as error:
        raise RooflineError(f"cannot store this record: {error}.") from error
    return tree


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RooflineError(f"cannot store the text {text!r}: it is not Unicode.") from error
    return json.dumps(text, ensure_ascii=False)


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        raise RooflineError(f"cannot store the number {value}: records hold finite numbers only.")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    plain = repr(float(f"{mantissa}e{exponent}"))
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    short = f"{mantissa}e{int(exponent)}"
    return short if "e" in plain or len(plain) > len(short) + 1 else plain


def _lines(value: object) -> str:
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict | list):
        return "[\n" + ",\n".join(compact(item) for item in value) + "\n]"
    return compact(value)


def _tabulate(items: Iterable[Tree]) -> list[list[object]]:
    rows = [dict(_cells(item)) for item in items]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    columns.sort(key=lambda name: sum(name in row for row in rows), reverse=True)
    return [[*columns], *(_trimmed([row.get(name) for name in columns]) for row in rows)]


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


def _trimmed(row: list[object]) -> list[object]:
    while row and row[-1] is None:
        row.pop()
    return row


def _parse(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise RooflineError("not a record: it is nested too deeply.") from None
    except ValueError as error:
        raise RooflineError(f"not a record: it is damaged JSON ({error}).") from error


def _once(pairs: list[tuple[str, object]]) -> Tree:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RooflineError("not a record: a name stands twice in one object.")
    return found


def _refuse(constant: str) -> None:
    raise RooflineError(f"not a record: it holds {constant}, which is no finite number.")


def _class_of(tree: Tree) -> type[Record]:
    kind = tree.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise RooflineError(f"not a record: its kind is {kind!r}, not one of {', '.join(KINDS)}.")
    return KINDS[kind]


def _expanded(tree: Tree) -> Tree:
    return tree | {name: _untabulated(name, tree[name]) for name in _TABLES if name in tree}


def _untabulated(table: str, rows: object) -> list[Tree]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows) or not rows:
        raise RooflineError(f"not a valid record: {table} is not a table.")
    columns, *rest = rows
    if not all(isinstance(name, str) for name in columns) or len({*columns}) < len(columns):
        raise RooflineError(f"not a valid record: {table} has no distinct column names.")
    if any(len(row) > len(columns) for row in rest):
        raise RooflineError(f"not a valid record: {table} has a line longer than its columns.")
    return [_nested(table, dict(zip(columns, row, strict=False))) for row in rest]


def _nested(table: str, cells: Tree) -> Tree:
    item: Tree = {}
    for path, value in cells.items():
        if value is None:
            continue
        *parents, name = path.split(".")
        place: Any = item
        for parent in parents:
            place = place.setdefault(parent, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name in place:
            raise RooflineError(f"not a valid record: the column {path!r} of {table} misfits.")
        place[name] = value
    return item


def _upgraded(tree: Tree) -> Tree:
    version = tree.get("format")
    if type(version) is not int:
        raise RooflineError(f"not a record: its format is {version!r}, not a whole number.")
    if version > FORMAT:
        raise RooflineError(
            f"this record has format {version} and this version reads up to {FORMAT}: "
            "update calibrated-roofline."
        )
    for step in range(version, FORMAT):
        if step not in UPGRADES:
            raise RooflineError(f"not a record: there is no format {version}.")
        tree = UPGRADES[step](tree) | {"format": step + 1}
    return tree


def _structured(tree: Tree, cls: type[Record]) -> Record:
    from cattrs import BaseValidationError, transform_error

    from roofline.store.convert import converter

    try:
        return converter().structure(tree, cls)
    except RecursionError:
        raise RooflineError("not a valid record: it is nested too deeply.") from None
    except BaseValidationError as error:
        first = transform_error(error, path="", format_exception=_reason)[0]
        raise RooflineError(f"not a valid record: {first}.") from error


def _reason(error: BaseException, _: object) -> str:
    if isinstance(error, KeyError):
        return "a required field is missing"
    fields = getattr(error, "extra_fields", None)
    return f"unknown field {', '.join(sorted(fields))}" if fields else str(error)
