"""The figure of waterfalls: bars that follow each other, every word readable, equal bytes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from roofline.errors import RooflineError
from roofline.physics.waterfall import Machine, Timed, waterfall
from roofline.records import Report, Waterfall
from roofline.shapes import default_sweep
from roofline.view import canvas
from roofline.view.waterfall_figure import (
    GAINED,
    LOST,
    MOST,
    UNKNOWN,
    bars,
    save_waterfalls,
    waterfall_figure,
)
from tests.comparison_builders import many
from tests.reference import reference
from tests.test_figure import outside, overlaps, words


def falls(times: Sequence[Timed]) -> Report:
    """Build a report of the default layers whose first ones have waterfalls."""
    one = many(default_sweep())
    place = Machine(calibration=reference(), threads=2, dtype="float32")
    rows = [row for row in one.rows if row.measured]
    found = [
        waterfall(row.name, row.prediction.work, place, timed)
        for row, timed in zip(rows, times, strict=False)
    ]
    return replace(one, waterfalls=tuple(fall for fall in found if fall))


LOOSE = Timed(pinned=2e-3, unpinned=2.1e-3, unprepared=5e-3, interval=(2e-3, 4e-3))
UNSURE = Timed(pinned=2e-3, unpinned=2.1e-3, unprepared=2.2e-3, interval=(-1e-3, 1e-3))
PINNED = Timed(pinned=2e-3)


def drawn(one: Report) -> Figure:
    with canvas.look():
        return waterfall_figure(one, reference())


@pytest.mark.parametrize("count", [1, 3, MOST + 2])
def test_no_word_covers_another_or_leaves_the_figure(count: int) -> None:
    figure = drawn(falls([LOOSE, PINNED, UNSURE, *[PINNED] * count][:count]))
    assert overlaps(figure) == []
    assert outside(figure) == []
    assert len(figure.axes) == min(count, MOST)
    assert ("2 more layers aren't drawn" in words(figure)) == (count > MOST)


def steps(one: Waterfall) -> tuple[float, list[float]]:
    """Return where the bars end, and where each begins after the one before."""
    found = bars(one)
    return found[-1].end, [b.start - a.end for a, b in pairwise(found[:-1])]


@pytest.mark.parametrize("timed", [LOOSE, UNSURE, PINNED])
def test_each_bar_begins_where_the_one_before_ended(timed: Timed) -> None:
    for one in falls([timed] * 6).waterfalls:
        end, gaps = steps(one)
        assert end == one.seconds
        # Steps too small to see are left out.
        assert max(map(abs, gaps)) < 1e-3 * one.seconds
        assert bars(one)[-2].end == pytest.approx(one.seconds, rel=1e-3)


def test_colours_tell_losses_from_gains_and_from_what_is_not_known() -> None:
    seen = {
        name: {bar.name: bar.color for bar in bars(falls([timed]).waterfalls[0])}
        for name, timed in (("loose", LOOSE), ("unsure", UNSURE), ("pinned", PINNED))
    }
    assert seen["loose"]["operating system"] == LOST
    assert seen["unsure"]["operating system"] == seen["pinned"]["operating system"] == UNKNOWN
    quick = bars(falls([Timed(pinned=1e-9)]).waterfalls[0])
    assert {bar.color for bar in quick if bar.name == "software"} == {GAINED}


def test_words_say_what_was_not_measured() -> None:
    assert "not measured" in words(drawn(falls([PINNED])))
    assert "undecided" in words(drawn(falls([UNSURE])))
    assert "3 ms" in words(drawn(falls([LOOSE])))


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_report_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    save_waterfalls(falls([LOOSE, PINNED]), reference(), [first])
    with mpl.rc_context({"font.size": 20.0, "svg.hashsalt": "other"}):
        save_waterfalls(falls([LOOSE, PINNED]), reference(), [second])
    assert first.read_bytes() == second.read_bytes()


def test_without_a_waterfall_nothing_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "w.svg"
    with pytest.raises(RooflineError, match="no waterfall"):
        save_waterfalls(many(default_sweep()), reference(), [path])
    with pytest.raises(RooflineError, match=r"ends in \.svg or \.png"):
        save_waterfalls(falls([LOOSE]), reference(), [tmp_path / "w.pdf"])
    assert not path.exists()
