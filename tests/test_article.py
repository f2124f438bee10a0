"""The source article's claims, recomputed by this project's code from the article's machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from roofline.physics.roof import (
    Roof,
    achieved_roof,
    bound_by,
    clock_roof,
    efficiency,
    paper_roof,
    triad_ceiling,
)
from roofline.records import Calibration, Traffic, Work
from roofline.store.schema import loads
from tests.article_builder import article

GOLDEN = Path(__file__).parent / "golden" / "article-10980xe.json"
THREADS = 16


@pytest.fixture(scope="module")
def machine() -> Calibration:
    return loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def paper(machine: Calibration) -> Roof:
    roof = paper_roof(machine, THREADS)
    assert roof is not None
    return roof


@pytest.fixture(scope="module")
def achieved(machine: Calibration) -> Roof:
    roof = achieved_roof(machine, THREADS)
    assert roof is not None
    return roof


def conv(c_in: int, c_out: int, size: int, groups: int = 1, kernel: int = 3) -> Work:
    """Count a convolution with bias, stride 1, equal height and width in and out, by hand."""
    outputs = c_out * size * size
    flops = (2 * kernel * kernel * c_in // groups + 1) * outputs
    parameters = c_out * (c_in // groups) * kernel * kernel + c_out
    read = 4 * (c_in * size * size + parameters)
    traffic = Traffic(read=read, written=4 * outputs)
    return Work(flops=flops, bytes_compulsory=traffic, parameters=parameters)


DENSE_20 = conv(128, 128, 20)
DENSE_40 = conv(128, 128, 40)
GROUPED = conv(128, 128, 20, groups=8)
DEPTHWISE = conv(128, 128, 20, groups=128)
THIN_DEPTHWISE = conv(16, 16, 224, groups=16)
THIN_DENSE = conv(16, 16, 224)


def test_the_golden_record_is_the_article_s_machine(machine: Calibration) -> None:
    assert machine == article()


def test_paper_promises_4608_gflops_96_gbs_and_a_knee_at_48(paper: Roof) -> None:
    assert paper.compute == pytest.approx(4.608e12)
    assert paper.bandwidth == pytest.approx(96e9)
    assert paper.knee == pytest.approx(48)
    assert paper.basis == "spec"


def test_the_clock_leaves_296_of_it(machine: Calibration) -> None:
    """16 cores x 2.9 GHz x 64 is 2.9696: the article cuts it to 2.96, we round it to 2.97."""
    roof = clock_roof(machine, THREADS)
    assert roof is not None
    assert roof.compute == pytest.approx(2.9696e12)
    assert int(100 * roof.compute / 1e12) / 100 == 2.96


def test_measured_is_286_and_74_with_the_knee_moved_to_38_6(achieved: Roof) -> None:
    assert achieved.compute == pytest.approx(2.86e12)
    assert achieved.bandwidth == pytest.approx(74e9)
    assert achieved.knee == pytest.approx(38.6, abs=0.05)


def test_77_percent_of_the_bandwidth_is_reached(machine: Calibration) -> None:
    triad = triad_ceiling(machine, THREADS)
    assert triad is not None
    assert triad.theoretical is not None
    assert triad.typical / triad.theoretical.paper == pytest.approx(0.77, abs=0.005)


def test_the_depthwise_convolution_has_an_intensity_of_2_346() -> None:
    assert DEPTHWISE.intensity == pytest.approx(2.346, abs=0.0005)


def test_the_depthwise_convolution_reaches_4_9_percent_of_the_peak_on_paper(paper: Roof) -> None:
    assert DEPTHWISE.intensity is not None
    assert efficiency(paper, DEPTHWISE.intensity) == pytest.approx(0.049, abs=0.0005)


def test_two_of_the_four_convolutions_are_compute_bound(paper: Roof) -> None:
    sides = [bound_by(paper, w.intensity or 0.0) for w in (DENSE_20, DENSE_40, GROUPED, DEPTHWISE)]
    assert sides == ["compute", "compute", "memory", "memory"]


def test_a_hundredth_of_the_operations_still_takes_a_sixth_of_the_time(paper: Roof) -> None:
    """The article's 130 counts differently; the set of shapes that fits its facts gives 121."""
    assert DENSE_20.flops / DEPTHWISE.flops == pytest.approx(130, rel=0.08)
    seconds = [paper.seconds(work) for work in (DENSE_20, DEPTHWISE)]
    assert None not in seconds
    assert (seconds[0] or 0) / (seconds[1] or 1) == pytest.approx(6, rel=0.03)


def test_like_operations_differ_in_time_by_their_traffic(paper: Roof) -> None:
    assert THIN_DEPTHWISE.flops == pytest.approx(GROUPED.flops, rel=0.04)
    ratio = (paper.seconds(THIN_DEPTHWISE) or 0) / (paper.seconds(GROUPED) or 1)
    moved = THIN_DEPTHWISE.traffic.total / GROUPED.traffic.total
    assert ratio == pytest.approx(moved)
    assert ratio > 10


@pytest.mark.parametrize("channels", [4, 8, 16, 20])
def test_a_thin_depthwise_gains_nothing_over_a_dense_convolution(
    paper: Roof, channels: int
) -> None:
    dense = paper.seconds(conv(channels, channels, 224))
    depthwise = paper.seconds(conv(channels, channels, 224, groups=channels))
    assert dense == pytest.approx(depthwise, rel=0.005)


def test_from_22_channels_a_depthwise_convolution_does_gain(paper: Roof) -> None:
    dense, depthwise = conv(22, 22, 224), conv(22, 22, 224, groups=22)
    assert (paper.seconds(dense) or 0) > 1.02 * (paper.seconds(depthwise) or 1)


def test_the_v100_figure_mixes_two_cards_and_two_types(machine: Calibration) -> None:
    """173.6 is 125 TFLOP/s / 720 GB/s: a V100's half-precision tensor peak over a P100's HBM2.

    The article then applies it to FP32 bytes. With one card and one type, 15.7 TFLOP/s of FP32
    over 900 GB/s, the knee is 17.4 and three of the four are compute-bound, not one.
    """
    mixed = _card(machine, 125e12, 720e9)
    assert mixed.knee == pytest.approx(173.6, abs=0.05)
    four = (DENSE_20, DENSE_40, GROUPED, DEPTHWISE)
    sides = [bound_by(mixed, work.intensity or 0.0) for work in four]
    assert sides == ["memory", "compute", "memory", "memory"]
    honest = _card(machine, 15.7e12, 900e9)
    assert honest.knee == pytest.approx(17.4, abs=0.05)
    assert [bound_by(honest, work.intensity or 0.0) for work in four].count("compute") == 3


def _card(machine: Calibration, compute: float, bandwidth: float) -> Roof:
    papers = {"compute": compute, "bandwidth": bandwidth}
    ceilings = tuple(
        replace(c, theoretical=replace(c.theoretical, paper=papers[c.kind]))
        for c in machine.ceilings
        if c.theoretical
    )
    roof = paper_roof(replace(machine, ceilings=ceilings), THREADS)
    assert roof is not None
    return roof
