"""Layers as a library runs them: what its child is asked, what is refused, what is predicted."""

import dataclasses

import pytest

from roofline.comparing import subjects
from roofline.comparing.libraries import CALL, CALL_LAYER, LibraryOperators
from roofline.comparing.operators import Operators
from roofline.errors import RooflineError
from roofline.host.subjects import SUBJECTS
from roofline.physics.workload import conv_shape, conv_work
from roofline.records import Anchor, Layer
from roofline.shapes import default_sweep, draw, parse_shape
from tests.fake_conv_child import layers
from tests.reference import reference
from tests.sweep_builders import make_sweep

GIB = 1 << 30
LIBRARIES = [name for name, one in SUBJECTS.items() if not one.ours]
REFERENCE = reference()
MANY = (*default_sweep(), *draw(30, seed=9))


def operators(name: str = "onnxruntime", threads: int = 2, **more: float) -> LibraryOperators:
    """Build a library's operators on the reference machine."""
    return LibraryOperators(REFERENCE, threads, subject=SUBJECTS[name], **more)


def test_ours_end_to_end_is_ours_with_its_copies() -> None:
    runs = subjects.runner("ours-end-to-end", REFERENCE, 2, relu=True)
    assert isinstance(runs, Operators)
    assert (runs.natural, runs.relu, runs.may_skip_operations) == (True, True, False)
    subjects.check("ours-end-to-end", cold=False, isa_cap="avx2", relu=True)
    with pytest.raises(RooflineError, match="leave --cold out"):
        subjects.check("ours-end-to-end", cold=True, isa_cap=None)
    with pytest.raises(RooflineError, match="torch runs convolutions alone: leave --relu out"):
        subjects.check("torch", cold=False, isa_cap=None, relu=True)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_case_carries_the_shape_and_nothing_of_our_tiles(name: str) -> None:
    for one in default_sweep()[::9]:
        case = operators(name).case(one)
        assert conv_shape(case.parameters, case.dtype) == one.shape
        assert not any(key.startswith("tile") for key in case.parameters)
        assert (case.benchmark, case.threads) == ("conv", 2)


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_rung_that_stands_on_nothing_fitted_is_predicted(name: str, threads: int) -> None:
    for one in MANY:
        prediction = operators(name, threads, call_seconds=5e-6).predict(one)
        assert [rung for rung, at in prediction.rungs.items() if at] == ["a", "b", "c", "d"]
        assert prediction.seconds == prediction.rungs["d"]
        assert 0 < prediction.low <= prediction.seconds <= prediction.high
        assert sum(prediction.terms.values()) == pytest.approx(prediction.seconds)
        assert prediction.work == conv_work(one.shape)


def test_what_a_call_costs_is_in_rungs_c_and_d_alone() -> None:
    (one,) = layers("dense")
    free, dear = (operators(call_seconds=cost).predict(one).rungs for cost in (0.0, 1e-3))
    for rung in "abcd":
        more = (dear[rung] or 0) - (free[rung] or 0)
        assert more == pytest.approx(1e-3 if rung in "cd" else 0.0, abs=1e-12)


def test_end_to_end_takes_longer_than_the_kernel_alone() -> None:
    for one in MANY:
        whole, kernel = (
            operators(name).predict(one) for name in ("onnxruntime", "onnxruntime-kernel")
        )
        assert whole.rungs["c"] == kernel.rungs["c"]
        assert whole.seconds >= kernel.seconds


def test_a_dtype_that_a_library_lacks_is_refused_by_name() -> None:
    (one,) = layers("dense")
    double = dataclasses.replace(one, shape=dataclasses.replace(one.shape, dtype="float64"))
    with pytest.raises(RooflineError, match=r"openvino is measured in float32, not in float64"):
        operators("openvino").check([double], 8 * GIB)
    operators("torch").check([double], 8 * GIB)


def test_a_layer_is_refused_where_its_copies_do_not_fit() -> None:
    big = Layer(name="big", shape=parse_shape("64x512x512 -> 64, 3x3 p1"))
    operators().check([big], 8 * GIB)
    with pytest.raises(RooflineError, match=r"big \(64x512x512 .* smaller shape\.$"):
        operators().check([big], GIB)
    flat = dataclasses.replace(big, shape=parse_shape("64x512x512 -> 64, 1x1"))
    # Without a matrix of taps, the same tensors fit.
    operators().check([flat], GIB)


def test_the_smallest_call_is_a_convolution_that_every_library_runs() -> None:
    for name in LIBRARIES:
        operators(name).check([CALL_LAYER], GIB)
    assert conv_work(CALL_LAYER.shape).flops < 200


def test_a_name_stands_for_a_runner() -> None:
    ours = subjects.runner("ours", reference(), 2, cold=True)
    assert isinstance(ours, Operators)
    assert ours.cold
    assert not ours.may_skip_operations
    for name in LIBRARIES:
        one = subjects.runner(name, reference(), 2)
        assert isinstance(one, LibraryOperators)
        assert one.subject.name == name
        assert one.may_skip_operations


def test_a_sweep_tells_what_a_call_of_its_library_cost() -> None:
    calls = Anchor(ceiling=CALL, unit="1/s", rates=(1e5, 2e5, 4e5))
    sweep = make_sweep(subject="torch", anchors=(calls,))
    told = subjects.runner_of(sweep, reference())
    assert isinstance(told, LibraryOperators)
    assert told.call_seconds == pytest.approx(5e-6)
    silent = subjects.runner_of(make_sweep(subject="torch", anchors=()), reference())
    assert isinstance(silent, LibraryOperators)
    assert silent.call_seconds is None


def test_what_only_our_kernels_do_is_refused_of_a_library() -> None:
    subjects.check("ours", cold=True, isa_cap="avx2")
    subjects.check("torch", cold=False, isa_cap=None)
    with pytest.raises(RooflineError, match=r"torch is called on the same .* leave --cold out\.$"):
        subjects.check("torch", cold=True, isa_cap=None)
    with pytest.raises(RooflineError, match=r"openvino chooses its own: leave --isa out\.$"):
        subjects.check("openvino", cold=False, isa_cap="avx2")


def test_a_library_that_is_not_installed_is_said_with_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        subjects.subjects, "why_absent", lambda one: f"{one.name} needs it: `pip install it`."
    )
    with pytest.raises(RooflineError, match="torch needs it: `pip install") as refused:
        subjects.check_installed("torch")
    assert refused.value.exit_code == 2
