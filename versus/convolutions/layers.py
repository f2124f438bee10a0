"""Which convolutions are compared: those of ResNet-50 with how often it has each, or drawn ones."""

from dataclasses import dataclass

from roofline.errors import RooflineError
from roofline.records import Layer
from roofline.shapes import draw, parse_shape

# Batch 1, as torchvision has it: the stride is in the 3x3. Times, then the shape.
_RESNET50 = """
1 3x224x224 -> 64, 7x7 s2 p3
1 64x56x56 -> 64, 1x1
3 64x56x56 -> 64, 3x3 p1
4 64x56x56 -> 256, 1x1
2 256x56x56 -> 64, 1x1
1 256x56x56 -> 128, 1x1
1 128x56x56 -> 128, 3x3 s2 p1
4 128x28x28 -> 512, 1x1
1 256x56x56 -> 512, 1x1 s2
3 512x28x28 -> 128, 1x1
3 128x28x28 -> 128, 3x3 p1
1 512x28x28 -> 256, 1x1
1 256x28x28 -> 256, 3x3 s2 p1
6 256x14x14 -> 1024, 1x1
1 512x28x28 -> 1024, 1x1 s2
5 1024x14x14 -> 256, 1x1
5 256x14x14 -> 256, 3x3 p1
1 1024x14x14 -> 512, 1x1
1 512x14x14 -> 512, 3x3 s2 p1
3 512x7x7 -> 2048, 1x1
1 1024x14x14 -> 2048, 1x1 s2
2 2048x7x7 -> 512, 1x1
2 512x7x7 -> 512, 3x3 p1
"""


@dataclass(frozen=True, slots=True)
class Item:
    """A layer, and how often the network has it."""

    layer: Layer
    times: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of layers under a title; `network` when their times add up to something."""

    title: str
    items: tuple[Item, ...]
    network: bool


def resnet50() -> Listed:
    """Return the distinct shapes of ResNet-50's 53 convolutions."""
    rows = [line.split(maxsplit=1) for line in _RESNET50.splitlines() if line]
    items = tuple(Item(Layer(name=text, shape=parse_shape(text)), int(n)) for n, text in rows)
    return Listed("ResNet-50", items, network=True)


def drawn(count: int, seed: int) -> Listed:
    """Return so many random layers of the stated domain.

    Raises:
        RooflineError: the count or the seed is out of range.

    """
    return Listed(
        f"{count} random shapes, seed {seed}",
        tuple(Item(layer) for layer in draw(count, seed)),
        network=False,
    )


def chosen(random: int | None, seed: int | None) -> Listed:
    """Return the list that was asked for.

    Raises:
        RooflineError: a seed without a draw, or one of them is out of range.

    """
    if random is None:
        if seed is not None:
            raise RooflineError("--seed belongs to --random N: give both.")
        return resnet50()
    return drawn(random, 1 if seed is None else seed)
