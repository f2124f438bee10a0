"""NumPy's matrix product, whatever BLAS it was built with, in a process of its own."""

import sys
from collections.abc import Sequence
from typing import ClassVar

from roofline.errors import CANNOT_MEASURE, RooflineError
from versus.figures import Figure
from versus.operators import NUMPY
from versus.rivals.rival import Statistic, output

# The last argument is how long to go on; each call is timed and the median rate is printed.
_PROGRAM = """
import os, statistics, sys, time
# Each library has a setting of its own, which would win.
for name in ("OPENBLAS", "MKL", "BLIS"):
    os.environ[name + "_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
import numpy as np
side, dtype, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
draw = np.random.default_rng(1)
a, b = (draw.standard_normal((side, side)).astype(dtype) for _ in range(2))
c = np.empty_like(a)
for _ in range(2):
    np.matmul(a, b, out=c)
times, end = [], time.perf_counter() + seconds
while time.perf_counter() < end:
    start = time.perf_counter()
    np.matmul(a, b, out=c)
    times.append(time.perf_counter() - start)
print(2 * side**3 / statistics.median(times))
"""
_VERSION = """
import numpy as np
blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
print(f"NumPy {np.__version__}, {blas['name']} {blas['version']}")
"""


class NumpyBlas:
    """`numpy.matmul` into a matrix that is there already, on as many threads as CPUs."""

    name: ClassVar[str] = NUMPY
    seconds: ClassVar[float] = 0.5
    statistic: ClassVar[Statistic] = "median"

    def version(self) -> str:
        """Return NumPy's version and its BLAS's."""
        return output([sys.executable, "-W", "ignore", "-c", _VERSION]).strip()

    def why_absent(self) -> str | None:
        """Return nothing: NumPy is required."""
        return None

    def why_not(self, figure: Figure) -> str | None:
        """Return whether the figure is a matrix product."""
        return None if self.name in figure.equivalents else "it is compared with its roof"

    def rate(self, figure: Figure, cpus: Sequence[int]) -> float:
        """Multiply for half a second; the BLAS has as many threads as CPUs."""
        side, dtype = figure.equivalents[self.name].split()
        command = [sys.executable, "-c", _PROGRAM, side, dtype, str(self.seconds)]
        printed = output(command, cpus, threads=len(cpus))
        try:
            return float(printed)
        except ValueError:
            raise RooflineError(
                f"NumPy printed {printed[:60]!r} instead of a rate.", CANNOT_MEASURE
            ) from None
