"""Layers as our kernels run them: their cases, their copies when cold, what doesn't fit."""

import dataclasses
import json

import pytest

from roofline.comparing.operators import Operators, check_layer
from roofline.errors import RooflineError
from roofline.physics import isa, tiling
from roofline.physics.workload import conv_shape, conv_work
from roofline.records import Calibration, Case, Layer
from roofline.shapes import default_sweep, draw, parse_shape
from tests.builders import make_machine
from tests.fake_conv_child import layers
from tests.reference import reference

GIB = 1 << 30
NETWORKS = default_sweep()


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """Return the calibration of a real machine: Zen 4, two cores, AVX-512."""
    return reference()


def layer(text: str) -> Layer:
    """Build a layer from its short notation."""
    return Layer(name="one", shape=parse_shape(text))


@pytest.mark.parametrize("one", NETWORKS[::7], ids=lambda one: one.name)
def test_a_case_carries_the_shape_and_how_it_is_cut(calibration: Calibration, one: Layer) -> None:
    operators = Operators(calibration, 2)
    case = operators.case(one)
    cut = operators.tiling(one)
    assert conv_shape(case.parameters, case.dtype) == one.shape
    assert tiling.from_parameters(one.shape, cut.lanes, case.parameters) == cut
    assert (case.benchmark, case.threads, case.dtype) == ("conv", 2, one.shape.dtype)
    assert (case.isa, case.bits) == ("avx512", 512)
    assert case.working_set_bytes == conv_work(one.shape).traffic.total
    assert "copies" not in case.parameters
    assert "fused" not in case.parameters


def test_a_case_goes_through_json(calibration: Calibration) -> None:
    for one in NETWORKS[::9]:
        case = Operators(calibration, 1, cold=True).case(one)
        assert Case(**json.loads(json.dumps(dataclasses.asdict(case)))) == case


def test_cases_of_different_layers_differ(calibration: Calibration) -> None:
    keys = {Operators(calibration, 2).case(one).key for one in NETWORKS}
    assert len(keys) == len({one.shape for one in NETWORKS})


def test_the_cap_of_the_calibration_caps_the_vectors(calibration: Calibration) -> None:
    capped = dataclasses.replace(calibration, isa_cap="sse2")
    case = Operators(capped, 1).case(layers("dense")[0])
    assert (case.isa, case.bits) == ("sse2", 128)
    # Without a fused multiply-add, the kernel has to be told.
    assert case.parameters["fused"] is False


@pytest.mark.parametrize("text", ["64x56x56 -> 64, 3x3 p1", "8x7x7 -> 8, 3x3 p1 g8"])
@pytest.mark.parametrize("threads", [1, 2])
def test_copies_of_a_cold_layer_rotate_past_all_caches(
    calibration: Calibration, text: str, threads: int
) -> None:
    one, operators = layer(text), Operators(calibration, threads, cold=True)
    touched = conv_work(one.shape).bytes_touched.total
    last = max(c.size_bytes for c in calibration.machine.caches if c.level == 3)
    copies = operators.copies(one)
    assert operators.case(one).parameters["copies"] == copies
    # All others are read between two turns of a copy.
    assert (copies - 1) * touched >= 2 * last
    assert (copies - 1) * touched <= 3 * last + touched


def test_a_layer_larger_than_all_caches_still_has_another_copy(calibration: Calibration) -> None:
    assert Operators(calibration, 2, cold=True).copies(layer("512x224x224 -> 512, 1x1")) == 2


def test_unknown_caches_are_not_taken_for_none(calibration: Calibration) -> None:
    blind = dataclasses.replace(calibration.machine, caches=())
    operators = Operators(dataclasses.replace(calibration, machine=blind), 2, cold=True)
    one = layers("depthwise")[0]
    assert operators.copies(one) * conv_work(one.shape).bytes_touched.total > 32 << 20


def test_what_fits_is_let_pass(calibration: Calibration) -> None:
    Operators(calibration, 2).check(NETWORKS, 8 * GIB)


def test_more_than_half_of_the_free_memory_is_refused(calibration: Calibration) -> None:
    one, operators = layer("64x512x512 -> 64, 3x3 p1"), Operators(calibration, 2)
    lanes = tiling.lanes_of(operators.vector, "float32")
    needed = tiling.tensor_bytes(one.shape, lanes)
    operators.check((one,), 2 * needed)
    with pytest.raises(RooflineError, match=r"64x512x512 -> 64.* of memory .*smaller") as caught:
        operators.check((one,), 2 * needed - 1)
    assert caught.value.exit_code == 2
    assert caught.value.args[0].endswith(".")


def test_copies_count_as_memory_and_the_way_out_is_told(calibration: Calibration) -> None:
    one = layers("depthwise")[0]
    Operators(calibration, 2).check((one,), 16 << 20)
    with pytest.raises(RooflineError, match=r"in \d+ copies .* leave --cold out\.$"):
        Operators(calibration, 2, cold=True).check((one,), 16 << 20)


def test_what_is_no_convolution_is_refused_before_its_size_is_asked(
    calibration: Calibration,
) -> None:
    one = layers("dense")[0]
    odd = dataclasses.replace(one, shape=dataclasses.replace(one.shape, groups=5))
    for cold in (False, True):
        with pytest.raises(RooflineError, match="groups don't divide"):
            Operators(calibration, 2, cold=cold).check((odd,), 8 * GIB)


def test_a_layer_is_refused_without_any_calibration() -> None:
    (vector, *_) = isa.vectors(make_machine(features=("sse2",)))
    with pytest.raises(RooflineError, match="of memory"):
        check_layer(layer("1024x8000x8000 -> 8, 1x1"), vector, 8 * GIB)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cold", [False, True])
def test_every_rung_that_stands_on_nothing_fitted_is_predicted(
    calibration: Calibration, threads: int, *, cold: bool
) -> None:
    operators = Operators(calibration, threads, cold=cold)
    for one in (*NETWORKS, *draw(20, seed=3)):
        prediction = operators.predict(one)
        assert [name for name, at in prediction.rungs.items() if at] == ["a", "b", "c", "d"]
        assert prediction.seconds == prediction.rungs["d"]
        assert 0 < prediction.low <= prediction.seconds <= prediction.high
        assert prediction.work == conv_work(one.shape)


def test_paper_promises_no_longer_time_than_the_measured_peak(calibration: Calibration) -> None:
    for one in NETWORKS:
        rungs = Operators(calibration, 2).predict(one).rungs
        assert (rungs["a"] or 0) <= (rungs["b"] or 0)


def test_two_threads_are_predicted_to_be_faster_at_large_layers(calibration: Calibration) -> None:
    one = layer("256x28x28 -> 256, 3x3 p1")
    alone, both = (Operators(calibration, n).predict(one).seconds for n in (1, 2))
    assert 1.5 * both < alone


def test_a_fused_relu_is_told_in_case_and_record_and_costs_nothing(
    calibration: Calibration,
) -> None:
    plain, fused = (Operators(calibration, 2, relu=relu) for relu in (False, True))
    for one in NETWORKS[::9]:
        assert fused.details(one) == plain.details(one) | {"activation": "relu"}
        assert fused.case(one).parameters["activation"] == "relu"
        assert fused.predict(one) == plain.predict(one)


def test_end_to_end_is_told_and_takes_the_copies_longer(calibration: Calibration) -> None:
    alone, whole = (Operators(calibration, 2, natural=natural) for natural in (False, True))
    for one in NETWORKS[::3]:
        assert whole.details(one) == alone.details(one) | {"layout": "NCHW"}
        before, after = alone.predict(one), whole.predict(one)
        if whole.tiling(one).strategy == "positions":
            # Planes in are planes out.
            assert after == before
            continue
        assert after.seconds == pytest.approx(before.seconds + after.terms["reorders"])
        assert after.terms["reorders"] > 0
        copies = tiling.copied(one.shape, tiling.lanes_of(whole.vector, "float32"))
        work = conv_work(one.shape)
        assert copies.read >= work.bytes_touched.written


def test_planes_beside_blocks_count_as_memory(calibration: Calibration) -> None:
    one, operators = layer("64x512x512 -> 64, 3x3 p1"), Operators(calibration, 2, natural=True)
    needed = tiling.tensor_bytes(one.shape, tiling.lanes_of(operators.vector, "float32"))
    operators.check((one,), 4 * needed)
    with pytest.raises(RooflineError, match="of memory"):
        operators.check((one,), 3 * needed)


def test_a_team_that_was_not_calibrated_is_refused(calibration: Calibration) -> None:
    with pytest.raises(RooflineError, match="3 threads"):
        Operators(calibration, 3).predict(layers("dense")[0])
