"""Convolutions of lesser hosts: sixteen registers, narrow vectors, no fused multiply-adds.

A child compiles for such a host and runs there what its planner would choose: the check of the
assembly refuses spills, the check of the answers whatever is wrong.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.assembly import HOST_IS_X86
from roofline.errors import RooflineError
from roofline.host.worker import Worker
from roofline.physics import isa, tiling
from roofline.physics.isa import Vector
from roofline.records import CONV_CLASSES, Case, ConvShape
from tests.conv_builders import HOST, case_of

# Between SSE2 and AVX2 there were a few years of wide vectors without fused multiply-adds, and
# without an instruction that picks lanes by a pattern.
_AVX = {
    "NUMBA_CPU_NAME": "sandybridge",
    "NUMBA_CPU_FEATURES": "+avx,+sse4.2,+popcnt,+cx16",
}
WIDER = {"avx2": "%zmm", "avx": "%zmm", "sse2": "%[yz]mm"}


def emulated(name: str) -> tuple[tuple[Vector, ...], Mapping[str, str]]:
    """Return the vectors of a lesser host, and the settings of its compiler."""
    if name in isa.CAPS:
        return isa.vectors(HOST, name), isa.target_environment(name)
    if "avx" not in HOST.features:
        raise RooflineError("this machine has no avx.")
    older = replace(HOST, features=tuple({"avx", "sse2"} & set(HOST.features)))
    return isa.vectors(older), _AVX


def shapes(dtype: str) -> Iterator[ConvShape]:
    """Yield convolutions of each class, and of each way that kernels compute them."""
    usual = ConvShape(
        batch=2,
        in_channels=35,
        height=9,
        width=17,
        out_channels=41,
        kernel=(3, 3),
        padding=(1, 1),
        bias=True,
        dtype=dtype,
    )
    yield usual
    yield replace(usual, out_channels=48)
    yield replace(usual, out_channels=3, kernel=(3, 5), padding=(1, 2))
    yield replace(usual, out_channels=5, kernel=(1, 1), padding=(0, 0))
    yield replace(usual, in_channels=1, out_channels=48)
    yield replace(usual, in_channels=1, kernel=(2, 5), stride=(2, 2), padding=(2, 3))
    yield replace(usual, in_channels=64, out_channels=64, dilation=(2, 2), bias=False)
    yield replace(usual, kernel=(1, 1), padding=(0, 0))
    yield replace(usual, kernel=(1, 1), stride=(2, 2), padding=(1, 1))
    yield replace(usual, in_channels=26, out_channels=26, groups=13, kernel=(5, 5))
    yield replace(usual, in_channels=20, out_channels=20, groups=5, stride=(2, 1))
    yield replace(usual, in_channels=36, out_channels=54, groups=2)
    yield replace(usual, out_channels=35, groups=35, kernel=(7, 7), padding=(3, 3))
    yield replace(usual, out_channels=35, groups=35, stride=(2, 2), dilation=(1, 2))
    yield replace(usual, out_channels=70, groups=35)
    yield replace(usual, out_channels=35 * 5, groups=35)
    yield replace(usual, out_channels=35 * 5, groups=35, dilation=(1, 2))
    # As many columns as registers would allow if nothing but their sums and weights were kept.
    wide = replace(usual, padding=(0, 0), height=5)
    yield replace(wide, out_channels=2, width=40, kernel=(1, 2))
    narrow = replace(wide, in_channels=36, out_channels=36, groups=9)
    yield replace(narrow, width=92, stride=(1, 3), dilation=(1, 2))
    yield replace(wide, out_channels=35, groups=35, width=41, stride=(2, 2))


def cases(vectors: tuple[Vector, ...]) -> Iterator[Case]:
    """Yield all convolutions of a host, on its widest vectors and one class on the others."""
    for vector in vectors:
        for dtype in ("float32", "float64"):
            for shape in shapes(dtype):
                if vector == vectors[0] or shape.conv_class == "grouped":
                    yield case_of(shape, vector)


def test_the_shapes_are_of_every_class_and_strategy() -> None:
    found = list(shapes("float32"))
    assert {shape.conv_class for shape in found} == set(CONV_CLASSES)
    for lanes in (4, 8):
        kinds = {tiling.strategy(shape, lanes) for shape in found}
        few = {"positions"} if lanes > 4 else set()
        assert kinds == {"broadcast", "permute", "lanewise", "spread"} | few


@pytest.mark.skipif(not HOST_IS_X86, reason="other architectures have one width")
@pytest.mark.parametrize("name", ["avx2", "avx", "sse2"])
def test_a_lesser_host_convolves_right_in_its_own_registers(
    cpu: int, tmp_path: Path, name: str
) -> None:
    try:
        vectors, settings = emulated(name)
    except RooflineError as error:
        pytest.skip(str(error))
    assert all(vector.registers == 16 for vector in vectors)
    wanted = list(cases(vectors))
    with Worker([cpu], {**settings, "XDG_CACHE_HOME": str(tmp_path)}) as child:
        child.ask("prepare", cases=[asdict(case) for case in wanted])
        for case in wanted:
            assert child.ask("run", case=asdict(case), samples=1)["checked"], case.key
    listings = [path.read_text() for path in tmp_path.rglob("*.s")]
    assert len(listings) > len(wanted)
    assert not [text for text in listings if re.search(WIDER[name], text)]
    fused = [text for text in listings if "vfmadd" in text]
    assert bool(fused) == vectors[0].fused
