"""Requests and answers of the child: one JSON line each, records in the form of plain dicts."""

import json
from collections.abc import Mapping
from typing import Any

from roofline.errors import RooflineError
from roofline.records import Case

_FIELDS = ("benchmark", "parameters", "dtype", "isa", "bits", "threads", "working_set_bytes")


def decode_case(fields: Mapping[str, Any]) -> Case:
    """Return the case that a request describes.

    Raises:
        RooflineError: it lacks a name or has fields that no case has.

    """
    unknown = set(fields) - set(_FIELDS)
    if unknown or "benchmark" not in fields:
        raise RooflineError(f"a case has the fields {', '.join(_FIELDS)}; got {sorted(fields)}.")
    return Case(**fields)


def answer(number: int, result: Any) -> str:
    """Return the line of a good answer."""
    return json.dumps({"id": number, "result": result}, separators=(",", ":"))


def refusal(number: int, sentence: str, exit_code: int) -> str:
    """Return the line of an answer that says why there is none."""
    return json.dumps({"id": number, "error": sentence, "exit_code": exit_code})
