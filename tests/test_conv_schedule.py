"""A schedule runs each tap inside the input once, none on padding, and begins each output once."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.conv import words
from benchmarks.conv.entry import FILL, RECTIFY, Call, Micro, Unit
from benchmarks.conv.layout import Layout
from benchmarks.conv.reference import convolve
from benchmarks.conv.schedule import units
from benchmarks.conv.tables import call_block, entries, share, shared_words
from roofline.physics import asking, spans
from roofline.physics.flat import is_flat
from roofline.physics.pieces import split
from roofline.physics.reach import ASKED
from roofline.physics.tiling import Tiling, out_blocks, planar, unroll
from roofline.physics.workload import conv_work, valid_taps
from roofline.records import ConvShape
from tests.conv_walk import Walk, little

few = settings(max_examples=150, deadline=None)
DENSE = ConvShape(in_channels=9, height=5, width=6, out_channels=9, kernel=(3, 3), padding=(1, 1))
CUT = Tiling(strategy="broadcast", lanes=4, columns=4, blocks=2, rows=2, chunk=1)
LAYOUT = Layout(DENSE, CUT)


def calls_of(layout: Layout) -> list[Call]:
    """Return all calls in order."""
    return [call for unit in units(layout) for call in unit.calls]


@few
@given(layout=little())
def test_calls_compute_the_convolution_exactly(layout: Layout) -> None:
    """Each output is begun once and first; each of its taps is added once, and no other."""
    walk, shape = Walk(layout), layout.shape
    for call in calls_of(layout):
        walk.run(call)
    out = walk.out.reshape(layout.out_shape)
    expected = convolve(shape, walk.x, walk.weights, walk.bias)
    expected = np.maximum(expected, 0) if layout.relu else expected
    assert (layout.outputs.unpack(out) == expected).all()
    assert not out.transpose(1, 4, 0, 2, 3)[layout.outputs.unused].any()
    work = conv_work(shape)
    assert 2 * walk.products + shape.bias * shape.outputs == work.flops_executed


@few
@given(layout=little())
def test_an_activation_ends_each_output_once_and_last(layout: Layout) -> None:
    """The walk refuses whatever is added to an output that was ended; with none, none is."""
    walk, begun = Walk(layout), []
    for call in calls_of(layout):
        begun += [place for place in walk.run(call) if not call.accumulate]
    assert sorted(walk.ended) == (sorted(begun) if layout.relu else [])


def asked_of(calls: Sequence[Call]) -> set[int]:
    """Return the places, in steps of four bytes, that the tiles of calls ask for."""
    return {
        place
        for call in calls
        if call.micro.blocks
        for tile in range(call.tiles)
        for place in range(
            (call.ahead + tile * call.ahead_tile) // 4,
            (call.ahead + tile * call.ahead_tile + call.ahead_turns * ASKED) // 4,
        )
    }


@few
@given(layout=little())
def test_all_weights_but_the_first_are_asked_for_before_their_use(layout: Layout) -> None:
    """Weights lie in the order of their use: what follows a slice is asked for by its tiles."""
    assume(layout.tiling.strategy == "broadcast")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "_STAYING", 0)
        patch.setattr(asking, "_FEW_TILES", 0)
        assume(asking.weights_asked(layout.shape, layout.tiling.lanes, 1))
        found = [call for call in calls_of(layout) if call.micro.blocks]
    assume(found)
    shape, tiling = layout.shape, layout.tiling
    blocks = min(tiling.blocks, out_blocks(shape, tiling.lanes))
    first = spans.slice_bytes(shape, tiling, spans.slices(shape, tiling)[0], blocks)
    assert asked_of(found) >= set(range(first // 4, layout.factors * layout.item // 4))


def test_weights_of_taps_outside_of_the_image_are_not_asked_for() -> None:
    large = replace(DENSE, in_channels=512, out_channels=64, height=1, width=1)
    assert not any(call.ahead_tile for call in calls_of(Layout(large, replace(CUT, columns=1))))


def test_few_weights_are_not_asked_for() -> None:
    large = replace(DENSE, in_channels=512, out_channels=64, height=20, width=20)
    small, few = replace(large, in_channels=6), replace(large, height=1, width=9)
    for shape, asked in ((small, False), (few, False), (large, True)):
        calls = calls_of(Layout(shape, CUT))
        assert any(call.ahead_tile for call in calls) == asked


def test_what_is_added_last_is_rectified_as_it_is_stored() -> None:
    """Only a column that the last taps of its tile don't reach needs a call of its own."""
    calls = calls_of(replace(LAYOUT, relu=True))
    alone = [call for call in calls if call.micro == RECTIFY]
    assert len(calls) - len(alone) == len(calls_of(LAYOUT))
    # The first column of each left tile: 3 runs of rows, 3 vectors; the last of each right one.
    assert len(alone) == 2 * 4 * 3
    assert not {call.micro for call in calls_of(LAYOUT) if call.micro.relu}


@few
@given(layout=little())
def test_no_two_units_write_the_same_output(layout: Layout) -> None:
    """Units may run on different threads, none of which waits for another within a call."""
    walk = Walk(layout)
    owners: dict[int, int] = {}
    for index, unit in enumerate(units(layout)):
        for place in chain.from_iterable(map(walk.run, unit.calls)):
            assert owners.setdefault(place, index) == index
    assert len(owners) * layout.outputs.lanes == walk.out.size


@few
@given(layout=little())
def test_a_unit_costs_its_multiply_adds(layout: Layout) -> None:
    """In turns of the innermost loop, as long in all units; a vector that is filled costs one."""
    lanes = layout.tiling.lanes
    several = layout.tiling.strategy == "broadcast" and not planar(layout.shape, lanes)
    walk = Walk(layout)
    for unit in units(layout):
        before = walk.vectors
        filled = 0
        for call in unit.calls:
            filled += len(walk.run(call)) * (not call.micro.blocks)
        turns = (walk.vectors - before) // (unroll(layout.tiling) if several else 1)
        assert unit.cost == turns + filled


@few
@given(layout=little())
def test_only_what_no_tap_reaches_is_filled(layout: Layout) -> None:
    """A broadcast tile is filled when all its columns share no tap, else when none has any."""
    # Where lanes are positions, the kernel of the others stores these, too.
    assume(layout.tiling.strategy != "positions")
    shape, tiling = layout.shape, layout.tiling
    filled = np.zeros(layout.out_shape[:4], np.int64)
    walk = Walk(layout)
    for call in calls_of(layout):
        if call.micro == FILL:
            for place in walk.run(call):
                filled.flat[place // tiling.lanes] += 1
    by_column = [set(taps) for taps in valid_taps(shape, 1)]
    if not is_flat(shape):
        shared = set.intersection if tiling.strategy == "broadcast" else set.union
        for start, count in split(shape.out_width, tiling.columns):
            tile = slice(start, start + count)
            by_column[tile] = [shared(*by_column[tile])] * count
    served = np.outer([len(taps) for taps in valid_taps(shape, 0)], list(map(len, by_column)))
    assert (filled == (served == 0)).all()


@few
@given(layout=little(), threads=st.integers(1, 5))
def test_threads_share_all_calls_in_their_order_and_evenly(layout: Layout, threads: int) -> None:
    found = list(units(layout))
    parts = share(found, threads)
    assert len(parts) == threads
    assert list(chain.from_iterable(parts)) == calls_of(layout)
    cost = {id(call): unit.cost / len(unit.calls) for unit in found for call in unit.calls}
    costs = [sum(cost[id(call)] for call in part) for part in parts]
    largest = max(unit.cost for unit in found)
    assert max(costs) <= sum(costs) / threads + largest * (1 + 1e-9)


def equal_units(count: int) -> Sequence[Unit]:
    """Return units of one call each, told apart by where they write."""
    call = {"micro": Micro(1, 1), "x": 0, "weights": 0, "init": 0, "accumulate": False}
    return [Unit(7, (Call(**call, out=index),)) for index in range(count)]


@pytest.mark.parametrize(
    ("count", "threads", "sizes"),
    [(4, 2, [2, 2]), (5, 2, [2, 3]), (2, 3, [1, 0, 1]), (1, 2, [0, 1]), (0, 2, [0, 0])],
)
def test_equal_units_are_shared_by_their_middles(
    count: int, threads: int, sizes: list[int]
) -> None:
    assert [len(part) for part in share(equal_units(count), threads)] == sizes


def test_a_large_unit_between_small_ones_has_a_thread_of_its_own() -> None:
    small, large = equal_units(2), Unit(70, equal_units(1)[0].calls)
    parts = share([small[0], large, small[1]], 2)
    assert sorted(map(len, parts)) == [1, 2]


@given(layout=little())
def test_units_go_image_by_image_and_row_by_row(layout: Layout) -> None:
    """What shares the caches runs together: within an image no unit goes back to earlier rows."""
    _, blocks, height, width, lanes = layout.out_shape
    rows = []
    for unit in units(layout):
        position = unit.calls[0].out // (lanes * layout.item)
        image, row = position // (blocks * height * width), position // width % height
        rows.append((image, row))
    assert rows == sorted(rows)


def test_each_fact_of_a_call_is_in_the_word_of_its_name() -> None:
    calls, shared = calls_of(LAYOUT), shared_words(LAYOUT)
    addresses = {micro: 1000 + index for index, micro in enumerate({c.micro for c in calls})}
    table = entries(calls, addresses.__getitem__, shared)
    assert table.shape == (len(calls), words.ENTRY_WORDS)
    assert table.dtype == np.int64
    assert table.flags.c_contiguous
    names = [field.name for field in fields(Call) if field.name != "micro"]
    assert len(names) == words.ENTRY_WORDS - 2
    for row, call in zip(table, calls, strict=True):
        assert row[words.KERNEL] == addresses[call.micro]
        assert row[words.SHARED] == shared.ctypes.data
        for name in names:
            assert row[getattr(words, name.upper())] == getattr(call, name)


def test_no_two_words_of_a_table_are_the_same() -> None:
    names = [name for name in vars(words) if name.isupper()]
    entry = names[names.index("KERNEL") : names.index("ENTRY_WORDS")]
    shared = names[names.index("X_BASE") : names.index("SHARED_WORDS")]
    assert sorted(getattr(words, name) for name in entry) == list(range(words.ENTRY_WORDS))
    places = [getattr(words, name) for name in shared]
    assert sorted(places) == list(range(len(shared)))
    assert places[: words.BASES] == [words.X_BASE, words.WEIGHTS_BASE, words.OUT_BASE]
    assert len(shared) <= words.SHARED_WORDS


def test_a_call_knows_its_entries_and_where_each_copy_lies() -> None:
    shared = shared_words(LAYOUT)
    table = entries(calls_of(LAYOUT), lambda _: 1, shared)
    places = np.arange(15, dtype=np.int64).reshape(5, words.BASES)
    block = call_block(table, shared, places)
    assert block.size == words.CALL_WORDS
    told = {
        words.ENTRIES: table.ctypes.data,
        words.COUNT: len(table),
        words.TARGET: shared.ctypes.data,
        words.COPIES: 5,
        words.COPY: 0,
        words.PLACES: places.ctypes.data,
    }
    assert {word: block[word] for word in told} == told


def test_an_ordinary_shape_needs_few_calls_and_fewer_kernels() -> None:
    calls = calls_of(LAYOUT)
    whole = [call for call in calls if not call.accumulate]
    # Rows 0, 1, 2 and 3, 4: by their taps and by two; two tiles of columns, two of channels.
    assert len(whole) == 4 * 2 * 2
    assert {call.micro for call in whole} == {Micro(3, 2, whole=True), Micro(3, 1)}
