"""What every rival can be asked, and how a rival's program is run."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from roofline.errors import CANNOT_MEASURE, RooflineError
from versus.figures import Figure

Statistic = Literal["median", "mean"]
# A run is meant to last a second or two; likwid-bench tries for a while how often to repeat.
_PATIENCE = 120.0


class Rival(Protocol):
    """Another tool that measures the same figures.

    Attributes:
        name: as `Figure.equivalents` and the command line know it.
        seconds: how long one of its runs is asked to time; ours lasts as long.
        statistic: what its figure is of the run: the median of short windows, or all work by
            all time.

    """

    name: ClassVar[str]
    seconds: ClassVar[float]
    statistic: ClassVar[Statistic]

    def version(self) -> str:
        """Return what identifies the tool."""

    def why_absent(self) -> str | None:
        """Return why it can't be used on this machine, None where it can."""

    def why_not(self, figure: Figure) -> str | None:
        """Return why it can't be compared in a figure, None where it can."""

    def rate(self, figure: Figure, cpus: Sequence[int]) -> float:
        """Run once on these CPUs and return the figure in FLOP/s or B/s.

        Raises:
            RooflineError: it failed, or measured something else.

        """


def find(names: Sequence[str]) -> Path | None:
    """Return the first of these programs that is on PATH."""
    found = (shutil.which(name) for name in names)
    return next((Path(path) for path in found if path), None)


def output(command: Sequence[str], cpus: Sequence[int] = (), *, threads: int = 1) -> str:
    """Run a program on these CPUs (on any, when empty) and return what it prints.

    Raises:
        RooflineError: it can't be started, fails or doesn't end.

    """
    name = Path(command[0]).name
    settings = {"OMP_NUM_THREADS": str(threads), "LC_ALL": "C"}
    try:
        with _allowed(cpus):
            done = subprocess.run(
                command,
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise RooflineError(f"{name} did not end in {_PATIENCE:.0f} s.", CANNOT_MEASURE) from None
    except OSError as error:
        sentence = f"{name} can't be started: {error.strerror or error}."
        raise RooflineError(sentence, CANNOT_MEASURE) from error
    if done.returncode:
        raise RooflineError(f"{name} failed: {_last_words(done)}.", CANNOT_MEASURE)
    return done.stdout


def _last_words(done: "subprocess.CompletedProcess[str]") -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].rstrip(".") if lines else f"exit status {done.returncode}"


@contextlib.contextmanager
def _allowed(cpus: Sequence[int]) -> Iterator[None]:
    """Allow this process, and so the programs that it starts, these CPUs only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
