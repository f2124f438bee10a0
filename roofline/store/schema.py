"""Records as JSON text: deterministic to write, strict to read, upgraded one version at a time.

A record is one JSON object with a line for each top-level key and for each item of its lists.
Fields at their default are left out, so changing a default in `roofline.records` is a change
of format. Long lists are tables (`roofline.store.tables`), rounds are scaled whole numbers
(`roofline.store.rounds`).
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from roofline.errors import RooflineError
from roofline.records import FORMAT, Calibration, Efficiency, Sweep
from roofline.store import tables
from roofline.store.upgrades import UPGRADES

Tree = dict[str, Any]
Record = Calibration | Sweep | Efficiency
"""Whatever is kept in a store: one of `KINDS`."""


class FutureFormatError(RooflineError):
    """A record that a later version of this suite wrote."""


RecordT = TypeVar("RecordT", bound=Record)

KINDS: dict[str, type[Record]] = {
    "calibration": Calibration,
    "sweep": Sweep,
    "efficiency": Efficiency,
}
"""The word that a file opens with, and what it holds."""

_DIGITS = 6
_LONG = tables.TABLES.keys() - {"ceilings"}


def dumps(record: Record) -> str:
    """Write a record as JSON text; equal records give equal text.

    Raises:
        RooflineError: a number is NaN or infinite, or a value has no place in JSON.

    """
    tree: Tree = {"kind": kind_of(type(record))} | _plain(record) | {"format": record.format}
    order = ["kind", *(field.name for field in dataclasses.fields(record))]
    lines = (f"{compact(name)}:{_lines(name, tree[name])}" for name in order if name in tree)
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
    return _structured(_expanded(_upgraded(tree)), cls)


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


def outline(text: str) -> tuple[str, Tree]:
    """Return a record's kind and its fields as nested data, of its tables the ceilings only.

    It is twenty times as quick as `loads`, and less strict: what is chosen by it must be read
    by that.

    Raises:
        RooflineError: the text is no record of this or an older format; says why.

    """
    tree = _parse(text)
    if not isinstance(tree, dict):
        raise RooflineError("not a record: the file holds no JSON object.")
    kind = kind_of(_class_of(tree))
    short = {name: value for name, value in tree.items() if name not in _LONG}
    return kind, _expanded(_upgraded(short))


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


def _lines(name: str, value: Any) -> str:
    if name in tables.TABLES:
        lines = tables.written(name, value, compact)
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict | list):
        lines = [compact(item) for item in value]
    else:
        return compact(value)
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


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
    long = [name for name in tables.TABLES if name in tree]
    return tree | {name: tables.items_of(name, tree[name]) for name in long}


def _upgraded(tree: Tree) -> Tree:
    version = tree.get("format")
    if type(version) is not int:
        raise RooflineError(f"not a record: its format is {version!r}, not a whole number.")
    if version > FORMAT:
        raise FutureFormatError(
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
