"""The list of an archive, in words or as JSON: quick with tens of thousands of records."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from roofline.store.index import digest_in
from roofline.store.outlines import COLUMNS
from roofline.units import rate

if TYPE_CHECKING:
    from roofline.store.catalogue import Catalogue, Row

# Printed figures have three digits: few differ.
_rate = lru_cache(maxsize=1 << 16)(rate)
_TRUTHS = ("quick", "valid")
_TRUTH = "json(iif({}, 'true', 'false'))"
_PRINTED = ("name", "kind", "quick", "flops", "bandwidth", "site", "machine", "started")


def in_words(catalogue: Catalogue, machine: str = "", *, everything: bool = False) -> str:
    """Return a line for each valid record that nothing supersedes, the newest first.

    Args:
        catalogue: of the archive.
        machine: what the type of machine begins with.
        everything: those that are used no longer, too.

    """
    return "\n".join(map(_words, _rows(catalogue, _PRINTED, machine, everything=everything)))


def as_json(catalogue: Catalogue, machine: str = "", *, everything: bool = False) -> str:
    """Return all that is known of the same records as an array, a line for each of them."""
    # Made by SQLite: Python takes twice as long over it. Records hold fewer digits than it prints.
    cells = (f"'{name}', {_TRUTH.format(name) if name in _TRUTHS else name}" for name in COLUMNS)
    columns = ("name", "kind", f"json_object({', '.join(cells)})")
    rows = _rows(catalogue, columns, machine, everything=everything)
    return "[" + ",\n ".join(row[2] for row in rows) + "]"


def _rows(
    catalogue: Catalogue, columns: tuple[str, ...], machine: str, *, everything: bool
) -> list[Row]:
    """Return rows of columns that begin with name and kind."""
    where = "substr(machine, 1, ?) = ?" + ("" if everything else " and valid")
    rows = catalogue.rows(columns, where, (len(machine), machine))
    if not everything and (replaced := catalogue.replaced()):
        rows = [row for row in rows if (row[1], digest_in(row[0])) not in replaced]
    # Names begin with the time.
    rows.sort(key=itemgetter(0), reverse=True)
    return rows


def _words(row: Row) -> str:
    name, kind, quick, flops, bandwidth, site, machine, started = row
    plan = "quick" if quick else kind
    compute = _rate(flops, "FLOP/s") if flops else ""
    memory = _rate(bandwidth, "B/s") if bandwidth else ""
    return f"{started}  {plan:11}  {compute:>14}  {memory:>10}  {site}/{machine}  {name}"
