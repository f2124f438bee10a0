"""A library as a subject: given tensors of ours, checked once, timed call by call on its own pool.

Its pool runs on the team's CPUs and is as large as the team. What a library allocates itself (its
outputs, where they can't be bound) comes from malloc, which its child tells to keep what is freed.
"""

import hashlib
import itertools
import os
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks import cases
from benchmarks.buffers import PATTERN, Buffer, huge_page_fraction, random_normal
from benchmarks.conv.weights import Array, Natural, weights_of
from benchmarks.sampled import Sampled
from benchmarks.subjects.natural import correct
from benchmarks.team import Disturbance
from benchmarks.timing import repeats_for
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.subjects import Subject
from roofline.physics.workload import conv_shape
from roofline.records import Case, ConvShape, Scalar

# Packed weights of so many operators are kept; the oldest make room.
_MOST_KEPT = 256
# A child has gone to sleep when it uses less than this share of a CPU over a while: of a few ticks,
# in which some systems count CPU time.
_ASLEEP, _GLANCE, _PATIENCE = 0.2, 12e-3, 0.5


class Bound(ABC):
    """A prepared convolution with its input and output in place.

    Args:
        call: runs it once.

    """

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    @abstractmethod
    def answer(self) -> Array:
        """Return the output of the last call: (batch, channels, height, width)."""

    def samples(self, repeats: int, count: int) -> list[float]:
        """Return the seconds of a call, by sample."""
        return [elapsed(self.call, repeats) / repeats for _ in range(count)]


class Prepared(ABC):
    """One convolution in a library, its weights packed if it packs them.

    Attributes:
        details: what is known of how it runs (algorithm, layout).

    """

    details: dict[str, Scalar]

    @abstractmethod
    def bind(self, x: Array, out: Array) -> Bound:
        """Give it an input and room for an output, both (batch, channels, height, width)."""


class Library(ABC):
    """A library that has been imported, its pool set up."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the version of each of its parts."""

    @abstractmethod
    def prepare(self, shape: ConvShape, natural: Natural) -> Prepared:
        """Return a convolution, ready to be given tensors."""


@dataclass(slots=True)
class _Kept:
    """What is remembered of a case between rounds."""

    prepared: Prepared
    natural: Natural
    repeats: int = 0
    details: dict[str, Scalar] = field(default_factory=dict)


class LibraryRig:
    """Runs the cases named "conv" by a library; what a `Rig` is to our own kernels.

    Args:
        subject: which.
        library: the same, imported.
        cpus: of its pool.

    """

    compile_seconds = 0.0

    def __init__(self, subject: Subject, library: Library, cpus: Sequence[int]) -> None:
        self.subject, self.library = subject, library
        self._cpus = tuple(cpus)
        self._kept: dict[str, _Kept] = {}
        self._huge_share: float | None = None
        self.clock_cost = _clock_cost()

    def prepare(self, wanted: Sequence[Case]) -> None:
        """Refuse what it can't run; packing comes with the first run."""
        for case in wanted:
            self._shape(case)

    def begin_round(self) -> None:
        """Do nothing: every run has input and output of its own anyway."""

    def huge_page_fraction(self) -> float | None:
        """Return the share that huge pages backed of the memory last given to the library."""
        return self._huge_share

    def run(self, case: Case, samples: int, *, own: bool = False) -> Sampled:
        """Time a case on fresh memory; its answer is checked before it is first timed.

        Raises:
            RooflineError: its answer is wrong, or it is nothing for this library.

        """
        del own
        shape = self._shape(case)
        kept = self._keep(case, shape)
        tensors = _Tensors(shape, self.subject.layout)
        self._huge_share = huge_page_fraction(tensors.size)
        bound = kept.prepared.bind(tensors.x, tensors.out)
        bound.call()
        if not kept.repeats:
            self._check(shape, bound, tensors.x, kept.natural)
            kept.repeats = repeats_for(
                lambda repeats: elapsed(bound.call, repeats), clock_cost=self.clock_cost
            )
        before = _disturbances()
        # The first sample wakes the pool.
        seconds = bound.samples(kept.repeats, samples + 1)[1:]
        seen = _disturbances()
        if len(self._cpus) > 1:
            settle()
        return Sampled(
            seconds=seconds,
            loops=kept.repeats,
            kernel_digest=self._digest(kept.prepared),
            disturbance=Disturbance(seen[0] - before[0], seen[1] - before[1]),
            details=self._details(kept.prepared),
        )

    def _shape(self, case: Case) -> ConvShape:
        name = self.subject.name
        if cases.benchmark(case).family != "conv":
            raise RooflineError(f"{name} runs convolutions only, not {case.benchmark}.")
        if case.threads != len(self._cpus):
            raise RooflineError(
                f"the pool of {name} has {len(self._cpus)} threads, {case.threads} were asked for."
            )
        if case.dtype not in self.subject.dtypes:
            raise RooflineError(f"{name} has no convolution in {case.dtype}.")
        return conv_shape(case.parameters, case.dtype)

    def _keep(self, case: Case, shape: ConvShape) -> _Kept:
        if case.key not in self._kept:
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            natural = weights_of(shape)
            self._kept[case.key] = _Kept(self.library.prepare(shape, natural), natural)
        return self._kept[case.key]

    def _check(self, shape: ConvShape, bound: Bound, x: Array, natural: Natural) -> None:
        if not correct(shape, x, bound.answer(), natural):
            raise RooflineError(
                f"{self.subject.name} computes a wrong answer for {shape.text} (float64 "
                "reference): nothing it measures can be trusted.",
                CANNOT_MEASURE,
            )

    def _details(self, prepared: Prepared) -> dict[str, Scalar]:
        common: dict[str, Scalar] = {"layout": self.subject.layout, "pool": len(self._cpus)}
        return common | prepared.details

    def _digest(self, prepared: Prepared) -> str:
        """Hash what is known of the code: a library's own can't be read."""
        known = (self.subject.name, self.library.versions(), prepared.details)
        return hashlib.sha256(repr(known).encode()).hexdigest()[:12]


class _Tensors:
    """Input and output in memory just mapped and touched, in huge pages where they are granted."""

    def __init__(self, shape: ConvShape, layout: str) -> None:
        self._shape, self._last = shape, layout == "NHWC"
        item = np.dtype(shape.dtype).itemsize
        count = shape.batch * shape.in_channels * shape.height * shape.width
        self._buffers = [Buffer(count * item, huge=True), Buffer(shape.outputs * item, huge=True)]
        self.size = sum(buffer.size for buffer in self._buffers)
        self.x = self._view(0, (shape.in_channels, shape.height, shape.width))
        self.out = self._view(1, (shape.out_channels, shape.out_height, shape.out_width))
        self.x[:] = _values(count, shape.dtype).reshape(self.x.shape)
        self.out[:] = np.nan

    def _view(self, index: int, sizes: tuple[int, int, int]) -> Array:
        """Return (batch, channels, height, width), whatever order they lie in."""
        channels, height, width = sizes
        flat = self._buffers[index].view(self._shape.dtype)
        if self._last:
            return flat.reshape(self._shape.batch, height, width, channels).transpose(0, 3, 1, 2)
        return flat.reshape(self._shape.batch, channels, height, width)


def elapsed(call: Callable[[], object], repeats: int) -> float:
    """Return the seconds of so many calls."""
    times = itertools.repeat(None, repeats)
    started = time.perf_counter()
    for _ in times:
        call()
    return time.perf_counter() - started


def settle(
    used: Callable[[], float] = time.process_time, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Wait until this process's threads sleep; whether they did before patience ended.

    Idle threads of a pool spin for a while: the next child must not be timed beside them.
    """
    for _ in range(int(_PATIENCE / _GLANCE)):
        before = used()
        sleep(_GLANCE)
        if used() - before < _ASLEEP * _GLANCE:
            return True
    return False


def pin(cpus: Sequence[int]) -> None:
    """Allow this thread, and those that it starts, these CPUs only.

    Raises:
        RooflineError: the system refuses.

    """
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        listed = ", ".join(map(str, cpus))
        raise RooflineError(
            f"the system would not pin a library to CPU {listed}: run where the affinity may be "
            "set (see `taskset -p $$`).",
            CANNOT_MEASURE,
        ) from error


def _values(count: int, dtype: str) -> Array:
    return np.resize(random_normal(PATTERN, dtype, seed=11), count)


def _clock_cost(reads: int = 1000) -> float:
    return elapsed(time.perf_counter, reads) / reads


def _disturbances() -> tuple[int, int]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nivcsw, usage.ru_minflt + usage.ru_majflt
