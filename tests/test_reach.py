"""Which inputs a tile reads, and what for, where channels are lanes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.physics.reach import Reach, lines_ahead


def test_three_taps_share_their_inputs() -> None:
    """Two columns of three taps read four inputs; the middle ones serve both."""
    assert Reach(2, 3).uses() == {
        0: [(0, 0)],
        1: [(0, 1), (1, 0)],
        2: [(0, 2), (1, 1)],
        3: [(1, 2)],
    }


def test_at_the_ends_of_a_row_products_are_left_out() -> None:
    assert Reach(2, 3, before=1).uses() == {1: [(0, 1), (1, 0)], 2: [(0, 2), (1, 1)], 3: [(1, 2)]}
    assert Reach(2, 3, before=1, after=1).products == 4
    assert not Reach(2, 3, before=4).uses()


def test_a_stride_as_wide_as_the_kernel_shares_nothing() -> None:
    reach = Reach(3, 2, stride=2)
    assert reach.width == reach.products == len(reach.uses()) == 6


@given(
    columns=st.integers(1, 14),
    taps=st.integers(1, 7),
    steps=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    ends=st.tuples(st.integers(0, 20), st.integers(0, 20)),
)
def test_each_product_is_one_of_the_tile_and_inside(
    columns: int, taps: int, steps: tuple[int, int], ends: tuple[int, int]
) -> None:
    reach = Reach(columns, taps, *steps, *ends)
    pairs = [(place, pair) for place, uses in reach.uses().items() for pair in uses]
    wanted = {
        (column * steps[0] + tap * steps[1], (column, tap))
        for column in range(columns)
        for tap in range(taps)
    }
    assert {one for one in wanted if ends[0] <= one[0] < reach.width - ends[1]} == set(pairs)
    assert len(pairs) == len(set(pairs)) == reach.products


@pytest.mark.parametrize(
    ("column", "between", "lines"),
    [
        (64, False, [0, 64, 128]),
        (128, False, [0, 128, 256]),
        (128, True, [0, 64, 128, 192, 256, 320]),
        # Within a line there is nothing between.
        (8, True, [0]),
        (32, True, [0, 64]),
        (96, True, [0, 64, 128, 192, 256]),
    ],
)
def test_a_tile_asks_for_each_line_that_the_next_one_reads(
    column: int, between: bool, lines: list[int]
) -> None:
    assert lines_ahead(3, column, between=between) == lines
