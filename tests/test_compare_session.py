"""A sweep measured by a child that pretends: who is asked what, in which order, what is kept."""

import dataclasses
import gzip
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from roofline.comparing.reporting import report
from roofline.comparing.session import ANCHOR_SAMPLES, ROUNDS, SAMPLES, VISITS, Outcome, measure
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.physics.drift import as_rate
from roofline.physics.workload import conv_shape
from roofline.records import Case
from roofline.store.files import Store
from roofline.store.schema import dumps, loads
from tests.fake_child import CONDITIONS, Watch
from tests.fake_conv_child import NAME, SHAPES, SOFTWARE, ConvChild, child, job, layers, swept

PROBES = ("fma-float32-512", "l1-read", "l2-read", "l3-read", "dram-read", "dram-triad", "barrier")


def run(one: ConvChild, *names: str, rounds: int = ROUNDS) -> Outcome:
    """Measure these layers with one child."""
    return measure(job(layers(*names)), lambda: one, rounds=rounds)


def conv_names(one: ConvChild) -> list[str]:
    """Return the layers that a child ran, in order."""
    by_shape = {layer.shape: layer.name for layer in layers()}
    ran = (case for case, _ in one.runs if case.benchmark == "conv")
    return [by_shape[conv_shape(case.parameters, case.dtype)] for case in ran]


@pytest.fixture(scope="module")
def whole() -> tuple[ConvChild, Outcome]:
    """Return a child that measured every layer, and what came of it."""
    one = child()
    return one, run(one)


def test_every_layer_is_measured_once_in_each_round(whole: tuple[ConvChild, Outcome]) -> None:
    names, total = conv_names(whole[0]), len(SHAPES)
    rounds = [names[start : start + total] for start in range(0, len(names), total)]
    assert len(rounds) == ROUNDS
    assert all(sorted(one) == sorted(SHAPES) for one in rounds)


def test_each_round_begins_elsewhere_and_goes_round(whole: tuple[ConvChild, Outcome]) -> None:
    names, order, total = conv_names(whole[0]), list(SHAPES), len(SHAPES)
    firsts = [names[number * total] for number in range(ROUNDS)]
    assert set(firsts) == set(SHAPES)
    for number, first in enumerate(firsts):
        turn = order.index(first)
        assert names[number * total : (number + 1) * total] == order[turn:] + order[:turn]


def test_each_round_begins_with_fresh_memory_before_anything_runs(
    whole: tuple[ConvChild, Outcome],
) -> None:
    asked = whole[0].asked
    assert asked.count("begin_round") == ROUNDS
    assert asked[:4] == ["describe", "prepare", "begin_round", "run"]
    assert asked[-1] == "conditions"
    places = [place for place, verb in enumerate(asked) if verb == "begin_round"]
    between = {later - earlier for earlier, later in itertools.pairwise(places)}
    assert between == {1 + len(SHAPES) + VISITS * len(PROBES)}


def test_anchors_are_visited_between_the_layers_and_at_the_end(
    whole: tuple[ConvChild, Outcome],
) -> None:
    one, outcome = whole
    assert [anchor.ceiling for anchor in outcome.sweep.anchors] == list(PROBES)
    assert {len(anchor.rates) for anchor in outcome.sweep.anchors} == {VISITS * ROUNDS + 1}
    ran = one.ran
    visits = [place for place, name in enumerate(ran) if name == "fma"]
    assert len(visits) == VISITS * ROUNDS + 1
    for start in visits:
        assert "conv" not in ran[start : start + len(PROBES)]
    # No two visits without a layer between, but for the one that ends the sweep.
    assert all(ran[start - 1] == "conv" for start in visits[1:])
    assert visits[0] == 0
    assert visits[-1] == len(ran) - len(PROBES)


def test_layers_get_more_samples_than_anchors(whole: tuple[ConvChild, Outcome]) -> None:
    counted = {(case.benchmark == "conv", samples) for case, samples in whole[0].runs}
    assert counted == {(True, SAMPLES), (False, ANCHOR_SAMPLES)}


def test_the_anchors_rates_are_those_of_the_machine() -> None:
    outcome = swept({"dram-read": 0.5, "l2-read": 1.25})
    ceilings = {c.name: c for c in job().operators.calibration.ceilings if c.threads == 2}
    for anchor in outcome.sweep.anchors:
        ratio = {"dram-read": 0.5, "l2-read": 1.25}.get(anchor.ceiling, 1.0)
        ceiling = ceilings[anchor.ceiling]
        expected = ratio * as_rate(ceiling, ceiling.typical)
        assert anchor.unit == ("1/s" if anchor.ceiling == "barrier" else ceiling.unit)
        assert anchor.rates == pytest.approx([expected] * len(anchor.rates))


def test_drift_and_what_moved_are_told() -> None:
    outcome = swept({"dram-read": 0.5, "fma-float32-512": 0.7})
    moved = [finding.what for finding in outcome.sweep.findings]
    assert moved == [
        "fma-float32-512 moved: it is at 70 % of its calibrated value",
        "dram-read moved: it is at 50 % of its calibrated value",
    ]
    drift = report(outcome.sweep, job().operators).drift
    assert drift == pytest.approx(
        dict.fromkeys(PROBES, 1.0) | {"dram-read": 0.5, "fma-float32-512": 0.7}
    )


def test_a_machine_as_it_was_calibrated_has_nothing_to_tell(
    whole: tuple[ConvChild, Outcome],
) -> None:
    assert whole[1].sweep.findings == ()


def test_times_are_one_median_a_round_and_every_sample_lies_beside(tmp_path: Path) -> None:
    one = child(machine={"noise": 0.02}, seed=4)
    outcome = run(one, "dense", "depthwise")
    path = Store(tmp_path).put(outcome.sweep, outcome.samples, "lab")
    kept = loads(path.read_text())
    assert kept.samples is not None
    beside = json.loads(gzip.decompress((path.parent / kept.samples.name).read_bytes()))
    assert sorted(beside) == ["dense", "depthwise"]
    for timing in outcome.sweep.timings:
        samples = beside[timing.name]["seconds"]
        assert [len(one) for one in samples] == [SAMPLES] * ROUNDS
        assert len({round(number, 12) for one in samples for number in one}) > ROUNDS
        medians = [sorted(one)[SAMPLES // 2] for one in samples]
        assert [seconds for (seconds,) in timing.seconds] == pytest.approx(medians, rel=1e-4)


def test_the_record_goes_through_the_store_unchanged(
    whole: tuple[ConvChild, Outcome], tmp_path: Path
) -> None:
    store, sweep = Store(tmp_path), whole[1].sweep
    path = store.put(sweep, None, "lab")
    found = store.latest_sweep(sweep.node)
    assert found is not None
    assert found.entry.path == path
    assert dumps(found.record) == dumps(sweep)
    assert found.record.timings[0].shape == sweep.timings[0].shape
    assert found.record.valid


def test_the_record_says_who_how_and_with_what(whole: tuple[ConvChild, Outcome]) -> None:
    sweep, calibration = whole[1].sweep, job().operators.calibration
    assert (sweep.calibration, sweep.subject, sweep.threads) == (NAME, "ours", 2)
    assert (sweep.node, sweep.machine) == (calibration.node, calibration.machine)
    assert (sweep.usable_cores, sweep.isa_cap, sweep.cache) == (2, None, "warm")
    assert sweep.started.endswith("Z")
    assert len(sweep.started) == len("2026-11-23T00:59:59Z")
    assert sweep.software == dataclasses.replace(
        SOFTWARE, python="3.11.9", numpy="2.1.0", numba="0.62.1", llvm="20.1"
    )
    for timing in sweep.timings:
        assert timing.loops == (3,) * ROUNDS
        assert timing.kernel_digest == "0123456789abcdef"
        assert {"tile_columns", "tile_blocks", "tile_along"} <= set(timing.details)
        assert "copies" not in timing.details


def test_a_cold_sweep_says_so_and_asks_for_copies() -> None:
    one, wanted = child(), job(layers("depthwise"), cold=True)
    sweep = measure(wanted, lambda: one, rounds=1).sweep
    (layer,) = wanted.layers
    copies = wanted.operators.copies(layer)
    assert copies > 1
    assert (sweep.cache, sweep.timings[0].details["copies"]) == ("cold", copies)
    asked = {case.parameters.get("copies") for case, _ in one.runs if case.benchmark == "conv"}
    assert asked == {copies}


def test_conditions_are_the_childs_of_the_whole_run(whole: tuple[ConvChild, Outcome]) -> None:
    assert whole[0].asked.count("conditions") == 1
    assert whole[1].sweep.conditions == CONDITIONS


def test_unknown_conditions_stay_unknown() -> None:
    blind = dataclasses.replace(CONDITIONS, steal_fraction=None, page_faults=None)
    assert run(child(conditions=blind), "dense", rounds=1).sweep.conditions == blind


@pytest.mark.parametrize("wrong", ["conv", ""])
def test_an_answer_that_was_not_right_stays_told(wrong: str) -> None:
    sweep = run(child(wrong=wrong), "dense", "grouped", rounds=2).sweep
    assert [timing.checked for timing in sweep.timings] == [not wrong] * 2


def test_one_wrong_round_is_enough() -> None:
    class Once(ConvChild):
        def _run(self, case: dict[str, object], samples: int) -> dict[str, object]:
            answer = ConvChild._run(self, case, samples)
            wrong = self.ran.count("conv") == 2 and case["benchmark"] == "conv"
            return answer | {"checked": not wrong}

    sweep = run(Once(planted=child().planted), "dense", rounds=3).sweep
    assert not sweep.timings[0].checked


def test_progress_counts_every_layer_of_every_round_once() -> None:
    told: list[tuple[int, int, str]] = []
    measure(job(), child, rounds=3, progress=lambda *so_far: told.append(so_far))
    total = 3 * len(SHAPES)
    assert [done for done, _, _ in told] == list(range(total))
    assert {of for _, of, _ in told} == {total}
    assert Counter(name for _, _, name in told) == dict.fromkeys(SHAPES, 3)


def test_compiling_is_told_apart_from_measuring() -> None:
    watch = Watch()
    one = child(watch=watch, compile_seconds=41.5)
    sweep = measure(job(), lambda: one, rounds=4, clock=watch).sweep
    assert sweep.compile_seconds == 41.5
    # The fake child lets a hundredth of a second pass in every run.
    assert sweep.seconds_taken == pytest.approx(0.01 * len(one.runs), abs=0.051)


def test_everything_that_runs_is_compiled_before() -> None:
    """The fake child refuses a case that it wasn't asked to prepare; this one isn't."""
    one = child()
    run(one, "dense", rounds=1)
    with pytest.raises(AssertionError):
        one.ask("run", case=dataclasses.asdict(Case(benchmark="barrier")), samples=1)


@pytest.mark.parametrize("verb", ["describe", "prepare", "begin_round", "run", "conditions"])
def test_a_childs_refusal_is_passed_on_and_the_child_let_go(verb: str) -> None:
    refusal = RooflineError("the kernel computes a wrong answer.", CANNOT_MEASURE)
    one = child(fails={verb: refusal})
    with pytest.raises(RooflineError) as caught:
        run(one, "dense", rounds=1)
    assert caught.value is refusal
    assert one.ended


def test_a_single_layer_is_a_sweep_too() -> None:
    one = child()
    sweep = run(one, "pointwise", rounds=2).sweep
    assert [len(timing.seconds) for timing in sweep.timings] == [2]
    assert {len(anchor.rates) for anchor in sweep.anchors} == {3}


def test_anchors_follow_the_dtypes_of_the_layers() -> None:
    (layer,) = layers("dense")
    double = dataclasses.replace(
        layer, name="double", shape=dataclasses.replace(layer.shape, dtype="float64")
    )
    sweep = measure(job((layer, double)), child, rounds=1).sweep
    compute = [anchor.ceiling for anchor in sweep.anchors if anchor.unit == "FLOP/s"]
    assert compute == ["fma-float32-512", "fma-float64-512"]
