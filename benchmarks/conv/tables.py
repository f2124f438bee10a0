"""A schedule as the tables that compiled code walks: one list of entries a thread."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.conv import words
from benchmarks.conv.entry import Call, Micro, Unit
from benchmarks.conv.layout import Layout
from roofline.physics.flat import flattened
from roofline.physics.owners import owners
from roofline.physics.tiling import planar, unroll

Words = NDArray[np.int64]


def share(units: Sequence[Unit], threads: int) -> list[list[Call]]:
    """Split units among threads in their order, by cost."""
    parts: list[list[Call]] = [[] for _ in range(threads)]
    for unit, thread in zip(units, owners([unit.cost for unit in units], threads), strict=True):
        parts[thread].extend(unit.calls)
    return parts


def entries(calls: Sequence[Call], address: Callable[[Micro], int], shared: Words) -> Words:
    """Return the calls as a table (calls, ENTRY_WORDS)."""
    table = np.zeros((len(calls), words.ENTRY_WORDS), np.int64)
    addresses = {micro: address(micro) for micro in {call.micro for call in calls}}
    for row, call in zip(table, calls, strict=True):
        row[:] = (
            addresses[call.micro],
            shared.ctypes.data,
            call.x,
            call.weights,
            call.out,
            call.init,
            call.accumulate,
            call.tiles,
            call.x_tile,
            call.out_tile,
            call.channel_blocks,
            call.weights_block,
            call.rows,
            call.weights_row,
            call.taps,
            call.channels,
            call.ahead,
            call.ahead_tile,
            call.ahead_turns,
            call.first,
            call.rest,
            call.planes,
            call.skipped,
        )
    return table


def shared_words(layout: Layout) -> Words:
    """Return what all entries share; the bases are written at each call."""
    shape, item = layout.shape, layout.item
    places, lanes = layout.inputs, layout.tiling.lanes
    plane = shape.height * shape.width * places.lanes * item
    out_plane = shape.out_height * shape.out_width * layout.outputs.lanes * item
    block = np.zeros(words.SHARED_WORDS, np.int64)
    block[words.X_BLOCK] = plane
    block[words.X_ROW] = shape.dilation[0] * shape.width * places.lanes * item
    block[words.X_TAP] = shape.dilation[1] * places.lanes * item
    if layout.tiling.strategy in ("broadcast", "positions"):
        block[words.X_CHANNEL] = plane if planar(shape, lanes) else unroll(layout.tiling) * item
    block[words.OUT_BLOCK] = out_plane
    block[words.X_WIDTH] = flattened(shape).width
    block[words.DILATION] = shape.dilation[1]
    block[words.WEIGHTS_CHANNEL] = shape.kernel[1] * lanes * item
    return block


def call_block(table: Words, shared: Words, places: Words) -> Words:
    """Return the block of a whole call; `places` is (copies, BASES), kept by the caller."""
    block = np.zeros(words.CALL_WORDS, np.int64)
    block[words.ENTRIES] = table.ctypes.data
    block[words.COUNT] = len(table)
    block[words.TARGET] = shared.ctypes.data
    block[words.COPIES] = len(places)
    block[words.PLACES] = places.ctypes.data
    return block
