"""Explanations and waterfalls as tables for a terminal, below those of a comparison."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from roofline.records import Explanation, Report
from roofline.view import explanation_rows as rows
from roofline.view import waterfall_rows
from roofline.view.table import pairs, sheet


def render(report: Report) -> Group:
    """Return all that was asked about single layers, for a console of 100 columns or more."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    for one in report.explanations:
        yield from _explanation(one)
    for fall in report.waterfalls:
        yield sheet(waterfall_rows.waterfall(fall))


def _explanation(one: Explanation) -> Iterator[RenderableType]:
    yield sheet(rows.parts(one))
    yield pairs("", (("-", note) for note in rows.notes(one)))
    yield Padding(sheet(rows.changes(one)), (0, 0, 1, 0)) if one.changes else Text("")
