"""Layers as our kernels run them: the case that the child is asked, and what it should take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roofline.errors import RooflineError
from roofline.physics import isa, pressure, tiling
from roofline.physics.isa import Vector
from roofline.physics.predict import overhead, predict
from roofline.physics.roof import Pick, caches, instances
from roofline.physics.workload import check, conv_work
from roofline.records import Calibration, Case, Layer, Prediction
from roofline.units import capacity

SUBJECTS = ("ours",)
# Copies of a cold operator's tensors hold this many times the last-level caches together.
_COLD_MULTIPLE = 2
_UNKNOWN_CACHE = 32 << 20
# What is left of free memory beside an operator's tensors.
_MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class Operators:
    """How layers run on a calibrated machine.

    Attributes:
        calibration: what the machine reaches; its machine decides on vectors and tiles.
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

    def tiling(self, layer: Layer) -> tiling.Tiling:
        """Return how our kernels cut a layer."""
        return tiling.choose(layer.shape, self.vector, self.calibration.machine)

    def case(self, layer: Layer) -> Case:
        """Return what the child is asked to run."""
        shape = layer.shape
        extra = {} if self.vector.fused else {"fused": False}
        copies = {"copies": self.copies(layer)} if self.cold else {}
        return Case(
            benchmark="conv",
            parameters={**shape.parameters, **self.tiling(layer).parameters, **extra, **copies},
            dtype=shape.dtype,
            isa=self.vector.isa,
            bits=self.vector.bits,
            threads=self.threads,
            working_set_bytes=conv_work(shape).traffic.total,
        )

    def copies(self, layer: Layer) -> int:
        """Return how many copies of the tensors no cache can hold together."""
        size = conv_work(layer.shape).bytes_touched.total
        return -(-_COLD_MULTIPLE * self._last_level // size) + 1

    @cached_property
    def _last_level(self) -> int:
        """Bytes of all caches that these threads reach, on every level."""
        machine = self.calibration.machine
        names = {f"L{cache.level}" for cache in machine.caches if cache.kind != "instruction"}
        sizes = [
            max(c.size_bytes for c in caches(machine, name))
            * instances(self.calibration, self.threads, name)
            for name in names
        ]
        return sum(sizes) or _UNKNOWN_CACHE

    def predict(self, layer: Layer) -> Prediction:
        """Return how long a layer should take, nothing fitted.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """
        shape = layer.shape
        return predict(
            conv_work(shape),
            shape.dtype,
            self.calibration,
            self.threads,
            cold=self.cold,
            overhead_seconds=overhead(self.calibration, self.threads),
            core_seconds=self._core_seconds(layer),
        )

    def _core_seconds(self, layer: Layer) -> Mapping[str, float] | None:
        seconds: dict[str, float] = {}
        core = pressure.core_of(self.calibration.machine, self.vector)
        cut = self.tiling(layer)
        picks: tuple[Pick, ...] = ("typical", "low", "high")
        for pick in picks:
            rates = pressure.rates(
                self.calibration, self.threads, self.vector, layer.shape.dtype, pick
            )
            if rates is None:
                return None
            seconds[pick] = pressure.core_seconds(layer.shape, cut, core, rates, self.threads)
        return seconds

    def check(self, layers: Sequence[Layer], memory_available: int) -> None:
        """Refuse, before anything is measured, what can't be run.

        Raises:
            RooflineError: a shape is no convolution, or needs more memory than there is.

        """
        for layer in layers:
            check(layer.shape)
            lanes = tiling.lanes_of(self.vector, layer.shape.dtype)
            copies = self.copies(layer) if self.cold else 1
            needed = tiling.tensor_bytes(layer.shape, lanes) * copies
            if needed > _MEMORY_SHARE * memory_available:
                raise RooflineError(
                    f"{layer.name} ({layer.shape.text}) needs {capacity(needed)} of memory and "
                    f"{capacity(memory_available)} is free: choose a smaller shape."
                )
