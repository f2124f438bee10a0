"""Convolutions for tests: shapes of each class drawn at random, tilings chosen or changed, a bench.

The bench runs an operator between guards: whatever it reads or writes outside its own copy of the
tensors is NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import team
from benchmarks.conv.operator import Operator, Trained, plan, prepare, train
from benchmarks.conv.reference import convolve
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.team import Team
from roofline.host.machine import read_machine
from roofline.physics import choice, isa
from roofline.physics.isa import Vector
from roofline.physics.tiling import Tiling
from roofline.physics.workload import check
from roofline.records import CONV_CLASSES, Case, ConvShape

HOST = read_machine()
VECTORS = {vector.bits: vector for vector in isa.vectors(HOST)}
CLASSES = CONV_CLASSES
LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-12}
# A before-and-after guard, and the copy between them.
_COPIES = 3
# The slow reference takes about 20 ms for so many multiply-adds.
_MOST_WORK = 8_000_000
_MOST_CHANNELS = 70
# The largest of so many sums is no accident: rounding is judged against it.
_FEWEST_OUTPUTS = 32


@st.composite
def channels(draw: st.DrawFn, kind: str) -> tuple[int, int, int]:
    """Draw groups, channels of a group in the input, and in the output."""
    if kind in ("dense", "pointwise"):
        return 1, draw(st.integers(1, _MOST_CHANNELS)), draw(st.integers(1, _MOST_CHANNELS))
    if kind == "depthwise":
        multiplier = draw(st.sampled_from((1, 1, 1, 1, 2, 2, 3, 4, 8, 17)))
        return draw(st.integers(2, _MOST_CHANNELS)), 1, multiplier
    # Several narrow groups share a vector: what is narrow depends on its width.
    widest = draw(st.sampled_from((2, 4, 8, _MOST_CHANNELS // 2)))
    group_in, group_out = draw(st.integers(2, widest)), draw(st.integers(1, widest))
    return draw(st.integers(2, _MOST_CHANNELS // max(group_in, group_out))), group_in, group_out


@st.composite
def shapes(
    draw: st.DrawFn, kind: str, dtype: str = "float32", fewest: int = _FEWEST_OUTPUTS
) -> ConvShape:
    """Draw a convolution of a class: odd channels, any edge, paddings wider than the kernel.

    It has at least `fewest` outputs.
    """
    groups, group_in, group_out = draw(channels(kind))
    pointwise = kind == "pointwise"
    kernel = (1, 1) if pointwise else (draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    if kind == "dense" and kernel == (1, 1):
        kernel = (1, 2)
    usual = st.sampled_from((1, 1, 1, 2, 2, 3))
    stride = (draw(usual), draw(usual))
    dilation = (draw(st.sampled_from((1, 1, 2))), draw(st.sampled_from((1, 1, 2))))
    padding = (draw(st.integers(0, 4)), draw(st.integers(0, 4)))
    if pointwise and draw(st.booleans()):
        stride, padding = (1, 1), (0, 0)
    reach = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    least = [max(1, one) for one in reach]
    drawn = ConvShape(
        batch=draw(st.integers(1, 3)),
        in_channels=groups * group_in,
        height=draw(st.integers(least[0], 20)),
        width=draw(st.integers(least[1], 34)),
        out_channels=groups * group_out,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=dtype,
    )
    return check(_wide(_affordable(drawn, least[0]), fewest))


def _wide(shape: ConvShape, fewest: int) -> ConvShape:
    """Widen the image until there are so many outputs."""
    columns = -(-fewest * shape.out_width // shape.outputs)
    missing = max(0, columns - shape.out_width)
    return replace(shape, width=shape.width + missing * shape.stride[1])


def _affordable(shape: ConvShape, least: int) -> ConvShape:
    """Leave images and rows away until the slow reference takes no longer than it may."""
    taps = shape.group_in * shape.kernel[0] * shape.kernel[1]
    while shape.outputs * taps > _MOST_WORK and (shape.batch > 1 or shape.height > least):
        lower = max(least, shape.height // 2)
        shape = replace(shape, batch=1) if shape.batch > 1 else replace(shape, height=lower)
    return shape


@st.composite
def tilings(draw: st.DrawFn, shape: ConvShape, vector: Vector, threads: int) -> Tiling:
    """Draw how a shape is cut: as chosen, or otherwise but legally."""
    chosen = choice.choose(shape, vector, HOST, threads)
    if draw(st.booleans()):
        return chosen

    def fewer(most: int, options: Sequence[int]) -> int:
        return draw(st.sampled_from(sorted({most, *(one for one in options if one < most)})))

    changed = replace(
        chosen,
        columns=fewer(chosen.columns, (1, 2, 4)),
        rows=draw(st.sampled_from((1, 2, 3, chosen.rows))),
    )
    if chosen.strategy == "broadcast":
        blocks, chunk = fewer(chosen.blocks, (1, 2)), fewer(chosen.chunk, (1, 2))
        return replace(changed, blocks=blocks, chunk=chunk)
    if chosen.strategy == "positions":
        blocks, chunk = fewer(chosen.blocks, (1, 2, 3)), fewer(chosen.chunk, (1, 2, 3))
        return replace(changed, blocks=blocks, chunk=chunk, along=draw(st.booleans()))
    taps = fewer(chosen.taps, (1, 2, 3))
    if chosen.strategy == "permute":
        most = choice.widest_permuted(shape, vector, taps)
        changed = replace(changed, columns=min(most, changed.columns))
    return replace(changed, taps=taps, along=draw(st.sampled_from((True, False))))


def case_of(
    shape: ConvShape,
    vector: Vector,
    cut: Tiling | None = None,
    threads: int = 1,
    *,
    relu: bool = False,
) -> Case:
    """Return the case of a shape, cut as chosen unless told otherwise."""
    cut = cut or choice.choose(shape, vector, HOST, threads)
    activation = {"activation": "relu"} if relu else {}
    return Case(
        benchmark="conv",
        parameters={**shape.parameters, **cut.parameters, **activation, "fused": vector.fused},
        dtype=shape.dtype,
        isa=vector.isa,
        bits=vector.bits,
        threads=threads,
    )


@dataclass
class Bench:
    """Where operators are run: a team and its kernels."""

    team: Team
    kernels: KernelCache

    def operator(self, case: Case, copies: int = _COPIES) -> tuple[Operator, Trained]:
        """Return a case's operator in fresh memory, nothing written, and what it was given."""
        trained = train(plan(case).layout)
        made = prepare(case, trained, self.team, self.kernels, copies)
        whole(made, 2)[:] = np.nan
        return made, trained

    def call(self, operator: Operator) -> None:
        """Run it once, however long a busy machine keeps one of the threads from its CPU."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(team, "BARRIER_DEADLINE", 60.0)
            self.team.time(operator.programs(1), 1)


def bench_on(cpus: Sequence[int], cache_home: Path) -> Bench:
    """Return a bench on some CPUs, with the tests' own kernels."""
    kernels = KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)}))
    return Bench(Team(cpus, kernels), kernels)


def whole(operator: Operator, tensor: int) -> NDArray[np.floating]:
    """Return all memory of a tensor (input, weights, output): every copy and the rest."""
    return operator.tensors._buffers[tensor].view(operator.plan.layout.shape.dtype)


def packed(operator: Operator, copy: int) -> NDArray[np.floating]:
    """Return a copy of the packed weights, bias and indices."""
    bases, layout = operator.tensors.bases, operator.plan.layout
    start = int(bases[copy, 1] - bases[0, 1]) // layout.item
    return whole(operator, 1)[start : start + layout.weight_elements]


def guard(operator: Operator) -> None:
    """Leave NaN around the middle copy of what is read."""
    for tensor, kept in ((0, operator.tensors.x(1)), (1, packed(operator, 1))):
        saved = kept.copy()
        whole(operator, tensor)[:] = np.nan
        kept[:] = saved


def fault(operator: Operator, trained: Trained, copy: int) -> str:
    """Say what is wrong with a copy's output against the float64 reference: "" if nothing is."""
    layout, out = operator.plan.layout, operator.tensors.out(copy)
    if not np.isfinite(out).all():
        return f"{np.argwhere(~np.isfinite(out))[0]} is not written, or made of what is outside"
    unused = layout.outputs.unused
    if out.transpose(1, 4, 0, 2, 3)[unused].any():
        return "a lane without a channel is not zero"
    natural = layout.inputs.unpack(operator.tensors.x(copy))
    expected = convolve(layout.shape, natural, trained.weights, trained.bias)
    expected = np.maximum(expected, 0) if layout.relu else expected
    errors = np.abs(layout.outputs.unpack(out) - expected)
    scale = float(np.abs(expected).max())
    if errors.max() > LARGEST_ERROR[layout.shape.dtype] * scale:
        where = np.argwhere(errors == errors.max())[0]
        return f"wrong by {errors.max():.3g} of {scale:.3g} at {where}"
    return ""


def strays(operator: Operator, copies: int) -> int:
    """Count what was written outside the first copies of the output."""
    everything, written = np.isfinite(whole(operator, 2)).sum(), 0
    for copy in range(copies):
        written += np.isfinite(operator.tensors.out(copy)).sum()
    return int(everything - written)
