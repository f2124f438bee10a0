"""Of two that want the host, one waits until the other has ended, however it ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.alone import alone

HOLDER = """
import sys, time
from roofline.host.alone import alone
with alone(lambda: None, sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def name() -> str:
    return f"\0roofline-test-{os.getpid()}-{time.monotonic_ns()}"


def test_who_comes_second_waits_until_the_first_is_gone_even_killed(name: str) -> None:
    root = Path(__file__).resolve().parents[1]
    code = HOLDER.replace("sys.argv[1]", repr(name))
    command = [sys.executable, "-c", code]
    holder = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    # The wait itself kills what is waited for.
    with alone(holder.kill, name, patience=60):
        assert holder.wait(10) != 0


def test_nobody_waits_for_ever(name: str) -> None:
    told: list[str] = []
    with (
        alone(lambda: told.append("first"), name),
        pytest.raises(RooflineError, match="another calibration") as caught,
        alone(lambda: told.append("second"), name, patience=0.0),
    ):
        pytest.fail("two held the host")
    assert (told, caught.value.exit_code) == (["second"], CANNOT_MEASURE)


def test_it_is_free_again_afterwards(name: str) -> None:
    for _ in range(2):
        with alone(lambda: pytest.fail("nobody was there"), name):
            pass
