"""Waterfalls as rows of words: each step's time, its share of the end, and what it is."""

from collections.abc import Iterator

from roofline.records import Loss, Waterfall
from roofline.units import duration
from roofline.view.comparison_rows import NOTHING, percent
from roofline.view.rows import Row, Section

BASES = {
    "paper": "on paper",
    "hardware": "on the measured roof (nothing on paper is known: --spec)",
    "caches": "at the level that holds the data (no other roof is known)",
}
END = {True: "threads not pinned, output in fresh memory", False: "threads pinned, touched memory"}
# Steps smaller than this share of the end aren't worth a line; the end still holds them.
SMALL = 1e-4
# An interval around nothing that is wider than this share of the end tells nothing.
NARROW = 0.1


def waterfall(one: Waterfall) -> Section:
    """Return the table of a waterfall."""
    return Section(
        title=f"What {one.name} loses from paper to practice",
        columns=("step", ">time", ">of measured", "what it is"),
        rows=tuple(_rows(one)),
    )


def doubt(loss: Loss, one: Waterfall) -> str:
    """Return what keeps a step from being known: nothing, noise, or that it is nothing."""
    if loss.measurable or loss.interval is None:
        return ""
    return (
        "none measurable" if max(map(abs, loss.interval)) <= NARROW * one.seconds else "undecided"
    )


def _rows(one: Waterfall) -> Iterator[Row]:
    yield one.basis, duration(one.start), percent(one.start / one.seconds), BASES[one.basis]
    for loss in one.losses:
        if loss.seconds is None:
            yield loss.name, NOTHING, NOTHING, loss.about
        elif abs(loss.seconds) > SMALL * one.seconds:
            share = percent(abs(loss.seconds) / one.seconds)
            sign = "+" if loss.seconds >= 0 else "-"
            about = ": ".join(filter(None, (doubt(loss, one), loss.about)))
            yield loss.name, f"{sign} {duration(abs(loss.seconds))}", f"{sign}{share}", about
    yield "measured", duration(one.seconds), "100 %", END[one.system_measured]
