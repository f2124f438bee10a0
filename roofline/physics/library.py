"""What a library's convolution asks of a machine, by what every good one does and nothing fitted.

Vectors hold output channels of one group, or channels where each is a group of its own; lanes that
a group leaves empty are computed all the same, taps on padding are not. A tensor that a call copies
is read and written once more. Of two libraries the structure is known, too: of ONNX Runtime, which
copies what each tap reads into a matrix where channels fill no block (`mlas`), and of oneDNN where
channels come last (`onednn`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from roofline.physics import mlas, onednn
from roofline.physics.bandwidth import transfers
from roofline.physics.pace import LANES, Pace
from roofline.physics.pressure import Rates
from roofline.physics.roof import MEMORY, PICKS, Pick
from roofline.physics.tiling import lanewise
from roofline.physics.workload import ITEM_BYTES, conv_work
from roofline.records import Calibration, ConvShape, Prediction, Traffic

REORDERS = "reorders"
"""The term of a prediction that copies between layouts, or into a matrix, are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a library lays out and copies.

    Attributes:
        blocked: its kernels want channels in blocks of a vector; else they come last.
        reorders: tensors that each call copies into that layout, and back.
        mlas_kernels, onednn_kernels: they are those of MLAS, or oneDNN's for channels that come
            last, whose structure is known.

    """

    blocked: bool
    reorders: Collection[str] = ()
    mlas_kernels: bool = False
    onednn_kernels: bool = False


def is_structured(habit: Habit, lanes: int) -> bool:
    """Whether its kernels are told by how they are built, calls and all."""
    return habit.mlas_kernels or (habit.onednn_kernels and lanes == LANES)


def as_matrix(shape: ConvShape, lanes: int, habit: Habit) -> bool:
    """Whether a library multiplies a matrix, because channels don't fill its blocks."""
    return habit.mlas_kernels and mlas.as_matrix(shape, lanes)


def whole(count: int, lanes: int) -> int:
    """Return a count rounded up to whole vectors."""
    return -(-count // lanes) * lanes


def core_seconds(shape: ConvShape, lanes: int, rates: Rates, threads: int, habit: Habit) -> float:
    """Return the time of one call with all data in L1, shared out evenly; copies are no part of it.

    Where channels are lanes, every multiply-add loads an input of its own; else a register tile
    has many of them for each load.
    """
    pace = Pace(multiplies=rates.multiplies / rates.hertz, loads=rates.loads / rates.hertz)
    if habit.mlas_kernels:
        return mlas.computing(shape, lanes, pace) / rates.hertz / threads
    if is_structured(habit, lanes):
        return onednn.computing(shape, pace, threads) / rates.hertz / threads
    work = conv_work(shape)
    executed = (work.flops_executed or work.flops) - shape.outputs * shape.bias
    channels = shape.out_channels if lanewise(shape) else shape.group_out
    vectors = executed / 2 / lanes * whole(channels, lanes) / channels
    rate = min(rates.multiplies, rates.loads) if lanewise(shape) else rates.multiplies
    return vectors / rate / threads


def copying_seconds(
    shape: ConvShape, lanes: int, rates: Rates, threads: int, habit: Habit
) -> float:
    """Return what copies take in the core; a matrix stays near, and has no traffic."""
    if not habit.mlas_kernels:
        return 0.0
    reordered = mlas.reordering(copied(shape, lanes, habit).read // ITEM_BYTES[shape.dtype])
    return (mlas.moving(shape, lanes) + reordered) / rates.hertz / threads


def inside(shape: ConvShape, lanes: int, habit: Habit) -> Traffic:
    """Return what the kernel itself touches: in a blocked layout, whole vectors of channels.

    An input of fewer channels than a vector has is read as it lies.
    """
    touched, item = conv_work(shape).bytes_touched, ITEM_BYTES[shape.dtype]
    if not habit.blocked or as_matrix(shape, lanes, habit):
        return touched
    empty = whole(shape.in_channels, lanes) - shape.in_channels
    planes = shape.batch * shape.height * shape.width * item
    more = planes * empty if shape.in_channels >= lanes else 0
    written = touched.written * whole(shape.out_channels, lanes) // shape.out_channels
    return Traffic(read=touched.read + more, written=written)


def copied(shape: ConvShape, lanes: int, habit: Habit) -> Traffic:
    """Return what copies into another layout read and write; a matrix needs none."""
    work, item = conv_work(shape), ITEM_BYTES[shape.dtype]
    sizes = {
        "input": shape.batch * shape.in_channels * shape.height * shape.width * item,
        "weights": work.parameters * item,
        "output": work.bytes_touched.written,
    }
    if as_matrix(shape, lanes, habit):
        return Traffic(read=0, written=0)
    plain = shape.groups == 1 and shape.in_channels < lanes
    total = sum(sizes[name] for name in habit.reorders if not (plain and name == "input"))
    return Traffic(read=total, written=total)


def copy_seconds(
    calibration: Calibration, threads: int, copies: Traffic, kernel: Traffic
) -> Mapping[Pick, float]:
    """Return how long copies take, beside the tensors that the kernel touches.

    Args:
        calibration: its bandwidths are used.
        threads: size of the team.
        copies: all of them.
        kernel: what the kernel touches.

    """
    if not copies.total:
        return dict.fromkeys(PICKS, 0.0)
    near = transfers(calibration, threads, copies, kernel.total + copies.read)
    if near is None:
        return dict.fromkeys(PICKS, 0.0)
    if near[0] != MEMORY:
        return near[1]
    # What a curve still finds in a cache there, a kernel in between has driven out.
    far = transfers(calibration, threads, copies, 0, cold=True)
    return near[1] if far is None else far[1]


def with_copies(prediction: Prediction, seconds: Mapping[Pick, float]) -> Prediction:
    """Return a prediction whose rung d holds the copies, too; without that rung, as it is."""
    best = prediction.rungs.get("d")
    if best is None or not seconds["typical"]:
        return prediction
    total = best + seconds["typical"]
    return replace(
        prediction,
        rungs={**prediction.rungs, "d": total},
        seconds=total,
        low=min(total, prediction.low + min(seconds.values())),
        high=max(total, prediction.high + max(seconds.values())),
        terms={**prediction.terms, REORDERS: seconds["typical"]},
    )
