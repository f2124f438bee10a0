"""Requests become cases and results become lines; what is no case is refused with a sentence."""

import dataclasses
import json

import pytest

from benchmarks import wire
from roofline.errors import RooflineError
from roofline.records import Case

TRIAD = Case(
    benchmark="triad",
    parameters={"store": "non-temporal", "pinned": False},
    dtype="float64",
    isa="avx2",
    bits=256,
    threads=2,
    working_set_bytes=3 << 20,
)


def test_a_case_survives_the_wire() -> None:
    sent = json.dumps(dataclasses.asdict(TRIAD))
    assert wire.decode_case(json.loads(sent)) == TRIAD


def test_the_wire_knows_every_field_of_a_case() -> None:
    for field in dataclasses.fields(Case):
        assert wire.decode_case({"benchmark": "fma", field.name: getattr(TRIAD, field.name)})


def test_what_a_request_leaves_out_is_at_its_default() -> None:
    assert wire.decode_case({"benchmark": "fma"}) == Case(benchmark="fma")


@pytest.mark.parametrize(
    "fields", [{}, {"threads": 2}, {"benchmark": "fma", "color": "red"}, {"Benchmark": "fma"}]
)
def test_fields_that_make_no_case_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RooflineError, match="a case has the fields benchmark, parameters"):
        wire.decode_case(fields)


def test_an_answer_is_one_line_with_its_number() -> None:
    line = wire.answer(7, {"text": "two\nlines", "seconds": [1.5e-3]})
    assert "\n" not in line
    assert json.loads(line) == {"id": 7, "result": {"text": "two\nlines", "seconds": [1.5e-3]}}


def test_a_refusal_is_one_line_with_a_sentence_and_a_status() -> None:
    line = wire.refusal(8, "it\nbroke.", 3)
    assert "\n" not in line
    assert json.loads(line) == {"id": 8, "error": "it\nbroke.", "exit_code": 3}


def test_seconds_lose_no_digit() -> None:
    seconds = [1 / 3 * 1e-7, 2.2250738585072014e-308]
    assert json.loads(wire.answer(1, seconds))["result"] == seconds
