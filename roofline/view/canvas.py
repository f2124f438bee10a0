"""The look that all figures share, and how they are written: the same bytes every time."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from roofline.errors import RooflineError

INK = "#222222"
QUIET = "#5A5A5A"
GRID = "#E2E2E2"
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
MARGIN = 0.02
TITLE_POINTS = 12.5
FORMATS = (".svg", ".png")
# Text becomes outlines: a reader without our font sees the same figure.
SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "svg.fonttype": "path",
    "svg.hashsalt": "roofline",
    "hatch.linewidth": 0.6,
    "hatch.color": ORANGE,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


@contextmanager
def look() -> Iterator[None]:
    """Hold the shared look, whatever the user's own settings say, and give theirs back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of that many inches, tied to no window and no global state."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def headline(figure: Figure, words: str, height: float) -> None:
    """Write a figure's title, smaller where a machine's name is long."""
    # A bold letter is about 0.7 of its size wide.
    room = 72 * figure.get_figwidth() * (1 - 2 * MARGIN) / (0.7 * len(words))
    size = min(TITLE_POINTS, room)
    figure.text(MARGIN, height, words, fontsize=size, weight="bold", va="center")


def check(paths: Sequence[Path]) -> None:
    """Refuse paths that no figure can be written to, before anything is drawn.

    Raises:
        RooflineError: a suffix is neither .svg nor .png, or no file can be made there.

    """
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            raise RooflineError(
                f"cannot draw {str(path)!r}: name a file that ends in .svg or .png."
            )
        nearest = next(place for place in path.absolute().parents if place.exists())
        if path.is_dir() or not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise RooflineError(f"cannot write the figure {path}: name a file that you may write.")


def write(figure: Figure, paths: Sequence[Path]) -> None:
    """Write a figure to each path, in the format that its suffix names.

    Raises:
        RooflineError: a path cannot be written.

    """
    for path in paths:
        kind = path.suffix.lower().removeprefix(".")
        # Dates and library versions would make equal figures differ.
        undated = {"Date": None} if kind == "svg" else {"Software": None}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format=kind, dpi=200, metadata=undated)
        except OSError as problem:
            reason = problem.strerror or problem
            raise RooflineError(f"cannot write the figure {path}: {reason}.") from problem
