"""The verdict on a run: what counts as evidence, what it means, and what to type about it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from roofline.physics.noise import OTHERS, STOLEN, RunVerdict, verdict
from roofline.records import Calibration, Case, Ceiling, Measurement, Round, Rounds, Work
from tests.builders import make_bandwidth, make_calibration, make_ceiling, make_measurement

CALM = (0.01, 0.02, 0.0, 0.01, 0.03, 0.0, 0.02)


def rounds(others: Sequence[float | None], stolen: float | None = 0.0) -> tuple[Round, ...]:
    """Return rounds in which others used so many CPUs."""
    return tuple(Round(seconds=2.0, others=one, stolen=stolen) for one in others)


def judged(others: Sequence[float | None] = CALM, **facts: Any) -> RunVerdict:
    """Return the verdict on a calibration whose rounds were like this."""
    return verdict(make_calibration(**{"rounds": rounds(others), "ceilings": (), **facts}))


def causes(found: RunVerdict) -> list[str]:
    return [one.cause for one in found.evidence]


def test_a_run_that_was_left_alone_is_quiet() -> None:
    found = judged()
    assert (found.word, found.text, found.findings) == ("quiet", "quiet", ())


@pytest.mark.parametrize("load", [0.5, 1.0, 3.0])
def test_a_load_beside_every_round_is_noticed(load: float) -> None:
    found = judged([load] * 7)
    assert causes(found) == ["others"]
    assert found.word == "noisy"
    assert f"{load:g} CPUs busy in 7 of 7 rounds" in found.text
    (finding,) = found.findings
    assert finding.severity == "warning"
    assert (finding.command or "").startswith("top -o %CPU")


@pytest.mark.parametrize(("disturbed", "word"), [(0, "quiet"), (1, "quiet"), (2, "noisy")])
def test_a_quarter_of_the_rounds_is_too_many(disturbed: int, word: str) -> None:
    others = [1.0] * disturbed + [0.01] * (7 - disturbed)
    assert judged(others).word == word


@pytest.mark.parametrize(("cpus", "noisy"), [(OTHERS * 0.9, False), (OTHERS * 1.1, True)])
def test_a_tenth_of_a_cpu_is_the_limit(cpus: float, noisy: bool) -> None:
    assert (judged([cpus] * 7).word == "noisy") is noisy


@pytest.mark.parametrize(("share", "noisy"), [(STOLEN * 0.9, False), (STOLEN * 1.1, True)])
def test_stolen_time_is_evidence(share: float, noisy: bool) -> None:
    found = judged(rounds=rounds(CALM, share))
    assert causes(found) == ["steal"] * noisy
    if noisy:
        assert "--patience" in found.evidence[0].command


def test_a_load_on_a_core_that_the_team_leaves_free_takes_no_core_from_it() -> None:
    beside = judged([1.0] * 7, usable_cores=1)
    among = judged([1.0] * 7, usable_cores=2)
    assert "all-core" not in beside.evidence[0].why
    assert "all-core" in among.evidence[0].why
    assert "--threads 1" in among.evidence[0].command
    assert "--threads" not in beside.evidence[0].command


def test_what_the_system_hides_is_no_evidence() -> None:
    assert judged([None] * 7, rounds=rounds([None] * 7, None)).word == "quiet"
    assert judged(rounds=()).word == "quiet"


def figures(noisy: int, calm: int, **facts: Any) -> tuple[Ceiling, ...]:
    """Return so many figures with either verdict."""
    words = ["noisy: -30% to +2%"] * noisy + ["steady"] * calm
    return tuple(make_ceiling(evidence={"verdict": word}, **facts) for word in words)


@pytest.mark.parametrize(("noisy", "word"), [(1, "quiet"), (2, "quiet"), (3, "noisy")])
def test_a_quarter_of_the_cores_figures_is_too_many(noisy: int, word: str) -> None:
    found = judged(ceilings=figures(noisy, 8 - noisy))
    assert found.word == word
    assert f"{noisy} of 8 figures vary" in found.text
    assert causes(found) == ["core"] * (word == "noisy")


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"kind": "clock", "unit": "Hz"}, "clock"),
        ({"kind": "compute"}, "core"),
        ({"kind": "bandwidth", "level": "DRAM"}, "memory"),
        ({"kind": "latency", "level": "L3"}, "memory"),
    ],
)
def test_figures_tell_what_differs_between_rounds(facts: dict[str, Any], cause: str) -> None:
    assert causes(judged(ceilings=figures(5, 1, **facts))) == [cause]


@pytest.mark.parametrize("facts", [{"kind": "overhead"}, {"kind": "bandwidth", "level": "L2"}])
def test_what_differs_by_pages_and_switches_says_nothing_of_the_run(facts: dict[str, Any]) -> None:
    found = judged(ceilings=figures(9, 0, **facts))
    assert (found.word, found.evidence) == ("quiet", ())


def test_memory_that_drifts_is_told_and_the_run_not_blamed() -> None:
    found = judged(ceilings=figures(9, 3, kind="bandwidth", level="DRAM"))
    assert found.word == "quiet"
    assert found.text.startswith("quiet, but last-level and memory figures differ")
    assert len(found.findings) == 1


def test_a_plain_record_has_a_verdict() -> None:
    ceilings = (make_ceiling(), make_bandwidth("L1"))
    assert verdict(make_calibration(ceilings=ceilings)).text == "quiet"


def halved(*slow: int, count: int = 9, factor: float = 2.0, loads: int = 2) -> Calibration:
    """Return a calibration some of whose all-core rounds took so many times as long."""
    seconds: Rounds = tuple((factor if n in slow else 1 + n / 500,) for n in range(count))
    teams = [Case(benchmark=f"fma-{n}", threads=2) for n in range(loads)]
    work = Work(flops=1000)
    many = tuple(make_measurement(case=team, work=work, seconds=seconds) for team in teams)
    return make_calibration(measurements=many, rounds=rounds([0.0] * count), ceilings=())


def test_rounds_of_half_the_work_mean_a_shared_core() -> None:
    (one,) = verdict(halved(2)).evidence
    assert one.cause == "halved"
    assert one.what == "2 loads did half of their work in 1 of 9 rounds"
    assert "virtual CPUs probably shared a physical core" in one.why


def test_half_the_work_beside_a_load_has_a_better_reason() -> None:
    busy = halved(0, 1)
    others = [1.0, 1.0, *[0.0] * 7]
    found = verdict(make_calibration(measurements=busy.measurements, rounds=rounds(others)))
    assert "halved" not in causes(found)


@pytest.mark.parametrize(("slow", "word"), [((2,), "quiet"), ((2, 5, 7), "noisy")])
def test_what_a_quarter_of_the_rounds_saw_is_told_and_the_run_not_blamed(
    slow: tuple[int, ...], word: str
) -> None:
    found = verdict(halved(*slow))
    assert causes(found) == ["halved"]
    assert found.word == word
    assert f"half of their work in {len(slow)} of 9 rounds" in found.text
    assert len(found.findings) == 1


@pytest.mark.parametrize(("slow", "word"), [((2,), "quiet"), ((2, 5, 7), "noisy")])
def test_figures_that_few_rounds_make_noisy_are_told_and_the_run_not_blamed(
    slow: tuple[int, ...], word: str
) -> None:
    """Slower by a third, which is no sharing of cores, in some rounds of every load."""
    record = halved(*slow, factor=1.5)
    ceilings = tuple(noisy_figure(one) for one in record.measurements)
    found = verdict(replace(record, ceilings=ceilings))
    assert causes(found) == ["core"]
    assert found.word == word
    # A figure whose rounds a record doesn't hold counts in full.
    assert verdict(replace(record, ceilings=ceilings, measurements=())).word == "noisy"


def noisy_figure(one: Measurement) -> Ceiling:
    """Return the figure that a measurement makes, called noisy."""
    rates = sorted(one.work.flops / seconds for (seconds,) in one.seconds)
    case, typical = one.case, rates[len(rates) // 2]
    return make_ceiling(
        name=case.benchmark,
        threads=case.threads,
        dtype=case.dtype,
        bits=case.bits,
        typical=typical,
        low=rates[0],
        high=rates[-1],
        spread=0.01,
        evidence={"verdict": "noisy: -33% to +0%"},
    )
