"""A comparison printed for a person, at the terminal's width or at 100 columns when piped."""

from roofline.records import Report
from roofline.view.comparison_table import render
from roofline.view.terminal import show


def print_comparison(report: Report) -> None:
    """Print every table of a comparison on stdout."""
    show(render(report))
