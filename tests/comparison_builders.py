"""Comparisons made by hand: plausible times for real layers, deterministic and never measured."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from roofline.physics.judge import judge, rung_errors, summary, tightness
from roofline.physics.workload import conv_work
from roofline.records import (
    Bound,
    Comparison,
    ConvShape,
    Layer,
    Measured,
    Prediction,
    Report,
)

PEAK = 228e9
DRAM = 42.5e9
L2 = 204e9


def shape(channels: int = 64, size: int = 28, groups: int = 1, **more: Any) -> ConvShape:
    """Build a 3x3 convolution that keeps its input's size."""
    plain: dict[str, Any] = {"kernel": (3, 3), "padding": (1, 1), "out_channels": channels}
    return ConvShape(in_channels=channels, height=size, width=size, groups=groups, **(plain | more))


def predicted(
    one: ConvShape, seconds: float | None = None, rungs: dict[str, float | None] | None = None
) -> Prediction:
    """Build a prediction; `seconds` is its best guess, rungs a to d by hand unless given."""
    work = conv_work(one)
    paper = max(work.flops / (1.04 * PEAK), work.traffic.total / 461e9)
    roof = max(work.flops / PEAK, work.traffic.total / DRAM)
    warm = max(work.flops / PEAK, work.traffic.total / L2) + 0.6e-6
    # Few channels a group leave most lanes of a vector empty.
    best = seconds if seconds is not None else warm * (1.1 + 6 / one.group_in**0.8)
    plain: dict[str, float | None] = {"a": paper, "b": roof, "c": warm, "d": best}
    return Prediction(
        work=work,
        rungs=plain if rungs is None else rungs,
        seconds=best,
        low=best * 0.95,
        high=best * 1.1,
        terms={"compute": best},
    )


def bound(one: ConvShape) -> Bound:
    """Build the bound of warm data: the peak, or the second-level cache."""
    work = conv_work(one)
    compute, memory = work.flops / (1.03 * PEAK), work.traffic.total / (1.5 * L2)
    if compute >= memory:
        return Bound(seconds=compute, bound_by="compute")
    return Bound(seconds=memory, bound_by="L2 read")


def timed(seconds: float) -> Measured:
    """Build a time whose rounds lay 3 % either side."""
    return Measured(seconds=seconds, low=seconds * 0.97, high=seconds * 1.03)


def row(
    name: str = "layer", one: ConvShape | None = None, ratio: float | None = 1.0, **more: Any
) -> Comparison:
    """Build a layer that took `ratio` times what was predicted; None when it wasn't measured."""
    one = one or shape()
    prediction = more.pop("prediction", None) or predicted(one)
    seen = None if ratio is None else timed(prediction.seconds * ratio)
    seen = more.pop("measured", seen)
    limit = more.pop("bound", None) or bound(one)
    return judge(Layer(name=name, shape=one), prediction, limit, seen, **more)


def report(rows: Sequence[Comparison], **more: Any) -> Report:
    """Build the report of those rows."""
    plain: dict[str, Any] = {
        "machine": "amd-zen5-2c-0123abcd",
        "node": "n-0123456789ab",
        "calibration": "20260102T030405Z-0123456789ab.json",
        "subject": "ours",
        "threads": 2,
        "cache": "warm",
        "drift": {"fma-float32-512": 0.987, "l2-read": 1.012, "dram-read": 0.871},
        "rows": tuple(rows),
        "summary": summary(rows),
        "rung_errors": rung_errors(rows),
        "tightness": tightness(rows),
        "noise_floor": 0.021,
    }
    return Report(**(plain | more))


def wobble(index: int, width: float = 0.2) -> float:
    """Return a ratio around 1 that looks like an error of prediction."""
    return math.exp(width * (math.sin(12.9898 * index) + 0.6 * math.sin(4.1 * index * index)))


def many(layers: Sequence[Layer], width: float = 0.2) -> Report:
    """Build a whole report from a list of layers, each off by its own `wobble`."""
    rows = [row(each.name, each.shape, wobble(i, width)) for i, each in enumerate(layers)]
    if len(rows) > 3:
        rows[3] = replace(rows[3], measured=None, ratio=None, verdict=None)
    return report(rows)
