"""Weights are asked for while those before them are in use."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.conv.entry import Call
from roofline.physics.reach import ASKED


def asking(calls: Sequence[Call], start: int, size: int) -> Iterator[Call]:
    """Yield calls whose tiles ask, each for its part, for so many bytes of weights used after them.

    Else the first tile that meets new weights waits for all of them, while memory has nothing to do
    during the others.
    """
    tiles, done = sum(call.tiles for call in calls if call.micro.blocks), 0
    for call in calls:
        if not call.micro.blocks:
            yield call
            continue
        each = size / tiles
        first, turns = start + int(done * each), max(1, math.ceil(each / ASKED))
        yield replace(call, ahead=first, ahead_tile=math.ceil(each), ahead_turns=turns)
        done += call.tiles
