"""likwid-bench, the assembly kernels of the LIKWID tools (https://github.com/RRZE-HPC/likwid)."""

import re
from collections.abc import Sequence
from typing import ClassVar

from roofline.errors import CANNOT_MEASURE, RooflineError
from versus.equivalents import LIKWID
from versus.figures import Figure
from versus.rivals.rival import Statistic, find, output

PROGRAM = "likwid-bench"
_RATES = {"FLOP/s": "MFlops/s", "B/s": "MByte/s"}
# Its loop strides cut a working set to whole turns: by no more than this, or it isn't the same.
_SIZE_TOLERANCE = 0.02
# Its compute tests load one vector in sixteen instructions: from any first-level cache.
_PEAK_BYTES = 8192


class LikwidBench:
    """The program on PATH; its working set is the sum over streams, as ours is over arrays."""

    name: ClassVar[str] = LIKWID
    # Its shortest: seconds are whole numbers.
    seconds: ClassVar[float] = 1.0
    statistic: ClassVar[Statistic] = "mean"

    def __init__(self) -> None:
        self._iterations: dict[str, str] = {}

    def version(self) -> str:
        """Return the version that its help states."""
        found = re.search(r"Version\s+([\w.]+)", output([PROGRAM, "-h"]))
        return found[1] if found else "unknown"

    def why_absent(self) -> str | None:
        """Return whether it is on PATH."""
        return None if find([PROGRAM]) else f"no {PROGRAM} on PATH"

    def why_not(self, figure: Figure) -> str | None:
        """Return whether it has such a test."""
        return None if figure.equivalents.get(self.name) else "it has no such test"

    def rate(self, figure: Figure, cpus: Sequence[int]) -> float:
        """Run the test for one second, on memory that each thread touches first."""
        size = figure.case.working_set_bytes or _PEAK_BYTES * len(cpus)
        # -W: each thread touches its own; N: every CPU that the program is allowed.
        group = f"N:{size}B:{len(cpus)}"
        command = [PROGRAM, "-t", figure.equivalents[self.name], *self._long_enough(figure)]
        printed = output([*command, "-W" if len(cpus) > 1 else "-w", group], cpus)
        check(printed, figure, cpus)
        if found := re.search(r"^Iterations per thread:\s+(\d+)", printed, re.MULTILINE):
            self._iterations[figure.name] = found[1]
        return parse(printed, figure.unit)

    def _long_enough(self, figure: Figure) -> list[str]:
        """Return how long to run; its search for how often takes four times as long as the run."""
        known = self._iterations.get(figure.name)
        return ["-i", known] if known else ["-s", f"{self.seconds:.0f}"]


def parse(printed: str, unit: str) -> float:
    """Return the rate in a report, in FLOP/s or B/s.

    Raises:
        RooflineError: it holds none; some versions print inf.

    """
    label = _RATES.get(unit, "MByte/s")
    found = _number(printed, label)
    if found is None or not 0 < found < float("inf"):
        raise RooflineError(f"{PROGRAM} printed no usable {label}.", CANNOT_MEASURE)
    return found * 1e6


def check(printed: str, figure: Figure, cpus: Sequence[int]) -> None:
    """Make sure that it measured what we did.

    Raises:
        RooflineError: its threads ran elsewhere, or its working set is another.

    """
    ran = {int(cpu) for cpu in re.findall(r"Global Thread \d+ running on hwthread (\d+)", printed)}
    if ran != set(cpus):
        raise RooflineError(
            f"{PROGRAM} ran on CPUs {sorted(ran)} instead of {sorted(cpus)}.", CANNOT_MEASURE
        )
    size, wanted = _number(printed, "Size (Byte)") or 0.0, figure.case.working_set_bytes
    if figure.group != "compute" and abs(size / wanted - 1) > _SIZE_TOLERANCE:
        raise RooflineError(f"{PROGRAM} used {size:.0f} bytes instead of {wanted}.", CANNOT_MEASURE)


def _number(printed: str, label: str) -> float | None:
    found = re.search(rf"^{re.escape(label)}:\s+([-+.\deEinfa]+)", printed, re.MULTILINE)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
