"""Sweeps survive JSON unchanged, stay small, and are never taken for another kind of record."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roofline.errors import RooflineError
from roofline.records import (
    Anchor,
    Calibration,
    Conditions,
    ConvShape,
    Finding,
    Samples,
    Sweep,
    Timing,
)
from roofline.store.schema import dumps, loads, loads_as
from tests.builders import make_calibration, make_machine
from tests.record_cells import flattened, with_cell
from tests.sweep_builders import make_shape, make_sweep, make_timing

LIMIT_BYTES = 64_000
PLAIN = json.loads(dumps(make_sweep()))


def edited(**changes: Any) -> str:
    return json.dumps(PLAIN | changes)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in PLAIN.items() if key != name})


def cell(table: str, column: str, value: object) -> str:
    return with_cell(make_sweep(), table, column, value)


def test_a_sweep_comes_back_equal() -> None:
    assert loads(dumps(make_sweep())) == make_sweep()


def test_a_sweep_without_layers_or_anchors_comes_back_equal() -> None:
    bare = make_sweep(timings=(), anchors=())
    assert loads(dumps(bare)) == bare


def test_layers_and_anchors_have_a_line_each() -> None:
    lines = dumps(make_sweep()).splitlines()
    assert lines[:3] == ["{", '"kind":"sweep",', '"format":2,']
    first = lines.index('"timings":[')
    assert '"columns":["name","shape.in_channels","shape.height",' in lines[first + 1]
    assert lines[first + 2].startswith('["layer1.0.conv1",64,56,56,64,[3,3],')
    assert '{"columns":["ceiling","unit","rates"]},' in lines
    assert '["read.DRAM","B/s",[2.63e10,2.6e10,2.65e10]]' in lines


def test_defaults_are_left_out() -> None:
    columns = flattened(PLAIN["timings"])[0]["columns"]
    assert {"shape.kernel", "shape.stride", "details.algorithm"} <= set(columns)
    assert not {"shape.batch", "shape.bias", "shape.dtype", "shape.dilation"} & set(columns)
    assert not {"isa_cap", "cache", "findings", "supersedes"} & PLAIN.keys()


def test_a_calibration_is_read_as_such_and_not_as_a_sweep() -> None:
    text = dumps(make_calibration())
    assert loads_as(Calibration, text) == make_calibration()
    with pytest.raises(RooflineError, match=r"^this record is a calibration, not a sweep\.$"):
        loads_as(Sweep, text)


def test_a_sweep_is_read_as_such_and_not_as_a_calibration() -> None:
    text = dumps(make_sweep())
    assert loads_as(Sweep, text) == make_sweep()
    with pytest.raises(RooflineError, match=r"^this record is a sweep, not a calibration\.$"):
        loads_as(Calibration, text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (edited(kind="calibration"), "not a valid record"),
        (edited(format=3), "update calibrated-roofline"),
        (edited(surprise=1), "unknown field surprise"),
        (edited(ceilings=[]), "unknown field ceilings"),
        (without("subject"), "required field is missing.*subject"),
        (without("calibration"), "required field is missing.*calibration"),
        (without("timings"), "required field is missing.*timings"),
        (edited(threads=2.0), "expected a whole number, not 2.0 .*threads"),
        (edited(threads=True), "expected a whole number, not True"),
        (edited(cache=None), "None not in literal .*cache"),
        (edited(calibration={}), "expected a text, not an object .*calibration"),
        (edited(timings={}), "timings is not a table"),
        (edited(anchors=["rates"]), "anchors is not a table"),
        (edited(anchors=[{"columns": ["ceiling"]}, ["read.L1"]]), "field is missing.*unit"),
        (cell("anchors", "rates", 2.6e10), "expected a list, not 26000000000.0 .*rates"),
        (cell("anchors", "rates", [2.6e10, "x"]), "expected a number, not 'x'"),
        (cell("anchors", "pace", 1), "unknown field pace"),
        (cell("timings", "name", None), "required field is missing.*timings.0..name"),
        (cell("timings", "seconds", "1e-3"), "expected a list, not '1e-3' .*seconds"),
        (cell("timings", "seconds", [0, [True]]), "expected a whole number, not 'True'"),
        (cell("timings", "loops", [1.5]), "expected a whole number, not 1.5"),
        (cell("timings", "checked", 1), "expected true or false, not 1"),
        (cell("timings", "shape.kernel", 3), "expected a list, not 3 .*kernel"),
        (cell("timings", "shape.kernel", [3]), "expected 2 items, not 1"),
        (cell("timings", "shape.stride", [1, 1.5]), "expected a whole number, not 1.5"),
        (cell("timings", "shape.height", None), "required field is missing.*height"),
        (cell("timings", "shape.depth", 3), "unknown field depth"),
        (cell("timings", "shape", {}), "column 'shape' of timings misfits"),
        (cell("timings", "details.tile_rows", [6]), "expected a number, not a list"),
        (cell("timings", "work.flops", 1), "unknown field work"),
    ],
)
def test_what_is_no_sweep_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(RooflineError, match=reason) as caught:
        loads(text)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_in_writing(bad: float) -> None:
    with pytest.raises(RooflineError, match="finite"):
        dumps(make_sweep(timings=(make_timing(seconds=((bad,),)),)))
    with pytest.raises(RooflineError, match="finite"):
        dumps(make_sweep(anchors=(Anchor(ceiling="read.L1", unit="B/s", rates=(bad,)),)))


def timing_of(k: int, rounds: int) -> Timing:
    """Fill a layer as a real sweep does: no two figures alike, few fields at their default."""
    channels = 32 * (1 + k % 64)
    shape = make_shape(
        in_channels=channels,
        out_channels=channels,
        height=7 * 2 ** (k % 6),
        width=7 * 2 ** (k % 6),
        stride=(1 + k % 2, 1 + k % 2),
        groups=channels if k % 4 == 0 else 1,
        bias=k % 3 == 0,
    )
    return make_timing(
        name=f"mobilenet_v2.features.{k}.conv.0.0",
        shape=shape,
        seconds=tuple((1.23456e-4 * (1 + k / 7) * (1 + r / 77),) for r in range(rounds)),
        loops=tuple(1000 + 17 * r + k for r in range(rounds)),
        kernel_digest=f"{(k + 1) * 0x123456789ABCDEF:016x}"[:16],
        details={
            "algorithm": "depthwise" if k % 4 == 0 else "direct",
            "layout": "NCHWc16",
            "packed_bytes": 4 * 9 * channels * channels,
            "tile_columns": 2 + k % 3,
            "tile_rows": 6 + k % 8,
        },
    )


def sweep_of_size(layers: int, rounds: int, visits: int) -> Sweep:
    """Fill a sweep as a long run does, with anchors of two directions at every level."""
    names = [f"{kind}.{level}" for kind in ("read", "triad") for level in ("L1", "L2", "L3")]
    anchors = (
        Anchor(
            ceiling=name,
            unit="B/s",
            rates=tuple(1.23456e11 * (1 + k / 97) for k in range(visits)),
        )
        for name in ("fma.float32.avx512", *names, "read.DRAM", "triad.DRAM")
    )
    finding = Finding(severity="advice", what="w" * 80, why_it_matters="y" * 100, command="c" * 40)
    return make_sweep(
        machine=make_machine(features=tuple(f"feature_{k:03}" for k in range(110))),
        conditions=Conditions(environment={f"OMP_SETTING_{k}": "1" for k in range(10)}),
        timings=tuple(timing_of(k, rounds) for k in range(layers)),
        anchors=tuple(anchors),
        findings=(finding,) * 6,
        samples=Samples(name="20261123T020000Z-0123456789ab.samples.json.gz", sha256="a" * 64),
    )


def test_a_long_sweep_stays_small() -> None:
    text = dumps(sweep_of_size(layers=120, rounds=6, visits=72))
    assert len(text.encode()) <= LIMIT_BYTES
    assert dumps(loads(text)) == text


NUMBERS = st.floats(min_value=-1e300, max_value=1e300)
COUNTS = st.integers(min_value=0)
PAIRS = st.tuples(COUNTS, COUNTS)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS
ROUNDS = st.lists(st.lists(NUMBERS, max_size=3).map(tuple), max_size=3).map(tuple)
SHAPES = st.builds(
    ConvShape,
    batch=COUNTS,
    in_channels=COUNTS,
    height=COUNTS,
    width=COUNTS,
    out_channels=COUNTS,
    kernel=PAIRS,
    stride=PAIRS,
    padding=PAIRS,
    bias=st.booleans(),
    dtype=TEXTS,
)
TIMINGS = st.builds(
    Timing,
    name=TEXTS,
    shape=SHAPES,
    seconds=ROUNDS,
    loops=st.lists(COUNTS, max_size=2).map(tuple),
    checked=st.booleans(),
    details=st.dictionaries(TEXTS, SCALARS, max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(TIMINGS, max_size=3).map(tuple))
def test_any_timing_survives(found: tuple[Timing, ...]) -> None:
    text = dumps(make_sweep(timings=found))
    again = loads_as(Sweep, text)
    assert dumps(again) == text
    assert [t.name for t in again.timings] == [t.name for t in found]
    assert [t.shape for t in again.timings] == [t.shape for t in found]
    assert [t.details.keys() for t in again.timings] == [t.details.keys() for t in found]
