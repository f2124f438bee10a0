"""What is fitted to a subject: designed layers, planted parameters found again, judges apart."""

import math
from collections import Counter
from dataclasses import replace

import pytest

from calibrate.fitting import design, physical, trees
from calibrate.fitting.conclude import FEWEST, conclude, refuse_judges
from calibrate.fitting.members import FEW_FOLDS, FOLDS, Sample, folds, members
from roofline import shapes
from roofline.comparing.fitted import Fit, described, refined, with_fit
from roofline.comparing.reporting import report
from roofline.errors import RooflineError
from roofline.physics import cross, judge
from roofline.physics.efficiency import CLOSER, PRIORS
from roofline.physics.residual import FEATURES, residual
from roofline.records import CONV_CLASSES, ConvShape, Efficiency, Layer, Sweep, Trees
from tests.efficiency_builders import PLANTED, operators, planted_sweep


@pytest.fixture(scope="module")
def fitted() -> Efficiency:
    return conclude(planted_sweep(noise=0.03), operators())


@pytest.fixture(scope="module")
def fresh() -> Sweep:
    return planted_sweep(shapes.draw(60, 977), noise=0.03, seed=2)


@pytest.mark.parametrize("count", [design.QUICK, design.FULL])
def test_designed_layers_are_as_many_of_each_class_and_never_judges(count: int) -> None:
    made = design.design(count)
    classes = Counter(layer.shape.conv_class for layer in made)
    assert classes == dict.fromkeys(CONV_CLASSES, count // len(CONV_CLASSES))
    assert len({layer.shape for layer in made}) == count
    assert not {layer.shape for layer in made} & {one.shape for one in shapes.default_sweep()}
    assert design.design(count) == made
    without = design.design(count, [made[0].shape])
    assert made[0].shape not in {layer.shape for layer in without}


def test_designed_layers_lie_further_apart_than_drawn_ones() -> None:
    def nearest(layers: list[Layer]) -> float:
        places = [design._place(layer.shape) for layer in layers]
        return min(math.dist(a, b) for a in places for b in places if a is not b)

    made = design.design(design.QUICK)
    for name in CONV_CLASSES:
        drawn = [x for x in shapes.draw(200, design.SEED) if x.shape.conv_class == name][:4]
        assert nearest([x for x in made if x.shape.conv_class == name]) > nearest(drawn)


def test_planted_parameters_are_found_again(fitted: Efficiency) -> None:
    found = {one.name: one.value for one in fitted.parameters}
    for name in ("computing", "depthwise", "row"):
        assert found[name] == pytest.approx(PLANTED[name], rel=0.15), name
    assert [one.name for one in fitted.parameters] == [prior.name for prior in PRIORS]


def test_rung_e_holds_on_layers_that_nobody_fitted(fitted: Efficiency, fresh: Sweep) -> None:
    runner = operators()
    made = with_fit(report(fresh, runner), Fit(name="x", record=fitted), runner)
    errors = {rung: some["all"] for rung, some in made.rung_errors.items()}
    assert errors["e"].median_ape < 0.05 < errors["d"].median_ape
    assert errors["e"].within_25 > 0.95
    covered = judge.coverage(made.rows)
    assert covered is not None
    assert 0.65 < covered[0] < 0.95
    assert covered[1] < 0.2
    assert made.fit == "x"


def test_what_a_fit_says_of_itself_is_what_it_says_of_others(
    fitted: Efficiency, fresh: Sweep
) -> None:
    runner = operators()
    made = with_fit(report(fresh, runner), Fit(name="x", record=fitted), runner)
    own = fitted.errors["e"].median_ape
    assert made.rung_errors["e"]["all"].median_ape == pytest.approx(own, abs=0.03)


def test_a_layer_that_was_fitted_is_left_alone(fitted: Efficiency) -> None:
    runner, sweep = operators(), planted_sweep(design.design(design.QUICK))
    seen = {timing.shape for timing in fitted.timings}
    made = with_fit(report(sweep, runner), Fit(name="x", record=fitted), runner)
    for row in made.rows:
        assert (row.prediction.rungs.get("e") is None) == (row.shape in seen)
    assert {row.shape for row in made.rows} & seen


def test_elsewhere_only_the_parameters_hold(fitted: Efficiency) -> None:
    runner, layer = operators(), shapes.draw(1, 977)[0]
    made = runner.predict(layer)
    fit = Fit(name="x", record=fitted, elsewhere=True)
    carried = refined(made, layer.shape, fit, runner)
    assert carried.rungs["f"] is None
    assert carried.seconds == carried.rungs["e"]
    assert carried.low / carried.seconds == pytest.approx(made.low / made.seconds)


def test_a_layer_beyond_all_fitted_ones_is_said_to_be(fitted: Efficiency) -> None:
    runner = operators()
    fit = Fit(name="x", record=fitted)
    huge = shapes.parse_shape("16x4x4 -> 16, 1x1 n64")
    usual = next(one.shape for one in shapes.default_sweep() if one.shape.conv_class == "dense")
    for shape, beyond in ((huge, True), (usual, False)):
        made = refined(runner.predict(Layer(name="x", shape=shape)), shape, fit, runner)
        assert bool(made.extrapolated) == beyond
    assert (
        "batch"
        in refined(runner.predict(Layer(name="x", shape=huge)), huge, fit, runner).extrapolated
    )


def test_layers_that_span_the_domain_are_seen_by_all_members(fitted: Efficiency) -> None:
    """What was drawn tells what new layers may expect; what was chosen for being far doesn't."""
    spanning = [timing.name.startswith(design.SPANNING) for timing in fitted.timings]
    assert [fold == cross.SEEN for fold in fitted.folds] == spanning
    for name in CONV_CLASSES:
        some = [
            fold
            for fold, timing in zip(fitted.folds, fitted.timings, strict=True)
            if timing.shape.conv_class == name and fold != cross.SEEN
        ]
        assert len(some) >= cross.ENOUGH
    assert fitted.errors["e"].n == spanning.count(False)
    few = conclude(planted_sweep(design.design(design.QUICK)), operators(), quick=True)
    assert cross.SEEN not in few.folds


def test_equal_shapes_share_a_fold() -> None:
    sweep = planted_sweep([*shapes.draw(20, 5), *shapes.draw(20, 5)])
    samples = [_sample(timing.shape) for timing in sweep.timings]
    made = folds(samples)
    assert made[:20] == made[20:]
    assert {*made} == set(range(FEW_FOLDS))
    assert {*folds(samples * 4)} == set(range(FOLDS))


def _sample(shape: ConvShape) -> Sample:
    runner = operators()
    found = described(runner, shape, runner.predict(Layer(name="x", shape=shape)))
    assert found is not None
    return Sample(shape=shape, parts=found[0], features=found[1], measured=1e-4)


def test_a_few_layers_move_the_parameters_and_grow_no_trees() -> None:
    made = conclude(planted_sweep(design.design(design.QUICK)), operators(), quick=True)
    assert len(made.members) == FEW_FOLDS
    assert not any(member.trees.count for member in made.members)
    found = {one.name: one.value for one in made.parameters}
    assert found["computing"] == pytest.approx(PLANTED["computing"], rel=0.2)
    assert made.errors["e"].median_ape < made.errors["d"].median_ape


def test_outliers_hardly_move_the_parameters() -> None:
    sweep = planted_sweep()
    wild = tuple(
        replace(one, seconds=tuple((3 * samples[0],) for samples in one.seconds))
        if number % 10 == 0
        else one
        for number, one in enumerate(sweep.timings)
    )
    found = conclude(replace(sweep, timings=wild), operators()).parameters
    value = next(one.value for one in found if one.name == "computing")
    assert value == pytest.approx(PLANTED["computing"], rel=0.15)


def test_with_nothing_measured_what_was_believed_stays() -> None:
    found = physical.fit([], [])
    assert found == pytest.approx([prior.centre for prior in PRIORS])


def test_what_is_known_closely_moves_less() -> None:
    """Of a library whose structure is known few layers must not move much."""
    sweep = planted_sweep(design.design(design.QUICK))
    parts = [_sample(timing.shape).parts for timing in sweep.timings]
    measured = [one.seconds[0][0] for one in sweep.timings]
    place = [prior.name for prior in PRIORS].index("computing")
    loose, close = (physical.fit(parts, measured, some)[place] for some in (PRIORS, CLOSER))
    assert 1 < close < loose
    assert physical.fit([], [], CLOSER) == pytest.approx([prior.centre for prior in PRIORS])


def test_judges_are_refused() -> None:
    judged = shapes.default_sweep()[3]
    with pytest.raises(RooflineError, match=r"1 of the layers to fit.*default sweep"):
        refuse_judges([judged.shape, shapes.draw(1, 5)[0].shape])
    other = shapes.draw(1, 5)[0].shape
    with pytest.raises(RooflineError, match="judged by"):
        refuse_judges([other], [other])
    refuse_judges([other])


def test_too_few_layers_are_refused() -> None:
    with pytest.raises(RooflineError, match="too few"):
        conclude(planted_sweep(shapes.draw(FEWEST - 1, 5)), operators())


def test_trees_say_stored_what_they_said_when_grown() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `fit`, is not installed")
    made = [_sample(layer.shape) for layer in shapes.draw(120, 5)]
    batch = FEATURES.index("batch")
    wanted = [0.5 if one.features[batch] > 0 else -0.25 for one in made]
    grown = trees.grow([one.features for one in made], wanted)
    assert len(grown.splits) == len(grown.thresholds) == 3 * grown.count
    errors = [
        abs(residual(grown, one.features) - value) for one, value in zip(made, wanted, strict=True)
    ]
    assert sorted(errors)[len(errors) // 2] < 0.05


def test_members_with_enough_layers_have_trees() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `fit`, is not installed")
    made = [_sample(layer.shape) for layer in shapes.draw(trees.ENOUGH, 5)]
    fold_of = folds(made)
    assert all(member.trees.count for member in members(made, fold_of))


def test_a_tree_decides_by_its_three_splits() -> None:
    one = Trees(splits=(0, 1, 2), thresholds=(0.0, 1.0, 2.0), leaves=(1.0, 2.0, 3.0, 4.0))
    told = [residual(one, v) for v in ((-1, 0, 9), (0, 2, 9), (1, 9, 2), (1, 0, 3))]
    assert told == [1.0, 2.0, 3.0, 4.0]
    both = Trees(splits=one.splits * 2, thresholds=one.thresholds * 2, leaves=one.leaves * 2)
    assert residual(both, (1, 0, 3)) == 8.0
