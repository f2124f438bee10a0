"""The default sweep: 63 layers of known networks, and series in which one thing changes."""

from functools import cache

from roofline.records import Layer
from roofline.shapes.notation import parse_shape

_NETWORKS = """
resnet50-conv1-7x7-s2         3x224x224 -> 64, 7x7 s2 p3
resnet50-conv2-1x1-reduce     64x56x56 -> 64, 1x1
resnet50-conv2-3x3            64x56x56 -> 64, 3x3 p1
resnet50-conv2-1x1-expand     64x56x56 -> 256, 1x1
resnet50-conv3-3x3-s2         128x56x56 -> 128, 3x3 s2 p1
resnet50-conv3-1x1-s2         256x56x56 -> 512, 1x1 s2
resnet50-conv3-3x3            128x28x28 -> 128, 3x3 p1
resnet50-conv3-1x1-expand     128x28x28 -> 512, 1x1
resnet50-conv4-1x1-reduce     1024x14x14 -> 256, 1x1
resnet50-conv4-3x3            256x14x14 -> 256, 3x3 p1
resnet50-conv5-3x3            512x7x7 -> 512, 3x3 p1
resnet50-conv5-1x1-reduce     2048x7x7 -> 512, 1x1

mobilenet1-conv1-3x3-s2       3x224x224 -> 32, 3x3 s2 p1 b
mobilenet1-112-depthwise      32x112x112 -> 32, 3x3 p1 g32 b
mobilenet1-112-pointwise      32x112x112 -> 64, 1x1 b
mobilenet1-56-depthwise-s2    128x56x56 -> 128, 3x3 s2 p1 g128 b
mobilenet1-28-pointwise       128x28x28 -> 256, 1x1 b
mobilenet1-14-depthwise       512x14x14 -> 512, 3x3 p1 g512 b
mobilenet1-14-pointwise       512x14x14 -> 512, 1x1 b

mobilenet2-112-expand         16x112x112 -> 96, 1x1
mobilenet2-112-depthwise-s2   96x112x112 -> 96, 3x3 s2 p1 g96
mobilenet2-56-project         96x56x56 -> 24, 1x1
mobilenet2-7-depthwise        960x7x7 -> 960, 3x3 p1 g960

shufflenet-g3-28-reduce       240x28x28 -> 60, 1x1 g3
shufflenet-g3-28-depthwise    60x28x28 -> 60, 3x3 p1 g60
shufflenet-g3-28-expand       60x28x28 -> 240, 1x1 g3
shufflenet-g8-14-reduce       768x14x14 -> 192, 1x1 g8

efficientnet-28-5x5-depthwise 240x28x28 -> 240, 5x5 p2 g240
inception3-35-5x5             48x35x35 -> 64, 5x5 p2
inception3-17-1x7             192x17x17 -> 192, 1x7 p0x3
deeplab-28-3x3-dilated        128x28x28 -> 128, 3x3 p2 d2
"""

# Equal shapes, dense beside depthwise: what splitting a convolution gains in time.
_PAIRS = """
pair-56-dense                 64x56x56 -> 64, 3x3 p1 b
pair-56-depthwise             64x56x56 -> 64, 3x3 p1 g64 b
pair-28-dense                 128x28x28 -> 128, 3x3 p1 b
pair-28-depthwise             128x28x28 -> 128, 3x3 p1 g128 b
pair-14-dense                 256x14x14 -> 256, 3x3 p1 b
pair-14-depthwise             256x14x14 -> 256, 3x3 p1 g256 b
"""

_BATCHES = """
batch4-56-3x3                 64x56x56 -> 64, 3x3 p1 n4
batch16-14-3x3                256x14x14 -> 256, 3x3 p1 n16
batch16-28-depthwise          128x28x28 -> 128, 3x3 p1 g128 n16
"""

# One set that fits what the article says of its operators; its own table is lost. It calls the
# depthwise one of 20x20 (2.346 FLOP/byte) OP4.
_ARTICLE = """
article-op1                   128x20x20 -> 128, 3x3 p1 b
article-op2                   128x40x40 -> 128, 3x3 p1 b
article-op3                   128x20x20 -> 128, 3x3 p1 g8 b
article-op4                   128x20x20 -> 128, 3x3 p1 g128 b
article-op5                   16x224x224 -> 16, 3x3 p1 g16 b
article-op6                   16x224x224 -> 16, 3x3 p1 b
"""

# From dense to depthwise in doublings: channels, image, most doublings.
_GROUPS = ((128, 56, 7), (256, 28, 8))


@cache
def default_sweep() -> tuple[Layer, ...]:
    """Return the layers that are measured when nobody names others."""
    lines = (_NETWORKS + _PAIRS + _BATCHES + _ARTICLE).splitlines() + _group_series()
    rows = [line.split(maxsplit=1) for line in lines if line]
    return tuple(Layer(name=name, shape=parse_shape(text)) for name, text in rows)


def _group_series() -> list[str]:
    series = []
    for channels, size, doublings in _GROUPS:
        for groups in (1 << n for n in range(doublings + 1)):
            split = f" g{groups}" if groups > 1 else ""
            row = f"{channels}x{size}x{size} -> {channels}, 3x3 p1{split}"
            series.append(f"groups-{channels}-g{groups} {row}")
    return series
