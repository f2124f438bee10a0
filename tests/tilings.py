"""Convolutions, vectors and a machine for the tests of tiles, spans and in-core time."""

from typing import Any

from hypothesis import strategies as st

from roofline.physics.choice import choose
from roofline.physics.isa import Vector
from roofline.physics.tiling import Tiling, strategy
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Cache, ConvShape, MachineSpec
from tests.builders import make_machine

Pair = tuple[int, int]
KIB = 1024
AVX512 = Vector(isa="avx512", bits=512, fused=True, registers=32)
AVX2 = Vector(isa="avx2", bits=256, fused=True, registers=16)
AVX = Vector(isa="avx", bits=256, fused=False, registers=16)
SSE2 = Vector(isa="sse2", bits=128, fused=False, registers=16)
NEON = Vector(isa="neon", bits=128, fused=True, registers=32)
VECTORS = (AVX512, AVX2, AVX, SSE2, NEON)
_SIZES = st.integers(1, 17)


def machine(l2: int = 1024 * KIB, l3: int = 32768 * KIB) -> MachineSpec:
    """Build two cores of one thread each, which share the last of three cache levels."""
    caches = (
        Cache(level=1, kind="data", size_bytes=48 * KIB, shared_by=1),
        Cache(level=2, kind="unified", size_bytes=l2, shared_by=1),
        Cache(level=3, kind="unified", size_bytes=l3, shared_by=2),
    )
    return make_machine(caches=caches, cores=2, threads=2)


MACHINE = machine()


def conv(c_in: int, c_out: int, size: int, kernel: Pair | int = 3, **more: Any) -> ConvShape:
    """Build a square convolution that keeps its size where the stride is one."""
    rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
    facts: dict[str, Any] = {"height": size, "width": size, "padding": (rows // 2, columns // 2)}
    plain = {"in_channels": c_in, "out_channels": c_out, "kernel": (rows, columns)}
    return ConvShape(**(facts | plain | more))


@st.composite
def convs(draw: st.DrawFn) -> ConvShape:
    """Draw a convolution of any class whose kernel fits the padded input; padding may exceed it."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 9))
    small = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pair), draw(small), draw(small)
    padding = draw(st.tuples(st.integers(0, 5), st.integers(0, 6)))
    reach = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    height, width = (max(1, least) + draw(st.integers(0, 18)) for least in reach)
    groups = draw(st.sampled_from((1, 1, 2, 5, 16)))
    return ConvShape(
        batch=draw(st.integers(1, 3)),
        in_channels=groups * draw(_SIZES),
        out_channels=groups * draw(_SIZES),
        height=height,
        width=width,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from(tuple(ITEM_BYTES))),
    )


@st.composite
def flat_convs(draw: st.DrawFn) -> ConvShape:
    """Draw a 1x1 convolution that is run as one long row."""
    channels = draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    size = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    return conv(*channels, 1, 1, height=size[0], width=size[1])


@st.composite
def chosen(draw: st.DrawFn, threads: int = 1) -> tuple[ConvShape, Vector, Tiling]:
    """Draw a shape and vectors with the tiling that they get, caches small enough to cut by."""
    shape = draw(st.one_of(convs(), flat_convs()))
    vector = draw(st.sampled_from(VECTORS))
    host = machine(
        draw(st.sampled_from((2, 16, 1024))) * KIB, draw(st.sampled_from((8, 32768))) * KIB
    )
    return shape, vector, choose(shape, vector, host, threads)


@st.composite
def legal(draw: st.DrawFn) -> tuple[ConvShape, Tiling]:
    """Draw a shape with any tiling that its kernels could run, chosen or not."""
    shape = draw(st.one_of(convs(), flat_convs()))
    lanes = draw(st.sampled_from((2, 4, 8, 16)))
    kind = strategy(shape, lanes)
    several = kind in ("broadcast", "positions")
    tiling = Tiling(
        strategy=kind,
        lanes=lanes,
        columns=draw(st.integers(1, 14)),
        taps=1 if several else draw(st.integers(1, 7)),
        blocks=draw(st.integers(1, 4)) if several else 1,
        rows=draw(st.integers(1, 30)),
        chunk=draw(st.integers(1, 4)) if several else 1,
        along=not several and draw(st.booleans()),
    )
    return shape, tiling
