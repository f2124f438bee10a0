"""The children that measure: started from the checkout, asked in turn, gone when their parent is.

The child's settings (affinity, BLAS and OpenMP threads, the compiler's target) are read when it
starts, which is why measuring happens in a process of its own.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.checkout import checkout

# One thread for every library: only our own team may run while a sample is taken.
_SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Settings of a user's shell that would change what is compiled, or where it is kept.
# With PYTHONSAFEPATH the checkout's packages would not be found.
_UNWANTED = ("NUMBA_", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONSAFEPATH")
_PATIENCE_AT_END = 1.0


def child_environment(
    environ: Mapping[str, str], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of a child: the user's, less what would falsify a figure."""
    kept = {name: text for name, text in environ.items() if not name.startswith(_UNWANTED)}
    kept.update(dict.fromkeys(_SINGLE_THREADED, "1"))
    kept.update(extra or {})
    return kept


class Worker:
    """One long-lived child; a context manager that ends it.

    Args:
        cpus: logical CPUs of its team.
        environment: settings added to the child's environment.
        subject: who runs convolutions there.

    Raises:
        RooflineError: there is no checkout, or the child can't be started.

    """

    def __init__(
        self,
        cpus: Sequence[int],
        environment: Mapping[str, str] | None = None,
        *,
        subject: str = "ours",
    ) -> None:
        self._number = 0
        folder = checkout()
        command = [sys.executable, "-m", "benchmarks", "--cpus", ",".join(map(str, cpus))]
        command += ["--subject", subject]
        # A session of its own: Ctrl-C goes to the parent alone, which then ends the child.
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=child_environment(os.environ, environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._process.pid

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Send a request and wait for its answer.

        Raises:
            RooflineError: the child refused, or died.

        """
        self._number += 1
        request = {"id": self._number, "do": verb, **arguments}
        try:
            self._write(json.dumps(request) + "\n")
            line = self._read()
        except (BrokenPipeError, OSError):
            line = ""
        if not line:
            raise self._death(verb)
        return _result(line, self._number)

    def end(self) -> None:
        """Close the child's input, which ends it; kill it if it lingers."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_AT_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _write(self, text: str) -> None:
        if self._process.stdin is None:
            raise BrokenPipeError
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _read(self) -> str:
        return "" if self._process.stdout is None else self._process.stdout.readline()

    def _death(self, verb: str) -> RooflineError:
        self.end()
        status = self._process.returncode
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        hint = " The system may have run out of memory." if status == -signal.SIGKILL else ""
        return RooflineError(
            f"the measuring process ended {how} when asked to {verb}; "
            f"what it printed is above.{hint}",
            CANNOT_MEASURE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()


def _result(line: str, number: int) -> Any:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("id") != number:
        raise RooflineError(
            f"the measuring process answered something else than asked: {line[:80]!r}.",
            CANNOT_MEASURE,
        )
    if "error" in answer:
        raise RooflineError(str(answer["error"]), int(answer["exit_code"]))
    return answer["result"]
