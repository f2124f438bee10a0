"""The list of an archive, in words or as JSON: quick with tens of thousands of records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from roofline.store.index import current
from roofline.units import rate

if TYPE_CHECKING:
    from roofline.store.catalogue import Catalogue
    from roofline.store.outlines import Line

# Printed figures have three digits: few differ.
_rate = lru_cache(maxsize=1 << 16)(rate)


def listed(catalogue: Catalogue, machine: str = "", *, everything: bool = False) -> list[Line]:
    """Return the lines of valid records that nothing supersedes, or of all, the newest first.

    Args:
        catalogue: of the archive.
        machine: what the type of machine begins with.
        everything: those that are used no longer, too.

    """
    lines = [one for one in catalogue.lines() if one.machine.startswith(machine)]
    if not everything:
        lines = [one for one in current(lines) if one.valid]
    return sorted(lines, key=lambda one: (one.started, one.name), reverse=True)


def in_words(lines: Iterable[Line]) -> str:
    """Return a line for each record."""
    return "\n".join(map(_words, lines))


def as_json(lines: Iterable[Line]) -> str:
    """Return an array with a line for each record."""
    # An encoder that indents is not the one in C.
    encode = json.JSONEncoder(ensure_ascii=False).encode
    return "[\n" + ",\n".join(encode(one._asdict()) for one in lines) + "\n]"


def _words(one: Line) -> str:
    plan = "quick" if one.quick else one.kind
    flops = _rate(one.flops, "FLOP/s") if one.flops else ""
    memory = _rate(one.bandwidth, "B/s") if one.bandwidth else ""
    cells = f"{one.started}  {plan:11}  {flops:>14}  {memory:>10}"
    return f"{cells}  {one.site}/{one.machine}  {one.name}"
