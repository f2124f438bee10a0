"""What a comparison says: a section with tables for people, an object for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roofline.units import significant
from versus.run import Left, Row

_HEADS = ("figure", "ours", "theirs", "ratio (95 % interval)", "goal", "all pairs")
_BY_MEANS = "by means"
_ABOUT = """One thread unless said otherwise, both sides pinned to the same CPUs, with the same
working sets and kinds of stores, memory mapped anew for every run; runs in turn: ours, theirs,
theirs, ours, ... Rates are medians over runs, in GFLOP/s (INT8: integer operations; divides and
square roots: results) and in GB/s as loads and stores name bytes. Ours is the median of a run's
samples, as in a calibration. The ratio is the median of ours / theirs by pair, with its
distribution-free interval; the goal is the least median to be content with."""
_MEANS = """Its figure is the mean of its run, which whatever else runs pulls down: "by means" is
the median ratio with the mean of ours, too, and a goal must be met by both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A comparison with its circumstances.

    Attributes:
        versions: of each rival that is there, by name.
        conditions: what our measuring process saw (steal, switches, ...).

    """

    date: str
    machine: str
    software: str
    cpus: tuple[int, ...]
    versions: Mapping[str, str]
    rows: tuple[Row, ...]
    left: tuple[Left, ...]
    conditions: Mapping[str, Any]


def markdown(report: Report) -> str:
    """Return the section: circumstances, then a table a rival, then what is left out."""
    lines = ["## Against other tools", "", _circumstances(report), "", _ABOUT, ""]
    for rival, version in report.versions.items():
        rows = [row for row in report.rows if row.rival == rival]
        by_means = any(row.ratio_of_means is not None for row in rows)
        about = f"{version}. {_MEANS}" if by_means else f"{version}."
        lines += [f"### {rival}", "", about, "", *_table(rows, by_means=by_means)]
    return "\n".join([*lines, *(f"- {sentence(left)}" for left in report.left)]).rstrip() + "\n"


def sentence(left: Left) -> str:
    """Say what a rival isn't compared in, and why."""
    if not left.figures:
        return f"{left.rival} is absent: {left.reason}."
    how = "failed at" if left.failed else "is not compared in"
    return f"{left.rival} {how} {', '.join(left.figures)}: {left.reason}."


def as_dict(report: Report) -> dict[str, Any]:
    """Return everything, all pairs included, for JSON."""
    return {
        "date": report.date,
        "machine": report.machine,
        "software": report.software,
        "cpus": list(report.cpus),
        "rivals": dict(report.versions),
        "rows": [_row_dict(row) for row in report.rows],
        "left": [
            {"rival": x.rival, "figures": list(x.figures), "reason": x.reason, "failed": x.failed}
            for x in report.left
        ],
        "conditions": dict(report.conditions),
    }


def _circumstances(report: Report) -> str:
    steal = report.conditions.get("steal_fraction")
    stolen = "" if steal is None else f"; time stolen by other guests: {100 * steal:.1f} %"
    cpus = ", ".join(map(str, report.cpus))
    return f"{report.date}, {report.machine}, CPUs {cpus}; {report.software}{stolen}."


def _table(rows: Sequence[Row], *, by_means: bool) -> Iterator[str]:
    """Yield a table's lines, padded so that they can be read as they are."""
    if not rows:
        return
    heads = [*_HEADS[:4], *[_BY_MEANS] * by_means, *_HEADS[4:]]
    cells = [heads, *(_cells(row, by_means=by_means) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield f"| {' | '.join(padded)} |"
    yield ""


def _cells(row: Row, *, by_means: bool) -> list[str]:
    means = "" if row.ratio_of_means is None else f"{row.ratio_of_means:.3f}"
    return [
        row.figure.title,
        significant(row.ours / 1e9, 4),
        significant(row.theirs / 1e9, 4),
        f"{row.ratio:.3f}{_span(row.interval)}",
        *[means] * by_means,
        _goal(row),
        " ".join(f"{ratio:.2f}" for ratio in row.ratios),
    ]


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} - {interval[1]:.3f})"


def _goal(row: Row) -> str:
    if row.figure.goal is None:
        return ""
    verdict = {None: "", True: ": met", False: ": short"}[row.met]
    return f">= {row.figure.goal:.2f}{verdict}"


def _row_dict(row: Row) -> dict[str, Any]:
    return {
        "figure": row.figure.name,
        "rival": row.rival,
        "their_name": row.figure.equivalents[row.rival],
        "unit": row.figure.unit,
        "working_set_bytes": row.figure.case.working_set_bytes,
        "threads": row.figure.case.threads,
        "ratio": row.ratio,
        "interval": row.interval,
        "ratio_of_means": row.ratio_of_means,
        "goal": row.figure.goal,
        "reaching": row.figure.reaching,
        "met": row.met,
        "pairs": [
            {"ours": pair.ours, "theirs": pair.theirs, "ours_mean": pair.ours_mean}
            for pair in row.pairs
        ],
    }
