"""The census of kernels: what it counts, and that a wrong answer is told."""

import pytest

from tools import kernel_census


def test_kernels_are_counted_and_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert kernel_census.main(["--layers", "3", "--seed", "5", "--verify", "2"]) == 0
    said = capsys.readouterr().out
    assert "kernels for 3 layers" in said
    assert "0 compute a wrong answer" in said


def test_a_wrong_answer_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_census, "_right", lambda *_given: False)
    assert kernel_census.main(["--layers", "1", "--verify", "1"]) == 1
    assert "0 compute" not in capsys.readouterr().out
