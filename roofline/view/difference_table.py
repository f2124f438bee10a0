"""What changed between two calibrations as tables for a terminal: ceilings, then all else."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from roofline.physics.circumstances import Change
from roofline.physics.difference import Difference, Differences
from roofline.physics.pairing import PER_CYCLE
from roofline.physics.verdicts import Outcome
from roofline.records import Kind
from roofline.units import capacity, duration, rate, significant
from roofline.view.table import blank, pairs

TITLES: dict[Kind, str] = {
    "compute": "Compute (FLOP/cycle of one core, where its clock is known)",
    "operation": "Operations (results a second)",
    "clock": "Clock (each beside what all clocks moved by)",
    "bandwidth": "Bandwidth (of memory: each beside what all memory figures of the team moved by)",
    "latency": "Latency",
    "capacity": "Capacity found",
    "overhead": "Overheads",
    "effect": "Effects (times the time)",
}
_UNSURE: Outcome = "can't tell"
COLUMNS = ("ceiling", ">cores", ">A", ">B", ">B / A (95 %)", "verdict", "why")
_STYLES: dict[Outcome, str] = {"changed": "bold yellow", "can't tell": "dim", "same": ""}


def render(found: Differences, others: Sequence[Change], *, everything: bool = False) -> Group:
    """Return what changed and what can't be told, for a rich console; `everything`: the rest, too.

    Args:
        found: the ceilings.
        others: what else differs.
        everything: whether what stayed the same is shown.

    """
    return Group(*_parts(found, others, everything=everything))


def _parts(
    found: Differences, others: Sequence[Change], *, everything: bool
) -> Iterator[RenderableType]:
    for kind, title in TITLES.items():
        of_kind = [row for row in found.rows if row.kind == kind]
        shown = [row for row in of_kind if everything or row.verdict != "same"]
        if shown:
            yield _ceilings(title, shown)
    for letter, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            each = ", ".join(f"{name} ({_team(threads)})" for name, threads in names)
            yield pairs(f"Only in {letter}", [(each,)])
    if others:
        yield pairs("What else differs (A -> B)", ((one.what, _arrow(one)) for one in others))
    yield Padding(Text(_counts(found)), (1, 0, 0, 0))


def _ceilings(title: str, rows: Sequence[Difference]) -> Table:
    table = blank(title)
    table.show_header = True
    for name in COLUMNS:
        right = name.startswith(">")
        words = Text(name.removeprefix(">"))
        table.add_column(words, justify="right" if right else "left", no_wrap=name != "why")
    for row in rows:
        *cells, verdict, why = words_of(row)
        style = _STYLES[row.verdict]
        table.add_row(*map(Text, cells), Text(verdict, style=style), Text(why))
    return table


def words_of(row: Difference) -> tuple[str, ...]:
    """Return a row's cells, a word for each of `COLUMNS`."""
    threads = "" if row.threads is None else str(row.threads)
    values = ("" if one is None else _value(one, row.unit) for one in (row.a, row.b))
    return (row.name, threads, *values, _ratio(row), row.verdict, row.why)


def _value(value: float, unit: str) -> str:
    if unit == "s":
        return duration(value)
    if unit == "B":
        return capacity(value)
    if unit in ("1", PER_CYCLE):
        return significant(value)
    # Results a second: 2.61 G/s.
    return rate(value, unit.removeprefix("1"))


def _ratio(row: Difference) -> str:
    if row.interval is None:
        return f"{row.ratio:.3f}"
    low, high = (f"{one:.2f}" if one < 10 else f"{one:.0f}" for one in row.interval)
    return f"{row.ratio:.3f} ({low} - {high})"


def _team(threads: int) -> str:
    return "1 core" if threads == 1 else f"{threads} cores"


def _arrow(change: Change) -> str:
    return f"{change.a} -> {change.b}"


def _counts(found: Differences) -> str:
    unsure = f"{found.count(_UNSURE)} can't be told"
    compared = f"{found.count('changed')} changed, {unsure}, {found.count('same')} the same"
    alone = [f"{len(names)} only in {x}" for names, x in ((found.only_a, "A"), (found.only_b, "B"))]
    return ", ".join([compared, *(words for words in alone if not words.startswith("0 "))])
