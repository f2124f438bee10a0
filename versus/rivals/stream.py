"""STREAM and its like: a triad over large arrays, its stores left to whoever compiled it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.units import capacity
from versus.equivalents import STREAM
from versus.figures import Figure
from versus.rivals.rival import Statistic, find, output
from versus.sizes import TRIAD_ARRAYS

# STREAM: https://www.cs.virginia.edu/stream; sizes are compiled in.
_PLAIN = ("stream_c", "stream_c.exe", "stream.exe", "stream")
# BabelStream: https://github.com/UoB-HPC/BabelStream, and TheBandwidthBenchmark:
# https://github.com/RRZE-HPC/TheBandwidthBenchmark; the size in elements is an option.
_SIZED = ("babelstream", "cpu-stream", "omp-stream", "bwbench", "bwbench-GCC", "bwBench-GCC")
# "stream" last: ImageMagick has a program of that name.
NAMES = (*_SIZED, *_PLAIN)
_REPETITIONS = 10
_SCALES = {"MB/s": 1e6, "MBytes/sec": 1e6, "GB/s": 1e9}
# Headings of the three, and what stands below them.
_COLUMNS = {
    **dict.fromkeys(_SCALES, "rate"),
    **dict.fromkeys(("MFlop/s", "GFlop/s"), "flops"),
    **dict.fromkeys(("Avg", "Average"), "mean"),
    "Min": "least",
    "Max": "most",
}
_ITEM = 8
# What a tool states of its arrays is rounded.
_ROUNDED = 0.99


@dataclass(frozen=True, slots=True)
class Report:
    """A triad's bandwidth over all its passes in B/s, and the bytes of one array if stated."""

    rate: float
    array_bytes: float | None


class StreamTool:
    """The first such tool on PATH, on one thread or as many as the figure has."""

    name: ClassVar[str] = STREAM
    seconds: ClassVar[float] = 0.5
    statistic: ClassVar[Statistic] = "mean"

    def version(self) -> str:
        """Return which of the tools it is."""
        found = find(NAMES)
        return f"{found.name}, its stores as compiled" if found else "none"

    def why_absent(self) -> str | None:
        """Return whether one is on PATH."""
        return None if find(NAMES) else f"none of {', '.join(NAMES)} on PATH"

    def why_not(self, figure: Figure) -> str | None:
        """Return whether the figure is what it measures."""
        return None if figure.equivalents.get(self.name) else "it measures a DRAM triad only"

    def rate(self, figure: Figure, cpus: Sequence[int]) -> float:
        """Run it as it is; all but STREAM itself can be told our size."""
        program = find(NAMES)
        array = figure.case.working_set_bytes // TRIAD_ARRAYS
        command = [str(program), *_options(program.name if program else "", array)]
        report = parse(output(command, cpus, threads=len(cpus)))
        if report.array_bytes is not None and report.array_bytes < _ROUNDED * array:
            raise RooflineError(
                f"the STREAM tool's arrays of {capacity(report.array_bytes)} were compiled in, and "
                f"ours have {capacity(array)}: build it with larger ones.",
                CANNOT_MEASURE,
            )
        return report.rate


def _options(name: str, array: int) -> list[str]:
    return [] if name in _PLAIN else ["-s", str(array // _ITEM), "-n", str(_REPETITIONS)]


def parse(printed: str) -> Report:
    """Read the triad's row of any of the three: their best pass is turned into the mean one.

    Raises:
        RooflineError: there is no such row.

    """
    head = re.search(r"^Function\s.*$", printed, re.MULTILINE)
    row = re.search(r"^Triad:?\s.*$", printed, re.MULTILINE)
    if head is None or row is None:
        raise RooflineError("the STREAM tool printed no triad.", CANNOT_MEASURE)
    columns = _columns(head[0])
    values = [float(word) for word in re.findall(r"\d[\d.eE+-]*", row[0])]
    scale = next((_SCALES[unit] for unit in _SCALES if unit in head[0]), 0.0)
    try:
        best, least, mean = (values[columns.index(name)] for name in ("rate", "least", "mean"))
    except (ValueError, IndexError):
        raise RooflineError("the STREAM tool's table can't be read.", CANNOT_MEASURE) from None
    return Report(rate=best * scale * least / mean, array_bytes=_array_bytes(printed))


def _columns(head: str) -> list[str]:
    """Return what each number of a row is."""
    return [_COLUMNS[word] for word in re.findall("|".join(_COLUMNS), head)]


def _array_bytes(printed: str) -> float | None:
    elements = re.search(r"(?:Array size =|Number of elements:)\s+(\d+)", printed)
    if elements:
        return float(elements[1]) * _ITEM
    total = re.search(r"Total allocated datasize:\s+([\d.]+)\s*MB", printed)
    return float(total[1]) * 1e6 / 4 if total else None
