"""A calibration printed for a person, at the terminal's width or at 100 columns when piped."""

import sys

from rich.console import Console, RenderableType

from roofline.records import Calibration
from roofline.view.table import WIDTH, render


def print_table(calibration: Calibration) -> None:
    """Print every table of a calibration on stdout."""
    show(render(calibration))


def show(tables: RenderableType) -> None:
    """Print tables on stdout."""
    width = None if sys.stdout.isatty() else WIDTH
    Console(width=width, highlight=False).print(tables)
    sys.stdout.flush()
