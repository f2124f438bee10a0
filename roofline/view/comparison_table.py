"""A comparison as tables for a terminal: layers, lessons, errors by rung and class, drift."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from roofline.records import Comparison, Report, Verdict
from roofline.view import comparison_rows as rows
from roofline.view import explanation_table
from roofline.view.table import blank, pairs, sheet

# As wide as the longest single word: what is rare and long wraps and takes no room from layers.
WORD_WIDTHS = {"bound by": 8, "verdict": 7}
_STYLES: dict[Verdict, str] = {
    "slower": "yellow",
    "faster": "cyan",
    "faster-than-roof": "bold red",
    "fewer-operations-than-counted": "magenta",
}


def render(report: Report) -> Group:
    """Return everything that a report says, for a rich console of 100 columns or more."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    yield pairs(None, rows.conditions(report))
    if report.rows:
        yield _layers(report)
    if lessons := tuple(rows.lessons(report)):
        yield pairs("Lessons of these layers", (("-", lesson) for lesson in lessons))
    for section in rows.sections(report):
        yield sheet(section)
        if section.columns == rows.ERRORS:
            yield Padding(Text(rows.noise_floor(report)), (1, 0, 0, 0))
            if words := rows.undrifted(report):
                yield Padding(Text(words), (1, 0, 0, 0))
    if report.explanations or report.waterfalls:
        yield explanation_table.render(report)


def _layers(report: Report) -> Table:
    table = blank("Layers")
    table.show_header = True
    table.padding = (0, 0, 0, 0)
    for name in rows.COLUMNS:
        words = Text(name.removeprefix(">"))
        if name.startswith(">"):
            table.add_column(words, justify="right", no_wrap=True)
        else:
            table.add_column(words, max_width=WORD_WIDTHS.get(name), overflow="fold")
    for row in report.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Comparison) -> Iterator[Text]:
    name, *middle, verdict = rows.layer(row)
    title, end, shape = name.partition("\n")
    yield Text.assemble(title, end, (shape, "dim"))
    yield from map(Text, middle)
    yield Text(verdict, style=_STYLES.get(row.verdict, "") if row.verdict else "")
