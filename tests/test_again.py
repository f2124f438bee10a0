"""Tests of `roofline.physics.again`: counted by hand, and what may never be otherwise."""

from dataclasses import replace

import pytest
from hypothesis import given

from roofline.physics.again import Again, again, moved, spread
from roofline.physics.isa import Vector
from roofline.physics.tiling import Tiling, traffic
from roofline.records import ConvShape
from tests.tilings import chosen, conv

TILE = Tiling(strategy="broadcast", lanes=8, columns=4, blocks=2, rows=99, chunk=99)


def of(shape: ConvShape, **cut: int) -> list[Again]:
    """Return all but what the tiles of a part read again of its weights, which comes last."""
    tiles = of_tiles(shape, **cut)
    return [one for one in again(shape, replace(TILE, **cut), 1) if one != tiles]


def of_tiles(shape: ConvShape, **cut: int) -> Again | None:
    """Return what those tiles read, where there are several."""
    several = shape.out_height * shape.out_width > TILE.columns
    return again(shape, replace(TILE, **cut), 1)[-1] if several else None


def test_one_tile_of_one_image_moves_nothing_again() -> None:
    assert of(conv(16, 16, 8, 1)) == []


def test_weights_come_again_for_each_image_and_each_part_of_its_rows() -> None:
    shape = replace(conv(16, 16, 8, 3), batch=3)
    (found,) = of(shape, rows=3)
    parts = 3 * 3
    assert found.traffic.read == 4 * 16 * 16 * 9 * (parts - 1)
    assert found.traffic.written == 0
    assert found.footprint == 4 * (16 * 16 * 9 + 3 * 2 * 16 * 8 * 8 / parts)


def test_weights_of_taps_on_padding_never_come() -> None:
    shape = replace(conv(16, 16, 1, 5), batch=3)
    assert of(shape)[0].traffic.read == 4 * 16 * 16 * 2


def test_inputs_come_again_for_each_tile_of_output_channels() -> None:
    (found,) = of(conv(16, 48, 8, 1))
    assert found.traffic.read == 4 * 16 * 8 * 8 * 2
    assert found.footprint == 4 * (16 * 8 * 8 + 16 * 48 / 3)


def test_sums_come_and_go_again_for_each_slice_of_channels() -> None:
    (found,) = of(conv(32, 16, 8, 1), chunk=1)
    assert found.traffic.read == found.traffic.written == 4 * 16 * 8 * 8 * 3


def test_a_team_s_caches_hold_the_weights_once_a_thread() -> None:
    shape = replace(conv(16, 16, 8, 3), batch=4)
    for one, two in zip(*(again(shape, TILE, threads) for threads in (1, 2)), strict=True):
        assert two.footprint == 2 * one.footprint
        assert two.traffic == one.traffic


def test_each_register_tile_reads_its_slice_of_weights_again() -> None:
    """Eight rows of two tiles: two parts, of each of which the first reads them from elsewhere."""
    found = of_tiles(conv(16, 32, 8, 3, padding=(0, 0), height=10, width=10), rows=4, chunk=1)
    assert found is not None
    assert found.traffic.read == 4 * 16 * 32 * 9 * (8 * 2 - 2)
    # A slice of eight channels, for a tile of two vectors.
    assert found.footprint == 4 * 8 * 16 * 9


def test_rows_of_taps_on_padding_are_not_read_again() -> None:
    """Of three rows the outer ones miss one row of taps of three: seven of nine are read."""
    found = of_tiles(conv(16, 16, 3, 3))
    assert found is not None
    assert found.traffic.read == int(4 * 16 * 16 * 9 * (7 / 3 - 1))


@pytest.mark.parametrize(
    ("channels", "stride", "expected"),
    [
        (16, 1, 0),
        # Four rows that are read, of each of which three columns of seven are left out.
        (16, 2, 4 * 3 * 16 * 4),
        # A plane's cache lines hold neighbouring columns.
        (3, 2, 0),
    ],
)
def test_a_stride_leaves_sets_of_a_cache_empty(channels: int, stride: int, expected: int) -> None:
    shape = replace(conv(channels, 16, 8, 1), stride=(stride, stride))
    assert spread(shape, TILE) == expected


@pytest.mark.parametrize(("lanes", "between"), [(8, 2 * 4 * 4 * 32), (16, 0)])
def test_a_stride_moves_what_shares_its_lines(lanes: int, between: int) -> None:
    """Eight lanes fill half a line, sixteen a whole one: two blocks, four rows, four halves."""
    shape = replace(conv(16, 16, 8, 1, groups=16), stride=(2, 2))
    cut = replace(TILE, strategy="lanewise", lanes=lanes, blocks=1)
    once, whole = traffic(shape, lanes), moved(shape, cut)
    assert (whole.read - once.read, whole.written - once.written) == (between, 0)


@given(case=chosen())
def test_nothing_negative_moves(case: tuple[ConvShape, Vector, Tiling]) -> None:
    shape, _, cut = case
    assert moved(shape, cut).read >= traffic(shape, cut.lanes).read
    for threads in (1, 2):
        assert all(
            min(one.traffic.read, one.traffic.written) >= 0 and one.footprint > 0
            for one in again(shape, cut, threads)
        )
