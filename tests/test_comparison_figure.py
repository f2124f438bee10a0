"""The figure of a comparison: every operator where it belongs, every word readable, equal bytes."""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from roofline.errors import RooflineError
from roofline.physics.envelope import envelope
from roofline.records import Calibration, Report
from roofline.shapes import default_sweep
from roofline.view import canvas
from roofline.view.comparison_figure import comparison_figure, operators_scene, save_comparison
from roofline.view.comparison_marks import MARKS, RED
from roofline.view.comparison_scatter import CORNER, frame
from tests import roof_builders as build
from tests.article_builder import article
from tests.comparison_builders import many, predicted, report, row, shape, timed
from tests.test_figure import MACHINES, outside, overlaps, words


def drawn(one: Report, calibration: Calibration) -> Figure:
    with canvas.look():
        return comparison_figure(one, calibration)


def team(calibration: Calibration) -> int:
    return max(c.threads for c in calibration.ceilings if c.kind in ("compute", "bandwidth"))


@pytest.mark.parametrize("name", MACHINES)
def test_no_label_covers_another_or_leaves_the_figure(name: str) -> None:
    calibration = MACHINES[name]()
    figure = drawn(replace(many(default_sweep()), threads=team(calibration)), calibration)
    assert overlaps(figure) == []
    assert outside(figure) == []


@pytest.mark.parametrize("width", [0.01, 0.8, 2.0])
def test_labels_stay_apart_however_wrong_predictions_are(width: float) -> None:
    figure = drawn(many(default_sweep(), width), build.calibration())
    assert overlaps(figure) == []
    assert outside(figure) == []


def test_a_time_at_the_end_of_its_axis_stays_inside_the_figure() -> None:
    figure = drawn(many(default_sweep()), build.calibration())
    axes = figure.axes[1]
    axes.set_xlim(1e-6, 1e-2)
    figure.canvas.draw()
    (last,) = (one for one in axes.get_xticklabels() if one.get_text() == "10 ms")
    assert last.get_window_extent().x1 < figure.bbox.x1


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_report_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    one = many(default_sweep())
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    save_comparison(one, build.calibration(), [first])
    with mpl.rc_context({"font.size": 20.0, "svg.hashsalt": "other"}):
        save_comparison(one, build.calibration(), [second])
    assert first.read_bytes() == second.read_bytes()


def dots(figure: Figure, panel: int, marker: str) -> list[tuple[float, float]]:
    lines = figure.axes[panel].get_lines()
    found = [line.get_xydata() for line in lines if line.get_marker() == marker]
    return [(float(x), float(y)) for points in found for x, y in points]


def test_an_operator_stands_at_its_intensity_and_measured_rate() -> None:
    one, thin = shape(64), shape(64, groups=64)
    rows = [
        row("dense", prediction=predicted(one, 1e-3), measured=timed(2e-3)),
        row("thin", thin, prediction=predicted(thin, 1e-4), measured=timed(4e-4)),
        row("unknown", one, None, prediction=predicted(one, 5e-3)),
    ]
    figure = drawn(report(rows), build.calibration())
    work = rows[0].prediction.work
    assert (work.intensity, work.flops / 2e-3) in dots(figure, 0, MARKS["dense"].marker)
    ticks = dots(figure, 0, "_")
    assert {y for _, y in ticks} == {
        work.flops / 1e-3,
        rows[1].prediction.work.flops / 1e-4,
        work.flops / 5e-3,
    }
    assert dots(figure, 1, MARKS["dense"].marker) == [(1e-3, 2e-3)]
    assert dots(figure, 1, MARKS["depthwise"].marker) == [(1e-4, 4e-4)]


def test_every_point_lies_within_both_panels() -> None:
    figure = drawn(many(default_sweep(), 2.0), build.calibration())
    for panel in (0, 1):
        axes = figure.axes[panel]
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        points = [p for mark in MARKS.values() for p in dots(figure, panel, mark.marker)]
        assert len(points) >= 62
        assert all(left < x < right and bottom < y < top for x, y in points)


def test_classes_differ_in_colour_and_marker() -> None:
    assert len({mark.color for mark in MARKS.values()}) == len(MARKS)
    assert len({mark.marker for mark in MARKS.values()}) == len(MARKS)


def test_each_class_s_error_is_written_in_a_corner() -> None:
    rows = [row("one", ratio=2.0), row("two", shape(64, groups=64), 4.0)]
    written = words(drawn(report(rows), build.calibration()))
    for label in ("median APE, all (2): 62 %", "dense (1): 50 %", "depthwise (1): 75 %"):
        assert label in written
    assert "pointwise" not in written


def test_the_corner_that_holds_the_words_holds_no_point() -> None:
    slow = [(1e-5, 2e-4), (1e-6, 1e-6), (1e-3, 1e-3)]
    fast = [(y, x) for x, y in slow]
    assert frame(slow)[1] == "lower right"
    assert frame(fast)[1] == "upper left"
    tight, _ = frame(slow)
    (low, high), corner = frame([*slow, *fast])
    assert low < tight[0] < tight[1] < high
    assert corner == "lower right"
    edges = low * (high / low) ** (1 - CORNER[0]), low * (high / low) ** CORNER[1]
    assert not any(x > edges[0] and y < edges[1] for x, y in [*slow, *fast])


def test_the_roofs_are_paper_achieved_and_levels_without_losses() -> None:
    scene = operators_scene(many(default_sweep()), build.calibration())
    assert [line.role for line in scene.lines].count("level") == 3
    assert {line.role for line in scene.lines} == {"paper", "achieved", "level"}
    assert [knee.role for knee in scene.knees] == ["paper", "achieved"]
    assert scene.fills == ()


def test_the_span_covers_operators_and_knees() -> None:
    rows = [row("wide", shape(512, 224, kernel=(7, 7))), row("thin", shape(64, groups=64))]
    scene = operators_scene(report(rows), article_for_two())
    intensities = [one.prediction.work.intensity or 0.0 for one in rows]
    intensities += [knee.intensity for knee in scene.knees]
    assert scene.x_range[0] <= min(intensities) / 2
    assert scene.x_range[1] >= max(intensities) * 2


def article_for_two() -> Calibration:
    machine = article()
    return replace(machine, ceilings=tuple(replace(c, threads=2) for c in machine.ceilings))


def test_without_a_paper_roof_the_rest_is_drawn() -> None:
    full = build.calibration()
    bare = replace(full, ceilings=tuple(replace(c, theoretical=None) for c in full.ceilings))
    scene = operators_scene(many(default_sweep()), bare)
    assert {line.role for line in scene.lines} == {"achieved", "level"}
    figure = drawn(many(default_sweep()), bare)
    assert overlaps(figure) == []
    assert "theoretical peak unknown" in words(figure)


def test_a_comparison_without_measurements_shows_predictions() -> None:
    figure = drawn(report([row("one", ratio=None)]), build.calibration())
    assert "no layer was measured" in words(figure)
    assert len(dots(figure, 0, "_")) == 1
    assert overlaps(figure) == []


def test_the_red_line_goes_through_what_layers_of_like_intensity_reach() -> None:
    one = many(default_sweep())
    axes = drawn(one, build.calibration()).axes[0]
    red = [line.get_xydata().tolist() for line in axes.get_lines() if line.get_color() == RED]
    found = envelope(one.rows)
    assert [[r.intensity, r.typical] for r in found] in red
    assert [[r.intensity, r.best] for r in found] in red
    assert "reached by software (ours): median by intensity" in words(
        drawn(one, build.calibration())
    )
    unmeasured = drawn(report([row("one", ratio=None)]), build.calibration())
    assert "reached by software" not in words(unmeasured)


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    path = tmp_path / "c.svg"
    with pytest.raises(RooflineError, match="ask for 1 or 2"):
        save_comparison(report([row()], threads=7), build.calibration(), [path])
    with pytest.raises(RooflineError, match="no layer"):
        save_comparison(report([]), build.calibration(), [path])
    with pytest.raises(RooflineError, match=r"ends in \.svg or \.png"):
        save_comparison(report([row()]), build.calibration(), [tmp_path / "c.pdf"])
    assert not path.exists()
