"""One step from each older format to the next; each gets a record as it lies in its file.

1  tables were one line of column names and a line for each item, rounds lists of seconds.
"""

from collections.abc import Callable, Iterable
from typing import Any

from roofline.errors import RooflineError
from roofline.store.rounds import packed
from roofline.store.tables import COLUMNS, TABLES, named

Tree = dict[str, Any]

_ROUNDS = ("seconds", "steps_per_second.")


def from_1(tree: Tree) -> Tree:
    """Put a head on each table, and scale rounds."""
    return tree | {name: _headed(name, tree[name]) for name in TABLES if name in tree}


UPGRADES: dict[int, Callable[[Tree], Tree]] = {1: from_1}
"""From a format to the next one."""


def _headed(table: str, lines: object) -> list[object]:
    if not isinstance(lines, list) or not all(isinstance(line, list) for line in lines):
        raise RooflineError(f"not a valid record: {table} is not a table.")
    if not lines:
        raise RooflineError(f"not a valid record: {table} is not a table.")
    columns = named(table, lines[0])
    rounds = [i for i, name in enumerate(columns) if name.startswith(_ROUNDS)]
    return [{COLUMNS: columns}, *(_scaled(line, rounds) for line in lines[1:])]


def _scaled(line: list[Any], rounds: Iterable[int]) -> list[Any]:
    places = [place for place in rounds if place < len(line) and line[place] is not None]
    return [_packed(cell) if place in places else cell for place, cell in enumerate(line)]


def _packed(cell: object) -> list[object]:
    if not isinstance(cell, list):
        raise RooflineError("not a valid record: expected a list of rounds.")
    samples = [one if isinstance(one, list) else [one] for one in cell]
    if not all(type(value) in (int, float) for values in samples for value in values):
        raise RooflineError("not a valid record: rounds hold something else than numbers.")
    return packed(tuple(tuple(map(float, values)) for values in samples))
