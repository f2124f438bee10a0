"""How shapes are cut: strategies, registers, caches, threads, bytes as tensors lie inside."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.conv.layout import Layout
from roofline.physics import choice, tiling
from roofline.physics.choice import choose
from roofline.physics.flat import flattened, is_flat
from roofline.physics.isa import Vector
from roofline.physics.pieces import equal_pieces, piece_count, split, widest_piece
from roofline.physics.positions import row_vectors
from roofline.physics.sharing import shared_rows
from roofline.physics.spans import rows_of_all
from roofline.physics.tiling import Tiling, from_parameters, lanes_of
from roofline.physics.workload import ITEM_BYTES, conv_work
from roofline.records import Cache, ConvShape
from roofline.shapes import parse_shape
from tests.builders import make_machine
from tests.tilings import (
    AVX2,
    AVX512,
    KIB,
    MACHINE,
    NEON,
    SSE2,
    VECTORS,
    chosen,
    conv,
    convs,
    machine,
)


@pytest.mark.parametrize(
    ("c_in", "c_out", "groups", "lanes", "kind"),
    [
        (64, 64, 1, 16, "broadcast"),
        (1, 1, 1, 16, "positions"),
        (1, 96, 1, 16, "spread"),
        (64, 63, 1, 16, "broadcast"),
        (64, 5, 1, 16, "broadcast"),
        (4, 96, 4, 16, "spread"),
        (8, 96, 4, 16, "broadcast"),
        (32, 32, 32, 16, "lanewise"),
        (32, 64, 32, 16, "permute"),
        (32, 32, 4, 16, "permute"),
        (32, 32, 4, 8, "broadcast"),
        (36, 36, 4, 16, "broadcast"),
        (16, 36, 4, 16, "broadcast"),
        (8, 8, 4, 4, "permute"),
        (8, 8, 4, 2, "broadcast"),
    ],
)
def test_the_strategy_follows_from_groups_and_lanes(
    c_in: int, c_out: int, groups: int, lanes: int, kind: str
) -> None:
    """Narrow groups share a vector only where two of them fit; one group never does."""
    assert tiling.strategy(conv(c_in, c_out, 7, groups=groups), lanes) == kind


def test_one_input_is_spread_where_neighbours_share_it() -> None:
    """Else each is broadcast once a tap, which serves more vectors of outputs at a time."""
    shared = conv(4, 96, 7, groups=4)
    assert tiling.strategy(replace(shared, stride=(2, 2)), 16) == "spread"
    for alone in ({"kernel": (7, 1)}, {"stride": (3, 3)}, {"dilation": (5, 5)}):
        assert tiling.strategy(replace(shared, **alone), 16) == "broadcast"


def test_a_record_of_older_kernels_is_read_as_they_ran() -> None:
    shape = conv(4, 96, 7, groups=4)
    cut = choose(shape, AVX2, MACHINE)
    assert cut.strategy == "spread"
    older = replace(cut, strategy="broadcast", taps=1, blocks=3)
    assert from_parameters(shape, cut.lanes, older.parameters) == older


@pytest.mark.parametrize(
    ("c_out", "groups", "lanes", "kind"),
    [(5, 1, 16, "positions"), (5, 1, 4, "broadcast"), (10, 2, 16, "positions")],
)
def test_few_outputs_of_wide_rows_have_positions_in_lanes(
    c_out: int, groups: int, lanes: int, kind: str
) -> None:
    """Seven columns leave more of sixteen lanes empty than they save."""
    assert tiling.strategy(conv(64, c_out, 56, groups=groups), lanes) == kind


def test_a_record_of_kernels_with_other_lanes_is_not_read() -> None:
    """Its numbers would mean something else: a layer of it is told as it would be run now."""
    few, many = conv(64, 5, 56), conv(64, 64, 56)
    for shape, other in ((few, many), (many, few)):
        cut = choose(other, AVX512, MACHINE)
        with pytest.raises(ValueError, match="other lanes"):
            from_parameters(shape, cut.lanes, cut.parameters)


def test_outputs_that_fill_vectors_and_strides_have_channels_in_lanes() -> None:
    """Positions have nothing to save there, or would be read with gaps."""
    for shape in (conv(64, 64, 56), conv(64, 48, 56), conv(64, 5, 56, stride=(1, 2))):
        assert tiling.strategy(shape, 16) == "broadcast"
    assert tiling.strategy(conv(64, 5, 56, stride=(2, 1)), 16) == "positions"


def test_few_outputs_take_no_more_room_than_they_have() -> None:
    shape = conv(4, 5, 215, 1)
    assert tiling.output_lanes(shape, 16) == 5
    assert tiling.traffic(shape, 16) == conv_work(shape).bytes_touched


def test_lanes_are_the_elements_of_a_register() -> None:
    found = {(v.bits, dtype): lanes_of(v, dtype) for v in VECTORS for dtype in ITEM_BYTES}
    wide = {(512, "float32"): 16, (512, "float64"): 8, (256, "float32"): 8, (256, "float64"): 4}
    assert found == wide | {(128, "float32"): 4, (128, "float64"): 2}


@given(case=chosen())
def test_a_tile_never_asks_for_more_registers_than_there_are(
    case: tuple[ConvShape, Vector, Tiling],
) -> None:
    """Sums, weights and an input; without fused instructions some products more."""
    _, vector, cut = case
    if cut.strategy == "broadcast":
        used = cut.columns * cut.blocks + cut.blocks + (1 if vector.fused else 3)
    elif cut.strategy == "positions":
        # Narrow vectors' masks are registers, too.
        used = cut.columns * (cut.blocks + (1 if vector.bits == 512 else 2)) + 1
    else:
        used = cut.columns + cut.taps + 3
    assert used <= vector.registers
    assert min(cut.columns, cut.taps, cut.blocks, cut.rows, cut.chunk) >= 1


@given(case=chosen())
def test_a_tile_is_no_larger_than_the_output(case: tuple[ConvShape, Vector, Tiling]) -> None:
    shape, _, cut = case
    flat = flattened(shape)
    if cut.strategy == "positions":
        assert cut.columns <= row_vectors(flat, cut.lanes)
        assert cut.blocks <= shape.group_out
    else:
        assert cut.columns <= min(flat.out_width, choice.WIDEST_TILE)
        assert cut.blocks <= tiling.out_blocks(shape, cut.lanes)
    assert cut.taps <= shape.kernel[1]
    wide = tiling.row_length(flat, cut)
    total = math.ceil(wide / cut.columns) if is_flat(shape) else shape.out_height
    assert cut.rows <= total


@pytest.mark.parametrize(
    ("vector", "c_out", "size", "tile"),
    [
        (AVX512, 64, 56, (6, 4)),
        (AVX512, 32, 56, (14, 2)),
        (AVX2, 64, 56, (4, 3)),
        (AVX2, 32, 56, (6, 2)),
        (AVX2, 96, 56, (4, 3)),
    ],
)
def test_tiles_of_ordinary_shapes(
    vector: Vector, c_out: int, size: int, tile: tuple[int, int]
) -> None:
    cut = choose(conv(64, c_out, size), vector, MACHINE)
    assert (cut.columns, cut.blocks) == tile


@pytest.mark.parametrize(("stride", "columns"), [(1, 10), (2, 4), (3, 4)])
def test_two_taps_that_share_no_inputs_leave_room_for_both(stride: int, columns: int) -> None:
    shape = ConvShape(
        in_channels=16,
        height=1,
        width=200,
        out_channels=32,
        kernel=(1, 2),
        stride=(1, stride),
        groups=16,
    )
    cut = choose(shape, AVX2, MACHINE)
    assert (cut.strategy, cut.taps) == ("permute", 2)
    assert cut.columns <= columns
    assert cut.columns > columns - 2


def test_a_tile_that_leaves_the_sums_waiting_costs_the_latency() -> None:
    assert choice.cycles(1, 1) == pytest.approx(4.25 + 0.15 * 2)
    assert choice.cycles(14, 2) == pytest.approx(14 + 0.15 * 16)
    assert choice.cycles(14, 1) == pytest.approx(7.5 + 0.15 * 15)


def test_taps_of_a_wide_kernel_row_are_cut_evenly() -> None:
    wide = conv(32, 32, 56, 9, groups=32)
    assert choose(wide, AVX512, MACHINE).taps == 5
    assert choose(wide, AVX2, MACHINE).taps == 5
    rows = replace(wide, kernel=(3, 9), padding=(1, 4))
    assert choose(rows, AVX2, MACHINE).taps == 3
    assert choose(conv(32, 32, 56, groups=32), NEON, MACHINE).taps == 3


def test_single_vectors_use_all_registers_but_those_of_weights_and_three_more() -> None:
    """Ten sums beside three taps on sixteen registers; on 32 the widest tile fits."""
    wide = conv(32, 32, 140, groups=32)
    assert choose(replace(wide, kernel=(5, 3)), AVX2, MACHINE).columns == 10
    # Rows that follow each other have two rows' weights.
    assert choose(wide, AVX2, MACHINE).columns == 7
    assert choose(wide, AVX512, MACHINE).columns == choice.WIDEST_TILE


def test_a_pattern_in_the_code_gets_a_narrow_tile() -> None:
    """On four lanes the compiler keeps more of a narrow group's kernel in registers."""
    narrow = conv(32, 32, 56, groups=16)
    assert choose(narrow, SSE2, MACHINE).columns <= 6
    assert choose(narrow, AVX512, MACHINE).columns == 14
    assert choose(conv(32, 32, 56, (5, 3), groups=32), SSE2, MACHINE).columns > 6


@given(total=st.integers(1, 5000), most=st.integers(1, 40))
def test_a_row_is_cut_into_the_fewest_even_pieces(total: int, most: int) -> None:
    pieces = split(total, most)
    sizes = [size for _, size in pieces]
    assert [place for start, size in pieces for place in range(start, start + size)] == [
        *range(total)
    ]
    assert len(pieces) == math.ceil(total / most)
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    assert piece_count(total, most) == len(pieces)
    assert widest_piece(total, most) == sizes[0]
    equal = equal_pieces(total, most)
    assert [size for _, size, count in equal for _ in range(count)] == sizes


@given(c_in=st.integers(1, 3000), c_out=st.integers(1, 300), kernel=st.integers(1, 7))
def test_a_chunk_s_weights_stay_near(c_in: int, c_out: int, kernel: int) -> None:
    cut = choose(conv(c_in, c_out, 14, kernel), AVX512, machine(l2=512 * KIB))
    assume(cut.strategy == "broadcast")
    block = cut.blocks * cut.lanes**2 * kernel**2 * 4
    assert cut.chunk == 1 or cut.chunk * block <= 0.6 * 48 * KIB
    # Each plane of inputs is memory of its own.
    assert cut.chunk <= 8
    assert cut.chunk <= math.ceil(c_in / cut.lanes)


def test_chunks_are_even_and_no_more_than_needed() -> None:
    """125 vectors of channels by eights are sixteen chunks; by as many as L1 holds, more."""
    flat, three = (choose(conv(1000, 64, 14, size), AVX2, MACHINE) for size in (1, 3))
    room = int(0.6 * 48 * KIB) // (three.blocks * 64 * 9 * 4)
    assert flat.chunk == math.ceil(125 / 16) == 8
    assert three.chunk == math.ceil(125 / math.ceil(125 / room)) < 8


def test_a_core_s_share_of_a_second_level_counts() -> None:
    """Four cores on one cache leave each a quarter of it; hardware threads share a core's part."""

    def rows(shared_by: int, threads: int) -> int:
        cache = Cache(level=2, kind="unified", size_bytes=512 * KIB, shared_by=shared_by)
        host = make_machine(caches=(cache,), cores=4, threads=threads)
        return choose(conv(16, 16, 112), AVX512, host).rows

    assert rows(1, 4) == rows(2, 8) > rows(2, 4)


def test_inputs_have_all_of_the_second_level_where_weights_pass_through_it_anyway() -> None:
    """Each part of the rows reads all weights again: 400 KB of inputs in one part, or in two."""
    few, many = (choose(conv(128, out, 28), AVX2, machine(l2=512 * KIB)) for out in (48, 512))
    assert many.rows == 28
    assert few.rows == 14


def test_a_block_of_rows_fits_half_of_the_second_level() -> None:
    tall = conv(64, 128, 224)
    cut = choose(tall, AVX512, machine(l2=1024 * KIB))
    assert (cut.rows + 3) * 224 * 64 * 4 <= 512 * KIB
    assert cut.rows < choose(tall, AVX512, machine(l2=2048 * KIB)).rows
    assert choose(conv(64, 64, 14), AVX512, MACHINE).rows == 14


def test_inputs_that_one_tile_of_output_channels_reads_need_no_cache() -> None:
    """Then sums stay, which each slice of input channels adds to: of 54 rows, 512 KiB have room."""
    shape = conv(186, 5, 214, 1, stride=(2, 2))
    one = choose(shape, AVX512, machine(l2=1024 * KIB))
    assert one.rows == 54
    assert one.rows * 107 * 64 <= 512 * KIB
    assert choose(replace(shape, out_channels=160), AVX512, machine(l2=1024 * KIB)).rows < 4


@given(case=chosen())
def test_rows_are_cut_only_where_that_shares_more_evenly(
    case: tuple[ConvShape, Vector, Tiling],
) -> None:
    shape, vector, alone = case
    flat = flattened(shape)
    for threads in (2, 5):
        cut = choose(shape, vector, MACHINE, threads)
        most = rows_of_all(flat, cut)
        rows, more = shared_rows(flat, cut, threads, most)
        assert rows <= most
        assert 1 <= more <= _busiest(flat, cut, threads, most) + 1e-9
        assert rows == most or _busiest(flat, cut, threads, most) > 1.04
    assert shared_rows(flat, alone, 1, alone.rows) == (alone.rows, 1.0)


def _busiest(flat: ConvShape, cut: Tiling, threads: int, rows: int) -> float:
    """Return the most that a thread has to do of whole parts, as a multiple of its share."""
    blocks = tiling.out_blocks(flat, cut.lanes)
    if cut.strategy == "positions":
        tiles = [count for _, count in split(flat.group_out, cut.blocks)] * flat.groups
    elif cut.strategy == "broadcast":
        tiles = [min(cut.blocks, blocks - n) for n in range(0, blocks, cut.blocks)] * flat.groups
    else:
        tiles = [1] * (tiling.output_lanes(flat, cut.lanes) // cut.lanes)
    total = rows_of_all(flat, cut)
    parts = [min(rows, total - n) for n in range(0, total, rows)]
    costs = [part * tile for _ in range(flat.batch) for part in parts for tile in tiles]
    ends = np.cumsum(costs)
    mine = ((ends - np.array(costs) / 2) * threads / ends[-1]).astype(int).clip(max=threads - 1)
    return float(np.bincount(mine, costs).max() * threads / ends[-1])


def test_no_thread_of_a_large_team_is_left_idle() -> None:
    """896 tiles in a row, one vector of outputs, 192 threads: five at most for each."""
    shape = flattened(conv(16, 16, 112, 1))
    cut = choose(shape, AVX512, MACHINE, 192)
    assert rows_of_all(shape, cut) == 896
    assert _busiest(shape, cut, 192, cut.rows) == pytest.approx(5 * 192 / 896)


def test_weights_are_not_read_twice_where_tiles_of_outputs_share_evenly() -> None:
    """Of 32 vectors, tiles of four make eight units; of three eleven, of which one thread gets six.

    An image of seven rows is too small to be cut for that.
    """
    shape = conv(512, 512, 7)
    alone, team = (choose(shape, AVX512, MACHINE, threads) for threads in (1, 2))
    assert (alone.columns, alone.blocks) == (7, 3)
    assert (team.columns, team.blocks, team.rows) == (4, 4, 7)


@given(case=chosen())
def test_a_case_s_parameters_say_the_whole_tiling(case: tuple[ConvShape, Vector, Tiling]) -> None:
    shape, _, cut = case
    assert from_parameters(shape, cut.lanes, cut.parameters) == cut
    turned = replace(cut, along=not cut.along)
    assert from_parameters(shape, cut.lanes, turned.parameters) == turned


def test_data_beyond_a_core_s_own_caches_is_read_along_its_rows() -> None:
    small, large = (conv(64, 64, size, groups=64) for size in (28, 112))
    host = machine(l2=512 * KIB, l3=32768 * KIB)
    assert not choose(small, AVX512, host).along
    assert choose(large, AVX512, host).along
    assert choose(conv(64, 64, 112), AVX512, host).along
    assert not choose(conv(64, 64, 112, 1), AVX512, host).along


LARGE = machine(l2=512 * KIB, l3=32768 * KIB)


def test_short_rows_are_not_worth_a_call_each() -> None:
    small, short = conv(512, 512, 28, groups=512), conv(2048, 2048, 14, groups=2048)
    assert not choose(small, AVX512, machine(l2=2048 * KIB, l3=32768 * KIB)).along
    assert choose(small, AVX512, LARGE).along
    # Not even where memory alone has room for them.
    assert not choose(short, AVX512, LARGE).along
    assert not choose(short, AVX512, machine(l2=512 * KIB, l3=1024 * KIB)).along
    # Rows of which a page holds one.
    assert not choose(conv(256, 256, 56, 1, groups=256, stride=(2, 2)), AVX2, LARGE).along
    assert choose(conv(64, 64, 150, 1, groups=64, stride=(2, 2)), AVX2, LARGE).along


def test_broadcast_tiles_go_where_more_of_them_follow_each_other() -> None:
    assert not choose(conv(512, 512, 28), AVX512, LARGE).along
    assert choose(conv(256, 256, 56), AVX512, LARGE).along
    # Rows of which a page holds one are written as they lie.
    assert choose(conv(2, 184, 192, 3), AVX2, LARGE).along


FOLLOWED = replace(LARGE, microarchitecture="Zen 5")


@pytest.mark.parametrize(
    ("shape", "along"),
    [
        # Nine multiply-adds an input are too few to hide that rows are read again; so are 49 / 4.
        (conv(64, 64, 112, groups=64), False),
        (conv(64, 64, 224, 7, groups=64, stride=(2, 2)), False),
        (conv(64, 64, 224, 7, groups=64), True),
        (conv(256, 256, 112, groups=64), True),
        # What the shared cache holds needs no order of memory's.
        (conv(64, 64, 112, 7, groups=64), False),
        (conv(64, 64, 112, groups=16), False),
        # Inputs that each serve several outputs are few.
        (conv(128, 1024, 112, 5, groups=128), False),
        # Dense ones ask for their inputs themselves, but each tile of a strided one leaves some.
        (conv(256, 256, 56), True),
        (conv(256, 256, 56, stride=(2, 2)), False),
    ],
)
def test_where_hardware_follows_columns_tiles_go_down_them(shape: ConvShape, along: bool) -> None:
    assert choose(shape, AVX512, FOLLOWED).along == along


@pytest.mark.parametrize(
    ("channels", "kernel", "lanes", "planes"),
    [
        # One more or two than whole turns of four, or 1x1, up to four blocks on the widest vectors.
        (17, 3, 16, True),
        (54, 3, 16, True),
        (55, 3, 16, False),
        (24, 3, 16, False),
        (24, 1, 16, True),
        (55, 1, 16, True),
        (32, 1, 16, False),
        (66, 1, 16, False),
        (18, 1, 8, False),
    ],
)
def test_what_blocks_of_channels_leave_over_decides_on_planes(
    channels: int, kernel: int, lanes: int, planes: bool
) -> None:
    assert tiling.planar(conv(channels, 64, 56, kernel), lanes) == planes


def test_planes_do_not_fall_on_the_same_sets_of_a_cache() -> None:
    """128 x 128 single values are a way of 64 KiB, 64 x 64 a quarter of it."""
    for size, channels, planes in ((128, 20, True), (128, 40, False), (64, 63, True)):
        assert tiling.planar(conv(channels, 64, size, 1), 16) == planes
    # Strided, it isn't one long row.
    assert tiling.planar(conv(36, 64, 127, 1, stride=(2, 2)), 16)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("208x202x202 -> 8, 1x1", "broadcast"),
        ("110x63x63 -> 12, 1x1 n16", "broadcast"),
        # Fewer outputs have wider tiles, fewer planes are followed, and nearer ones don't matter.
        ("110x63x63 -> 3, 1x1 n16", "positions"),
        ("40x100x100 -> 8, 1x1 n16", "positions"),
        ("208x100x100 -> 8, 1x1", "positions"),
    ],
)
def test_tiles_read_no_few_lines_of_many_far_planes(text: str, kind: str) -> None:
    assert tiling.strategy(parse_shape(text), 16) == kind


def test_many_planes_from_beyond_the_near_caches_are_blocks() -> None:
    for size, channels, planes in ((127, 22, True), (127, 24, False), (80, 40, True)):
        assert tiling.planar(conv(channels, 64, size, 1), 16) == planes
    for channels, planes in ((36, True), (40, False)):
        assert tiling.planar(conv(channels, 64, 127, 1, stride=(2, 2)), 16) == planes


def test_planes_are_for_dense_groups_below_a_vector() -> None:
    assert tiling.planar(conv(3, 64, 224), 16)
    assert not tiling.planar(conv(16, 64, 224), 16)
    shape = conv(6, 64, 224)
    cut = choose(shape, AVX512, MACHINE)
    assert tiling.depth(shape, cut) == 6
    assert tiling.input_lanes(shape, 16) == 6
    assert tiling.input_lanes(shape, 4) == 8
    wide = conv(19, 64, 56)
    assert tiling.depth(wide, choose(wide, AVX512, MACHINE)) == 20
    assert tiling.input_lanes(wide, 16) == 32


def test_a_machine_that_reports_no_caches_gets_a_tiling() -> None:
    """An instruction cache is no report either."""
    code = Cache(level=2, kind="instruction", size_bytes=KIB, shared_by=1)
    silent, odd = (make_machine(caches=caches) for caches in ((), (code,)))
    shape = conv(64, 512, 28, 1)
    assert choose(shape, AVX512, silent) == choose(shape, AVX512, odd)
    assert choose(shape, AVX512, silent) == choose(shape, AVX512, machine(256 * KIB, 8192 * KIB))


@given(shape=convs(), lanes=st.sampled_from((2, 4, 8, 16)))
def test_a_kernel_moves_at_least_what_the_shape_touches(shape: ConvShape, lanes: int) -> None:
    touched, inside = conv_work(shape).bytes_touched, tiling.traffic(shape, lanes)
    assert inside.read >= touched.read
    assert inside.written >= touched.written
    full = (tiling.input_lanes(shape, lanes), tiling.output_lanes(shape, lanes))
    if full == (shape.in_channels, shape.out_channels):
        assert inside == touched


def test_empty_lanes_are_moved_in_every_tensor() -> None:
    """19 channels lie in two vectors of 16; weights are kept for 20 of the inputs."""
    shape = conv(19, 19, 5, bias=True)
    inside = tiling.traffic(shape, 16)
    assert inside.written == 25 * 32 * 4
    assert inside.read == (25 * 32 + 9 * 32 * 20 + 32) * 4


def test_groups_that_don_t_fill_a_vector_leave_lanes_empty() -> None:
    """Groups of three: five fit sixteen lanes, so that six groups need two vectors."""
    shape = conv(18, 18, 5, groups=6)
    assert tiling.input_lanes(shape, 16) == tiling.output_lanes(shape, 16) == 32
    fewer = conv(4, 16, 5, groups=4)
    assert tiling.parts_in_vector(fewer, 16) == 4
    assert (tiling.input_lanes(fewer, 16), tiling.output_lanes(fewer, 16)) == (16, 16)


@given(case=chosen())
def test_tensors_inside_are_never_larger_than_foretold(
    case: tuple[ConvShape, Vector, Tiling],
) -> None:
    """The estimate decides whether memory suffices: it holds the layout that kernels make."""
    shape, _, cut = case
    layout = Layout(shape, cut)
    sizes: list[Any] = [layout.x_shape, layout.out_shape, (layout.weight_elements,)]
    elements = sum(int(np.prod(size)) for size in sizes)
    foretold = tiling.tensor_bytes(shape, cut.lanes)
    assert elements * layout.item <= foretold
    moved = tiling.traffic(shape, cut.lanes)
    assert moved.read + moved.written <= foretold
    assert layout.inputs.blocks * layout.inputs.lanes == tiling.input_lanes(shape, cut.lanes)
    assert layout.outputs.blocks * layout.outputs.lanes == tiling.output_lanes(shape, cut.lanes)


@given(shape=convs())
def test_only_a_plain_1x1_is_one_long_row(shape: ConvShape) -> None:
    assume(shape.kernel != (1, 1))
    assert flattened(shape) == shape
    plain = replace(shape, kernel=(1, 1), stride=(1, 1), padding=(0, 0))
    flat = flattened(plain)
    assert (flat.height, flat.out_width) == (1, plain.out_height * plain.out_width)
    assert not is_flat(replace(plain, stride=(1, 2)))
    assert not is_flat(replace(plain, padding=(1, 0)))


def test_a_row_that_leaves_one_tap_over_has_no_wider_tile_than_one_tap() -> None:
    """Its kernel would spill: it was found so, by compiling it."""
    shape = ConvShape(
        in_channels=4, height=1, width=18, out_channels=2, kernel=(1, 3), padding=(0, 0), groups=2
    )
    one = choice.widest_permuted(shape, AVX2, 1)
    assert choice.widest_permuted(shape, AVX2, 2) == one < choice.widest_permuted(shape, AVX2, 3)


@pytest.mark.parametrize(
    ("vector", "width", "outputs", "expected"),
    [
        (AVX2, 3, 64, "spread"),
        (AVX2, 5, 64, "broadcast"),
        (AVX2, 5, 8, "spread"),
        (AVX512, 7, 64, "spread"),
    ],
)
def test_one_channel_is_spread_where_a_row_of_taps_fits_registers(
    vector: Vector, width: int, outputs: int, expected: str
) -> None:
    shape = conv(1, outputs, 40, width)
    assert choose(shape, vector, MACHINE).strategy == expected


@pytest.mark.parametrize(
    ("width", "stride", "dilation", "expected"),
    [(3, 1, 1, False), (3, 2, 1, True), (1, 2, 1, False), (3, 2, 2, False), (2, 3, 3, False)],
)
def test_what_a_stride_lies_over_is_read_by_other_taps(
    width: int, stride: int, dilation: int, expected: bool
) -> None:
    shape = replace(conv(16, 16, 20, width), stride=(1, stride), dilation=(1, dilation))
    assert tiling.reads_between(shape) == expected
