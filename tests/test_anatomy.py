"""In-core time taken apart: parts add up to it, and each is of the cause that it is named after."""

from dataclasses import fields, replace
from typing import Any

import pytest

from roofline.physics import anatomy, choice, isa, pressure
from roofline.physics.anatomy import CAUSES, Inside
from roofline.physics.cores import Core, core_of
from roofline.physics.pressure import Rates
from roofline.records import ConvShape
from roofline.shapes import default_sweep, draw, parse_shape
from tests.reference import reference

RATES = Rates(multiplies=4e9, loads=4e9, hertz=2e9)


def inside(shape: ConvShape, threads: int = 1, **core: Any) -> Inside:
    """Build what our kernels do with a shape on the reference machine's vectors."""
    machine = reference().machine
    vector = isa.vectors(machine, None)[0]
    return Inside(
        shape=shape,
        tiling=choice.choose(shape, vector, machine, threads),
        core=replace(core_of(machine, vector), **core),
        rates=RATES,
        threads=threads,
    )


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_add_up_to_the_in_core_time_and_none_is_below_nothing(threads: int) -> None:
    for layer in (*default_sweep()[::3], *draw(20, 77)):
        one = inside(layer.shape, threads)
        found = anatomy.anatomy(one)
        whole = pressure.core_seconds(layer.shape, one.tiling, one.core, one.rates, threads)
        assert sum(found.values()) == pytest.approx(whole, rel=1e-12), layer
        assert min(found.values()) > -1e-12 * whole, layer


def test_each_figure_of_a_core_belongs_to_a_cause() -> None:
    """A port that the model learns of must be named here, or it would pass for empty lanes."""
    freed = [name for _, core, rates in CAUSES for name in (*core, *rates)]
    figures = {one.name for one in (*fields(Core), *fields(Rates))}
    beside = {"overlap", "far_overlap", "taken", "ports"}
    assert {*freed} == figures - beside - {"source", "multiplies", "hertz", "columns"}
    assert len(freed) == len({*freed})


def test_bare_arithmetic_is_the_valid_multiply_adds_at_the_peak() -> None:
    shape = parse_shape("32x6x6 -> 32, 3x3 p1")
    # Of 3 taps an axis, the outer positions have 2: 4 x 3 + 2 x 2.
    macs = 32 * 32 * 16 * 16
    lanes = inside(shape).tiling.lanes
    assert anatomy.anatomy(inside(shape))["arithmetic"] == pytest.approx(
        macs / lanes / RATES.multiplies
    )


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        # Vectors of output channels.
        ("16x9x9 -> 16, 1x1", 0),
        ("16x9x9 -> 15, 1x1 s2", 1 / 15),
        ("16x9x9 -> 17, 1x1 s2", 15 / 17),
        # Vectors of positions: 81 of them in 6 vectors of 16.
        ("16x9x9 -> 15, 1x1", 15 / 81),
        ("16x9x9 -> 17, 1x1", 15 / 81),
    ],
)
def test_lanes_cost_what_is_empty_of_the_vectors_of_outputs(text: str, empty: float) -> None:
    found = anatomy.anatomy(inside(parse_shape(text)))
    assert inside(parse_shape("16x9x9 -> 16, 1x1")).tiling.lanes == 16
    assert found["lanes"] / found["arithmetic"] == pytest.approx(empty, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "cause", "figures"),
    [
        ("64x14x14 -> 64, 3x3 p1 g16", "permutations", {"permutes": 0.2, "arithmetic": 2.0}),
        ("64x14x14 -> 64, 3x3 p1 g64", "sums", {"stores": 0.05}),
        ("64x14x14 -> 64, 3x3 p1", "loads", {"broadcasts": 0.1}),
        ("64x14x14 -> 64, 3x3 p1", "chain", {"latency": 90.0}),
        ("64x14x14 -> 64, 3x3 p1", "calls", {"call": 9e4}),
    ],
)
def test_a_core_that_is_poor_in_something_loses_its_time_there(
    text: str, cause: str, figures: dict[str, float]
) -> None:
    shape = parse_shape(text)
    usual, poor = anatomy.anatomy(inside(shape)), anatomy.anatomy(inside(shape, **figures))
    assert poor[cause] > usual[cause]
    assert max(poor, key=lambda name: poor[name]) == cause
    assert poor["arithmetic"] == usual["arithmetic"]
    if cause in anatomy.LIMITS:
        wanted = anatomy.demands(inside(shape, **figures))
        assert max(wanted, key=lambda name: wanted[name]) == cause


def test_balance_is_what_the_busiest_thread_has_more_than_the_mean() -> None:
    shape = parse_shape("16x1x1 -> 16, 1x1")
    alone = anatomy.anatomy(inside(shape))
    shared = anatomy.anatomy(inside(shape, threads=4))
    assert alone["balance"] == 0
    # One unit of work can't be shared out.
    assert shared["balance"] == pytest.approx(0.75 * sum(alone.values()), rel=1e-9)


def test_what_a_neighbour_takes_of_a_core_s_starts_is_a_part_of_its_own() -> None:
    one = inside(parse_shape("64x14x14 -> 64, 3x3 p1"))
    crowded = replace(one, rates=replace(one.rates, starts=one.rates.hertz))
    usual, found = anatomy.anatomy(one), anatomy.anatomy(crowded)
    assert usual["front end"] == 0
    assert found["front end"] > 0
    assert sum(found.values()) == pytest.approx(crowded.seconds, rel=1e-12)
    wanted = anatomy.demands(crowded)
    assert max(wanted, key=lambda name: wanted[name]) == "front end"
