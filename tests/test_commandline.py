"""What a command does about failure: a sentence, an exit status; a traceback for our own faults."""

import pytest

from roofline.commandline import exit_status
from roofline.errors import CANNOT_MEASURE


def raising(name: str) -> int:
    """Fail as an import does."""
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_missing_package_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(lambda: raising("cattrs.gen")) == CANNOT_MEASURE
    said = capsys.readouterr().err
    assert said.startswith("error: cattrs.gen isn't installed here")
    assert said.count("\n") == 1


def test_a_missing_module_of_ours_is_a_fault_to_be_seen() -> None:
    with pytest.raises(ModuleNotFoundError):
        exit_status(lambda: raising("roofline.nowhere"))
