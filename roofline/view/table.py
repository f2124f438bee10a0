"""A calibration as tables for a terminal, and as a data frame for CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from roofline.records import Calibration, Ceiling, Finding, Scalar
from roofline.view import rows
from roofline.view.effect_rows import effects
from roofline.view.level_rows import ends

if TYPE_CHECKING:
    import pandas

WIDTH = 100
_STYLES = {"invalid": "bold red", "warning": "yellow", "advice": "cyan", "note": ""}


def render(calibration: Calibration) -> Group:
    """Return everything that a calibration says, for a rich console of 100 columns or more."""
    parts: list[RenderableType] = [pairs(None, rows.conditions(calibration))]
    parts += [_roofs(calibration, threads) for threads in ends(calibration)]
    parts += [sheet(section) for section in rows.sections(calibration)]
    parts.append(pairs("Effects on time", effects(calibration)))
    parts.append(pairs("Doubts (worst and best round)", rows.verdicts(calibration)))
    parts.append(pairs("Findings", map(_finding, calibration.findings)))
    return Group(*(part for part in parts if not isinstance(part, Table) or part.row_count))


def to_frame(calibration: Calibration) -> pandas.DataFrame:
    """Return one row a ceiling, in SI units, with machine and time so that frames can be joined."""
    import pandas

    return pandas.DataFrame([dict(_cells(calibration, c)) for c in calibration.ceilings])


def _cells(calibration: Calibration, ceiling: Ceiling) -> Iterator[tuple[str, Scalar]]:
    yield from (("node", calibration.node), ("machine", calibration.machine.id))
    yield "started", calibration.started
    for name in ("kind", "name", "threads", "level", "direction", "store", "mix", "dtype", "isa"):
        yield name, getattr(ceiling, name)
    for name in ("bits", "unit", "typical", "high", "low", "spread"):
        yield name, getattr(ceiling, name)
    low, high = ceiling.interval or (None, None)
    yield from (("interval_low", low), ("interval_high", high))
    theory = ceiling.theoretical
    for name in ("paper", "at_clock", "basis", "source"):
        yield name, getattr(theory, name) if theory else None
    yield from sorted(ceiling.evidence.items())


def sheet(section: rows.Section) -> Table:
    """Return a table with a header; columns whose name begins with ">" are set flush right."""
    table = blank(section.title)
    table.show_header = True
    for name in section.columns:
        right = name.startswith(">")
        words = Text(name.removeprefix(">"))
        table.add_column(words, justify="right" if right else "left", no_wrap=False)
    for row in section.rows:
        table.add_row(*map(Text, row))
    return table


def pairs(title: str | None, cells: Iterable[tuple[str | Text, ...]]) -> Table:
    """Return a table without a header: names, and what is to be said of each."""
    table = blank(title)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def _roofs(calibration: Calibration, threads: int) -> Table:
    cores = "1 core" if threads == 1 else f"{threads} cores"
    table = blank(f"Roofs of {cores}")
    for justify in ("left", "right", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows.roofs(calibration, threads):
        table.add_row(*map(Text, row))
    return table


def _finding(finding: Finding) -> tuple[Text, Text]:
    words = [finding.what, finding.why_it_matters]
    text = Text(": ".join(filter(None, words)))
    if finding.command:
        text.append(f"\n$ {finding.command}", style="bold")
    return Text(finding.severity, style=_STYLES[finding.severity]), text


def blank(title: str | None) -> Table:
    """Return a table without columns, in the look that all share."""
    return Table(
        title=Text(f"\n{title}", style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
