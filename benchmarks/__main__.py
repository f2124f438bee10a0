"""The child: it reads requests from its input and writes measurements to its output.

`python -m benchmarks --cpus 0,1`. Kernels run on team threads only; a thread that waits for input
ends the process as soon as the input closes, so that no child outlives its parent.
"""

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import IO, Any, NoReturn

from roofline.errors import CANNOT_MEASURE, RooflineError


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve requests until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--cpus", required=True, help="logical CPUs of the team, like 0,1")
    parser.add_argument("--subject", default="ours", help="who runs convolutions")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    try:
        cpus = [int(cpu) for cpu in options.cpus.split(",")]
        _serve(Service(cpus, options.subject), requests, _private_output())
    except BaseException:
        traceback.print_exc()
        # Not by raising: the interpreter would wait for the thread that reads the input.
        os._exit(1)


def _serve(service: "Service", requests: "queue.SimpleQueue[bytes]", answers: IO[str]) -> NoReturn:
    while True:
        answers.write(service.answer(requests.get()) + "\n")
        answers.flush()


def _listen(stream: IO[bytes], requests: "queue.SimpleQueue[bytes]") -> None:
    # Bytes, decoded later: a stray one must not end the thread that watches for the end.
    for line in stream:
        requests.put(line)
    # Not sys.exit: the team may be inside compiled code that heeds no exception.
    os._exit(0)


def _private_output() -> IO[str]:
    """Return the answers' channel; whatever a library prints goes to stderr instead."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return channel


class Service:
    """What the child can be asked: describe, prepare, tune, run, conditions, rounds' two ends."""

    def __init__(self, cpus: Sequence[int], subject: str = "ours") -> None:
        # Here, not at the top: importing the compiler takes a moment, and --help needs none.
        from benchmarks import conditions
        from benchmarks.team import Disturbance
        from roofline.host import subjects

        self._cpus = tuple(cpus)
        self._subject = subjects.find(subject)
        self._rig: Any = None
        self._ticks = conditions.ticks()
        self._load = os.getloadavg()[0]
        self._disturbance = Disturbance()
        self._at_begin = (0.0, Disturbance())

    def answer(self, line: str | bytes) -> str:
        """Return the answer to one request; never raises."""
        from benchmarks import wire

        number = -1
        try:
            request = json.loads(line)
            number = int(request.pop("id"))
            verb = request.pop("do")
            verbs: dict[str, Callable[..., Any]] = {
                "describe": self.describe,
                "prepare": self.prepare,
                "tune": self.tune,
                "begin_round": self.begin_round,
                "run": self.run,
                "end_round": self.end_round,
                "conditions": self.conditions,
            }
            if verb not in verbs:
                return wire.refusal(number, f"the child knows no request {verb!r}.", 2)
            return wire.answer(number, verbs[verb](**request))
        except RooflineError as error:
            return wire.refusal(number, str(error), error.exit_code)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return wire.refusal(number, f"the child can't read the request: {error}.", 2)
        except MemoryError:
            return wire.refusal(number, "there is too little memory for a case.", CANNOT_MEASURE)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            return wire.refusal(number, f"the child failed ({what}).", CANNOT_MEASURE)

    def _use_rig(self) -> Any:
        if self._rig is None:
            self._rig = self._open()
        return self._rig

    def _open(self) -> Any:
        if self._subject.ours:
            from benchmarks.kernels import KernelCache, cache_folder
            from benchmarks.rig import Rig

            return Rig(self._cpus, KernelCache(cache_folder()))
        from benchmarks.subjects import registry

        return registry.rig(self._subject, self._cpus)

    def describe(self) -> dict[str, Any]:
        """Return the versions of what measures, and the instrument's own cost."""
        import llvmlite
        import llvmlite.binding as llvm
        import numba
        import numpy

        rig = self._use_rig()
        version = ".".join(map(str, llvm.llvm_version_info))
        return {
            "pid": os.getpid(),
            "python": sys.version.split()[0],
            "numpy": numpy.__version__,
            "numba": numba.__version__,
            "llvm": f"{version} (llvmlite {llvmlite.__version__})",
            "llvm_cpu": llvm.get_host_cpu_name(),
            "clock_cost": rig.clock_cost,
            "libraries": {} if self._subject.ours else rig.library.versions(),
        }

    def prepare(self, cases: list[dict[str, Any]]) -> dict[str, Any]:
        """Compile the cases' kernels; seconds are of what wasn't in the cache."""
        from benchmarks.wire import decode_case

        rig = self._use_rig()
        rig.prepare([decode_case(case) for case in cases])
        return {"compile_seconds": rig.compile_seconds}

    def tune(self, case: dict[str, Any], node: str) -> dict[str, Any]:
        """Return the parameters that a convolution's case runs best with, and what they gain."""
        from benchmarks.wire import decode_case

        found = self._use_rig().convolutions.tune(decode_case(case), node)
        return {"parameters": found.cut.parameters, "gain": found.gain, "tried": found.tried}

    def begin_round(self) -> None:
        """Give back all memory, so that the round maps fresh pages."""
        self._use_rig().begin_round()
        self._at_begin = (time.process_time(), self._disturbance)

    def end_round(self) -> dict[str, Any]:
        """Return the CPU time that this process has used since the round began, and switches."""
        used, before = self._at_begin
        return {
            "cpu_seconds": time.process_time() - used,
            "switches": self._disturbance.involuntary_switches - before.involuntary_switches,
        }

    def run(self, case: dict[str, Any], samples: int, own: bool = False) -> dict[str, Any]:
        """Check and time one case, in memory of its own if asked."""
        from benchmarks.wire import decode_case

        sampled = self._use_rig().run(decode_case(case), samples, own=own)
        self._disturbance += sampled.disturbance
        return {
            "seconds": sampled.seconds,
            "steps_per_second": sampled.steps_per_second,
            "loops": sampled.loops,
            "checked": sampled.checked,
            "kernel_digest": sampled.kernel_digest,
            "dropped": sampled.dropped,
            "details": dict(sampled.details),
        }

    def conditions(self) -> dict[str, Any]:
        """Return what it was like since this child began."""
        from dataclasses import asdict

        from benchmarks.conditions import observe

        seen = observe(
            cpus=self._cpus,
            before=self._ticks,
            load=self._load,
            disturbance=self._disturbance,
            huge_page_fraction=self._use_rig().huge_page_fraction(),
        )
        return asdict(seen)


if __name__ == "__main__":
    main()
