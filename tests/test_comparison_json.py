"""The JSON of a comparison: exactly the names promised, null for unknown, nothing heavy loaded."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from roofline.records import Errors, Report, Traffic, Work
from roofline.view.comparison_json import to_json
from tests.comparison_builders import predicted, report, row, shape

ROOT = Path(__file__).resolve().parents[1]
ROW = (
    *("name", "shape", "class", "flops", "flops_executed", "bytes", "intensity"),
    *("paper_seconds", "roof_seconds", "rungs", "rung", "predicted_seconds"),
    *("low_seconds", "high_seconds", "extrapolated"),
    *("measured_seconds", "measured_low_seconds", "measured_high_seconds"),
    *("bound_by", "verdict", "layout", "algorithm"),
)


def usual() -> Report:
    return report(
        [
            row("wide", shape(64, kernel=(1, 7), padding=(0, 3)), 1.1),
            row("thin", shape(64, groups=64, bias=True), None),
        ]
    )


def tree(one: Report) -> Any:
    return json.loads(to_json(one))


def test_the_names_are_those_promised() -> None:
    whole = tree(usual())
    assert list(whole) == [
        *("format", "machine", "node", "calibration", "fit", "subject", "threads"),
        "cache",
        *("libraries", "environment", "drift", "rows", "summary"),
        *("undrifted", "noise_floor"),
    ]
    assert whole["format"] == 1
    assert tuple(whole["rows"][0]) == ROW
    assert list(whole["rows"][0]["rungs"]) == ["a", "b", "c", "d", "e", "f"]
    assert list(whole["summary"]) == ["all", "dense"]
    assert list(whole["summary"]["all"]) == ["n", "median_ape", "within_10", "within_25", "bias"]


def test_errors_without_drift_are_there_where_they_are_known() -> None:
    known = Errors(n=2, median_ape=0.04, within_10=0.5, within_25=1.0, bias=-0.01)
    assert tree(usual())["undrifted"] is None
    assert tree(replace(usual(), undrifted=known))["undrifted"]["median_ape"] == 0.04


def test_a_row_holds_its_layer_in_si_units() -> None:
    wide = usual().rows[0]
    found = tree(usual())["rows"][0]
    assert found["shape"] == {
        **{"batch": 1, "in_channels": 64, "height": 28, "width": 28, "out_channels": 64},
        **{"kernel": [1, 7], "stride": [1, 1], "padding": [0, 3], "dilation": [1, 1]},
        **{"groups": 1, "bias": False, "dtype": "float32"},
    }
    work = wide.prediction.work
    assert (found["class"], found["flops"]) == ("dense", work.flops)
    assert found["flops_executed"] == work.flops_executed != work.flops
    assert (found["bytes"], found["intensity"]) == (work.traffic.total, work.intensity)
    assert found["paper_seconds"] == found["rungs"]["a"] == wide.prediction.rungs["a"]
    assert (found["roof_seconds"], found["bound_by"]) == (wide.bound.seconds, "compute")
    assert found["predicted_seconds"] == wide.prediction.seconds
    assert (found["low_seconds"], found["high_seconds"]) == (
        wide.prediction.low,
        wide.prediction.high,
    )
    assert wide.measured is not None
    assert found["measured_seconds"] == wide.measured.seconds
    assert found["measured_low_seconds"] == wide.measured.low
    assert found["measured_high_seconds"] == wide.measured.high
    assert found["verdict"] == "within"


def test_unknown_is_null() -> None:
    thin = tree(usual())["rows"][1]
    for name in ("measured_seconds", "measured_low_seconds", "measured_high_seconds", "verdict"):
        assert thin[name] is None
    assert thin["rungs"]["e"] is thin["rungs"]["f"] is None
    assert tree(replace(usual(), noise_floor=None))["noise_floor"] is None


def test_operations_and_bytes_that_are_all_there_are_counted_as_such() -> None:
    work = Work(flops=10, bytes_touched=Traffic(read=3, written=2))
    one = row(prediction=replace(predicted(shape()), work=work))
    found = tree(report([one]))["rows"][0]
    assert (found["flops_executed"], found["bytes"], found["intensity"]) == (10, 5, 2.0)


def test_what_json_cannot_write_is_null() -> None:
    endless = row(prediction=replace(predicted(shape(), 1.0), high=math.inf))
    assert tree(report([endless]))["rows"][0]["high_seconds"] is None
    assert tree(report([row()], drift={"l2-read": math.nan}))["drift"] == {"l2-read": None}


def test_equal_reports_give_equal_text_with_a_line_for_each_layer() -> None:
    text = to_json(usual())
    assert text == to_json(usual())
    assert text.endswith("}\n")
    assert sum(line.startswith('{"name"') for line in text.splitlines()) == 2
    assert tree(report([]))["rows"] == []


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; import roofline.view.comparison_json; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "roofline" in loaded
    assert not loaded & {"numpy", "pandas", "matplotlib", "rich", "numba"}
