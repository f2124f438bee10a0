"""The tables of a comparison: every column in 100 columns, and only lessons that rows teach."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from roofline.records import Bound, Errors, Report
from roofline.shapes import default_sweep
from roofline.view.comparison_rows import NOTHING, lessons, percent, sections
from roofline.view.comparison_table import render
from roofline.view.comparison_terminal import print_comparison
from roofline.view.table import WIDTH
from tests.comparison_builders import many, predicted, report, row, shape, timed

DENSE, DEPTHWISE = shape(64), shape(64, groups=64)


def printed(one: Report) -> str:
    text = io.StringIO()
    Console(file=text, width=WIDTH, highlight=False).print(render(one))
    return text.getvalue()


def unwrapped(one: Report) -> str:
    return " ".join(printed(one).split())


def crowded() -> Report:
    """Build layers with the widest words in every column."""
    widest = shape(4096, 1000, 4096, stride=(2, 1), dilation=(2, 3), bias=True, batch=128)
    skipped = row(
        "a-network-of-many-blocks.features.12.depthwise[bold]",
        replace(widest, dtype="float64"),
        bound=Bound(seconds=1e-3, bound_by="compute"),
        prediction=predicted(widest, 123.4e-6, dict.fromkeys("abcdef", 888.8e-6)),
        measured=timed(7.77e-6),
        may_skip_operations=True,
    )
    slow = row("slow", ratio=4321.0, bound=Bound(seconds=1e-9, bound_by="DRAM write"))
    return report([skipped, slow, row("unknown", ratio=None)], drift={"x" * 40: 0.5})


def test_the_default_sweep_fits_a_hundred_columns_two_lines_a_layer() -> None:
    lines = printed(many(default_sweep())).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert not any("…" in line for line in lines)
    for layer in default_sweep():
        (start,) = (i for i, line in enumerate(lines) if line.startswith(f"{layer.name} "))
        assert lines[start + 1].startswith(layer.shape.text)


def test_the_widest_words_drop_no_column() -> None:
    text = printed(crowded())
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "…" not in text
    header = next(line for line in lines if line.startswith("layer"))
    names = "layer FLOP/B bound by paper roof predicted measured ratio verdict"
    assert header.split() == names.split()
    assert "889 µs" in text
    assert "DRAM     " in text
    assert "4321 slower" in text
    assert "counted" in text
    assert "[bold]" in "".join(line[:35].strip() for line in lines)


def test_a_layer_prints_its_times_and_verdict() -> None:
    rungs: dict[str, float | None] = {"a": 1e-3, "b": 1.1e-3}
    one = row(
        "one",
        prediction=predicted(DENSE, 2e-3, rungs),
        bound=Bound(seconds=1.5e-3, bound_by="L2 read"),
        measured=timed(3e-3),
    )
    assert "L2 read 1 ms 1.5 ms 2 ms 3 ms 1.50 slower" in unwrapped(report([one]))


def test_what_was_not_measured_is_a_dash() -> None:
    text = unwrapped(report([row("one", ratio=None), row("two")]))
    assert f"{NOTHING} {NOTHING} {NOTHING}" in text
    assert "verdicts 1 within, 1 not measured" in text


def test_errors_stand_by_class_and_rung_above_the_noise_floor() -> None:
    rungs: dict[str, float | None] = {"a": 0.5, "d": 1.2}
    rows = [
        row("dense", prediction=predicted(DENSE, 1.2, rungs), measured=timed(1.0)),
        row("thin", DEPTHWISE, prediction=predicted(DEPTHWISE, 1.2, rungs), measured=timed(2.0)),
    ]
    text = unwrapped(report(rows))
    assert "all (2) a paper roof 62 % 0 % 0 % -62 %" in text
    assert "d lanes, tiles, executed taps 30 % 0 % 50 % -10 %" in text
    assert "dense (1) a paper roof 50 % 0 % 0 % -50 %" in text
    assert "d lanes, tiles, executed taps 20 % 0 % 100 % +20 % depthwise (1)" in text
    assert "errors median 30 %; 0 % of layers within 10 %, 50 % within 25 %; bias -10 %" in text
    floor = "Noise floor: the same layer measured twice differs by 2.1 %"
    assert text.index("depthwise (1)") < text.index(floor) < text.index("How close")
    assert "Noise floor unknown" in unwrapped(report(rows, noise_floor=None))


def test_errors_without_drift_stand_below_those_with_it() -> None:
    known = Errors(n=2, median_ape=0.04, within_10=0.5, within_25=1.0, bias=-0.012)
    rows = [row("one"), row("two")]
    text = unwrapped(report(rows, undrifted=known))
    words = "drift taken out (each part of rung d at the rate that its ceiling has now): median 4.0"
    assert text.index("Noise floor") < text.index(words)
    assert "50 % within 10 %, 100 % within 25 %, bias -1.2 %." in text
    assert "drift taken out" not in unwrapped(report(rows))


def test_tightness_shows_the_best_five_and_counts_the_close_ones() -> None:
    shares = (0.95, 0.6, 0.5, 0.4, 0.3, 0.2)
    text = unwrapped(report([row()], tightness={"dense": shares}))
    assert "dense 95 % 60 % 50 % 40 % 30 % 2 of 6" in text


def test_drift_is_shown_for_each_ceiling() -> None:
    assert "dram-read 0.871" in unwrapped(report([row()]))
    assert "Drift" not in printed(report([row()], drift={}))


def test_nothing_measured_leaves_no_errors_lessons_or_tightness() -> None:
    one = report([row(ratio=None)], drift={}, noise_floor=None)
    assert sections(one) == ()
    assert list(lessons(one)) == []
    assert "Lessons" not in printed(one)
    assert "Noise" not in printed(one)
    assert "Layers" not in printed(report([]))


def test_lessons_are_computed_from_the_rows() -> None:
    rows = [
        row("dense", DENSE, measured=timed(8e-3)),
        row("thin", DEPTHWISE, measured=timed(2e-3)),
    ]
    text = unwrapped(report(rows))
    assert "thin instead of dense: 64 times fewer FLOPs, 4 times less time." in text
    fastest = rows[0].prediction.work.flops / 8e-3 / 1e9
    assert f"the fastest layer, dense, reaches {fastest:.2f} GFLOP/s, the slowest, thin," in text
    assert "an operation costs 16 times as much there" in text
    assert "cold" not in text


def test_a_depthwise_layer_that_gains_nothing_is_told_so() -> None:
    rows = [row("dense", DENSE, measured=timed(1e-3)), row("thin", DEPTHWISE, measured=timed(3e-3))]
    assert "64 times fewer FLOPs, 3 times more time." in unwrapped(report(rows))


def test_warm_data_above_the_cold_roof_is_explained() -> None:
    one = row(prediction=predicted(DENSE, 1.0, {"b": 2.0}), measured=timed(1.0))
    text = unwrapped(report([one, row("slow", ratio=99.0)]))
    assert "1 of 2 layers beat the roof of cold data (rung b)" in text


def test_a_ladder_over_groups_shows_the_cliff() -> None:
    rows = [row(f"g{g}", shape(64, groups=g), measured=timed(t)) for g, t in LADDER]
    text = unwrapped(report(rows))
    assert "Groups of 64x28x28 -> 64, 3x3 p1" in text
    assert "1 64 100 % 100 % x 1.00 4 16 25.0 % 50.0 % x 2.00 64 1 1.56 % x 1.20 x 76.8" in text


LADDER = ((1, 1.0), (4, 0.5), (64, 1.2))


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.021, "2.1 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (1.0, "100 %")],
)
def test_small_shares_keep_a_decimal(share: float, words: str) -> None:
    assert percent(share) == words


def test_a_pipe_gets_a_hundred_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_comparison(report([row("one")]))
    assert capsys.readouterr().out == printed(report([row("one")]))
