"""Rung e: what parameters make of the physics, and what it is with none of them believed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.physics.efficiency import LEVELS, PRIORS, Parts, parts_of, seconds
from roofline.records import CONV_CLASSES, Layer
from roofline.shapes import draw, parse_shape
from tests.efficiency_builders import operators, values

SPENT = st.floats(min_value=0, max_value=1e-2)
PARTS = st.builds(
    Parts,
    conv_class=st.sampled_from(CONV_CLASSES),
    compute=st.floats(min_value=1e-7, max_value=1e-2),
    levels=st.tuples(SPENT, SPENT, SPENT),
    near=SPENT,
    reorders=SPENT,
    overhead=SPENT,
    groups=st.floats(min_value=0, max_value=1e3),
    rows=st.floats(min_value=0, max_value=1e5),
)
# As rung d: nothing is started, nothing hidden.
ADDED = values(group=0.0, row=0.0, overlap=0.0)


@pytest.mark.parametrize("threads", [1, 2])
def test_without_parameters_it_is_rung_d(threads: int) -> None:
    runner = operators(threads)
    for layer in draw(24, 3):
        made = runner.predict(layer)
        parts = parts_of(layer.shape, made, 16, threads)
        assert parts is not None
        assert seconds(parts, ADDED) == pytest.approx(made.rungs["d"], rel=1e-9)


def test_without_rung_d_there_is_none() -> None:
    runner = operators()
    layer = draw(1, 3)[0]
    made = runner.predict(layer)
    assert parts_of(layer.shape, replace(made, rungs={**made.rungs, "d": None}), 16, 1) is None


@given(PARTS, st.sampled_from([prior.name for prior in PRIORS if prior.name != "overlap"]))
def test_no_parameter_makes_a_layer_faster_by_growing(parts: Parts, name: str) -> None:
    centre = next(prior.centre for prior in PRIORS if prior.name == name)
    slower = seconds(parts, values(**{name: 2 * centre}))
    assert slower >= seconds(parts, values()) * (1 - 1e-12)


@given(PARTS)
def test_hiding_ends_between_all_of_it_and_nothing(parts: Parts) -> None:
    apart = seconds(parts, values(overlap=0.0))
    some = seconds(parts, values(overlap=1.0))
    hidden = seconds(parts, values(overlap=1e6))
    assert hidden * (1 - 1e-9) <= some <= apart * (1 + 1e-9)
    constant = parts.overhead + parts.reorders
    by_name = dict(zip((prior.name for prior in PRIORS), values(), strict=True))
    core = parts.compute + parts.groups * by_name["group"] + parts.rows * by_name["row"]
    assert hidden == pytest.approx(constant + max(core, parts.moving), rel=1e-4)


def test_a_class_has_a_factor_of_its_own() -> None:
    parts = Parts(
        conv_class="grouped", compute=1e-3, levels=(0.0,) * len(LEVELS), near=0.0,
        reorders=0.0, overhead=0.0, groups=0, rows=0,
    )  # fmt: skip
    assert seconds(parts, values(grouped=2.0)) == pytest.approx(2e-3)
    assert seconds(parts, values(dense=2.0)) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("text", "groups", "rows"),
    [
        ("64x28x28 -> 40, 3x3 p1", 0, 28 * 3),
        ("64x28x28 -> 64, 3x3 p1 g8 n2", 16, 2 * 8 * 28),
        ("64x28x28 -> 64, 3x3 p1 g64", 0, 28 * 4),
    ],
)
def test_groups_and_rows_are_counted_by_vectors_of_channels(
    text: str, groups: int, rows: int
) -> None:
    shape = parse_shape(text)
    made = operators(2).predict(Layer(name="x", shape=shape))
    parts = parts_of(shape, made, 16, 2)
    assert parts is not None
    assert (2 * parts.groups, 2 * parts.rows) == (groups, rows)
    # Where rung d counts calls, they are no parameters' any more.
    known = parts_of(shape, made, 16, 2, structured=True)
    assert known is not None
    assert (known.groups, known.rows, known.compute) == (0, 0, parts.compute)


def test_priors_are_distinct_and_proper() -> None:
    assert len({prior.name for prior in PRIORS}) == len(PRIORS)
    assert all(prior.centre > 0 and 0 < prior.spread < math.log(10) for prior in PRIORS)
    assert {*CONV_CLASSES, *LEVELS} <= {prior.name for prior in PRIORS}
