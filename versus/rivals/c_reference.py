"""A C program of our own, built by the system's compiler: what vectors in C reach here."""

import platform
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from roofline.errors import CANNOT_MEASURE, RooflineError
from versus.equivalents import C_REFERENCE
from versus.figures import Figure
from versus.rivals.rival import Statistic, find, output

SOURCE = Path(__file__).with_name("reference.c")
COMPILERS = ("cc", "gcc", "clang")
# Sums must not be fused in the scalar code that answers are compared with.
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-ffp-contract=off")
_LIBRARIES = ("-pthread", "-lm")


class CReference:
    """`reference.c`, built once for each register width into a private folder."""

    name: ClassVar[str] = C_REFERENCE
    seconds: ClassVar[float] = 0.5
    statistic: ClassVar[Statistic] = "median"

    def __init__(self) -> None:
        self._built: dict[int, tuple[Path, frozenset[str]]] = {}

    @cached_property
    def _folder(self) -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory(prefix="versus-")

    def version(self) -> str:
        """Return the compiler's own first line, and how it was called."""
        compiler = find(COMPILERS)
        if compiler is None:
            return "no compiler"
        return f"{output([str(compiler), '--version']).splitlines()[0]} {' '.join(FLAGS)}"

    def why_absent(self) -> str | None:
        """Return why it can't be built."""
        if platform.machine() != "x86_64":
            return f"it is written for x86-64, this is {platform.machine()}"
        if find(COMPILERS) is None:
            return f"no C compiler on PATH (looked for {', '.join(COMPILERS)})"
        try:
            self._build(256)
        except RooflineError as error:
            return str(error).rstrip(".")
        return None

    def why_not(self, figure: Figure) -> str | None:
        """Return whether it lacks the kernel, or the compiler the instruction."""
        kernel = figure.equivalents.get(self.name)
        if kernel is None:
            return "it has no such kernel"
        try:
            known = self._build(figure.case.bits)[1]
        except RooflineError as error:
            return str(error).rstrip(".")
        return None if kernel in known else "the compiler knows no such instruction here"

    def rate(self, figure: Figure, cpus: Sequence[int]) -> float:
        """Run the kernel for half a second."""
        program, _ = self._build(figure.case.bits)
        size, where = figure.case.working_set_bytes, ",".join(map(str, cpus))
        kernel = figure.equivalents[self.name]
        printed = output([str(program), kernel, str(size), str(self.seconds), where], cpus)
        return parse(printed)

    def _build(self, bits: int) -> tuple[Path, frozenset[str]]:
        """Return the program of a register width and the kernels that it has."""
        if bits not in self._built:
            program = Path(self._folder.name) / f"reference{bits}"
            command = [str(find(COMPILERS)), *FLAGS, f"-DBITS={bits}", str(SOURCE)]
            output([*command, "-o", str(program), *_LIBRARIES])
            self._built[bits] = program, frozenset(output([str(program)]).split())
        return self._built[bits]


def parse(printed: str) -> float:
    """Return the one number that the program prints.

    Raises:
        RooflineError: it printed something else.

    """
    try:
        rate = float(printed)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        sentence = f"the C reference printed {printed.strip()[:60]!r} instead of a rate."
        raise RooflineError(sentence, CANNOT_MEASURE)
    return rate
