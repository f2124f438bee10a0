"""Work of matrix products and element-by-element operators, and how they are cut and predicted."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tensors.gemm import Panel, Product
from benchmarks.tensors.memory import share
from benchmarks.tensors.pieces import pieces
from roofline.comparing.tensors import TensorOperators
from roofline.errors import RooflineError
from roofline.physics import blocking, tensors
from roofline.physics.isa import Vector
from roofline.records import (
    ELEMENTWISE,
    ElementwiseShape,
    GemmShape,
    ReorderShape,
    Scalar,
    Traffic,
)
from tests.roof_builders import MACHINE, calibration

SQUARE = GemmShape(rows=1024, columns=1024, depth=1024)
REORDER = ReorderShape(blocked=True, channels=64, positions=3136, lanes=16)
ADD = ElementwiseShape(operation="add", channels=(64,), positions=3136)
WIDE = Vector(isa="avx512", bits=512, fused=True, registers=32)
VECTORS = (
    WIDE,
    Vector(isa="avx2", bits=256, fused=True, registers=16),
    Vector(isa="sse2", bits=128, fused=False, registers=16),
)
FLAGS = ("avx512f", "avx512vl", "avx512dq", "avx512bw", "avx2", "fma")
CALIBRATION = calibration(machine=replace(MACHINE, features=FLAGS))
sizes = st.integers(1, 3000)
shapes = st.builds(
    GemmShape, rows=sizes, columns=sizes, depth=sizes, packed=st.booleans(), bias=st.booleans()
)


def test_a_product_counts_its_multiply_adds_and_its_bias() -> None:
    shape = GemmShape(rows=3, columns=5, depth=7, bias=True, dtype="float64")
    work = tensors.work(shape)
    assert work.flops == 2 * 3 * 5 * 7 + 3 * 5
    assert work.bytes_touched == Traffic(read=8 * (21 + 35 + 5), written=8 * 15)
    assert work.parameters == 5
    assert tensors.work(replace(shape, packed=True)).parameters == 40


@pytest.mark.parametrize(
    ("operation", "flops", "read"), [("add", 1, 2), ("relu", 0, 1), ("concat", 0, 1)]
)
def test_elementwise_work_is_whole_tensors(operation: str, flops: int, read: int) -> None:
    work = tensors.work(replace(ADD, operation=operation))
    elements = 64 * 3136
    assert work.flops == flops * elements
    assert work.bytes_touched == Traffic(read=4 * read * elements, written=4 * elements)


def test_a_scaled_copy_reads_two_numbers_a_channel() -> None:
    work = tensors.work(replace(ADD, operation="affine"))
    assert (work.flops, work.parameters) == (2 * 64 * 3136, 128)
    assert work.bytes_touched.read == 4 * (64 * 3136 + 128)


def test_a_reorder_reads_one_layout_and_writes_the_other() -> None:
    """19 channels lie in three blocks of 8: what is empty is moved, too."""
    shape = ReorderShape(blocked=True, batch=2, channels=19, positions=49, lanes=8)
    planes, blocks = 4 * 2 * 49 * 19, 4 * 2 * 49 * 24
    work = tensors.work(shape)
    assert (work.flops, work.bytes_touched) == (0, Traffic(read=planes, written=blocks))
    back = tensors.work(replace(shape, blocked=False)).bytes_touched
    assert back == Traffic(read=blocks, written=planes)
    assert tensors.shape_of("reorder", shape.parameters, "float32") == shape
    assert shape.text == "to-blocks 19 channels x 49 by 8 n2"


@given(shape=shapes)
def test_a_product_comes_back_from_its_parameters(shape: GemmShape) -> None:
    assert tensors.shape_of("gemm", shape.parameters, shape.dtype) == shape


def test_a_concatenation_comes_back_from_its_parameters() -> None:
    shape = ElementwiseShape(operation="concat", batch=2, channels=(3, 4), positions=9)
    assert tensors.shape_of("elementwise", shape.parameters, "float32") == shape
    assert shape.text == "concat 3+4 channels x 9 n2"


@pytest.mark.parametrize(
    ("family", "parameters", "dtype", "said"),
    [
        ("gemm", {**SQUARE.parameters, "depth": 0}, "float32", "depth is 0"),
        ("gemm", {**SQUARE.parameters, "rows": 1.5}, "float32", "rows is 1.5"),
        ("gemm", SQUARE.parameters, "int8", "unknown dtype"),
        ("gemm", {**SQUARE.parameters, "rows": 1 << 30}, "float32", "absurd"),
        ("reorder", {**REORDER.parameters, "lanes": None}, "float32", "lanes is None"),
        ("reorder", {**REORDER.parameters, "channels": 1 << 31}, "float32", "absurd"),
        ("elementwise", {**ADD.parameters, "operation": "sub"}, "float32", "choose from add"),
        ("elementwise", {**ADD.parameters, "channels": "3+4"}, "float32", "one number"),
        ("elementwise", {**ADD.parameters, "channels": "x"}, "float32", "channels is 'x'"),
    ],
)
def test_what_is_no_operator_is_refused(
    family: str, parameters: dict[str, Scalar], dtype: str, said: str
) -> None:
    with pytest.raises(RooflineError, match=said):
        tensors.shape_of(family, parameters, dtype)


@given(shape=shapes, threads=st.integers(1, 16), vector=st.sampled_from(VECTORS))
def test_every_thread_has_its_share_and_every_output_its_owner(
    shape: GemmShape, threads: int, vector: Vector
) -> None:
    cut = blocking.choose(shape, vector, MACHINE, threads)
    assert cut.grid_rows * cut.grid_columns == threads
    assert blocking.from_parameters(cut.lanes, cut.parameters) == cut
    product = Product(shape, cut)
    done = 0
    for thread in range(threads):
        calls = [step for step in product.steps(thread) if isinstance(step, Panel)]
        deep = (c.tiles * c.micro.rows * c.micro.blocks * c.turns * c.micro.turn for c in calls)
        done += sum(deep)
    assert done == shape.rows * product.columns // cut.lanes * shape.depth


def test_a_panel_fits_its_cache_and_none_is_as_deep_as_it_may_be() -> None:
    second = next(c for c in MACHINE.caches if c.level == 2)
    for depth in (1024, 5000, 100_000):
        shape = replace(SQUARE, depth=depth)
        cut = blocking.choose(shape, VECTORS[0], MACHINE)
        panel = cut.depth * cut.tile_blocks * cut.lanes * 4
        assert panel <= second.size_bytes * 3 / 8
        # One piece fewer would not fit.
        pieces = -(-depth // cut.depth)
        fewer = -(-depth // max(1, pieces - 1)) * cut.tile_blocks * cut.lanes * 4
        assert pieces == 1 or fewer > second.size_bytes * 3 / 8


@pytest.mark.parametrize(("depth", "turn"), [(1024, 4), (100, 4), (6, 2), (77, 1)])
def test_a_turn_divides_the_depth(depth: int, turn: int) -> None:
    assert blocking.together(depth, rows=5) == turn
    assert blocking.together(depth, rows=1) == 1


@given(rows=st.integers(1, 300), columns=st.integers(1, 300), vector=st.sampled_from(VECTORS))
def test_a_tile_fits_registers(rows: int, columns: int, vector: Vector) -> None:
    shape = replace(SQUARE, rows=rows, columns=columns)
    cut = blocking.choose(shape, vector, MACHINE)
    assert cut.tile_rows <= rows
    assert cut.tile_rows * cut.tile_blocks + cut.tile_blocks + 1 < vector.registers


def test_one_row_reads_its_weights_in_one_go() -> None:
    cut = blocking.choose(replace(SQUARE, rows=1, packed=True), VECTORS[0], MACHINE)
    assert (cut.tile_rows, cut.depth) == (1, 1024)
    moved = blocking.traffic(replace(SQUARE, rows=1, packed=True), cut)
    assert moved.total == 4 * (1024 * 1024 + 2 * 1024)


def test_packing_is_traffic() -> None:
    cut = blocking.choose(SQUARE, VECTORS[0], MACHINE)
    packed = blocking.traffic(replace(SQUARE, packed=True), cut)
    assert blocking.traffic(SQUARE, cut).total - packed.total == 2 * 4 * 1024 * 1024
    deeper = blocking.traffic(SQUARE, replace(cut, depth=256))
    # Each further piece of depth reads and writes C again.
    assert deeper.total - blocking.traffic(SQUARE, cut).total == 3 * 2 * 4 * 1024 * 1024


@given(
    elements=st.integers(1, 10**6), threads=st.integers(1, 16), quantum=st.sampled_from((16, 1024))
)
def test_shares_are_all_of_it_in_order(elements: int, threads: int, quantum: int) -> None:
    parts = share(elements, threads, quantum)
    assert parts[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(parts))
    assert parts[-1].stop == elements
    assert all(part.start % quantum == 0 for part in parts)


@given(
    operation=st.sampled_from(ELEMENTWISE),
    channels=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    threads=st.integers(1, 4),
)
def test_pieces_cover_the_output_once(operation: str, channels: list[int], threads: int) -> None:
    parts = tuple(channels) if operation == "concat" else (channels[0],)
    shape = ElementwiseShape(operation=operation, batch=2, channels=parts, positions=7)
    place = 0
    for own in share(shape.elements, threads, 4):
        for piece in pieces(shape, own):
            assert piece.out == place
            place += piece.length
    assert place == shape.elements


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [SQUARE, ADD, REORDER, replace(SQUARE, rows=1, packed=True)])
def test_no_prediction_beats_the_bound(shape: tensors.Shape, threads: int) -> None:
    operators = TensorOperators(CALIBRATION, threads)
    predicted, bound = operators.predict(shape), operators.bound(shape)
    assert predicted.rungs["d"] is not None
    assert bound.seconds < predicted.seconds < 4 * max(bound.seconds, 1e-5)
    if shape == SQUARE:
        assert bound.bound_by == "compute"


def test_stores_go_past_the_caches_where_none_holds_the_tensors() -> None:
    operators = TensorOperators(CALIBRATION, 1)
    large = replace(ADD, positions=1 << 20)
    assert operators.case(ADD).parameters["store"] == "ordinary"
    assert operators.case(large).parameters["store"] == "non-temporal"
    assert not operators.past(SQUARE)
