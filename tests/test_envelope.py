"""The red line: medians and best of each octave of intensity, never above the fastest layer."""

import math

import pytest

from roofline.physics.envelope import envelope
from roofline.physics.lessons import achieved
from roofline.shapes import default_sweep
from tests.comparison_builders import many, row, shape


def test_each_octave_has_the_median_and_the_best_of_its_layers() -> None:
    one = shape(64)
    rows = [row(name, one, ratio) for name, ratio in (("a", 1.0), ("b", 2.0), ("c", 4.0))]
    (found,) = envelope(rows)
    assert found.layers == 3
    assert found.best == achieved(rows[0])
    assert found.typical == achieved(rows[1])
    assert found.intensity == pytest.approx(rows[0].prediction.work.intensity)


def test_octaves_ascend_and_hold_every_measured_layer() -> None:
    report = many(default_sweep())
    found = envelope(report.rows)
    assert [one.intensity for one in found] == sorted(one.intensity for one in found)
    assert len({math.floor(math.log2(one.intensity)) for one in found}) == len(found)
    assert sum(one.layers for one in found) == sum(r.measured is not None for r in report.rows)
    assert all(one.typical <= one.best for one in found)
    assert max(one.best for one in found) == max(achieved(r) or 0 for r in report.rows)


def test_what_was_not_measured_reaches_nothing() -> None:
    assert envelope([row("a", ratio=None)]) == ()
