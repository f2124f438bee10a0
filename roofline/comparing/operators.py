"""Layers as our kernels run them: the case that the child is asked, and what it should take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.physics import choice, cores, library, pressure, tiling
from roofline.physics.again import again, moved, spread
from roofline.physics.cores import Core
from roofline.physics.isa import Vector
from roofline.physics.predict import Moving, overhead, predict
from roofline.physics.pressure import Rates
from roofline.physics.roof import caches, instances
from roofline.physics.tiling import Tiling
from roofline.physics.workload import check, conv_work
from roofline.records import ConvShape, Layer, Prediction, Scalar, Timing
from roofline.units import capacity

# Copies of a cold operator's tensors hold this many times the last-level caches together.
_COLD_MULTIPLE = 2
_UNKNOWN_CACHE = 32 << 20
# Each tensor fills a cache line at least.
_LEAST_COPY = 3 * 64
# What is left of free memory beside an operator's tensors.
_MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class Operators(Runner):
    """How layers run on a calibrated machine; its machine decides on vectors and tiles.

    Attributes:
        natural: end to end: a call copies its input into blocks, and its output out of them.
        relu: a ReLU follows in the same kernels; it is no operation, and predictions leave it out.
        cuts: how shapes are cut that were tuned; all others as the model chooses.

    """

    natural: bool = False
    relu: bool = False
    cuts: Mapping[ConvShape, Tiling] = field(default_factory=dict, hash=False)

    @property
    def tunable(self) -> bool:
        """Where tensors stay: what caches hold decides on what is tried."""
        return not self.cold

    def with_cuts(self, cuts: Mapping[ConvShape, Mapping[str, Scalar]]) -> "Operators":
        """Return what cuts these shapes as such parameters say."""
        found = {
            shape: tiling.from_parameters(
                shape, tiling.lanes_of(self.vector, shape.dtype), parameters
            )
            for shape, parameters in cuts.items()
        }
        return replace(self, cuts=found)

    @property
    def may_skip_operations(self) -> bool:
        """Never: each operation that is counted as executed is run."""
        return False

    def tiling(self, layer: Layer) -> Tiling:
        """Return how our kernels cut a layer."""
        if (known := self.cuts.get(layer.shape)) is not None:
            return known
        return choice.choose(layer.shape, self.vector, self.calibration.machine, self.threads)

    def parameters(self, layer: Layer) -> dict[str, Scalar]:
        """Return how the kernels cut the layer, and whether they have fused multiply-adds."""
        return self.details(layer) | ({} if self.vector.fused else {"fused": False})

    def details(self, layer: Layer) -> dict[str, Scalar]:
        """Return how the kernels cut the layer: a later chooser may cut it otherwise."""
        more: dict[str, Scalar] = {"copies": self.copies(layer)} if self.cold else {}
        more |= {"layout": "NCHW"} if self.natural else {}
        more |= {"activation": "relu"} if self.relu else {}
        return self.tiling(layer).parameters | more

    def copies(self, layer: Layer) -> int:
        """Return how many copies of the tensors no cache can hold together."""
        size = max(conv_work(layer.shape).bytes_touched.total, _LEAST_COPY)
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

    def recorded(self, timing: Timing) -> Tiling | None:
        """Return how a layer was cut when it was timed; None where the record doesn't tell."""
        shape = timing.shape
        try:
            cut = tiling.from_parameters(
                shape, tiling.lanes_of(self.vector, shape.dtype), timing.details
            )
        except (KeyError, ValueError, TypeError):
            return None
        return cut if min(cut.columns, cut.taps, cut.blocks, cut.rows, cut.chunk) > 0 else None

    def recalled(self, timing: Timing) -> Prediction:
        """Return how long a layer should take, cut as it was when it was timed.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """
        return self.predict(Layer(name=timing.name, shape=timing.shape), self.recorded(timing))

    def predict(self, layer: Layer, cut: Tiling | None = None) -> Prediction:
        """Return how long a layer should take, nothing fitted; cut as given, else as now chosen.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """
        shape, cut = layer.shape, cut or self.tiling(layer)
        inside, core = moved(shape, cut), self._core_seconds(layer, cut)
        made = predict(
            conv_work(shape),
            shape.dtype,
            self.calibration,
            self.threads,
            cold=self.cold,
            overhead_seconds=overhead(self.calibration, self.threads),
            core_seconds=core,
            moving=Moving(
                inside=inside,
                spread=spread(shape, cut),
                again=again(shape, cut, self.threads),
                beside=self._beside(layer, cut, core),
                overlap=self._core.overlap,
                far_overlap=self._core.far_overlap,
            ),
        )
        if not self.natural:
            return made
        copies = tiling.copied(shape, tiling.lanes_of(self.vector, shape.dtype))
        seconds = library.copy_seconds(self.calibration, self.threads, copies, inside)
        return library.with_copies(made, seconds)

    @cached_property
    def _core(self) -> Core:
        return cores.core_of(self.calibration.machine, self.vector)

    def _core_seconds(self, layer: Layer, cut: Tiling) -> Mapping[str, float] | None:
        core, shape, threads = self._core, layer.shape, self.threads

        def seconds(rates: Rates) -> float:
            return pressure.core_seconds(shape, cut, core, rates, threads)

        return pressure.by_pick(self.calibration, threads, self.vector, shape.dtype, seconds)

    def _beside(
        self, layer: Layer, cut: Tiling, seconds: Mapping[str, float] | None
    ) -> Mapping[str, tuple[float, float]] | None:
        """Return what arithmetic takes alone, and loads and stores, where they overlap.

        In good and bad rounds both are as much longer or shorter as all the time in the core.
        """
        core, dtype = self._core, layer.shape.dtype
        rates = pressure.rates(self.calibration, self.threads, self.vector, dtype, "typical")
        if core.overlap == 1 or rates is None or not seconds:
            return None
        usual = pressure.beside(layer.shape, cut, core, rates, self.threads)
        longer = {pick: one / seconds["typical"] for pick, one in seconds.items()}
        return {pick: (usual[0] * ratio, usual[1] * ratio) for pick, ratio in longer.items()}

    def check(self, layers: Sequence[Layer], memory_available: int) -> None:
        """Refuse, before anything is measured, what can't be run.

        Raises:
            RooflineError: a shape is no convolution, or needs more memory than there is.

        """
        for layer in layers:
            check_layer(layer, self.vector, memory_available, 1 + self.natural)
            if self.cold:
                check_layer(layer, self.vector, memory_available, self.copies(layer))


def check_layer(layer: Layer, vector: Vector, memory_available: int, copies: int = 1) -> None:
    """Refuse a layer that can't be run on these vectors in so much memory.

    Raises:
        RooflineError: it is no convolution, or so many copies of its tensors don't fit.

    """
    shape = check(layer.shape)
    needed = tiling.tensor_bytes(shape, tiling.lanes_of(vector, shape.dtype)) * copies
    if needed > _MEMORY_SHARE * memory_available:
        # Of a small shape, the caches hold many copies: a smaller one would need more.
        many, advice = f" in {copies} copies", "leave --cold out"
        many, advice = (many, advice) if copies > 1 else ("", "choose a smaller shape")
        raise RooflineError(
            f"{layer.name} ({shape.text}) needs {capacity(needed)} of memory{many} and "
            f"{capacity(memory_available)} is free: {advice}."
        )
