"""What is run and what was seen: cases, their work, their measurements."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None
Rounds = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Bytes in each direction."""

    read: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        """Bytes read plus bytes written."""
        return self.read + self.written


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one run of a case has to do.

    Attributes:
        flops: nominal operations, a multiply-add counted as two.
        flops_executed: operations on valid data only (padding taps left out); None where
            these are all.
        bytes_touched: what the kernel's loads and stores name, counted once an address.
        bytes_compulsory: what must cross the memory bus at least once; None where it is
            all that is touched.
        parameters: trained numbers (weights and biases) involved.

    """

    flops: int = 0
    flops_executed: int | None = None
    bytes_touched: Traffic = Traffic()
    bytes_compulsory: Traffic | None = None
    parameters: int = 0

    @property
    def traffic(self) -> Traffic:
        """What must cross the memory bus at least once."""
        return self.bytes_touched if self.bytes_compulsory is None else self.bytes_compulsory

    @property
    def intensity(self) -> float | None:
        """Operational intensity in FLOP/byte, or None when no byte is moved."""
        moved = self.traffic.total
        return self.flops / moved if moved else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to measure: a benchmark of the table with its parameters.

    Attributes:
        benchmark: its name in `benchmarks.cases`.
        parameters: what the benchmark leaves open (store kind, pinned, …).
        dtype: "float32", "float64".
        isa: the vector extension used ("avx512", "avx2", "sse2", "neon", "scalar").
        bits: vector register width used.
        threads: size of the team.
        working_set_bytes: over all threads; 0 for kernels that live in registers.

    """

    benchmark: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    dtype: str = "float64"
    isa: str = "scalar"
    bits: int = 64
    threads: int = 1
    working_set_bytes: int = 0

    @property
    def key(self) -> str:
        """A text that names this case and no other."""
        extras = [f"{name}={self.parameters[name]}" for name in sorted(self.parameters)]
        parts = (self.benchmark, self.dtype, f"{self.isa}:{self.bits}", f"{self.threads}T")
        return "/".join((*parts, str(self.working_set_bytes), *extras))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was seen when a case ran.

    Attributes:
        work: of one repetition, over all threads.
        seconds: of one repetition, by round and by sample.
        steps_per_second: of each dependent chain in the same windows, by round and by
            sample; `calibrate.fit` turns them into the effective core clock. Of the load beside
            a walk: bytes.
        loops: repetitions in one sample, by round.
        checked: every round's answer agreed with its reference.
        kernel_digest: hash of the machine code that was timed.
        dropped: samples thrown away because the team did not start together.

    """

    case: Case
    work: Work
    seconds: Rounds
    steps_per_second: Mapping[str, Rounds] = field(default_factory=dict)
    loops: tuple[int, ...] = ()
    checked: bool = False
    kernel_digest: str = ""
    dropped: int = 0
    started: str | None = None
