"""A fit as tables: what its parameters came to, and how well each rung holds on unseen layers."""

import math
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType

from roofline.physics.efficiency import PRIORS
from roofline.records import RUNG_MEANINGS, RUNGS, Efficiency, Errors, Parameter, Report
from roofline.units import duration
from roofline.view.cells import three
from roofline.view.comparison_rows import conditions, percent
from roofline.view.rows import Row, Section
from roofline.view.table import pairs, sheet
from roofline.view.terminal import show

_ABOUT = {prior.name: prior.about for prior in PRIORS}
ERRORS = ("rung", "predicts from", ">median APE", ">within 10 %", ">within 25 %", ">bias")


def print_fit(record: Efficiency, judged: Sequence[tuple[str, Report]]) -> None:
    """Print a fit, then what it makes of each sweep that it is judged by."""
    show(Group(*_parts(record), *(part for one in judged for part in _judged(*one))))


def parameters(record: Efficiency) -> Section:
    """Return what each physical parameter came to, and what was believed before."""
    rows = tuple(
        (one.name, _value(one, one.value), _believed(one), _ABOUT.get(one.name, ""))
        for one in record.parameters
    )
    return Section(
        title="Physical parameters (rung e)",
        columns=("parameter", ">fitted", ">believed before", "of"),
        rows=rows,
    )


def errors(title: str, found: Mapping[str, Errors]) -> Section:
    """Return the errors of each rung."""
    rows = tuple(_error(rung, found[rung]) for rung in RUNGS if rung in found)
    return Section(title=title, columns=ERRORS, rows=rows)


def _parts(record: Efficiency) -> Iterator[RenderableType]:
    yield pairs(None, _conditions(record))
    yield sheet(parameters(record))
    yield sheet(errors("Errors (e and f: of layers that their fit did not see)", record.errors))
    yield pairs(
        "", ((one.severity, f"{one.what}: {one.why_it_matters}") for one in record.findings)
    )


def _conditions(record: Efficiency) -> Iterator[Row]:
    cores = "1 core" if record.threads == 1 else f"{record.threads} cores"
    yield "machine", record.machine.id
    yield "calibration", record.calibration
    yield "subject", f"{record.subject}, {cores}, {record.cache} caches"
    trees = sum(member.trees.count for member in record.members)
    grown = f", {trees} trees of two levels" if trees else ", no residual"
    fits = f"{len(record.members)} fits, each without a fold of them{grown}"
    yield "fitted", f"{len(record.timings)} layers, {fits}"
    yield "took", duration(record.seconds_taken)


def _judged(name: str, report: Report) -> Iterator[RenderableType]:
    kept = [row for row in conditions(report) if row[0] in ("fit", "verdicts")]
    found = {rung: some["all"] for rung, some in report.rung_errors.items() if "all" in some}
    yield sheet(errors(f"Judged by {name}", found))
    yield pairs("", kept)


def _error(rung: str, one: Errors) -> Row:
    shares = (one.median_ape, one.within_10, one.within_25)
    return rung, RUNG_MEANINGS[rung], *map(percent, shares), f"{100 * one.bias:+.1f} %"


def _value(parameter: Parameter, value: float) -> str:
    return duration(value) if parameter.unit == "s" else three(value)


def _believed(parameter: Parameter) -> str:
    """Return the prior's median, and the range that two thirds of it lie in."""
    low, high = (parameter.centre * math.exp(sign * parameter.spread) for sign in (-1, 1))
    ends = f"{_value(parameter, low)} to {_value(parameter, high)}"
    return f"{_value(parameter, parameter.centre)} ({ends})"
