"""Outputs as spans of tiles: every valid tap of every output once, its first span before others."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofline.physics.asking import planes_asked, rows_asked
from roofline.physics.choice import choose
from roofline.physics.flat import flattened, is_flat
from roofline.physics.owners import owners
from roofline.physics.reach import Reach
from roofline.physics.spans import Slice, Span, row_blocks, slices, spans
from roofline.physics.tiling import Tiling, depth, planar, row_length, unroll
from roofline.physics.workload import valid_taps
from roofline.records import ConvShape
from roofline.shapes import parse_shape
from tests.tilings import AVX512, MACHINE, chosen, conv, legal

Place = tuple[int, int]


def places(span: Span, flat: ConvShape, tiling: Tiling) -> list[Place]:
    """Return the outputs of a span, tile by tile: of vectors those that lie in the row."""
    found, wide = [], width(span, tiling)
    for tile in range(span.tiles):
        row = span.row + tile * span.down
        start = span.column + tile * wide * (not span.down)
        found += [(row, start + column) for column in range(wide)]
    masked = flat.out_width if tiling.strategy == "positions" and span.after else math.inf
    return [(row, column) for row, column in found if column < masked]


def width(span: Span, tiling: Tiling) -> int:
    """Return the outputs of a tile, side by side."""
    return span.columns * (tiling.lanes if tiling.strategy == "positions" else 1)


def columns_of(span: Span, column: int, shape: ConvShape, tiling: Tiling) -> list[int]:
    """Return the kernel columns that a column of a span's tiles takes."""
    if tiling.strategy == "broadcast":
        return list(span.kernel_columns)
    if tiling.strategy == "positions":
        return taps_inside(span, column, shape)
    taps, start = len(span.kernel_columns), span.kernel_columns.start
    facts = (shape.stride[1], shape.dilation[1], span.before, span.after)
    uses = Reach(span.columns, taps, *facts).uses().values()
    return [start + tap for pairs in uses for at, tap in pairs if at == column]


def taps_inside(span: Span, column: int, shape: ConvShape) -> list[int]:
    """Return the taps of an output that masks leave in; refuse one that they don't leave out."""
    at = {
        tap: (span.column + column) * shape.stride[1] - shape.padding[1] + tap * shape.dilation[1]
        for tap in span.kernel_columns
    }
    assert span.before or min(at.values()) >= 0
    assert span.after or max(at.values()) < shape.width
    return [tap for tap, place in at.items() if 0 <= place < shape.width]


def in_order(shape: ConvShape, tiling: Tiling) -> list[Span]:
    """Return the spans of a whole flattened shape."""
    return [span for part in row_blocks(shape, tiling) for span in spans(shape, tiling, part)]


def check_taps(shape: ConvShape, tiling: Tiling) -> None:
    """Assert that spans give each output exactly its valid taps, each once."""
    flat = flattened(shape)
    by_row, by_column = valid_taps(flat, 0), valid_taps(flat, 1)
    given_taps: Counter[tuple[Place, Place]] = Counter()
    for span in in_order(flat, tiling):
        for place in places(span, flat, tiling):
            column = (place[1] - span.column) % width(span, tiling)
            # Of equal tiles side by side, none is at an edge.
            columns = columns_of(span, column, flat, tiling)
            given_taps.update((place, (i, j)) for i in span.kernel_rows for j in columns)
    wanted = {
        ((row, column), (i, j))
        for row, rows in enumerate(by_row)
        for column, columns in enumerate(by_column)
        for i in rows
        for j in columns
    }
    assert set(given_taps) == wanted
    assert all(times == 1 for times in given_taps.values())


@given(case=legal())
def test_every_output_gets_each_of_its_valid_taps_once(case: tuple[ConvShape, Tiling]) -> None:
    """Whatever the tile: too wide, too narrow, fewer taps at once than the kernel has."""
    check_taps(*case)


@given(case=chosen(threads=2))
def test_so_do_the_tiles_that_are_chosen(case: tuple[ConvShape, object, Tiling]) -> None:
    shape, _, tiling = case
    check_taps(shape, tiling)


@given(case=legal())
def test_every_output_is_begun_once_and_before_anything_is_added(
    case: tuple[ConvShape, Tiling],
) -> None:
    """Even one without a tap: its bias has to be stored."""
    shape, tiling = case
    flat = flattened(shape)
    begun: set[Place] = set()
    for span in in_order(flat, tiling):
        outputs = set(places(span, flat, tiling))
        if span.first:
            assert not outputs & begun
            begun |= outputs
        else:
            assert outputs <= begun
            assert span.reached
    assert len(begun) == flat.out_height * flat.out_width


@given(case=legal())
def test_spans_stay_inside_their_rows_and_tiles(case: tuple[ConvShape, Tiling]) -> None:
    """A part of a flattened shape is a run of tiles, else of rows; tiles fit the registers."""
    shape, tiling = case
    flat = flattened(shape)
    for part in row_blocks(flat, tiling):
        assert 1 <= len(part) <= tiling.rows
        for span in spans(flat, tiling, part):
            assert 1 <= span.columns <= tiling.columns
            found = places(span, flat, tiling)
            assert all(0 <= column < flat.out_width for _, column in found)
            if tiling.strategy not in ("broadcast", "positions"):
                assert len(span.kernel_columns) <= tiling.taps
            if not is_flat(shape):
                assert {row for row, _ in found} <= set(part)


@given(case=legal())
def test_blocks_of_rows_follow_each_other(case: tuple[ConvShape, Tiling]) -> None:
    shape, tiling = case
    flat = flattened(shape)
    rows = [row for part in row_blocks(flat, tiling) for row in part]
    tiles = math.ceil(row_length(flat, tiling) / tiling.columns)
    assert rows == list(range(tiles if is_flat(shape) else flat.out_height))


def lanewise(columns: int, taps: int, *, along: bool = False) -> Tiling:
    return Tiling(strategy="lanewise", lanes=16, columns=columns, taps=taps, rows=99, along=along)


def test_a_padded_row_has_an_edge_on_each_side() -> None:
    """Where channels are lanes, an edge is what a tile of its own kernel leaves out."""
    found = in_order(conv(16, 16, 12, groups=16), lanewise(4, 3))
    middle = [(s.column, s.columns, s.before, s.after) for s in found if s.kernel_rows == range(3)]
    assert middle == [(0, 4, 1, 0), (4, 4, 0, 0), (8, 4, 0, 1)]
    assert [(s.row, s.tiles) for s in found if s.column == 4] == [(0, 1), (1, 10), (11, 1)]
    assert all(span.down and span.first for span in found)
    assert {span.kernel_columns for span in found} == {range(3)}


def test_taps_that_no_column_has_are_no_span() -> None:
    """Two columns of nine taps by twos: the outer ones fall on padding alone."""
    found = in_order(conv(16, 16, 2, (1, 9), groups=16, height=1), lanewise(2, 2))
    taps = [(s.kernel_columns, s.before, s.after, s.first) for s in found]
    assert taps == [
        (range(2, 4), 2, 0, True),
        (range(4, 6), 0, 1, False),
    ]


def test_along_a_row_equal_tiles_are_one_span() -> None:
    """Twelve columns without an edge are two of six; thirteen are seven and six, two spans."""
    shape = conv(16, 16, 12, (2, 1), groups=16, height=2, padding=(0, 0))
    found = in_order(shape, lanewise(6, 1, along=True))
    assert [(s.row, s.column, s.columns, s.tiles, s.down) for s in found] == [(0, 0, 6, 2, False)]
    uneven = in_order(replace(shape, width=13), lanewise(7, 1, along=True))
    assert [(s.column, s.columns, s.tiles) for s in uneven] == [(0, 7, 1), (7, 6, 1)]


def test_along_goes_row_by_row_and_down_column_by_column() -> None:
    shape = conv(16, 16, 8, groups=16)
    down, along = (in_order(shape, lanewise(3, 3, along=along)) for along in (False, True))
    assert [span.row for span in along] == sorted(span.row for span in along)
    assert {span.down for span in along} == {False}
    assert len(down) < len(along)
    assert sum(s.tiles * s.columns for s in down) == sum(s.tiles * s.columns for s in along) == 64


@pytest.mark.parametrize("along", [False, True])
def test_rows_of_padding_alone_have_nothing_added(along: bool) -> None:
    """Nine taps, four at once: where no kernel row falls on the input, one span stores the bias."""
    shape = conv(16, 16, 22, (1, 9), groups=16, height=1, padding=(1, 0))
    found = in_order(shape, lanewise(14, 4, along=along))
    assert [(s.row, s.reached) for s in found if s.row != 1] == [(0, False), (2, False)]
    assert len([s for s in found if s.row == 1]) == 3


def test_a_kernel_row_that_is_too_wide_is_added_in_pieces() -> None:
    """Nine taps, four at once at most: three times three, added to what the first ones stored."""
    shape = conv(16, 16, 22, (1, 9), groups=16, height=1, padding=(0, 0))
    found = in_order(shape, lanewise(7, 4))
    taps = [(s.column, s.kernel_columns, s.first) for s in found]
    assert taps == [
        (column, range(start, start + 3), start == 0) for column in (0, 7) for start in (0, 3, 6)
    ]


def test_a_broadcast_tile_spans_the_edge() -> None:
    """All columns have the middle tap; the first lacks the left one, the last the right one."""
    shape = conv(16, 16, 6, (1, 3), height=1)
    tiling = Tiling(strategy="broadcast", lanes=16, columns=6)
    found = [(s.column, s.columns, s.kernel_columns, s.first) for s in in_order(shape, tiling)]
    assert found == [
        (0, 6, range(1, 2), True),
        (1, 5, range(1), False),
        (0, 5, range(2, 3), False),
    ]


def test_an_image_of_padding_alone_is_begun_without_taps() -> None:
    shape = conv(16, 16, 1, 1, padding=(2, 0), height=1, width=3)
    tiling = Tiling(strategy="broadcast", lanes=16, columns=3, rows=5)
    found = in_order(shape, tiling)
    assert [(s.row, s.tiles, s.reached) for s in found] == [
        (0, 2, False),
        (2, 1, True),
        (3, 2, False),
    ]


def test_a_flattened_1x1_is_runs_of_equal_tiles() -> None:
    """49 positions in tiles of at most 14: 13, 12, 12, 12."""
    shape = flattened(conv(64, 64, 7, 1))
    tiling = Tiling(strategy="broadcast", lanes=16, columns=14, rows=3)
    first, second = row_blocks(shape, tiling)
    assert [(s.column, s.columns, s.tiles) for s in spans(shape, tiling, first)] == [
        (0, 13, 1),
        (13, 12, 2),
    ]
    (last,) = spans(shape, tiling, second)
    assert (last.column, last.columns, last.tiles, last.down) == (37, 12, 1, False)
    assert (last.kernel_rows, last.kernel_columns, last.first) == (range(1), range(1), True)


@given(case=legal())
def test_slices_cover_the_depth_once(case: tuple[ConvShape, Tiling]) -> None:
    shape, tiling = case
    broadcast = replace(tiling, strategy="broadcast")
    found, start, block = slices(shape, broadcast), 0, 0
    step = 1 if planar(shape, tiling.lanes) else unroll(tiling)
    for piece in found:
        assert (piece.start, piece.block) == (start, block)
        assert piece.turns * step == piece.depth
        start += piece.blocks * piece.depth
        block += piece.blocks
    assert start == depth(shape, broadcast)
    if not planar(shape, tiling.lanes):
        assert all(piece.blocks <= tiling.chunk for piece in found)


def test_slices_are_chunks_of_whole_blocks_and_then_the_rest() -> None:
    tiling = Tiling(strategy="broadcast", lanes=16, columns=14, chunk=2)
    assert slices(conv(55, 64, 7), tiling) == [
        Slice(block=0, blocks=2, turns=4, depth=16, start=0),
        Slice(block=2, blocks=1, turns=4, depth=16, start=32),
        Slice(block=3, blocks=1, turns=2, depth=8, start=48),
    ]
    assert slices(conv(3, 64, 7), tiling) == [Slice(0, 1, 3, 3, 0)]


@given(costs=st.lists(st.integers(0, 10**9), min_size=1, max_size=60), threads=st.integers(1, 64))
def test_units_keep_their_order_and_no_thread_gets_much_more(
    costs: list[int], threads: int
) -> None:
    """The one with most to do has at most its share and one unit more."""
    dealt = list(owners(costs, threads))
    assert len(dealt) == len(costs)
    assert dealt == sorted(dealt)
    assert all(0 <= found < threads for found in dealt)
    sums = [sum(c for c, o in zip(costs, dealt, strict=True) if o == t) for t in range(threads)]
    assert max(sums) <= sum(costs) / threads + max(costs) * (1 + 1e-9)


@pytest.mark.parametrize(("count", "threads"), [(12, 2), (13, 4), (3, 2), (2, 5), (1, 8)])
def test_equal_units_are_dealt_evenly(count: int, threads: int) -> None:
    dealt = Counter(owners([1] * count, threads))
    sizes = [dealt[thread] for thread in range(threads)]
    assert sum(sizes) == count
    assert max(sizes) - min(sizes) <= 1


def test_a_unit_goes_where_its_middle_lies() -> None:
    """A small unit before a large one is one thread's, the large one the other's."""
    assert list(owners([1, 3], 2)) == [0, 1]
    assert list(owners([3, 1], 2)) == [0, 1]


def test_nothing_to_do_is_the_first_thread_s() -> None:
    assert list(owners([0, 0], 4)) == [0, 0]


def test_an_ordinary_shape_has_few_spans() -> None:
    """Each span is a call: a 3x3 of 56x56 isn't cut into more than its edges ask for."""
    shape = conv(64, 64, 56)
    tiling = choose(shape, AVX512, MACHINE)
    part = next(iter(row_blocks(shape, tiling)))
    found = list(spans(shape, tiling, part))
    assert len(found) <= 2 * (math.ceil(56 / tiling.columns) + 4)


def test_a_tile_that_goes_on_stands_alone() -> None:
    """Its neighbour before it has no further taps: together they'd be ended as one."""
    shape = ConvShape(
        in_channels=1, height=1, width=1, out_channels=1, kernel=(1, 1), padding=(0, 2)
    )
    tiling = Tiling(strategy="broadcast", lanes=2, columns=2, blocks=1, rows=1, along=True)
    found = [(one.column, one.tiles, one.first) for one in spans(shape, tiling, range(1))]
    assert found == [(0, 1, True), (2, 1, True), (2, 1, False), (4, 1, True)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # 32 channels of 112 x 112 pass by; those of 14 x 14 stay.
        ("32x112x112 -> 32, 3x3 p1 g32", 1),
        ("32x112x112 -> 32, 3x3 s2 p1 g32", 2),
        # Rows between those that are read are no use; nor are rows that outputs don't share.
        ("32x112x112 -> 32, 1x1 s2 g32", 0),
        ("32x112x112 -> 32, 1x3 p0x1 g32", 0),
        ("32x112x112 -> 32, 2x2 s3 g32", 0),
        ("32x14x14 -> 32, 3x3 p1 g32", 0),
        # Rows of taps that lie apart have been read by others' tiles.
        ("32x112x112 -> 32, 3x3 p2 d2 g32", 0),
        ("32x112x112 -> 32, 3x3 p1", 0),
    ],
)
def test_depthwise_tiles_ask_for_rows_of_inputs_that_pass_by(text: str, rows: int) -> None:
    shape = parse_shape(text)
    assert rows_asked(shape, choose(shape, AVX512, MACHINE)) == rows


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        # 8 planes a group of 218 x 218 pass by; 3 of 224 x 224 stay, but not those of 2 images.
        ("128x218x218 -> 320, 3x5 s2 g16", True),
        ("3x224x224 -> 64, 7x7 s2 p3", False),
        ("3x224x224 -> 64, 7x7 s2 p3 n2", True),
        # Tiles go in the order of memory, of few enough planes to be followed.
        ("4x300x300 -> 32, 1x1", False),
        ("8x218x218 -> 32, 1x1", True),
        # A block of channels is one place.
        ("16x218x218 -> 32, 3x3 s2", False),
    ],
)
def test_tiles_ask_in_every_plane_for_inputs_that_pass_by(text: str, asked: bool) -> None:
    assert planes_asked(parse_shape(text), 16) == asked
