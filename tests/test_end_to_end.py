"""Our convolutions from planes to planes: right in every class, and every step of them needed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.conv import words as conv_words
from benchmarks.conv.operator import Trained, plan, train
from benchmarks.conv.reference import convolve
from benchmarks.rig import Rig
from benchmarks.subjects import end_to_end
from benchmarks.subjects.end_to_end import EndToEnd, Planes, changes
from benchmarks.tensors import words
from roofline.errors import RooflineError
from roofline.physics import tiling
from roofline.physics.cropped import cropped
from roofline.physics.tiling import lanes_of
from roofline.records import Case, ConvShape, Traffic
from tests.conv_builders import CLASSES, VECTORS, Bench, bench_on, case_of, shapes

CPUS = sorted(os.sched_getaffinity(0))[:2]
WIDEST = VECTORS[max(VECTORS)]
SHAPE = ConvShape(
    in_channels=19, height=9, width=11, out_channels=21, kernel=(3, 3), padding=(1, 1), bias=True
)
often = settings(max_examples=12, derandomize=True, deadline=None)


@pytest.fixture(scope="module")
def bench(cache_home: Path) -> Bench:
    """Return a bench on two CPUs, wherever there are two."""
    return bench_on(CPUS, cache_home)


def whole(case: Case) -> Case:
    """Return the case that runs end to end."""
    return replace(case, parameters={**case.parameters, "layout": "NCHW"})


def made(bench: Bench, case: Case) -> tuple[EndToEnd, Planes, Trained]:
    """Return a case's operator, all of its memory NaN but what it is given."""
    planned = plan(case)
    trained = train(planned.layout)
    planes = Planes(planned.layout, trained, bench.team, case.threads)
    operator = EndToEnd(planned, planes, bench.team, bench.kernels)
    if planned.layout.inputs.lanes > 1:
        planes.x(0)[:] = np.nan
    operator.reset()
    return operator, planes, trained


@pytest.mark.parametrize("kind", CLASSES)
@often
@given(data=st.data())
def test_planes_in_are_planes_out(bench: Bench, data: st.DataObject, kind: str) -> None:
    """Nothing but the planes is given: what lay in blocks before is NaN."""
    dtype = data.draw(st.sampled_from(("float32", "float64")), label="dtype")
    shape = data.draw(shapes(kind, dtype), label="shape")
    threads = data.draw(st.integers(1, len(CPUS)), label="threads")
    relu = data.draw(st.booleans(), label="relu")
    operator, planes, trained = made(bench, case_of(shape, WIDEST, threads=threads, relu=relu))
    bench.call(operator)
    given_x = planes.given.flat.reshape(planes.x_shape)
    # Taps on padding alone have no weights.
    expected = convolve(cropped(shape), given_x, trained.weights, trained.bias)
    expected = np.maximum(expected, 0) if relu else expected
    answer = planes.answer.flat.reshape(planes.out_shape)
    error = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(answer, expected, rtol=0, atol=error * np.abs(expected).max())
    assert operator.correct(trained)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_foretold_to_be_copied_is_what_the_tables_copy(data: st.DataObject) -> None:
    shape = data.draw(shapes(data.draw(st.sampled_from(CLASSES))))
    layout = plan(case_of(shape, WIDEST)).layout
    read = written = 0
    for change in changes(layout):
        places, each = change.places, change.images * change.positions * layout.item
        planes, blocks = each * places.block.size, each * places.blocks * places.lanes
        read += planes if change.blocked else blocks
        written += blocks if change.blocked else planes
    found = tiling.copied(shape, lanes_of(WIDEST, shape.dtype))
    assert found == Traffic(read=read, written=written)


def test_few_input_channels_are_read_where_they_lie(bench: Bench) -> None:
    operator, planes, _ = made(bench, case_of(replace(SHAPE, in_channels=3), WIDEST))
    assert operator._bases[0, 0] == planes.given.address
    assert [change.blocked for change in changes(operator.plan.layout)] == [False]


def test_few_outputs_are_written_where_they_lie(bench: Bench) -> None:
    shape = replace(SHAPE, out_channels=5, stride=(1, 1))
    operator, planes, trained = made(bench, case_of(shape, WIDEST))
    assert operator.plan.layout.tiling.strategy == "positions"
    assert operator._bases[0, [0, 2]].tolist() == [planes.given.address, planes.answer.address]
    assert not changes(operator.plan.layout)
    bench.call(operator)
    assert operator.correct(trained)


def first_entry(operator: EndToEnd) -> None:
    """Leave out what copies the first block of the input."""
    row = operator._tables[0][0]
    row[words.WHOLE], row[words.SINGLE] = 0, 0


def last_entry(operator: EndToEnd) -> None:
    """Leave out what copies the last block of the output."""
    operator._blocks[-1][conv_words.COUNT] -= 1


@pytest.mark.parametrize("spoil", [first_entry, last_entry])
def test_a_step_that_is_left_out_is_noticed(
    bench: Bench, spoil: Callable[[EndToEnd], None]
) -> None:
    operator, _, trained = made(bench, case_of(SHAPE, WIDEST, threads=len(CPUS)))
    spoil(operator)
    bench.call(operator)
    assert not operator.correct(trained)


def test_lanes_without_a_channel_are_zero_after_the_copy(bench: Bench) -> None:
    operator, planes, _ = made(bench, case_of(SHAPE, WIDEST))
    bench.call(operator)
    unused = operator.plan.layout.inputs.unused
    assert unused.any()
    assert not planes.x(0).transpose(1, 4, 0, 2, 3)[unused].any()


@pytest.mark.parametrize("threads", range(1, len(CPUS) + 1))
def test_the_rig_checks_and_times_it(bench: Bench, threads: int) -> None:
    rig = Rig(CPUS[:threads], bench.kernels)
    case = case_of(SHAPE, WIDEST, threads=threads)
    rig.prepare([whole(case)])
    compiled = rig.compile_seconds
    sampled = rig.run(whole(case), samples=3)
    assert rig.compile_seconds == compiled
    assert (sampled.checked, len(sampled.seconds)) == (True, 3)
    assert sampled.kernel_digest != rig.run(case, samples=1).kernel_digest


@pytest.mark.parametrize(
    ("more", "said"),
    [({"layout": "NHWC"}, "takes 'NHWC' tensors"), ({"copies": 3}, "don't rotate")],
)
def test_what_it_cannot_run_is_refused(bench: Bench, more: dict[str, str | int], said: str) -> None:
    case = whole(case_of(SHAPE, WIDEST))
    wrong = replace(case, parameters={**case.parameters, **more})
    with pytest.raises(RooflineError, match=said):
        Rig(CPUS[:1], bench.kernels).run(wrong, samples=1)
    assert end_to_end.asked(case)
    assert not end_to_end.asked(case_of(SHAPE, WIDEST))
