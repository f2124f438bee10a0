"""Unprepared runs beside a sweep's own: who is run how, what is kept, and what comes of it."""

import dataclasses
import json
from pathlib import Path

import pytest

from roofline.compare import main
from roofline.comparing.falling import fallen
from roofline.comparing.operators import Operators
from roofline.comparing.reporting import report
from roofline.comparing.session import ROUNDS, Outcome, measure
from roofline.comparing.unprepared import VARIANTS, Unprepared, timed
from roofline.records import Case, Layer
from roofline.store.schema import dumps, loads
from tests.fake_conv_child import ConvChild, ConvMachine, child, job, layers, stored
from tests.reference import reference

UNPREPARED, UNPINNED = 3.0, 1.25


class Loose(ConvMachine):
    """A machine on which unpinned threads take longer, and untouched outputs longer still."""

    def _convolution(self, case: Case) -> float:
        plain = ConvMachine._convolution(self, case)
        if case.parameters.get("prefaulted") is False:
            return plain * UNPREPARED
        return plain * (UNPINNED if case.parameters.get("pinned") is False else 1.0)


def beside(*names: str, some: tuple[Layer, ...] | None = None) -> tuple[ConvChild, Outcome]:
    """Measure layers, these ones unprepared, too; return the child and the outcome."""
    one = child()
    one.planted = Loose(calibration=reference())
    work = job(some or layers())
    unprepared = Unprepared(work.operators, [each for each in work.layers if each.name in names])
    return one, unprepared.noted(measure(work, unprepared.beside(lambda: one)))


def switches(case: Case) -> dict[str, object]:
    """Return what of the system a case leaves to it."""
    return {n: case.parameters[n] for n in ("pinned", "prefaulted") if n in case.parameters}


def test_only_layers_asked_about_are_run_so_right_after_their_own_run() -> None:
    one, _ = beside("depthwise")
    convolutions = [case for case, _ in one.runs if case.benchmark == "conv"]
    loose = [place for place, case in enumerate(convolutions) if switches(case)]
    assert len(loose) == len(VARIANTS) * ROUNDS
    for place in loose[::2]:
        own, unpinned, unprepared = convolutions[place - 1 : place + 2]
        assert [switches(each) for each in (own, unpinned, unprepared)] == [{}, *VARIANTS.values()]
        plain = {**unprepared.parameters}
        del plain["pinned"], plain["prefaulted"]
        assert plain == own.parameters


def test_the_record_keeps_what_they_took_and_other_timings_stay() -> None:
    _, outcome = beside("depthwise")
    timings = {timing.name: timing for timing in outcome.sweep.timings}
    seconds = 1.0
    for name, timing in timings.items():
        kept = {key for key in timing.details if "unprepared" in key or "unpinned" in key}
        assert bool(kept) == (name == "depthwise")
    again = loads(dumps(outcome.sweep))
    assert again.timings[list(timings).index("depthwise")].details == pytest.approx(
        dict(timings["depthwise"].details), rel=1e-5
    )
    median = sorted(s for (s,) in timings["depthwise"].seconds)[ROUNDS // 2]
    found = timed(median, timings["depthwise"].details)
    assert found.unpinned == pytest.approx(UNPINNED * median * seconds, rel=0.01)
    assert found.unprepared == pytest.approx(UNPREPARED * median, rel=0.01)
    assert found.interval is not None
    assert found.interval[0] <= 2 * median * 1.01
    assert found.interval[1] >= 2 * median * 0.99
    assert set(outcome.samples["depthwise"]) == {"seconds", *VARIANTS}
    assert len(outcome.samples["depthwise"]["unprepared"]) == ROUNDS
    assert set(outcome.samples["dense"]) == {"seconds"}


def test_layers_of_one_shape_are_kept_apart() -> None:
    (dense,) = layers("dense")
    twin = dataclasses.replace(dense, name="twin")
    _, outcome = beside("dense", "twin", some=(dense, twin))
    assert all(len(outcome.samples[name]["unprepared"]) == ROUNDS for name in ("dense", "twin"))


def test_waterfalls_count_the_system_where_it_was_measured_and_say_where_not() -> None:
    _, outcome = beside("depthwise")
    operators = Operators(reference(), 2)
    answer = fallen(report(outcome.sweep, operators), outcome.sweep, reference(), ["all"])
    for row, one in zip(answer.rows, answer.waterfalls, strict=True):
        assert row.measured is not None
        whole = one.start + sum(loss.seconds or 0.0 for loss in one.losses)
        assert whole == pytest.approx(one.seconds, rel=1e-12)
        assert one.system_measured == (row.name == "depthwise")
        times = UNPREPARED if one.system_measured else 1.0
        assert one.seconds == pytest.approx(times * row.measured.seconds, rel=0.01)


def test_the_command_shows_and_draws_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = str(stored(tmp_path, beside("depthwise")[1]))
    figure = tmp_path / "fall.svg"
    asked = ["--measured", archive, "--quiet", "--waterfall", "depthwise", "dense"]
    assert main([*asked, "--waterfall-figure", str(figure)]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    for words in ("What depthwise loses from paper", "first touch of the output", "not measured"):
        assert words in shown
    assert figure.read_text().startswith("<?xml")
    assert main([*asked, "--json"]) == 0
    falls = json.loads(capsys.readouterr().out)["waterfalls"]
    assert {one["name"] for one in falls} == {"depthwise", "dense"}
    assert [loss["name"] for loss in falls[0]["losses"]][-2:] == ["operating system", "software"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--waterfall nothing", "no layer is named 'nothing'"),
        ("--waterfall-figure a.svg", "name some"),
        ("--waterfall dense --waterfall-figure a.pdf", ".svg or .png"),
    ],
)
def test_what_can_t_be_shown_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: str, words: str
) -> None:
    archive = str(stored(tmp_path, beside()[1]))
    assert main(["--measured", archive, "--quiet", *arguments.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert len(shown.err.splitlines()) == 1


def test_a_machine_that_is_not_here_has_no_waterfall(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--machine", "amd-zen3", "--waterfall", "all"]) == 2
    assert "leave --waterfall out" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--explain", "--waterfall"])
def test_an_unknown_layer_is_refused_before_anything_is_measured(
    option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was measured")

    monkeypatch.setattr("roofline.comparing.measured.measure", never)
    monkeypatch.setattr("roofline.comparing.measured._job", never)
    assert main([option, "pair28", "--quiet"]) == 2
    assert "near it are pair-28-dense" in capsys.readouterr().err
