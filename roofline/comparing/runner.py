"""Who runs layers on a calibrated machine, as far as a session, a report and a view care."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roofline.physics import isa
from roofline.physics.isa import Vector
from roofline.physics.workload import conv_work
from roofline.records import Calibration, Case, ConvShape, Layer, Prediction, Scalar, Timing


@dataclass(frozen=True)
class Runner(ABC):
    """How a subject runs layers on a calibrated machine.

    Attributes:
        calibration: what the machine reaches; its machine decides on vectors.
        threads: size of the team.
        cold: tensors rotate past the last-level cache.

    """

    calibration: Calibration
    threads: int
    cold: bool = False

    @cached_property
    def vector(self) -> Vector:
        """The widest vectors of the machine, under the calibration's cap."""
        return isa.vectors(self.calibration.machine, self.calibration.isa_cap)[0]

    @property
    @abstractmethod
    def may_skip_operations(self) -> bool:
        """Whether it may choose algorithms with fewer operations than are counted (Winograd)."""

    def structured(self, dtype: str) -> bool:
        """Whether rung d follows how a library is built: a fit has little left to move."""
        del dtype
        return False

    @property
    def tunable(self) -> bool:
        """Whether a child can try other ways to run a layer."""
        return False

    def with_cuts(self, cuts: Mapping[ConvShape, Mapping[str, Scalar]]) -> "Runner":
        """Return what runs these shapes as such parameters say; a library runs all as before."""
        del cuts
        return self

    def case(self, layer: Layer) -> Case:
        """Return what the child is asked to run."""
        shape = layer.shape
        return Case(
            benchmark="conv",
            parameters={**shape.parameters, **self.parameters(layer)},
            dtype=shape.dtype,
            isa=self.vector.isa,
            bits=self.vector.bits,
            threads=self.threads,
            working_set_bytes=conv_work(shape).traffic.total,
        )

    def parameters(self, layer: Layer) -> dict[str, Scalar]:
        """Return what the child is told beside the shape: of a library nothing, it chooses."""
        del layer
        return {}

    def details(self, layer: Layer) -> dict[str, Scalar]:
        """Return what is known beforehand of how a layer is run, for its record."""
        del layer
        return {}

    @abstractmethod
    def predict(self, layer: Layer) -> Prediction:
        """Return how long a layer should take, nothing fitted.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """

    @abstractmethod
    def recalled(self, timing: Timing) -> Prediction:
        """Return the same of a layer as it was run when it was timed.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """

    @abstractmethod
    def check(self, layers: Sequence[Layer], memory_available: int) -> None:
        """Refuse, before anything is measured, what can't be run.

        Raises:
            RooflineError: a shape is no convolution, or needs more memory than there is.

        """
