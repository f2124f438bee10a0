"""Lessons: found only where the rows hold them, with factors that a reader can check by hand."""

import pytest

from roofline.physics.lessons import beyond_memory, exchanges, ladders, pace
from roofline.records import Comparison, ConvShape
from tests.comparison_builders import predicted, row, shape, timed


def took(name: str, one: ConvShape, seconds: float) -> Comparison:
    return row(name, one, measured=timed(seconds))


def family(*groups: int, **more: int) -> list[Comparison]:
    """Build layers equal but for their groups; each takes 1 s + 1 s a FLOP share."""
    return [took(f"g{g}", shape(64, groups=g, **more), 1 + 1 / g) for g in groups]


def test_a_dense_and_a_depthwise_layer_of_equal_shape_are_a_pair() -> None:
    dense, thin = took("dense", shape(64), 8.0), took("thin", shape(64, groups=64), 2.0)
    (found,) = exchanges([thin, took("other", shape(32), 1.0), dense])
    assert (found.dense, found.depthwise) == ("dense", "thin")
    assert (found.fewer_flops, found.less_time) == (64.0, 4.0)


@pytest.mark.parametrize(
    "other",
    [
        shape(64, size=14, groups=64),
        shape(64, groups=64, stride=(2, 2)),
        shape(64, groups=64, bias=True),
        shape(64, groups=64, batch=2),
        shape(64, groups=32),
    ],
)
def test_what_differs_in_more_than_groups_is_no_pair(other: ConvShape) -> None:
    assert exchanges([took("dense", shape(64), 1.0), took("other", other, 1.0)]) == ()


def test_a_pair_of_which_one_was_not_measured_teaches_nothing() -> None:
    rows = [row("dense", shape(64)), row("thin", shape(64, groups=64), None)]
    assert exchanges(rows) == ()


def test_a_ladder_is_relative_to_one_group() -> None:
    (found,) = ladders(family(64, 1, 4))
    assert found.shape == shape(64)
    assert [step.name for step in found.steps] == ["g1", "g4", "g64"]
    assert [step.channels for step in found.steps] == [64, 16, 1]
    assert [step.flops for step in found.steps] == [1.0, 1 / 4, 1 / 64]
    assert [step.seconds for step in found.steps] == [1.0, 0.625, (1 + 1 / 64) / 2]
    assert found.steps[1].seconds_per_flop == 2.5


def test_two_steps_or_no_single_group_are_no_ladder() -> None:
    assert ladders(family(1, 64)) == ()
    assert ladders(family(2, 4, 8)) == ()
    assert ladders([*family(1, 2), *family(4, 8, size=14)]) == ()


def test_of_equal_layers_the_first_counts() -> None:
    rows = [*family(1, 2, 4), took("again", shape(64, groups=4), 99.0)]
    (found,) = ladders(rows)
    assert [step.name for step in found.steps] == ["g1", "g2", "g4"]


def test_the_pace_names_the_extremes_of_flops_a_second() -> None:
    one = shape(64)
    flops = row(one=one).prediction.work.flops
    rows = [took(f"{s} s", one, s) for s in (2.0, 1.0, 8.0)] + [row("unknown", one, None)]
    found = pace(rows)
    assert found is not None
    assert (found.fastest, found.slowest) == ("1.0 s", "8.0 s")
    assert (found.fastest_rate, found.slowest_rate) == (flops, flops / 8)
    assert found.spread == 8.0
    assert pace(rows[:1]) is None


def test_layers_that_beat_the_roof_of_cold_data_are_counted() -> None:
    one = shape(64)
    rungs: list[dict[str, float | None]] = [{"b": 2.0}, {"b": 0.5}, {"b": None}, {}]
    rows = [row(prediction=predicted(one, 1.0, r), measured=timed(1.0)) for r in rungs]
    rows.append(row(prediction=predicted(one, 1.0, {"b": 2.0}), ratio=None))
    assert beyond_memory(rows) == (1, 2)
