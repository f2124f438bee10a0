"""Kept records concluded again from their samples: what real neighbours do is taken, faults aren't.

The guest on Emerald Rapids had neighbours on its cores: its chains differ by 3 % or more in half of
all windows, and an earlier gate refused it.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from calibrate.fit import Fit, fit
from roofline.records import Calibration, Ceiling, Measurement, Rounds
from roofline.store.schema import loads_as

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
RECORDS = [
    path
    for path in sorted(REFERENCE.glob("*/*/2*Z-????????????.json"))
    if '"kind":"calibration"' in path.read_text(encoding="utf-8")
]
(BUSY,) = [path for path in RECORDS if path.name.endswith("6296c7116889.json")]
Change = Callable[[Measurement], Measurement]


@cache
def kept(path: Path) -> tuple[Calibration, tuple[Measurement, ...]]:
    """Return a record, and its measurements with all samples."""
    record = loads_as(Calibration, path.read_text(encoding="utf-8"))
    assert record.samples is not None
    with gzip.open(path.parent / record.samples.name) as file:
        stored = json.load(file)
    return record, tuple(_whole(one, stored[one.case.key]) for one in record.measurements)


def _whole(one: Measurement, stored: dict[str, dict[str, Rounds]]) -> Measurement:
    chains = stored["steps_per_second"]
    return replace(one, seconds=stored["seconds"], steps_per_second=chains)


def again(path: Path, change: Change = lambda one: one) -> Fit:
    record, measurements = kept(path)
    return fit(record.machine, [change(one) for one in measurements])


def refused(found: Fit) -> list[str]:
    return [one.what for one in found.findings if one.severity == "invalid"]


def compute(found: Fit, name: str) -> Ceiling:
    (one,) = [c for c in found.ceilings if (c.name, c.threads) == (name, 1)]
    return one


def slower(benchmark: str, factor: float) -> Change:
    def change(one: Measurement) -> Measurement:
        if one.case.benchmark != benchmark:
            return one
        return replace(one, seconds=scaled(one.seconds, factor))

    return change


def chain(name: str, factor: float) -> Change:
    def change(one: Measurement) -> Measurement:
        chains = dict(one.steps_per_second)
        return replace(
            one,
            steps_per_second={
                c: scaled(r, factor if c == name else 1.0) for c, r in chains.items()
            },
        )

    return change


def scaled(rounds: Rounds, factor: float) -> Rounds:
    return tuple(tuple(factor * value for value in row) for row in rounds)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.parts[-3] + path.stem[-4:])
def test_every_kept_record_is_concluded_again_without_objection(path: Path) -> None:
    assert refused(again(path)) == []


def test_beside_neighbours_pipes_are_as_whole_as_ever_in_windows_that_they_left_alone() -> None:
    found = again(BUSY)
    for name, pipes in (
        *(("fma-float32-512", 2.0), ("fma-float64-512", 2.0), ("fma-float32-256", 2.0)),
        *(("fma+add-float32-512", 1.5), ("dot-bfloat16-512", 0.5), ("dot-int8-512", 2.0)),
    ):
        one = compute(found, name)
        assert one.evidence["pipes"] == pytest.approx(pipes, rel=0.02)
        apart, windows = one.evidence["set_apart"], one.evidence["windows"]
        assert isinstance(apart, int)
        assert isinstance(windows, int)
        assert 10 <= apart <= 0.55 * windows
    assert any(one.what.startswith("set apart") for one in found.findings)


@pytest.mark.parametrize(
    "fault",
    [
        slower("fma", 0.5),
        slower("fma", 1 / 0.3),
        slower("fma", 1.25),
        slower("dot", 1.2),
        chain("imul", 1.4),
        chain("vector", 1.4),
        chain("imul", 1 / 1.4),
    ],
    ids=["half-work", "spill", "fifth-slower", "slow-dots", "imul", "vector", "slow-imul"],
)
def test_neighbours_excuse_no_fault(fault: Change) -> None:
    assert refused(again(BUSY, fault))


@pytest.mark.parametrize("factor", [0.92, 1.08])
def test_a_chain_that_is_off_by_less_than_neighbours_make_it_is_refused(factor: float) -> None:
    assert any("two chains" in what for what in refused(again(BUSY, chain("imul", factor))))


def test_a_little_less_than_whole_pipes_is_doubted_beside_neighbours() -> None:
    """As INT8 dot products read on the first machine: 1.87."""
    found = again(BUSY, slower("dot", 1.07))
    assert refused(found) == []
    doubts = [one.what for one in found.findings if one.severity == "warning"]
    assert any("dot-int8-512" in what and what.endswith("noisy") for what in doubts)
