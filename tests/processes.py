"""Watching processes that are about to be killed: whether they work, and whether they are gone."""

import signal
import time

import psutil
import pytest

# How long a child may live after its parent; it takes a tenth of that.
GRACE = 1.0
PATIENCE = 30.0


def wait_until_it_works(process: psutil.Process) -> None:
    """Wait until a process uses a CPU without pause."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        before, begun = _seconds_used(process), time.monotonic()
        time.sleep(0.3)
        if _seconds_used(process) - before > 0.5 * (time.monotonic() - begun):
            return
    pytest.fail("the child isn't measuring")


def _seconds_used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def gone_in_time(processes: list[psutil.Process]) -> bool:
    """Wait for processes to end; whether all did within the grace period."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        if all(is_gone(process) for process in processes):
            return True
        time.sleep(0.01)
    return False


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended; where nobody collects orphans, a zombie is left."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def heed_interrupts() -> None:
    """Let a new process see Ctrl-C: a shell that runs tests in the background switches it off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
