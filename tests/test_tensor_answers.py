"""Matrix products, element-by-element operators, reorders: right at every width, on any threads."""

import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import team as teams
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.rig import Rig
from benchmarks.subjects.tensors import Tensors
from benchmarks.team import Team
from benchmarks.tensors import words
from benchmarks.tensors.flat import Elementwise
from benchmarks.tensors.product import Gemm
from benchmarks.tensors.reorder import Reorder, runs
from roofline.comparing.tensors import case
from roofline.errors import RooflineError
from roofline.host.machine import read_machine
from roofline.physics.isa import vectors
from roofline.physics.tensors import Shape
from roofline.physics.tiling import lanes_of
from roofline.records import ELEMENTWISE, Case, ElementwiseShape, GemmShape, ReorderShape

HOST = read_machine()
VECTORS = vectors(HOST)
CPUS = sorted(os.sched_getaffinity(0))[:2]
DTYPES = ("float32", "float64")
often = settings(max_examples=40, derandomize=True, deadline=None)


@pytest.fixture(scope="module")
def subject(cache_home: Path) -> Tensors:
    """Return the subject on two CPUs, wherever there are two."""
    kernels = KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))
    return Tensors(Team(CPUS, kernels), kernels, 1e-7)


def call(subject: Tensors, operator: Gemm | Elementwise | Reorder) -> None:
    """Run an operator twice, however long a busy machine keeps a thread from its CPU."""
    operator.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teams, "BARRIER_DEADLINE", 60.0)
        subject._team.time(operator.programs(2), 1)


@st.composite
def products(draw: st.DrawFn) -> tuple[Case, GemmShape]:
    """Draw a product, cut as chosen or into blocks far smaller, so that every edge is met."""
    shape = GemmShape(
        rows=draw(st.integers(1, 70)),
        columns=draw(st.integers(1, 130)),
        depth=draw(st.integers(1, 90)),
        bias=draw(st.booleans()),
        packed=draw(st.booleans()),
        dtype=draw(st.sampled_from(DTYPES)),
    )
    threads = draw(st.integers(1, len(CPUS)))
    made = case(shape, draw(st.sampled_from(VECTORS)), HOST, threads)
    if draw(st.booleans()):
        small = {"block_depth": draw(st.integers(1, 32))}
        if draw(st.booleans()):
            small |= {"block_grid_rows": threads, "block_grid_columns": 1}
        made = replace(made, parameters={**made.parameters, **small})
    return made, shape


@often
@given(drawn=products())
def test_a_product_is_right(subject: Tensors, drawn: tuple[Case, GemmShape]) -> None:
    made, shape = drawn
    operator = subject.operator(made)
    assert isinstance(operator, Gemm)
    call(subject, operator)
    matrices = operator.matrices
    a, b = (matrices.natural(name).astype(np.float64) for name in "ab")
    error = np.abs(matrices.natural("c") - (a @ b + matrices.bias.flat[: shape.columns])).max()
    tolerance = {"float32": 1e-5, "float64": 1e-12}[shape.dtype]
    assert error <= tolerance * np.sqrt(shape.depth) * 4
    assert operator.correct()
    assert bool(matrices.bias.flat.any()) == shape.bias


@often
@given(data=st.data())
def test_an_elementwise_operator_is_right(subject: Tensors, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(ELEMENTWISE))
    parts = data.draw(st.integers(1, 4 if operation == "concat" else 1))
    shape = ElementwiseShape(
        operation=operation,
        batch=data.draw(st.integers(1, 3)),
        channels=tuple(data.draw(st.integers(1, 9)) for _ in range(parts)),
        positions=data.draw(st.integers(1, 400)),
        dtype=data.draw(st.sampled_from(DTYPES)),
    )
    vector, threads = data.draw(st.sampled_from(VECTORS)), data.draw(st.integers(1, len(CPUS)))
    made = case(shape, vector, HOST, threads, past=data.draw(st.booleans()))
    operator = subject.operator(made)
    assert isinstance(operator, Elementwise)
    before = [x.flat.copy() for x in operator.inputs]
    call(subject, operator)
    assert operator.correct()
    np.testing.assert_allclose(operator.out.flat, expected(shape, operator), rtol=1e-4, atol=1e-5)
    assert all((x.flat == y).all() for x, y in zip(operator.inputs, before, strict=True))


def expected(shape: ElementwiseShape, operator: Elementwise) -> np.ndarray:
    """Return the answer, image by image and channel by channel."""
    sizes = [(shape.batch, c, shape.positions) for c in shape.channels]
    flats = [x.flat.astype(np.float64) for x in operator.inputs]
    if shape.operation == "add":
        return flats[0] + flats[1]
    if shape.operation == "relu":
        return np.where(flats[0] > 0, flats[0], 0)
    images = [flat.reshape(size) for flat, size in zip(flats, sizes, strict=True)]
    if shape.operation == "concat":
        return np.stack(
            [np.concatenate([x[n] for x in images]) for n in range(shape.batch)]
        ).ravel()
    scale, shift = operator.trained[:, 0, 0], operator.trained[:, 1, 0]
    return (images[0] * scale[:, None] + shift[:, None]).ravel()


def reorders(draw: st.DrawFn) -> tuple[Case, ReorderShape]:
    """Draw a change of layout: few positions, last blocks that aren't full, several images."""
    vector, dtype = draw(st.sampled_from(VECTORS)), draw(st.sampled_from(DTYPES))
    shape = ReorderShape(
        blocked=draw(st.booleans()),
        batch=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 40)),
        positions=draw(st.integers(1, 150)),
        lanes=lanes_of(vector, dtype),
        dtype=dtype,
    )
    return case(shape, vector, HOST, draw(st.integers(1, len(CPUS)))), shape


@often
@given(drawn=st.composite(reorders)())
def test_a_reorder_is_right(subject: Tensors, drawn: tuple[Case, ReorderShape]) -> None:
    """Place by place; what isn't written is what it was, and empty lanes are zero, never read."""
    made, shape = drawn
    operator = subject.operator(made)
    assert isinstance(operator, Reorder)
    blocks = (shape.batch, shape.blocks, shape.positions, shape.lanes)
    if not shape.blocked:
        empty = operator.packed.flat.reshape(blocks)[:, -1, :, (shape.channels - 1) % shape.lanes :]
        empty[..., 1:] = np.nan
    call(subject, operator)
    planes = operator.planes.flat.reshape(shape.batch, shape.channels, shape.positions)
    padded = np.zeros((shape.batch, shape.blocks * shape.lanes, shape.positions), shape.dtype)
    padded[:, : shape.channels] = planes
    packed = operator.packed.flat.reshape(blocks).transpose(0, 1, 3, 2).reshape(padded.shape)
    assert (packed[:, : shape.channels] == planes).all()
    assert not shape.blocked or (packed == padded).all()
    assert operator.correct()


@pytest.mark.parametrize("word", [words.PACKED, words.PLANE, words.WHOLE, words.SINGLE])
@pytest.mark.parametrize("blocked", [True, False])
def test_a_spoilt_word_of_a_reorder_is_noticed(
    subject: Tensors, word: int, *, blocked: bool
) -> None:
    lanes = lanes_of(VECTORS[0], "float32")
    shape = ReorderShape(blocked=blocked, channels=2 * lanes, positions=3 * lanes + 2, lanes=lanes)
    operator = subject.operator(case(shape, VECTORS[0], HOST, 1))
    assert isinstance(operator, Reorder)
    step = {words.PACKED: 4 * lanes, words.PLANE: 4}.get(word, 1)
    operator._tables[0][0, word] -= -step if word < words.WHOLE else step
    call(subject, operator)
    assert not operator.correct()


@given(
    images=st.integers(1, 3),
    blocks=st.integers(1, 5),
    positions=st.integers(1, 90),
    threads=st.integers(1, 7),
)
def test_threads_share_all_positions_of_a_reorder(
    images: int, blocks: int, positions: int, threads: int
) -> None:
    places: list[tuple[int, int, int]] = []
    for thread in range(threads):
        for run in runs(images, blocks, positions, thread, threads):
            # Whole lines of a plane: no two threads write to the same one.
            assert run.start % 16 == 0
            ends = range(run.start, run.start + run.length)
            places += [(run.image, run.block, position) for position in ends]
    assert places == list(itertools.product(range(images), range(blocks), range(positions)))


@pytest.mark.parametrize("threads", [1, 2])
def test_relu_keeps_what_is_not_a_number(subject: Tensors, threads: int) -> None:
    if threads > len(CPUS):
        pytest.skip("one CPU only")
    shape = ElementwiseShape(operation="relu", channels=(7,), positions=33)
    operator = subject.operator(case(shape, VECTORS[0], HOST, threads))
    operator.inputs[0].flat[5] = np.nan
    call(subject, operator)
    assert np.isnan(operator.out.flat[5])
    assert np.isnan(operator.out.flat).sum() == 1


@pytest.mark.parametrize(
    "shape",
    [
        GemmShape(rows=40, columns=50, depth=60, bias=True),
        GemmShape(rows=1, columns=500, depth=60, packed=True),
        ElementwiseShape(operation="concat", channels=(3, 4), positions=100),
        ReorderShape(
            blocked=True, channels=19, positions=99, lanes=lanes_of(VECTORS[0], "float32")
        ),
    ],
    ids=lambda shape: shape.text,
)
def test_the_rig_checks_and_times_them(cpu: int, cache_home: Path, shape: Shape) -> None:
    rig = Rig([cpu], KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)})))
    made = case(shape, VECTORS[0], HOST, 1)
    rig.prepare([made])
    sampled = rig.run(made, 3)
    assert len(sampled.seconds) == 3
    assert all(seconds > 0 for seconds in sampled.seconds)
    assert sampled.checked
    assert sampled.kernel_digest


def test_a_wrong_answer_is_never_timed(subject: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(operator: Gemm) -> None:
        operator.matrices.c.flat[:] = np.nan
        operator.matrices.panels[0].flat[3] += 1

    monkeypatch.setattr(Gemm, "reset", spoiled)
    shape = GemmShape(rows=9, columns=20, depth=30, packed=True)
    with pytest.raises(RooflineError, match="linear 9x20x30 computes a wrong answer"):
        subject.run(case(shape, VECTORS[0], HOST, 1), 1)


def test_an_unwritten_output_is_noticed(subject: Tensors) -> None:
    operator = subject.operator(case(GemmShape(rows=9, columns=20, depth=30), VECTORS[0], HOST, 1))
    operator.reset()
    assert not operator.correct()
