"""What one kernel row of a tile reads: its inputs, what each is used for, where cache lines begin.

Where channels are lanes, a tile's inputs are loaded once for all taps. At the ends of a row some
of them lie outside of the image; those are left out, with the products that they would make.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

# Bytes of a cache line that is asked for before it is used, and of those asked for in one turn.
LINE = 64
ASKED = 4 * LINE


@dataclass(frozen=True, slots=True)
class Reach:
    """A tile's columns and taps in one kernel row; inputs are counted from its first column's tap.

    Attributes:
        columns: outputs side by side.
        taps: of the kernel row, that are taken at once.
        stride, dilation: along the row.
        before: inputs outside of the image, before the row begins.
        after: the same, behind its end.

    """

    columns: int
    taps: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    def uses(self) -> Mapping[int, list[tuple[int, int]]]:
        """Return, by input, which (output column, tap) multiply it; in order."""
        return _uses(self)

    @property
    def width(self) -> int:
        """From the first input to the last, as if none were outside."""
        return (self.columns - 1) * self.stride + (self.taps - 1) * self.dilation + 1

    @property
    def products(self) -> int:
        """Multiply-adds of whole vectors."""
        return sum(map(len, self.uses().values()))


# Layers, and the tiles of one layer, ask for the same ones again and again.
@functools.lru_cache(maxsize=4096)
def _uses(reach: Reach) -> Mapping[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {}
    for column in range(reach.columns):
        for tap in range(reach.taps):
            place = column * reach.stride + tap * reach.dilation
            if reach.before <= place < reach.width - reach.after:
                found.setdefault(place, []).append((column, tap))
    return dict(sorted(found.items()))


def lines_ahead(columns: int, column: int, *, between: bool = False) -> list[int]:
    """Return where the cache lines of a tile's inputs begin, so many bytes between columns.

    Broadcast kernels ask for those of the next tile: with `between`, for what a stride lies over,
    too, as taps read that.
    """
    if between and column > LINE:
        return list(range(0, columns * column, LINE))
    return sorted({j * column // LINE * LINE for j in range(columns)})
