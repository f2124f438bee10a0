"""What one round of a case brings back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.team import Disturbance
from roofline.records import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What one round of a case brought back.

    Attributes:
        seconds: of one repetition, by sample.
        steps_per_second: of each chain beside the work, by sample, averaged over threads.
        loops: repetitions in a sample.
        checked: the answer was right.
        kernel_digest: hash of the timed code.
        dropped: team calls given up because the threads did not start together.
        details: what the subject did, where it tells.

    """

    seconds: list[float]
    steps_per_second: dict[str, list[float]] = field(default_factory=dict)
    loops: int = 1
    checked: bool = True
    kernel_digest: str = ""
    dropped: int = 0
    disturbance: Disturbance = field(default_factory=Disturbance)
    details: Mapping[str, Scalar] = field(default_factory=dict)
