"""A rival and a measuring process that measure nothing, and a host to draw figures for."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.physics.isa import Vector
from roofline.records import Cache, Case, MachineSpec
from versus.figures import Figure
from versus.rivals.rival import Statistic
from versus.sizes import Host

KIB, MIB = 1 << 10, 1 << 20
MACHINE = MachineSpec(
    architecture="x86_64",
    features=("avx512_bf16", "avx512_vnni"),
    cores=2,
    threads=2,
    caches=(
        Cache(level=1, kind="data", size_bytes=32 * KIB, shared_by=1, line_bytes=64),
        Cache(level=1, kind="instruction", size_bytes=64 * KIB, shared_by=1, line_bytes=64),
        Cache(level=2, kind="unified", size_bytes=1 * MIB, shared_by=1, line_bytes=64),
        Cache(level=3, kind="unified", size_bytes=32 * MIB, shared_by=2, line_bytes=64),
    ),
)
VECTORS = (
    Vector(isa="avx512", bits=512, fused=True, registers=32),
    Vector(isa="avx2", bits=256, fused=True, registers=32),
    Vector(isa="avx512", bits=128, fused=True, registers=32),
)


def host(**changes: Any) -> Host:
    """Return a host of two cores with AVX-512 and three levels of cache."""
    facts: dict[str, Any] = {
        "machine": MACHINE,
        "vectors": VECTORS,
        "calibration": None,
        "cores": 2,
        "memory_available": 8 << 30,
    }
    return Host(**{**facts, **changes})


def figure(name: str = "fma", **changes: Any) -> Figure:
    """Return a figure of one thread whose repetition is 4096 x 2 x 24 x 16 x 2 operations."""
    facts: dict[str, Any] = {
        "name": name,
        "title": name.upper(),
        "group": "compute",
        "case": Case(
            benchmark="fma",
            parameters={"accumulators": 24},
            dtype="float32",
            isa="avx512",
            bits=512,
        ),
        "equivalents": {"fake": name},
        "goal": 0.99,
    }
    return Figure(**{**facts, **changes})


class FakeRival:
    """Answers from a list of rates; an exception among them is raised.

    Args:
        rates: in the order of the runs.
        diary: where runs are noted, shared with the fake child.

    """

    name: ClassVar[str] = "fake"
    seconds: ClassVar[float] = 0.5
    statistic: ClassVar[Statistic] = "median"

    def __init__(self, rates: Sequence[float | Exception], diary: list[str]) -> None:
        self.rates, self.diary = list(rates), diary
        self.cpus: list[tuple[int, ...]] = []
        self.absent: str | None = None

    def version(self) -> str:
        """Return a version."""
        return "1.0"

    def why_absent(self) -> str | None:
        """Return what the test says."""
        return self.absent

    def why_not(self, figure: Figure) -> str | None:
        """Return whether it knows the figure."""
        return None if self.name in figure.equivalents else "it has no such kernel"

    def rate(self, _figure: Figure, cpus: Sequence[int]) -> float:
        """Return the next rate."""
        self.diary.append("theirs")
        self.cpus.append(tuple(cpus))
        answer = self.rates.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class MeanRival(FakeRival):
    """A rival that reports the mean of its run."""

    statistic: ClassVar[Statistic] = "mean"


class FakeChild:
    """A child whose repetitions take the seconds that a function of the run's number says."""

    def __init__(self, diary: list[str], seconds: Callable[[int], Sequence[float]]) -> None:
        self.diary, self._seconds = diary, seconds
        self.asked: list[tuple[str, int]] = []
        self._runs = 0

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Answer as the measuring process does."""
        samples = int(arguments.get("samples", 0))
        self.asked.append((verb, samples))
        if verb != "run":
            return {}
        if samples > 3:
            self.diary.append("ours")
            self._runs += 1
        return {"loops": 10, "seconds": list(self._seconds(self._runs))}


def failure() -> RooflineError:
    """Return what a rival raises when its run fails."""
    return RooflineError("it fell over.", CANNOT_MEASURE)
