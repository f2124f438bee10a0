"""Random convolutions from a stated domain: the same ones for the same seed, everywhere.

Only `random.Random.random` is asked, whose sequence for a seed Python promises to keep, and only
additions, multiplications, divisions and comparisons follow, which IEEE 754 rounds alike on every
platform: no logarithm or power, whose last bit depends on the C library.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from random import Random
from textwrap import fill
from typing import TypeVar

from roofline.errors import RooflineError
from roofline.physics.workload import ITEM_BYTES, check, conv_work
from roofline.records import CONV_CLASSES, ConvShape, Layer, Pair

MOST_DRAWN = 10_000
MOST_CHANNELS = 512
LARGEST_IMAGE = 224
LANES = 8
SQUARE_KERNELS: tuple[Pair, ...] = ((1, 1), (3, 3), (5, 5), (7, 7))
OTHER_KERNELS: tuple[Pair, ...] = ((1, 3), (3, 1), (3, 5), (5, 3), (1, 7), (7, 1))
BATCHES = (2, 3, 4, 8, 16)
LEAST_FLOPS, MOST_FLOPS = 20_000, 1_000_000_000
MOST_BYTES = 64_000_000

SHARE_OF_LANES = 0.5
SHARE_OTHER_IMAGE = 0.2
SHARE_OTHER_KERNEL = 0.2
SHARE_STRIDED = 0.3
SHARE_DILATED = 0.1
SHARE_BATCHED = 0.4
SHARE_SAME_OUT = 0.5
SHARE_BIAS = 0.5

DOMAIN = fill(
    f"Random convolutions: the classes {', '.join(CONV_CLASSES)} are equally likely; channels 1 to "
    f"{MOST_CHANNELS}, log-uniform, half of the drawn ones multiples of {LANES}, the others any, "
    f"odd ones too; height and width 1 to {LARGEST_IMAGE}, log-uniform, not square in "
    f"{SHARE_OTHER_IMAGE:.0%}; kernels (but pointwise ones) 1, 3, 5, 7, of two lengths (1x3 to "
    f"7x1) in {SHARE_OTHER_KERNEL:.0%}; stride 2 in {SHARE_STRIDED:.0%}, else 1; padding none, "
    f"'same' or between; dilation 2 in {SHARE_DILATED:.0%} of kernels beyond 1x1, else 1; batch "
    f"{', '.join(map(str, BATCHES))} in {SHARE_BATCHED:.0%}, else 1; 2 or more channels a group in "
    f"grouped ones, drawn before the number of groups; bias in {SHARE_BIAS:.0%}. Drawn again "
    f"within the class (so that shares shift a little): below {LEAST_FLOPS // 1000} kFLOP, above "
    f"{MOST_FLOPS // 10**9} GFLOP, above {MOST_BYTES // 10**6} MB in all tensors, or a kernel "
    "larger than the padded image.",
    width=96,
)

# The n-th step is 2 / (2n + 1), which is ln((n + 1) / n) to 4 % at n = 1 and 0.1 % from n = 9.
_LOG_STEPS = (0.0, *accumulate(2 / (2 * n + 1) for n in range(1, MOST_CHANNELS + 1)))
_Item = TypeVar("_Item")


def draw(count: int, seed: int, dtype: str = "float32") -> tuple[Layer, ...]:
    """Return `count` random layers; a longer draw of the same seed starts with the shorter one.

    Raises:
        RooflineError: the count is not in 1 to 10 000, the seed is negative, or the dtype is
            unknown.

    """
    if not 1 <= count <= MOST_DRAWN:
        raise RooflineError(f"cannot draw {count} shapes: choose from 1 to {MOST_DRAWN}.")
    if seed < 0:
        raise RooflineError(f"{seed} is no seed: choose a whole number from 0 on.")
    if dtype not in ITEM_BYTES:
        raise RooflineError(f"unknown dtype {dtype!r}: choose one of {', '.join(ITEM_BYTES)}.")
    shapes = islice(_shapes(Random(seed), dtype), count)
    return tuple(
        Layer(name=f"random-{seed}-{number:03d}", shape=shape)
        for number, shape in enumerate(shapes, 1)
    )


def _shapes(rng: Random, dtype: str) -> Iterator[ConvShape]:
    # The class is chosen once, whatever is drawn again, or cheap classes would crowd out others.
    while True:
        kind = _pick(rng, CONV_CLASSES)
        shape = _candidate(rng, kind, dtype)
        while not _accepted(shape, kind):
            shape = _candidate(rng, kind, dtype)
        yield check(shape)


def _accepted(shape: ConvShape, kind: str) -> bool:
    if shape.conv_class != kind or shape.out_height < 1 or shape.out_width < 1:
        return False
    work = conv_work(shape)
    return LEAST_FLOPS <= work.flops <= MOST_FLOPS and work.traffic.total <= MOST_BYTES


def _candidate(rng: Random, kind: str, dtype: str) -> ConvShape:
    group_in, group_out, groups = _split(rng, kind)
    height = _size(rng, 1, LARGEST_IMAGE)
    kernel = (1, 1) if kind == "pointwise" else _kernel(rng)
    dilation = 2 if _happens(rng, SHARE_DILATED) and kernel != (1, 1) else 1
    return ConvShape(
        batch=_pick(rng, BATCHES) if _happens(rng, SHARE_BATCHED) else 1,
        in_channels=groups * group_in,
        height=height,
        width=_size(rng, 1, LARGEST_IMAGE) if _happens(rng, SHARE_OTHER_IMAGE) else height,
        out_channels=groups * group_out,
        kernel=kernel,
        stride=(2, 2) if _happens(rng, SHARE_STRIDED) else (1, 1),
        padding=_padding(rng, kernel, dilation),
        dilation=(dilation, dilation),
        groups=groups,
        bias=_happens(rng, SHARE_BIAS),
        dtype=dtype,
    )


def _split(rng: Random, kind: str) -> tuple[int, int, int]:
    if kind in ("dense", "pointwise"):
        return _channels(rng, 1, MOST_CHANNELS), _channels(rng, 1, MOST_CHANNELS), 1
    group_in = 1 if kind == "depthwise" else _channels(rng, 2, MOST_CHANNELS // 2)
    groups = _channels(rng, 2, MOST_CHANNELS // group_in)
    if _happens(rng, SHARE_SAME_OUT):
        return group_in, group_in, groups
    return group_in, _channels(rng, 1, MOST_CHANNELS // groups), groups


def _kernel(rng: Random) -> Pair:
    return _pick(rng, OTHER_KERNELS if _happens(rng, SHARE_OTHER_KERNEL) else SQUARE_KERNELS)


def _padding(rng: Random, kernel: Pair, dilation: int) -> Pair:
    same = (dilation * (kernel[0] - 1) // 2, dilation * (kernel[1] - 1) // 2)
    between = (_pick(rng, range(same[0] + 1)), _pick(rng, range(same[1] + 1)))
    return _pick(rng, ((0, 0), same, between))


def _channels(rng: Random, low: int, high: int) -> int:
    if _happens(rng, SHARE_OF_LANES) and high >= LANES:
        return LANES * _size(rng, 1, high // LANES)
    return _size(rng, low, high)


def _size(rng: Random, low: int, high: int) -> int:
    start, end = _LOG_STEPS[low - 1], _LOG_STEPS[high]
    return min(high, bisect_right(_LOG_STEPS, start + rng.random() * (end - start)))


def _pick(rng: Random, items: Sequence[_Item]) -> _Item:
    return items[int(rng.random() * len(items))]


def _happens(rng: Random, share: float) -> bool:
    return rng.random() < share
