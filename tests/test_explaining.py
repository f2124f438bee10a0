"""`--explain`: parts that add up to rung d, what is left is named, and every way to ask wrongly."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from roofline.compare import main
from roofline.comparing.explaining import as_chosen, explained, recorded
from roofline.comparing.names import chosen
from roofline.comparing.operators import Operators
from roofline.comparing.parts import CALL
from roofline.comparing.reporting import predictions, report
from roofline.errors import RooflineError
from roofline.physics.isa import Vector
from roofline.physics.judge import judge
from roofline.physics.roof import compute_ceiling, team_sizes
from roofline.records import Bound, Calibration, Explanation, Layer, Prediction
from roofline.shapes import default_sweep, draw, parse_shape
from roofline.units import duration
from roofline.view import explanation_rows
from tests.comparison_builders import report as report_of
from tests.fake_conv_child import SHAPES, stored, swept
from tests.reference import reference
from tests.test_compare_command import HEAVY, loaded_by


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a sweep in a store, its calibration beside it."""
    return stored(tmp_path_factory.mktemp("archive"), swept())


def of(layers: tuple[Layer, ...], threads: int = 2, *, cold: bool = False) -> list[Explanation]:
    """Explain what the reference machine would take for these layers."""
    operators = Operators(reference(), threads, cold=cold)
    answer = predictions(operators, layers, "a", "ours")
    return [*explained(answer, operators, ["all"], as_chosen).explanations]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cold", [False, True])
def test_parts_add_up_to_rung_d(threads: int, cold: bool) -> None:
    layers = (*default_sweep()[::8], *draw(6, 91))
    operators = Operators(reference(), threads, cold=cold)
    for layer, one in zip(layers, of(layers, threads, cold=cold), strict=True):
        predicted = operators.predict(layer).rungs["d"]
        assert one.rung == "d"
        assert one.predicted == predicted
        assert sum(part.seconds for part in one.parts) == pytest.approx(predicted, rel=1e-12)
        assert (one.measured, one.unexplained) == (None, None)


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_add_up_where_computing_hides_traffic(threads: int) -> None:
    """The reference machine with cores of the next generation: less of the traffic is seen."""
    machine = replace(reference().machine, microarchitecture="Zen 5")
    layers = (*default_sweep()[::8], *draw(6, 91))
    ahead = Operators(replace(reference(), machine=machine), threads)
    answer = predictions(ahead, layers, "a", "ours")
    words = []
    for layer, one in zip(
        layers, explained(answer, ahead, ["all"], as_chosen).explanations, strict=True
    ):
        hidden, added = ahead.predict(layer), Operators(reference(), threads).predict(layer)
        assert sum(part.seconds for part in one.parts) == pytest.approx(hidden.seconds, rel=1e-12)
        for level in ("L2", "L3", "DRAM"):
            assert hidden.terms.get(level, 0.0) <= added.terms.get(level, 0.0) + 1e-15
        words += [part.about for part in one.parts if part.name.endswith(" traffic")]
    assert any(text.endswith("what computing does not hide") for text in words)


def test_what_the_prediction_misses_is_named_and_the_sum_is_the_measured_time() -> None:
    sweep = swept().sweep
    operators = Operators(reference(), 2)
    answer = explained(report(sweep, operators), operators, ["all"], recorded(sweep, operators))
    for row, one in zip(answer.rows, answer.explanations, strict=True):
        assert row.measured is not None
        assert one.unexplained is not None
        whole = sum(part.seconds for part in one.parts) + one.unexplained
        assert whole == pytest.approx(row.measured.seconds, rel=1e-12)
        shown = explanation_rows.parts(one).rows
        assert [cells[0] for cells in shown[-3:]] == ["predicted", "unexplained", "measured"]


def test_a_machine_that_slowed_down_is_told_from_a_wrong_prediction() -> None:
    """Multiply-adds at half of their rate: as much again as everything in the core takes."""
    operators = Operators(reference(), 2)
    for ratio, said in ((0.5, True), (1.01, False)):
        sweep = swept({"fma-float32-512": ratio}).sweep
        answer = report(sweep, operators)
        (one,) = explained(answer, operators, ["dense"], as_chosen).explanations
        assert any("ran at 50 % of the calibrated rate" in note for note in one.beside) is said
    core = sum(part.seconds for part in one.parts if part.bytes is None and part.name != CALL)
    slow = explained(
        report(swept({"fma-float32-512": 0.5}).sweep, operators), operators, ["dense"], as_chosen
    ).explanations[0]
    assert f"unexplained, {duration(core)} more" in slow.beside[0]


def test_changes_are_what_the_model_predicts_of_the_changed_shape() -> None:
    layer = Layer(name="one", shape=dict_shape("grouped"))
    (one,) = of((layer,))
    operators = Operators(reference(), 2)
    before = operators.predict(layer)
    for change in one.changes:
        cold, images = "cache" in change.what, change.shape.batch // layer.shape.batch
        other = Operators(reference(), change.threads, cold=cold)
        after = other.predict(Layer(name="two", shape=change.shape))
        assert change.seconds == pytest.approx(after.seconds / images)
        assert change.ratio == pytest.approx(after.seconds / images / before.seconds)
        assert change.flops == pytest.approx(after.work.flops / before.work.flops / images)
    teams = {change.threads for change in one.changes}
    assert teams == {*team_sizes(reference())}


def dict_shape(name: str) -> Any:
    """Return the shape of a layer of the planted sweep."""
    return next(t.shape for t in swept().sweep.timings if t.name == name)


def test_a_layer_of_fifteen_channels_is_told_that_sixteen_are_no_slower_and_eight_faster() -> None:
    """Eight would leave half of a vector empty, were channels the lanes: positions are, then."""
    (one,) = of((Layer(name="odd", shape=parse_shape("15x28x28 -> 15, 3x3 p1")),), 1)
    rows = {row[0]: row for row in explanation_rows.changes(one).rows}
    assert rows["16 instead of 15 output channels"][-1] == "no slower"
    assert rows["8 instead of 15 output channels"][-1] == "faster"
    lanes = next(part for part in one.parts if part.name == "lanes")
    assert lanes.seconds > 0
    assert "12 % empty" in lanes.about


def test_names_mean_layers_all_of_them_or_the_slower_ones() -> None:
    known = ["all-at-once", "pair-28-dense", "pair-28-depthwise"]
    assert chosen(["pair-28-dense", "pair-28-dense"], known, []) == ["pair-28-dense"]
    assert chosen(["all"], known, []) == known
    assert chosen(["slower"], known, known[:1]) == known[:1]
    assert chosen(["all"], ["all", "other"], []) == ["all"]
    for name, near in (
        ("pair28", "pair-28-dense, pair-28"),
        ("zzz", "all-at-once"),
        ("slower", ""),
    ):
        with pytest.raises(RooflineError, match="no layer is named") as refused:
            chosen([name], known, None)
        assert near in str(refused.value)
        assert str(refused.value).count("\n") == 0


def test_an_unknown_name_is_one_sentence_and_nothing_is_shown(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--measured", str(archive), "--quiet", "--explain", "dens"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: no layer is named 'dens': near it are dense")
    assert len(shown.err.splitlines()) == 1


def test_the_table_tells_parts_binding_and_changes(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--measured", str(archive), "--explain", "depthwise", "dense"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    for words in (
        *("Where the time of depthwise goes", "Where the time of dense goes", "arithmetic"),
        *("unexplained", "The ceiling that binds is", "What would change the time of dense"),
        *("no lane", "Page faults"),
    ):
        assert words in shown, words
    assert "Where the time of grouped goes" not in shown


def test_json_has_explanations_when_asked_and_what_was_there_stays(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--measured", str(archive), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main(["--measured", str(archive), "--json", "--explain", "all"]) == 0
    told = json.loads(capsys.readouterr().out)
    explanations = told.pop("explanations")
    assert told == plain
    assert [one["name"] for one in explanations] == list(SHAPES)
    for one, row in zip(explanations, told["rows"], strict=True):
        assert one["predicted"] == row["rungs"]["d"]
        assert sum(part["seconds"] for part in one["parts"]) == pytest.approx(one["predicted"])
        assert {"name", "seconds", "about", "flops", "bytes"} == set(one["parts"][0])


def test_another_machine_s_layers_are_explained_too(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(Path(__file__).parents[1] / "results" / "reference")
    asked = ["--machine", "amd-zen3", "--results", str(Path(folder).parent), "--json"]
    assert main([*asked, "--explain", "pair-28-dense"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["explanations"]
    assert one["measured"] is one["unexplained"] is None
    assert one["changes"]


def test_json_of_explanations_loads_nothing_heavy(archive: Path) -> None:
    asked = ("--measured", archive, "--json", "--explain", "all", "--waterfall", "all")
    loaded = loaded_by(*asked, "--rung", "b")
    assert "roofline" in loaded
    assert not loaded & (HEAVY | {"rich"})


@dataclass(frozen=True)
class Library:
    """A subject whose kernels nobody knows: it takes so many times what ours do in the core."""

    calibration: Calibration
    threads: int
    cold: bool = False
    factor: float = 3.0
    hidden: bool = False

    @property
    def vector(self) -> Vector:
        """The machine's widest."""
        return Operators(self.calibration, self.threads).vector

    def predict(self, layer: Layer) -> Prediction:
        """Return our prediction, more slowly, with copies; or one whose terms hide each other."""
        ours = Operators(self.calibration, self.threads).predict(layer)
        if self.hidden:
            rungs = {**ours.rungs, "d": None}
            terms = {"compute": 9e-4, "L2": 2e-4, "overhead": 1e-6}
            return replace(ours, rungs=rungs | {"c": 9.01e-4}, seconds=9.01e-4, terms=terms)
        terms = {**ours.terms, "compute": self.factor * ours.terms["compute"], "reorders": 1e-5}
        total = sum(terms.values())
        return replace(ours, rungs={**ours.rungs, "d": total}, seconds=total, terms=terms)


@pytest.mark.parametrize("hidden", [False, True])
def test_subjects_whose_tiles_are_not_known_are_explained_by_their_terms(hidden: bool) -> None:
    runs = Library(reference(), 2, hidden=hidden)
    layer = Layer(name="one", shape=parse_shape("64x28x28 -> 64, 3x3 p1 g16"))
    prediction = runs.predict(layer)
    work = prediction.work
    bound = Bound(seconds=1e-6, bound_by="compute")
    answer = report_of([judge(layer, prediction, bound, None)])
    (one,) = explained(answer, runs, ["all"], recorded(swept().sweep, runs)).explanations
    assert one.rung == ("c" if hidden else "d")
    assert sum(part.seconds for part in one.parts) == pytest.approx(prediction.seconds, rel=1e-12)
    found = {part.name: part.seconds for part in one.parts}
    peak = compute_ceiling(reference(), 2, "float32")
    assert peak is not None
    assert found["arithmetic"] == pytest.approx((work.flops_executed or 0) / peak.typical)
    if hidden:
        assert found["L2 traffic"] == 0
    else:
        assert found["reorders"] == 1e-5
        assert found["lanes and ports"] > found["arithmetic"]
    assert not any("cache" in change.what for change in one.changes)
    assert not any("touched before" in note for note in one.beside)
