"""A team of threads, each pinned to its core, that runs compiled programs in step."""

import contextlib
import ctypes
import os
import queue
import resource
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import driver
from benchmarks.kernels import Kernel, KernelCache, Recipe
from benchmarks.timing import Window
from roofline.errors import CANNOT_MEASURE, RooflineError

# A barrier that takes this long has a thread that isn't running: the call is given up.
BARRIER_DEADLINE = 0.5
ATTEMPTS = 4
DRIVER = Recipe("benchmarks.driver", "build")
MEETING = Recipe("benchmarks.driver", "build_meeting")
_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a program: a kernel, its parameters, how often it is called.

    `joined` when the team shares each call, which then ends when every thread has ended. `keep` is
    whatever owns the memory that the parameters name by address: it must outlive the call.
    """

    kernel: Kernel
    block: NDArray[np.int64]
    repeats: int = 1
    joined: bool = False
    keep: object = None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What the operating system did to a thread while it ran."""

    involuntary_switches: int = 0
    page_faults: int = 0
    migrations: int = 0

    def __add__(self, other: "Disturbance") -> "Disturbance":
        return Disturbance(
            self.involuntary_switches + other.involuntary_switches,
            self.page_faults + other.page_faults,
            self.migrations + other.migrations,
        )


@dataclass(frozen=True, slots=True)
class Timed:
    """What a team's call brought back: windows by sample and thread, and what disturbed it."""

    windows: list[list[Window]]
    disturbance: Disturbance
    attempts: int


def joined(runs: Sequence[Timed]) -> Timed:
    """Return several calls of one program as one."""
    windows = [window for run in runs for window in run.windows]
    disturbance = sum((run.disturbance for run in runs), Disturbance())
    return Timed(windows, disturbance, 1 + sum(run.attempts - 1 for run in runs))


class _Member:
    """One long-lived thread that runs what it is handed and sleeps in between."""

    def __init__(self, index: int) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"team-{index}", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            self._tasks.get()()

    def submit(self, work: Callable[[], Any]) -> "_Pending":
        pending = _Pending(work)
        self._tasks.put(pending.run)
        return pending


class _Pending:
    """A result on its way from a member."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self._done.set()

    def wait(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class Team:
    """Threads 0 … N-1, thread i pinned to ``cpus[i]``.

    Args:
        cpus: one logical CPU a thread.
        kernels: where the driver is compiled.

    """

    def __init__(self, cpus: Sequence[int], kernels: KernelCache) -> None:
        self.cpus = tuple(cpus)
        self._members = [_Member(index) for index in range(len(cpus))]
        self._driver = kernels.get(DRIVER)
        self._allowed = os.sched_getaffinity(0)
        # Barrier and abort flag on cache lines of their own.
        self._shared = np.zeros(32, np.int64)

    def meeting(self, threads: int) -> dict[int, int]:
        """Return the words of a meeting of so many threads within a kernel's work."""
        shared = self._shared.ctypes.data
        return {
            driver.MEETING_BARRIER: shared + 192,
            driver.MEETING_TEAM: threads,
            driver.MEETING_ABORT: shared + 128,
            driver.MEETING_DEADLINE: int(BARRIER_DEADLINE * 1e9),
        }

    def each(self, threads: int, work: Callable[[int], Any], *, pinned: bool = True) -> list[Any]:
        """Run ``work(index)`` on the first `threads` members at once and return the results.

        Raises:
            RooflineError: the team is smaller, or a thread can't be pinned.

        """
        if not 1 <= threads <= len(self._members):
            raise RooflineError(f"a team of {len(self._members)} can't run {threads} threads.")

        def placed(index: int) -> Callable[[], Any]:
            def run() -> Any:
                self._place(index, pinned=pinned)
                return work(index)

            return run

        pending = [self._members[index].submit(placed(index)) for index in range(threads)]
        return [one.wait() for one in pending]

    def _place(self, index: int, *, pinned: bool) -> None:
        wanted = {self.cpus[index]} if pinned else self._allowed
        # The system refuses a CPU that is offline or outside the container's set.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, wanted)
        if os.sched_getaffinity(0) != wanted:
            raise RooflineError(
                f"the system would not pin a thread to CPU {self.cpus[index]}: "
                "run where the affinity may be set (see `taskset -p $$`).",
                CANNOT_MEASURE,
            )

    def time(
        self, programs: Sequence[Sequence[Segment]], samples: int, *, pinned: bool = True
    ) -> Timed:
        """Run a program a thread, `samples` times, each from a common barrier.

        Args:
            programs: one list of segments a thread, all of the same length.
            samples: how many windows.
            pinned: to the team's CPUs, else anywhere in the process's affinity.

        Raises:
            RooflineError: the threads could not be started together in several attempts.

        """
        for attempt in range(1, ATTEMPTS + 1):
            self._shared[:] = 0
            runs = [_Run(program, samples, self._shared, len(programs)) for program in programs]
            results = self._go(runs, pinned=pinned)
            if all(status == 0 for status, _ in results):
                by_thread = [run.windows() for run in runs]
                windows = [list(sample) for sample in zip(*by_thread, strict=True)]
                disturbance = sum((seen for _, seen in results), Disturbance())
                return Timed(windows, disturbance, attempt)
        raise RooflineError(
            f"{len(programs)} threads could not be started together: other processes hold the "
            "CPUs. Stop them, or use fewer threads (--threads).",
            CANNOT_MEASURE,
        )

    def _go(self, runs: "Sequence[_Run]", *, pinned: bool) -> list[tuple[int, Disturbance]]:
        return self.each(len(runs), lambda i: runs[i].go(self._driver), pinned=pinned)


class _Run:
    """One thread's part in a team's call: the driver's block, program and stamps."""

    def __init__(
        self, program: Sequence[Segment], samples: int, shared: NDArray[np.int64], team: int
    ) -> None:
        self._keep = program
        self._stamps = np.zeros((samples, len(program) + 1), np.int64)
        self._table = np.array(
            [[s.kernel.address, s.block.ctypes.data, s.repeats, s.joined] for s in program],
            np.int64,
        )
        block = np.zeros(driver.BLOCK_WORDS, np.int64)
        block[driver.BARRIER] = shared.ctypes.data + 64
        block[driver.ABORT] = shared.ctypes.data + 128
        block[driver.TEAM] = team
        block[driver.SAMPLES] = samples
        block[driver.SEGMENTS] = len(program)
        block[driver.PROGRAM] = self._table.ctypes.data
        block[driver.STAMPS] = self._stamps.ctypes.data
        block[driver.DEADLINE] = int(BARRIER_DEADLINE * 1e9)
        self._block = block

    def go(self, compiled: Kernel) -> tuple[int, Disturbance]:
        """Run it on the calling thread and say what disturbed it."""
        before = _disturbances()
        status = compiled.call(self._block.ctypes.data)
        after = _disturbances()
        moved = int(before[2] != after[2])
        return status, Disturbance(after[0] - before[0], after[1] - before[1], moved)

    def windows(self) -> list[Window]:
        """Return a window a sample, in seconds."""
        return [Window(tuple(float(stamp) * 1e-9 for stamp in row)) for row in self._stamps]


def _disturbances() -> tuple[int, int, int]:
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_nivcsw, usage.ru_minflt + usage.ru_majflt, int(_libc.sched_getcpu())
