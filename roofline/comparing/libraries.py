"""Layers as a library runs them: the case that its child is asked, and what it should take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.host.subjects import Subject
from roofline.physics import library, pressure
from roofline.physics.predict import Moving, overhead, predict
from roofline.physics.pressure import Rates
from roofline.physics.roof import PICKS
from roofline.physics.tiling import lanes_of
from roofline.physics.workload import check, conv_work
from roofline.records import ConvShape, Layer, Prediction, Timing
from roofline.units import capacity

CALL = "library-call"
"""The anchor that says how many calls a second a library makes that have next to nothing to do."""

CALL_LAYER = Layer(
    name=CALL, shape=ConvShape(in_channels=8, height=1, width=1, out_channels=8, kernel=(1, 1))
)
# Tensors, their copies in the library's layout, and an im2col matrix fit this share of free memory.
_MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class LibraryOperators(Runner):
    """How a library runs layers on a calibrated machine.

    Attributes:
        subject: which.
        call_seconds: of a call with next to nothing to do; None where nobody measured one.

    """

    subject: Subject = field(kw_only=True)
    call_seconds: float | None = field(kw_only=True, default=None)

    @property
    def may_skip_operations(self) -> bool:
        """Always: what a library computes isn't ours to say."""
        return True

    @property
    def habit(self) -> library.Habit:
        """How the library lays out and copies."""
        return library.Habit(
            blocked=self.subject.layout != "NHWC",
            reorders=self.subject.reorders,
            mlas_kernels=self.subject.mlas_kernels,
            onednn_kernels=self.subject.onednn_kernels,
        )

    def structured(self, dtype: str) -> bool:
        """Whether the structure of its kernels, on these vectors, is known."""
        return library.is_structured(self.habit, lanes_of(self.vector, dtype))

    def recalled(self, timing: Timing) -> Prediction:
        """Return how long a timed layer should take.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """
        return self.predict(Layer(name=timing.name, shape=timing.shape))

    def predict(self, layer: Layer) -> Prediction:
        """Return how long a layer should take, nothing fitted.

        Raises:
            RooflineError: the calibration knows too little of this team or dtype.

        """
        shape, lanes = layer.shape, lanes_of(self.vector, layer.shape.dtype)
        kernel = library.inside(shape, lanes, self.habit)
        call = self.call_seconds
        made = predict(
            conv_work(shape),
            shape.dtype,
            self.calibration,
            self.threads,
            overhead_seconds=overhead(self.calibration, self.threads) if call is None else call,
            core_seconds=self._by_pick(library.core_seconds, shape, lanes),
            moving=Moving(inside=kernel),
        )
        copies = library.copied(shape, lanes, self.habit)
        traffic = library.copy_seconds(self.calibration, self.threads, copies, kernel)
        beside = self._by_pick(library.copying_seconds, shape, lanes) or {}
        seconds = {pick: max(traffic[pick], beside.get(pick, 0.0)) for pick in PICKS}
        return library.with_copies(made, seconds)

    def _by_pick(
        self, taken: Callable[..., float], shape: ConvShape, lanes: int
    ) -> Mapping[str, float] | None:
        """Return what some part of a call takes at the typical, best and worst rates."""

        def seconds(rates: Rates) -> float:
            return taken(shape, lanes, rates, self.threads, self.habit)

        return pressure.by_pick(self.calibration, self.threads, self.vector, shape.dtype, seconds)

    def check(self, layers: Sequence[Layer], memory_available: int) -> None:
        """Refuse, before anything is measured, what the library can't run.

        Raises:
            RooflineError: a shape is no convolution, the library has none in its dtype, or its
                tensors and their copies need more memory than there is.

        """
        for layer in layers:
            check_library_layer(layer, self.subject, memory_available)


def check_library_layer(layer: Layer, subject: Subject, memory_available: int) -> None:
    """Refuse a layer that a library can't run in so much memory.

    Raises:
        RooflineError: it is no convolution, the library has none in its dtype, or its tensors and
            their copies don't fit.

    """
    shape = check(layer.shape)
    if shape.dtype not in subject.dtypes:
        raise RooflineError(
            f"{subject.name} is measured in {' and '.join(subject.dtypes)}, not in {shape.dtype}: "
            f"leave {layer.name} ({shape.text}) out, or choose another subject."
        )
    needed = _memory(shape)
    if needed > _MEMORY_SHARE * memory_available:
        raise RooflineError(
            f"{layer.name} ({shape.text}) may need {capacity(needed)} of memory in a library and "
            f"{capacity(memory_available)} is free: choose a smaller shape."
        )


def _memory(shape: ConvShape) -> int:
    """Return the most that a call may hold: tensors twice, and a matrix of one image's taps."""
    work = conv_work(shape)
    taps = shape.kernel[0] * shape.kernel[1] * shape.in_channels
    matrix = taps * shape.out_height * shape.out_width if taps > shape.in_channels else 0
    item = work.bytes_touched.written // shape.outputs
    return 2 * work.traffic.total + matrix * item
