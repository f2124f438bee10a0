"""The short notation of `ConvShape.text`, read back: "64x56x56 -> 64, 3x3 s2 p1 g4 b n2"."""

import re

from roofline.errors import RooflineError
from roofline.physics.workload import check
from roofline.records import ConvShape, Pair

# More digits than any size that `check` lets pass, few enough to be quoted in a sentence.
NUMBER = "[0-9]{1,9}"
_PAIR = re.compile(f"(-?{NUMBER})(?:x(-?{NUMBER}))?")
_SHAPE = re.compile(
    f"(?P<in_channels>{NUMBER})x(?P<height>{NUMBER})x(?P<width>{NUMBER})"
    f" -> (?P<out_channels>{NUMBER}), (?P<kernel>{NUMBER}x{NUMBER})"
    "(?: s(?P<stride>[0-9x]+))?(?: p(?P<padding>[0-9x]+))?(?: d(?P<dilation>[0-9x]+))?"
    f"(?: g(?P<groups>{NUMBER}))?(?P<bias> b)?(?: n(?P<batch>{NUMBER}))?(?P<double> f64)?"
)
_USUAL = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "batch": "1"}


def parse_shape(text: str) -> ConvShape:
    """Return the shape whose `text` this is.

    Raises:
        RooflineError: it is written otherwise, or is no convolution.

    """
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise _unreadable(text)
    told = {name: found for name, found in match.groupdict().items() if found is not None}
    words = _USUAL | told
    try:
        pairs = [pair(words[name]) for name in ("kernel", "stride", "padding", "dilation")]
    except ValueError as error:
        raise _unreadable(text) from error
    return check(
        ConvShape(
            batch=int(words["batch"]),
            in_channels=int(words["in_channels"]),
            height=int(words["height"]),
            width=int(words["width"]),
            out_channels=int(words["out_channels"]),
            kernel=pairs[0],
            stride=pairs[1],
            padding=pairs[2],
            dilation=pairs[3],
            groups=int(words["groups"]),
            bias="bias" in told,
            dtype="float64" if "double" in told else "float32",
        )
    )


def pair(text: str) -> Pair:
    """Return (3, 3) for "3" and (3, 5) for "3x5".

    Raises:
        ValueError: it is neither.

    """
    match = _PAIR.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]), int(match[2] or match[1])


def _unreadable(text: str) -> RooflineError:
    return RooflineError(
        f"{text[:60]!r} is no convolution: write it like '64x56x56 -> 64, 3x3 p1' (channels x "
        "height x width, output channels, kernel), then what isn't usual of s2 p1 d2 g4 b n16 f64."
    )
