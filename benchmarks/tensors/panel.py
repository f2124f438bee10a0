"""The micro-kernel of matrix products: tiles of rows of A times one panel of B, straight into C.

A is read and C written where they lie; what lies between neighbouring rows is in the entry
(`benchmarks.tensors.words`), as all else is that isn't the register tile.
"""

from collections.abc import Callable
from typing import Any

from benchmarks.simd import ITEM_BYTES, Emitter, Value, kernel
from benchmarks.tensors import words

# Rows that an address in one register reaches by the scaled index of an instruction, and that in
# another lies that many rows further.
_REACHED = 3


def build(
    dtype: str, bits: int, fused: bool, rows: int, blocks: int, turn: int, held: bool = False
) -> Callable[[int], int]:
    """Make the kernel of a register tile of so many rows and vectors of columns.

    A turn of its loop takes `turn` elements of each row. Where `held` the compiler loads nothing
    ahead within a turn, for which registers may not do. It asks for nothing: what hardware fetches
    ahead is there in time, and lines asked for take the place of those in use.
    """

    def emit(builder: Any, entry: Value) -> None:
        e = Emitter(builder, dtype, bits)
        tile = _Tile(e, entry, rows, blocks, turn, fused=fused, held=held)
        first = [tile.word(one) for one in (words.A, words.INIT, words.C)]
        e.loop(tile.word(words.TILES), first, tile.run)

    return kernel(emit)


class _Tile:
    """One entry's tiles: what they read of it once, and what each does."""

    def __init__(
        self,
        e: Emitter,
        entry: Value,
        rows: int,
        blocks: int,
        turn: int,
        *,
        fused: bool,
        held: bool,
    ) -> None:
        self.e, self.entry = e, entry
        self.rows, self.blocks, self.turn, self.held = rows, blocks, turn, held
        self.multiply_add = e.fma if fused else e.multiply_add
        self.a_row = self.word(words.A_ROW)

    def word(self, index: int) -> Value:
        """Load a word of the entry."""
        return self.e.parameter(self.entry, index)

    def run(self, carried: list[Value]) -> list[Value]:
        """Do a tile; return where the next one's begin."""
        e, (a, init, c) = self.e, carried
        sums = [
            e.load(self._moved(init, self.word(words.INIT_ROW), j), offset, align=self._item)
            for j in range(self.rows)
            for offset in self._offsets
        ]
        bases = [self._moved(a, self.a_row, j) for j in range(0, self.rows, _REACHED)]
        ended = e.loop(
            self.word(words.DEEP),
            [self.word(words.B), *bases, *sums],
            self._products,
            as_written=True,
        )
        places = (self._moved(c, self.word(words.C_ROW), j) for j in range(self.rows))
        found = iter(ended[1 + len(bases) :])
        for place in places:
            for offset in self._offsets:
                e.store(next(found), place, offset, align=self._item)
        steps = (words.A_TILE, words.INIT_TILE, words.C_TILE)
        return [e.advance(at, self.word(step)) for at, step in zip(carried, steps, strict=True)]

    @property
    def _item(self) -> int:
        return ITEM_BYTES[self.e.dtype]

    @property
    def _offsets(self) -> range:
        """Where the vectors of a row begin."""
        return range(0, self.blocks * self.e.vector_bytes, self.e.vector_bytes)

    def _products(self, carried: list[Value]) -> list[Value]:
        """Do one turn of depth."""
        e, near = self.e, -(-self.rows // _REACHED)
        weights, bases, sums = carried[0], carried[1 : 1 + near], carried[1 + near :]
        places = [
            self._moved(bases[j // _REACHED], self.a_row, j % _REACHED) for j in range(self.rows)
        ]
        row = self.blocks * e.vector_bytes
        for u in range(self.turn):
            factors = [e.load(weights, u * row + offset) for offset in self._offsets]
            for j, place in enumerate(places):
                if self.held:
                    e.hold()
                value = e.broadcast(place, u * self._item)
                for n, factor in enumerate(factors, j * self.blocks):
                    sums[n] = self.multiply_add(value, factor, sums[n])
        after = [e.advance(base, self.turn * self._item) for base in bases]
        return [e.advance(weights, self.turn * row), *after, *sums]

    def _moved(self, address: Value, step: Value, times: int) -> Value:
        for _ in range(times):
            address = self.e.advance(address, step)
        return address
