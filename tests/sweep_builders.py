"""Plausible sweeps for tests: each is valid as it stands and takes overrides by field name."""

from typing import Any

from roofline.records import (
    Anchor,
    Conditions,
    ConvShape,
    Finding,
    Rounds,
    Samples,
    Software,
    Sweep,
    Timing,
)
from tests.builders import figure, make_machine

CALIBRATION = "20261123T005959Z-0123456789ab.json"


def make_shape(**overrides: Any) -> ConvShape:
    """Build a padded 3x3 convolution of 64 channels."""
    facts: dict[str, Any] = {
        "in_channels": 64,
        "height": 56,
        "width": 56,
        "out_channels": 64,
        "kernel": (3, 3),
        "padding": (1, 1),
    }
    return ConvShape(**(facts | overrides))


def make_rounds(seconds: float, rounds: int = 6) -> Rounds:
    """Build one median a round, 1 % apart."""
    return tuple((figure(seconds * (1 + k / 100)),) for k in range(rounds))


def make_timing(**overrides: Any) -> Timing:
    """Build six rounds of `make_shape()`."""
    facts: dict[str, Any] = {
        "name": "layer1.0.conv1",
        "shape": make_shape(),
        "seconds": make_rounds(1.31e-3),
        "loops": (7,) * 6,
        "checked": True,
        "kernel_digest": "0123456789abcdef",
        "details": {"algorithm": "direct", "tile_rows": 6, "tile_columns": 4},
    }
    return Timing(**(facts | overrides))


def make_timings() -> tuple[Timing, ...]:
    """Build one layer of each class of convolution."""
    plain = {"padding": (0, 0), "kernel": (1, 1)}
    shapes = {
        "layer1.0.conv1": make_shape(),
        "layer1.0.conv3": make_shape(out_channels=256, **plain),
        "layer2.0.conv2": make_shape(in_channels=128, stride=(2, 2), out_channels=128, groups=32),
        "features.1.conv.0": make_shape(groups=64, height=112, width=112),
    }
    return tuple(make_timing(name=name, shape=shape) for name, shape in shapes.items())


def make_anchors() -> tuple[Anchor, ...]:
    """Build three visits to the FMA peak and to memory."""
    return (
        Anchor(ceiling="fma.float32.avx512", unit="FLOP/s", rates=(3.75e11, 3.77e11, 3.74e11)),
        Anchor(ceiling="read.DRAM", unit="B/s", rates=(2.63e10, 2.6e10, 2.65e10)),
    )


def make_sweep(**overrides: Any) -> Sweep:
    """Build a valid sweep of four layers on two cores of `make_machine()`."""
    facts: dict[str, Any] = {
        "machine": make_machine(),
        "node": "9f3ac2d1e4b56078",
        "software": Software(python="3.11.9", suite_version="0.1.0", numpy="2.1.0", numba="0.62.1"),
        "conditions": Conditions(affinity=(0, 2), load=0.1, steal_fraction=0.0),
        "calibration": CALIBRATION,
        "usable_cores": 2,
        "subject": "ours",
        "threads": 2,
        "timings": make_timings(),
        "anchors": make_anchors(),
        "started": "2026-11-23T02:00:00Z",
        "seconds_taken": 41.5,
    }
    return Sweep(**(facts | overrides))


def make_complete_sweep() -> Sweep:
    """Build a sweep that leaves no field of any of its records at its default."""
    unusual = make_shape(
        batch=2,
        in_channels=6,
        out_channels=4,
        kernel=(3, 5),
        stride=(2, 1),
        padding=(1, 2),
        dilation=(1, 2),
        groups=2,
        bias=True,
        dtype="float64",
    )
    details = {"algorithm": "im2col", "packed": False, "share.of.padding": 0.125, "tile": None}
    timing = make_timing(
        name="unusual",
        shape=unusual,
        seconds=((2.5e-5, 2.5125e-5), (2.61e-5,), (2.55e-5, 2.56e-5, 2.7e-5)),
        loops=(400, 400, 390),
        details=details,
    )
    bare = make_timing(name="bare", loops=(), checked=False, kernel_digest="", details={})
    return make_sweep(
        machine=make_machine(
            memory_channels=2,
            memory_transfers_per_second=2.933e9,
            boost_hertz=3.9e9,
            hypervisor="kvm",
            cpu_quota=1.5,
        ),
        software=Software(
            python="3.11.9",
            suite_version="0.2.0",
            numpy="2.1.0",
            numba="0.62.1",
            llvm="20.1.8",
            git_revision="0123abc",
            git_dirty=True,
            libraries={"onnxruntime": "1.20.0"},
        ),
        conditions=Conditions(
            affinity=(0, 2),
            load=0.13,
            steal_fraction=0.0012,
            involuntary_switches=17,
            migrations=1,
            page_faults=240,
            hertz=3e9,
            huge_pages="madvise",
            huge_page_fraction=0.97,
            environment={"OMP_NUM_THREADS": "2"},
        ),
        isa_cap="avx2",
        cache="cold",
        timings=(*make_timings(), timing, bare),
        findings=(
            Finding(
                severity="advice",
                what="Others used this machine meanwhile.",
                why_it_matters="Rounds differ by 12 %.",
                command="uptime",
            ),
        ),
        compile_seconds=12.5,
        samples=Samples(name="20261123T020000Z-0123456789ab.samples.json.gz", sha256="ab" * 32),
        supersedes="20261122T020000Z-ba9876543210.json",
    )
