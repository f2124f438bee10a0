"""Shapes to choose instead: all can be run, and each is what its words say."""

import pytest

from roofline.physics.alternatives import alternatives, full
from roofline.physics.workload import check, conv_work
from roofline.records import ConvShape
from roofline.shapes import default_sweep, draw, parse_shape


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_every_alternative_can_be_run_and_differs(lanes: int) -> None:
    for layer in (*default_sweep(), *draw(60, 3)):
        found = alternatives(layer.shape, lanes)
        assert found
        shapes = [one.shape for one in found]
        assert layer.shape not in shapes
        assert len({*shapes}) == len(shapes)
        for one in found:
            check(one.shape)
            assert one.what


@pytest.mark.parametrize(
    ("channels", "up", "down"),
    [(15, 16, 8), (16, 16, 16), (17, 32, 16), (9, 16, 8), (3, 4, 2), (8, 8, 8), (1, 1, 1)],
)
def test_full_vectors_of_sixteen(channels: int, up: int, down: int) -> None:
    assert full(channels, 16, up=True) == up
    assert full(channels, 16, up=False) == down


def of(text: str, words: str, lanes: int = 8) -> ConvShape:
    """Return the alternative whose words begin so."""
    return next(
        one.shape for one in alternatives(parse_shape(text), lanes) if one.what.startswith(words)
    )


def test_words_say_what_changes() -> None:
    wide = of("30x8x8 -> 60, 3x3 p1 g2", "16 instead of 15 input channels and 32 instead of 30")
    assert (wide.in_channels, wide.out_channels, wide.groups) == (32, 64, 2)
    assert of("60x8x8 -> 60, 3x3 p1 g60", "64 instead of 60 channels").groups == 64
    assert of("64x8x8 -> 64, 3x3 p1 g64", "groups of 8 input channels").groups == 8
    assert of("64x8x8 -> 64, 3x3 p1", "depthwise").groups == 64
    assert of("64x8x8 -> 64, 3x3 p1", "twice the batch").batch == 2


def test_an_image_keeps_its_channels() -> None:
    shape = parse_shape("3x32x32 -> 60, 3x3 p1")
    instead = [one.shape for one in alternatives(shape, 8) if "instead of" in one.what]
    assert {one.in_channels for one in instead} == {3}
    assert {one.out_channels for one in instead} == {56, 64}


def test_a_dense_layer_of_the_same_flops_has_about_the_same() -> None:
    for text in ("256x14x14 -> 256, 3x3 p1 g64", "128x28x28 -> 128, 3x3 p1 g128"):
        shape = parse_shape(text)
        dense = of(text, "dense, about the same FLOPs")
        assert dense.groups == 1
        assert conv_work(dense).flops / conv_work(shape).flops == pytest.approx(1, abs=0.2)
