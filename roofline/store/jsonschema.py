"""The JSON Schema of a record's file, generated from the records themselves."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from roofline.records import FORMAT, Rounds
from roofline.store.schema import Record, kind_of
from roofline.store.tables import COLUMNS, TABLES

Tree = dict[str, Any]

_PLAIN: dict[Any, Tree] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}
_ROUNDS: Tree = {
    "description": "a power of ten, then whole numbers that it scales: a round or its samples",
    "type": "array",
    "items": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
}


def json_schema(cls: type[Record]) -> Tree:
    """Return the schema of the files that hold records of a kind."""
    definitions: dict[str, Tree] = {}
    whole = _object(cls, definitions)
    kind = kind_of(cls)
    whole["properties"] = {"kind": {"const": kind}, **whole["properties"]}
    whole["properties"]["format"] = {"const": FORMAT}
    for name in TABLES:
        if name in whole["properties"]:
            whole["properties"][name] = _table(whole["properties"][name])
    whole["required"] = sorted({"kind", "format", *whole["required"]})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind}, format {FORMAT}",
        "description": (cls.__doc__ or "").partition("\n")[0],
        **whole,
        "$defs": dict(sorted(definitions.items())),
    }


def _table(items: Tree) -> Tree:
    """Return the schema of a table: heads that open sections, and lines of cells below them."""
    head = {
        "description": "opens a section: fields that all its lines share, by dotted name",
        "type": "object",
        "properties": {COLUMNS: {"type": "array", "items": {"type": "string"}}},
        "required": [COLUMNS],
    }
    return {
        "description": "sections of lines; written out, an item is as in $comment",
        "$comment": items["items"]["$ref"],
        "type": "array",
        "items": {"anyOf": [head, {"type": "array"}]},
    }


def _object(cls: Any, definitions: dict[str, Tree]) -> Tree:
    hints = get_type_hints(cls)
    fields = dataclasses.fields(cls)
    missing = dataclasses.MISSING
    return {
        "type": "object",
        "properties": {one.name: _of(hints[one.name], definitions) for one in fields},
        "required": [
            one.name for one in fields if one.default is missing and one.default_factory is missing
        ],
        "additionalProperties": False,
    }


def _of(annotation: Any, definitions: dict[str, Tree]) -> Tree:
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    if annotation == Rounds:
        return dict(_ROUNDS)
    if dataclasses.is_dataclass(annotation):
        name = getattr(annotation, "__name__", "")
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(annotation, definitions)
        return {"$ref": f"#/$defs/{name}"}
    return _generic(annotation, definitions)


def _generic(annotation: Any, definitions: dict[str, Tree]) -> Tree:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(one, definitions) for one in inner]}
    if origin is tuple and inner[-1] is ...:
        return {"type": "array", "items": _of(inner[0], definitions)}
    if origin is tuple:
        items = [_of(one, definitions) for one in inner]
        return {"type": "array", "prefixItems": items, "minItems": len(inner), "items": False}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _of(inner[1], definitions)}
    raise TypeError(f"no schema for {annotation}")
