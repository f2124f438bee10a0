"""Records survive JSON unchanged, and nothing that isn't a record passes for one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roofline import records
from roofline.errors import RooflineError
from roofline.records import (
    Calibration,
    Case,
    Conditions,
    Finding,
    Samples,
    Theoretical,
    Traffic,
    Work,
)
from roofline.store import schema
from roofline.store.schema import compact, dumps, loads, loads_as
from tests.builders import (
    make_bandwidth,
    make_calibration,
    make_machine,
    make_measurement,
)
from tests.record_cells import with_cell
from tests.reference import reference

GOLDEN = Path(__file__).parent / "golden"
PLAIN = json.loads(dumps(make_calibration()))


def edited(**changes: Any) -> str:
    return json.dumps(PLAIN | changes)


def cell(table: str, column: str, value: object) -> str:
    return with_cell(make_calibration(), table, column, value)


def test_a_record_comes_back_equal() -> None:
    assert loads(dumps(make_calibration())) == make_calibration()


def test_the_first_key_is_the_kind_and_each_item_has_a_line() -> None:
    lines = dumps(make_calibration()).splitlines()
    assert lines[:3] == ["{", '"kind":"calibration",', '"format":2,']
    assert sum(line.startswith('["read.') for line in lines) == 8
    assert len(lines) < 50


def test_equal_records_give_equal_text_whatever_the_order_of_their_mappings() -> None:
    one = make_calibration(conditions=Conditions(environment={"A": "1", "B": "2"}))
    two = make_calibration(conditions=Conditions(environment={"B": "2", "A": "1"}))
    assert dumps(one) == dumps(two)


def test_whole_numbers_where_floats_belong_are_written_as_floats() -> None:
    text = dumps(make_calibration(seconds_taken=90))
    assert '"seconds_taken":90.0' in text
    assert dumps(loads(text)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.86123456e12, "2.86123e12"),
        (0.25, "0.25"),
        (1.0, "1.0"),
        (1e-9, "1e-9"),
        (-0.000123456789, "-0.000123457"),
        (0.0, "0.0"),
        (123456.5, "123456.0"),
        (123456789.0, "1.23457e8"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        ("µ\n", '"µ\\n"'),
    ],
)
def test_numbers_are_short_and_keep_their_type(value: object, text: str) -> None:
    assert compact(value) == text
    assert type(json.loads(text)) is type(value)


def test_rounds_keep_five_digits_and_lose_their_brackets_when_single() -> None:
    rounds = ((1.23456789e-4,), (1.0e-4, 2.0e-4))
    text = dumps(make_calibration(measurements=(make_measurement(seconds=rounds),)))
    assert "[-8,12346,[10000,20000]]" in text
    assert loads_as(Calibration, text).measurements[0].seconds == ((1.2346e-4,), (1e-4, 2e-4))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused_in_writing(bad: float) -> None:
    with pytest.raises(RooflineError, match="finite"):
        dumps(make_calibration(seconds_taken=bad))
    with pytest.raises(RooflineError, match="finite"):
        dumps(make_calibration(measurements=(make_measurement(seconds=((bad,),)),)))


def test_a_value_without_a_place_in_json_is_refused_in_writing() -> None:
    for bad in ({"machine": make_machine(cores=2.5)}, {"node": "\ud800"}, {"node": object()}):
        with pytest.raises(RooflineError, match="cannot store"):
            dumps(make_calibration(**bad))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "damaged JSON"),
        ("[]", "no JSON object"),
        ("{}", "its kind is None"),
        (edited(kind="recipe"), "its kind is 'recipe', not one of calibration, sweep"),
        (edited(kind=["calibration"]), "its kind is"),
        (dumps(make_calibration())[:-40], "damaged JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"kind":"calibration","format":1,"format":1}', "stands twice"),
        (edited(seconds_taken=float("nan")), "NaN"),
        (edited().replace("93.5", "1e999"), "seconds_taken.*finite|finite.*seconds_taken"),
        (edited().replace("93.5", "9" * 400), "finite"),
        (edited(surprise=1), "unknown field surprise"),
        (edited(node=7), "expected a text, not 7 .*node"),
        (edited(node="\ud800"), "node"),
        (edited(usable_cores="2"), "expected a whole number, not '2' .*usable_cores"),
        (edited(usable_cores=True), "expected a whole number, not True"),
        (edited(usable_cores=2.0), "expected a whole number"),
        (edited(usable_cores=None), "expected a whole number, not null"),
        (edited(seconds_taken="93"), "expected a number"),
        (edited(seconds_taken=True), "expected a number"),
        (edited(quick=1), "expected true or false"),
        (edited(machine=[]), "expected an object, not a list"),
        (edited(conditions="abc"), "expected an object"),
        (edited(conditions={"affinity": "01"}), "expected a list"),
        (edited(conditions={"environment": []}), "environment"),
        (edited(conditions={"environment": {"A": 1}}), "expected a text"),
        (edited(conditions={"hertz": {}}), "expected a number, not an object"),
        (edited(findings=[{"severity": "fatal", "what": ""}]), "severity"),
        (edited(findings=[{"severity": ["note"], "what": ""}]), "severity"),
        (edited(findings=[{"severity": "note"}]), "required field is missing.*findings.0..what"),
        (edited(ceilings={}), "ceilings is not a table"),
        (edited(ceilings=[1]), "ceilings is not a table"),
        (edited(ceilings=[["clock"]]), "ceilings is not a table"),
        (edited(ceilings=[{}]), "distinct column names"),
        (edited(ceilings=[{"columns": ["kind", "kind"]}]), "distinct column names"),
        (edited(ceilings=[{"columns": ["kind", 1]}]), "distinct column names"),
        (edited(ceilings=[{"columns": ["kind"]}, ["clock", 1]]), "longer than its columns"),
        (edited(ceilings=[{"columns": ["a", "a.b"]}, ["x", 1]]), "'a.b' of ceilings misfits"),
        (edited(ceilings=[{"a.b": 1, "columns": ["a"]}, ["x"]]), "'a' of ceilings misfits"),
        (edited(ceilings=[{"columns": ["kind" + ".x" * 50_000]}, [1]]), "not a valid record"),
        (
            cell("ceilings", "typical", "fast"),
            "expected a number, not 'fast' .*ceilings.0..typical",
        ),
        (cell("ceilings", "typical", None), "required field is missing"),
        (cell("ceilings", "interval", [1.0]), "expected 2 items, not 1"),
        (cell("ceilings", "evidence.rounds", [1]), "expected a number, not a list"),
        (cell("measurements", "seconds", [0, ["x"]]), "expected a whole number, not 'x'"),
        (cell("measurements", "seconds", [1.5, 1]), "expected a whole number, not '1.5'"),
        (cell("measurements", "seconds", [0, 2.5]), "expected a whole number, not '2.5'"),
        (cell("measurements", "seconds", [9999, 1]), "finite"),
        (cell("measurements", "seconds", "123"), "expected a list"),
        (cell("measurements", "steps_per_second.imul", [True]), "a whole number, not 'True'"),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(RooflineError, match=reason) as caught:
        loads(text)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_newer_format_asks_for_an_update() -> None:
    with pytest.raises(RooflineError, match=r"format 3 .* update calibrated-roofline"):
        loads(edited(format=3))


@pytest.mark.parametrize("bad", [0, -5, None, "1", True, 1.0])
def test_an_unknown_format_is_refused(bad: object) -> None:
    with pytest.raises(RooflineError, match="not a record"):
        loads(edited(format=bad))


def test_an_older_format_is_upgraded_a_step_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(tree: dict[str, Any]) -> dict[str, Any]:
        tree["node"] = tree.pop("host")
        return tree

    text = (GOLDEN / "calibration-1.json").read_text()
    old = json.loads(text) | {"format": -1}
    old["host"] = old.pop("node")
    monkeypatch.setitem(schema.UPGRADES, -1, renamed)
    monkeypatch.setitem(schema.UPGRADES, 0, dict)
    assert loads(json.dumps(old)) == loads(text)


def record_of_size(measured: int, ceilings: int, rounds: int) -> records.Calibration:
    """Fill a record as a real plan does; every other case also times both clock chains."""
    finding = Finding(severity="advice", what="w" * 80, why_it_matters="y" * 100, command="c" * 40)
    return make_calibration(
        machine=make_machine(features=tuple(f"feature_{k:03}" for k in range(110))),
        ceilings=tuple(_ceiling_of(k) for k in range(ceilings)),
        measurements=tuple(_measurement_of(k, rounds) for k in range(measured)),
        conditions=Conditions(environment={f"NUMBA_SETTING_{k}": "1" for k in range(10)}),
        findings=(finding,) * 6,
        samples=Samples(name="20261123T005959Z-0123456789ab.samples.json.gz", sha256="a" * 64),
    )


def _ceiling_of(k: int) -> records.Ceiling:
    rate = 1.23456e11 * (1 + k / 97)
    theory = Theoretical(paper=rate, basis="derived", source="2 pipes x 2 x 8 lanes x 3.50 GHz")
    return make_bandwidth(
        "DRAM",
        2,
        name=f"non-temporal.triad.DRAM.{k}",
        typical=rate,
        interval=(rate * 0.987654, rate * 1.012345),
        spread=0.0123456,
        store="non-temporal",
        theoretical=theory if k % 3 == 0 else None,
        evidence={"bytes_per_cycle": 31.2345, "rounds": 7, "variation": 0.0123456},
    )


def _measurement_of(k: int, rounds: int) -> records.Measurement:
    size = 4096 + int(4096 * 1.115**k) // 64 * 64
    moved = Traffic(read=size, written=size // 2 if k % 2 else 0)
    flops = size // 4 if k % 3 == 0 else 0
    chains = ("fma", "imul") if k % 2 else ()
    return make_measurement(
        case=Case(
            benchmark="stream.triad",
            parameters={"store": "non-temporal"} if k % 3 == 0 else {},
            dtype="float32" if k % 2 else "float64",
            isa="avx512",
            bits=512,
            threads=1 + k % 2,
            working_set_bytes=size,
        ),
        work=Work(flops=flops, flops_executed=flops, bytes_compulsory=moved, bytes_touched=moved),
        seconds=tuple((size / 3.14159e11 * (1 + r / 77),) for r in range(rounds)),
        steps_per_second={
            name: tuple((7.6543e8 * (1 + r / 777),) for r in range(rounds)) for name in chains
        },
        loops=tuple(20000 + 17 * r for r in range(rounds)),
        kernel_digest=f"{k * 0x123456789ABCDEF:016x}"[:16],
    )


@pytest.mark.parametrize(("sizes", "limit"), [((220, 120, 9), 64_000), ((110, 90, 7), 32_000)])
def test_a_record_stays_small(sizes: tuple[int, int, int], limit: int) -> None:
    text = dumps(record_of_size(*sizes))
    assert len(text.encode()) <= limit
    assert dumps(loads(text)) == text


def test_a_real_record_with_half_as_many_figures_more_stays_small() -> None:
    known = reference()
    more = tuple(replace(c, name=f"{c.name}-more") for c in known.ceilings[::2])
    others = tuple(
        replace(m, case=replace(m.case, parameters={**m.case.parameters, "more": True}))
        for m in known.measurements[::2]
    )
    grown = replace(
        known,
        ceilings=known.ceilings + more,
        measurements=known.measurements + others,
    )
    text = dumps(grown)
    assert len(text.encode()) <= 64_000
    assert loads(text) == grown


def test_what_a_section_shares_is_said_once_and_its_exceptions_on_their_lines() -> None:
    dtypes = ("float32", "float32", "float32", "float32", "int8")
    made = [
        make_measurement(case=Case(benchmark="stream.read", dtype=dtype, working_set_bytes=4096))
        for dtype in dtypes
    ]
    text = dumps(make_calibration(measurements=tuple(made)))
    assert text.count("float32") == 1
    assert text.count("stream.read") == 1
    again = loads_as(Calibration, text).measurements
    assert tuple(one.case.dtype for one in again) == dtypes


NUMBERS = st.floats(min_value=-1e300, max_value=1e300)
COUNTS = st.integers(min_value=0)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS
ROUNDS = st.lists(st.lists(NUMBERS, max_size=3).map(tuple), max_size=3).map(tuple)
TRAFFIC = st.builds(Traffic, read=COUNTS, written=COUNTS)
MEASUREMENTS = st.builds(
    records.Measurement,
    case=st.builds(Case, benchmark=TEXTS, parameters=st.dictionaries(TEXTS, SCALARS, max_size=2)),
    work=st.builds(Work, flops=COUNTS, bytes_compulsory=TRAFFIC, bytes_touched=TRAFFIC),
    seconds=ROUNDS,
    steps_per_second=st.dictionaries(TEXTS, ROUNDS, max_size=2),
    loops=st.lists(COUNTS, max_size=2).map(tuple),
    checked=st.booleans(),
    started=st.none() | TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MEASUREMENTS, max_size=3).map(tuple), NUMBERS)
def test_any_measurement_survives(found: tuple[records.Measurement, ...], taken: float) -> None:
    text = dumps(make_calibration(measurements=found, seconds_taken=taken))
    again = loads_as(Calibration, text)
    assert dumps(again) == text
    assert [m.case.benchmark for m in again.measurements] == [m.case.benchmark for m in found]
    assert [m.work for m in again.measurements] == [m.work for m in found]
    assert again.seconds_taken == pytest.approx(taken, rel=1e-5, abs=1e-320)


def test_importing_the_store_does_not_import_cattrs() -> None:
    code = "import sys, roofline.store.files; sys.exit('cattrs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_recipe_in_the_folder_of_results_reads_a_record() -> None:
    readme = (GOLDEN.parents[1] / "results" / "README.md").read_text()
    code = (
        readme.split("```python\n")[1].split("```")[0].replace("frame = pandas", "# frame = pandas")
    )
    path = GOLDEN / "calibration-2-latency.json"
    found: dict[str, Any] = {"json": json, "path": path}
    exec(code, found)
    record = loads_as(Calibration, path.read_text())
    assert len(found["rows"]) == len(record.measurements)
    assert found["seconds"] == pytest.approx([s for (s,) in record.measurements[0].seconds])
