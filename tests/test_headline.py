"""`--rung`: another rung is judged, the others stay in sight, an unknown one is refused."""

import json
from pathlib import Path

import pytest

from roofline.compare import main
from roofline.comparing.headline import headline
from roofline.errors import RooflineError
from roofline.physics.judge import errors
from tests.comparison_builders import predicted, report, row, shape
from tests.fake_conv_child import stored, swept


def test_none_leaves_the_report_alone_and_the_best_rung_changes_nothing() -> None:
    one = report([row("a", ratio=1.1), row("b", ratio=None)])
    assert headline(one, None) is one
    assert headline(one, "d") == one


@pytest.mark.parametrize("rung", ["a", "b", "c"])
def test_verdicts_and_errors_are_of_that_rung(rung: str) -> None:
    one = report([row("a", ratio=1.1), row("b", shape(groups=64), 0.5), row("c", ratio=None)])
    other = headline(one, rung)
    for before, after in zip(one.rows, other.rows, strict=True):
        seconds = before.prediction.rungs[rung]
        assert after.prediction.seconds == seconds
        assert after.prediction.rung == rung
        assert after.prediction.rungs == before.prediction.rungs
        if before.measured and seconds:
            assert after.ratio == before.measured.seconds / seconds
    assert other.summary["all"] == errors(one.rows, rung)
    assert other.rung_errors == one.rung_errors
    assert other.rows[2].verdict is None


def test_what_a_bound_says_stays() -> None:
    fast = row("a", ratio=0.01)
    library = row("b", ratio=0.01, may_skip_operations=True)
    other = headline(report([fast, library]), "c")
    assert [one.verdict for one in other.rows] == [
        "faster-than-roof",
        "fewer-operations-than-counted",
    ]


def test_a_rung_that_is_not_known_is_refused_in_one_sentence() -> None:
    bare = predicted(shape(), rungs={"b": 1e-4, "c": 2e-4})
    with pytest.raises(RooflineError, match="of thin: ask for one of b, c") as refused:
        headline(report([row("thin", prediction=bare)]), "d")
    assert "\n" not in str(refused.value)


def test_the_command_predicts_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--measured", str(stored(tmp_path, swept())), "--quiet"]
    assert main([*asked, "--rung", "b", "--json"]) == 0
    for one in json.loads(capsys.readouterr().out)["rows"]:
        assert one["rung"] == "b"
        assert one["predicted_seconds"] == one["rungs"]["b"]
    assert main([*asked, "--rung", "b"]) == 0
    assert "rung b: measured peak and DRAM" in capsys.readouterr().out
    assert main([*asked, "--rung", "f"]) == 2
    assert "rung f (fitted residual) can't be told" in capsys.readouterr().err
    assert main([*asked, "--rung", "z"]) == 2
