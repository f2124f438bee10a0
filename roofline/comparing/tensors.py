"""Matrix products, element-by-element operators, reorders on a calibrated machine: case, times."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from roofline.errors import RooflineError
from roofline.physics import blocking, bounds, cores, isa, pressure
from roofline.physics.bandwidth import level_of, transfers
from roofline.physics.blocking import Blocking
from roofline.physics.isa import Vector
from roofline.physics.predict import Moving, overhead, predict
from roofline.physics.pressure import Rates
from roofline.physics.roof import MEMORY, PICKS
from roofline.physics.tensors import Shape, work
from roofline.records import (
    Bound,
    Calibration,
    Case,
    ElementwiseShape,
    GemmShape,
    MachineSpec,
    Prediction,
    ReorderShape,
    Scalar,
)

_FAMILIES = {GemmShape: "gemm", ElementwiseShape: "elementwise", ReorderShape: "reorder"}


def case(
    shape: Shape, vector: Vector, machine: MachineSpec, threads: int, *, past: bool = False
) -> Case:
    """Return what the child is asked to run.

    Args:
        shape: the operator.
        vector: the machine's widest, under whatever cap.
        machine: its caches decide how a product is cut.
        threads: size of the team.
        past: an element-by-element operator stores past the caches.

    """
    extra: dict[str, Scalar] = {} if vector.fused else {"fused": False}
    if isinstance(shape, GemmShape):
        extra |= blocking.choose(shape, vector, machine, threads).parameters
    elif isinstance(shape, ElementwiseShape):
        extra["store"] = "non-temporal" if past else "ordinary"
    return Case(
        benchmark=_FAMILIES[type(shape)],
        parameters={**shape.parameters, **extra},
        dtype=shape.dtype,
        isa=vector.isa,
        bits=vector.bits,
        threads=threads,
        working_set_bytes=work(shape).bytes_touched.total,
    )


@dataclass(frozen=True)
class TensorOperators:
    """How such operators run on a calibrated machine.

    Attributes:
        calibration: what the machine reaches; its machine decides on vectors and blocks.
        threads: size of the team.

    """

    calibration: Calibration
    threads: int

    @cached_property
    def vector(self) -> Vector:
        """The widest vectors of the machine, under the calibration's cap."""
        return isa.vectors(self.calibration.machine, self.calibration.isa_cap)[0]

    def case(self, shape: Shape) -> Case:
        """Return what the child is asked to run."""
        machine = self.calibration.machine
        return case(shape, self.vector, machine, self.threads, past=self.past(shape))

    def past(self, shape: Shape) -> bool:
        """Whether stores go past the caches: no cache holds an element-by-element one's tensors."""
        if not isinstance(shape, ElementwiseShape):
            return False
        size = work(shape).bytes_touched.total
        return level_of(self.calibration, self.threads, size) == MEMORY

    def bound(self, shape: Shape) -> Bound:
        """Return the time that nothing beats.

        Raises:
            RooflineError: the calibration has no compute ceiling for this team.

        """
        found = bounds.limits(self.calibration, self.threads, shape.dtype)
        if found is None:
            raise RooflineError("the calibration has no compute roof for it: calibrate again.")
        free = shape.rows * shape.columns * shape.bias if isinstance(shape, GemmShape) else 0
        return bounds.bound(work(shape), found, free_flops=free)

    def predict(self, shape: Shape) -> Prediction:
        """Return how long an operator should take, nothing fitted.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """
        core, inside = self._near(shape), None
        if isinstance(shape, GemmShape):
            core, inside = self._product_core(shape), blocking.traffic(shape, self._cut(shape))
        return predict(
            work(shape),
            shape.dtype,
            self.calibration,
            self.threads,
            overhead_seconds=overhead(self.calibration, self.threads),
            core_seconds=core,
            moving=Moving(inside=inside),
        )

    def _cut(self, shape: GemmShape) -> Blocking:
        return blocking.choose(shape, self.vector, self.calibration.machine, self.threads)

    def _product_core(self, shape: GemmShape) -> Mapping[str, float] | None:
        """Return the in-core time of the convolution that a product is, split over its grid."""
        cut, core = self._cut(shape), cores.core_of(self.calibration.machine, self.vector)
        alike = blocking.as_convolution(shape), blocking.in_core(cut)

        def seconds(rates: Rates) -> float:
            return pressure.core_seconds(*alike, core, rates, self.threads)

        return pressure.by_pick(self.calibration, self.threads, self.vector, shape.dtype, seconds)

    def _near(self, shape: Shape) -> Mapping[str, float] | None:
        """Return how long an operator takes whose tensors lie in L1: loads and stores alone."""
        touched = work(shape).bytes_touched
        found = transfers(self.calibration, self.threads, touched, 0)
        return (
            None if found is None or found[0] != "L1" else {pick: found[1][pick] for pick in PICKS}
        )
