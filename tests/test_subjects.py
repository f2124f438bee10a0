"""Subjects as data: who there is, what is missing, and the settings that a child starts with."""

import pytest

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host import subjects
from roofline.host.subjects import SUBJECTS


def test_an_unknown_subject_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RooflineError, match=r"'tvm'.*ours, ours-end-to-end, .*openvino") as refused:
        subjects.find("tvm")
    assert refused.value.exit_code == 2


def test_what_is_missing_is_said_with_the_command_that_brings_it() -> None:
    subject = subjects.find("onnxruntime-kernel")
    told = subjects.why_absent(subject, lambda module: module != "onnx")
    assert told is not None
    assert told.startswith("onnxruntime-kernel needs onnx, which is not installed: ")
    assert "'.[onnxruntime]'" in told
    with pytest.raises(RooflineError, match="needs onnxruntime and onnx, which are") as refused:
        subjects.require(subject, lambda _module: False)
    assert refused.value.exit_code == CANNOT_MEASURE
    assert subjects.why_absent(subject, lambda _module: True) is None


def test_ours_needs_nothing_and_no_settings() -> None:
    ours = subjects.find("ours")
    assert subjects.why_absent(ours, lambda _module: False) is None
    assert subjects.environment(ours, [0, 1]) == {}


def test_a_pool_is_as_large_as_the_team_and_on_its_cpus() -> None:
    for subject in (one for one in SUBJECTS.values() if not one.ours):
        settings = subjects.environment(subject, [4, 6])
        assert settings["OMP_NUM_THREADS"] == "2"
        assert settings["OMP_PLACES"] == "{4},{6}"
