"""Whatever line the child is sent, it answers with a line: a result or a sentence, no crash."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import Service
from benchmarks.rig import Rig
from roofline.host.worker import child_environment

TRIAD = {
    "benchmark": "triad",
    "parameters": {"store": "ordinary", "fused": False},
    "bits": 128,
    "working_set_bytes": 98304,
}


@pytest.fixture(scope="module")
def service(cpu: int, cache_home: Path) -> Service:
    """Return a service on one CPU whose kernels lie in the tests' own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        made = Service([cpu])
        made.describe()
    return made


def ask(service: Service, **request: Any) -> dict[str, Any]:
    """Send a request as a line and read the answer's line."""
    line = service.answer(json.dumps({"id": 5, **request}))
    assert "\n" not in line
    answer: dict[str, Any] = json.loads(line)
    return answer


def refused(answer: dict[str, Any]) -> str:
    """Return the sentence of a refusal."""
    assert set(answer) == {"id", "error", "exit_code"}
    assert answer["exit_code"] in (2, 3)
    sentence: str = answer["error"]
    assert sentence.endswith((".", ")"))
    return sentence


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "{",
        "nonsense",
        "[1]",
        "3",
        "null",
        '"describe"',
        "{}",
        '{"do":"describe"}',
        '{"id":null,"do":"describe"}',
        '{"id":"one","do":"describe"}',
        '{"id":1e999,"do":"describe"}',
        b'{"id":1,"do":"\xff"}',
        b"\xff\xfe\x00",
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_line_that_is_no_request_is_refused(service: Service, line: str | bytes) -> None:
    answer = json.loads(service.answer(line))
    assert refused(answer)
    assert answer["id"] == -1


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"do": None},
        {"do": ["run"]},
        {"do": "explode"},
        {"do": "answer", "line": "{}"},
        {"do": "_use_rig"},
        {"do": "__init__", "cpus": [0]},
        {"do": "describe", "loudly": True},
        {"do": "prepare"},
        {"do": "prepare", "cases": 3},
        {"do": "prepare", "cases": [3]},
        {"do": "run", "case": TRIAD},
        {"do": "run", "case": None, "samples": 1},
        {"do": "run", "case": [], "samples": 1},
        {"do": "run", "case": TRIAD, "samples": "many"},
        {"do": "run", "case": TRIAD, "samples": -1},
        {"do": "run", "case": TRIAD | {"color": "red"}, "samples": 1},
        {"do": "run", "case": TRIAD | {"benchmark": "linpack"}, "samples": 1},
        {"do": "run", "case": TRIAD | {"benchmark": ["fma"]}, "samples": 1},
        {"do": "run", "case": TRIAD | {"parameters": None}, "samples": 1},
        {"do": "run", "case": TRIAD | {"parameters": {}}, "samples": 1},
        {"do": "run", "case": TRIAD | {"dtype": "int4"}, "samples": 1},
        {"do": "run", "case": TRIAD | {"bits": 100}, "samples": 1},
        {"do": "run", "case": TRIAD | {"threads": 0}, "samples": 1},
        {"do": "run", "case": TRIAD | {"threads": 99}, "samples": 1},
        {"do": "run", "case": TRIAD | {"threads": "2"}, "samples": 1},
        {"do": "run", "case": TRIAD | {"working_set_bytes": "big"}, "samples": 1},
        {"do": "run", "case": TRIAD | {"working_set_bytes": 1 << 80}, "samples": 1},
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused_under_its_number(
    service: Service, request_: dict[str, Any]
) -> None:
    answer = ask(service, **request_)
    assert refused(answer)
    assert answer["id"] == 5


def test_an_unknown_request_is_named(service: Service) -> None:
    assert "'explode'" in refused(ask(service, do="explode"))


def test_an_unknown_field_of_a_case_is_named(service: Service) -> None:
    assert "color" in refused(ask(service, do="prepare", cases=[{**TRIAD, "color": "red"}]))


def test_more_threads_than_the_team_has_are_refused(service: Service) -> None:
    case = {"benchmark": "fma", "parameters": {"accumulators": 12}, "bits": 128, "threads": 2}
    assert "1 can't run 2" in refused(ask(service, do="run", case=case, samples=1))


def test_memory_that_there_is_not_is_a_sentence(service: Service) -> None:
    answer = ask(service, do="run", case={**TRIAD, "working_set_bytes": 1 << 59}, samples=1)
    assert "memory" in refused(answer)
    assert answer["exit_code"] == 3


def test_a_failure_that_nobody_foresaw_is_an_answer_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ArithmeticError("singular")

    monkeypatch.setattr(Rig, "run", fail)
    answer = ask(service, do="run", case=TRIAD, samples=1)
    assert "ArithmeticError: singular" in refused(answer)
    assert answer["exit_code"] == 3


def test_the_service_still_works_after_all_that(service: Service) -> None:
    answer = ask(service, do="run", case=TRIAD, samples=2)
    assert answer["id"] == 5
    result = answer["result"]
    assert len(result["seconds"]) == 2
    assert all(seconds > 0 for seconds in result["seconds"])
    assert result["checked"] is True
    assert result["kernel_digest"]
    assert result["loops"] >= 1


def test_the_child_says_what_it_is(service: Service) -> None:
    told = ask(service, do="describe")["result"]
    assert told["pid"] == os.getpid()
    assert told["numpy"] == np.__version__
    assert 0 < told["clock_cost"] < 1e-3


def test_conditions_are_plain_data(service: Service, cpu: int) -> None:
    told = ask(service, do="conditions")["result"]
    assert told["affinity"] == [cpu]
    assert told["page_faults"] >= 0


def test_a_round_ends_with_the_cpu_time_that_it_took(service: Service) -> None:
    ask(service, do="begin_round")
    begun = time.process_time()
    ask(service, do="run", case=TRIAD, samples=2)
    least = time.process_time() - begun
    told = ask(service, do="end_round")["result"]
    assert told["cpu_seconds"] >= least > 0
    assert told["switches"] >= 0
    ask(service, do="begin_round")
    assert ask(service, do="end_round")["result"]["cpu_seconds"] < told["cpu_seconds"]


def test_compilation_is_paid_once(service: Service) -> None:
    cost = [ask(service, do="prepare", cases=[TRIAD])["result"]["compile_seconds"] for _ in "ab"]
    assert cost[0] == cost[1]


def test_the_real_child_answers_garbage_and_ends_with_its_input(cpu: int, cache_home: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "--cpus", str(cpu)],
        cwd=Path(__file__).parents[1],
        env=child_environment(os.environ, {"XDG_CACHE_HOME": str(cache_home)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\xff\xfe garbage\n[1]\n" + b'{"id":3,"do":"begin_round"}\n')
    child.stdin.flush()
    answers = [json.loads(child.stdout.readline()) for _ in range(3)]
    assert [answer["id"] for answer in answers] == [-1, -1, 3]
    assert "result" in answers[2]
    child.stdin.close()
    assert child.wait(5) == 0
    assert child.stdout.read() == b""
    child.stdout.close()
