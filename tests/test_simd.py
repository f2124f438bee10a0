"""Instructions that move lanes: what comes out of known vectors, at every width of this host."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from llvmlite import ir
from numba import cfunc

from benchmarks.buffers import aligned
from benchmarks.simd import PERMUTES, Emitter, Value, kernel
from roofline.physics.tiling import lanes_of
from tests.conv_builders import VECTORS

FORMS = [(dtype, bits) for dtype in ("float32", "float64") for bits in VECTORS]
FROM, TO, INDICES = range(3)


def run(
    emit: Callable[[Emitter, Value], Value],
    dtype: str,
    bits: int,
    source: Sequence[float],
    indices: Sequence[int] = (),
) -> list[float]:
    """Return the vector that `emit(emitter, block)` makes, compiled and run on this host."""

    def whole(builder: Any, block: Value) -> None:
        e = Emitter(builder, dtype, bits)
        e.store(emit(e, block), e.parameter(block, TO))

    body = kernel(whole)

    @cfunc("int64(int64)")
    def entry(block: int) -> int:
        return body(block)

    lanes = lanes_of(VECTORS[bits], dtype)
    given, taken = aligned(len(source), dtype), aligned(lanes, dtype)
    given[:] = source
    pattern = aligned(lanes, "int32" if dtype == "float32" else "int64")
    pattern[: len(indices)] = indices
    block = np.array([array.ctypes.data for array in (given, taken, pattern)], np.int64)
    entry.ctypes(block.ctypes.data)
    return [float(value) for value in taken]


def patterns(lanes: int) -> list[list[int]]:
    """Return some ways to pick lanes: all kept, turned round, one for all, pairs, at random."""
    drawn = np.random.default_rng(lanes).integers(0, lanes, lanes)
    return [
        list(range(lanes)),
        list(range(lanes))[::-1],
        [lanes - 1] * lanes,
        [lane // 2 * 2 for lane in range(lanes)],
        drawn.tolist(),
    ]


@pytest.mark.parametrize(("dtype", "bits"), FORMS)
def test_one_element_comes_to_every_lane(dtype: str, bits: int) -> None:
    lanes = lanes_of(VECTORS[bits], dtype)
    source = [0.5 + value for value in range(3 * lanes)]
    item = 4 if dtype == "float32" else 8
    # Places that no vector could be loaded from.
    for place in (0, 1, lanes + 1, 3 * lanes - 1):

        def emit(e: Emitter, block: Value, offset: int = place * item) -> Value:
            return e.broadcast(e.parameter(block, FROM), offset)

        assert run(emit, dtype, bits, source) == [source[place]] * lanes


@pytest.mark.parametrize(("dtype", "bits"), FORMS)
def test_lanes_are_picked_by_a_pattern_in_the_code(dtype: str, bits: int) -> None:
    lanes = lanes_of(VECTORS[bits], dtype)
    source = [0.5 + value for value in range(lanes)]
    for picked in patterns(lanes):

        def emit(e: Emitter, block: Value, picked: Sequence[int] = tuple(picked)) -> Value:
            return e.shuffle(e.load(e.parameter(block, FROM)), picked)

        assert run(emit, dtype, bits, source) == [source[lane] for lane in picked]


@pytest.mark.parametrize(("dtype", "bits"), sorted(set(FORMS) & set(PERMUTES)))
def test_lanes_are_picked_by_a_pattern_that_is_read(dtype: str, bits: int) -> None:
    lanes = lanes_of(VECTORS[bits], dtype)
    source = [0.5 + value for value in range(lanes)]

    def emit(e: Emitter, block: Value) -> Value:
        indices = e.load_indices(e.parameter(block, INDICES))
        return e.permute(e.load(e.parameter(block, FROM)), indices)

    for picked in patterns(lanes):
        expected = [source[lane] for lane in picked]
        assert run(emit, dtype, bits, source, indices=picked) == expected


@pytest.mark.parametrize(("dtype", "bits"), [("float32", 128), ("float64", 128), ("float64", 256)])
def test_no_pattern_is_read_where_no_instruction_does_that(dtype: str, bits: int) -> None:
    assert (dtype, bits) not in PERMUTES
    with pytest.raises(KeyError):
        Emitter(ir.IRBuilder(), dtype, bits).permute(None, None)
