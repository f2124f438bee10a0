"""One element-by-element operator ready to be timed: its tensors, its tables, its check."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.buffers import aligned
from benchmarks.conv.reference import agrees
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.team import Segment, Team
from benchmarks.tensors import words
from benchmarks.tensors.elementwise import UNROLL, recipe
from benchmarks.tensors.memory import Tensor, share, touch
from benchmarks.tensors.pieces import Piece, pieces
from roofline.physics.tensors import elementwise_shape
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Case, ElementwiseShape

Array = NDArray[Any]
# Threads' parts begin on a page of their own where tensors are large enough to have some.
_PAGE, _LINE = 4096, 64


@dataclass(frozen=True)
class Flat:
    """A case as its kernel sees it."""

    case: Case

    @property
    def shape(self) -> ElementwiseShape:
        """What is computed."""
        return elementwise_shape(self.case.parameters, self.case.dtype)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """How its kernel is made."""
        case = self.case
        made = recipe(
            self.shape.operation,
            case.dtype,
            case.bits,
            fused=case.parameters.get("fused") is not False,
            non_temporal=case.parameters.get("store") == "non-temporal",
        )
        return (made,)


def quantum(shape: ElementwiseShape, threads: int) -> int:
    """Return what threads' shares are multiples of, in elements: pages, or lines of small ones."""
    item = ITEM_BYTES[shape.dtype]
    paged = shape.elements * item >= 16 * threads * _PAGE
    return (_PAGE if paged else _LINE) // item


class Elementwise:
    """An element-by-element operator in memory just mapped, cut into one segment a thread."""

    def __init__(self, plan: Flat, team: Team, kernels: KernelCache) -> None:
        self.shape, self._case = plan.shape, plan.case
        self._kernel = kernels.get(plan.recipes[0])
        shape, threads = self.shape, plan.case.threads
        sizes = [shape.batch * c * shape.positions for c in shape.channels]
        if shape.operation == "add":
            sizes *= 2
        self.out = Tensor(shape.elements, shape.dtype)
        self.inputs = [Tensor(n, shape.dtype, index + 1) for index, n in enumerate(sizes)]
        step = quantum(shape, threads)
        touch(team, threads, [*self.inputs, self.out], step)
        lanes = plan.case.bits // (8 * ITEM_BYTES[shape.dtype])
        self.trained = self._train(lanes)
        parts = share(shape.elements, threads, step)
        own = [list(pieces(shape, part)) or [Piece(0, 0, 0, 0)] for part in parts]
        self._tables = [self._table(part, lanes) for part in own]
        self._blocks = [self._block(table) for table in self._tables]

    @property
    def digest(self) -> str:
        """Hash of the machine code that it runs."""
        return self._kernel.verdict.digest

    def programs(self, repeats: int) -> list[list[Segment]]:
        """Return each thread's program: so many calls.

        One thread makes them in one go, as kernels that measure a level's bandwidth do; what
        calling costs is an overhead of its own. A team's calls end when all its threads have ended.
        """
        if len(self._blocks) == 1:
            self._blocks[0][words.PASSES] = repeats
            return [[Segment(self._kernel, self._blocks[0], 1, keep=self)]]
        return [
            [Segment(self._kernel, block, repeats, joined=True, keep=self)]
            for block in self._blocks
        ]

    def reset(self) -> None:
        """Spoil the output."""
        self.out.flat[:] = np.nan

    def correct(self) -> bool:
        """Whether the whole output equals a float64 reference."""
        if self.shape.operation == "affine":
            whole = bool(np.isfinite(self.out.flat).all())
            return whole and agrees(self.out.flat, self._expected(), self.shape.dtype)
        # One addition, or none, rounds as NumPy's does.
        return bool(np.array_equal(self.out.flat, self._expected()))

    def _expected(self) -> Array:
        shape = self.shape
        planes = [x.flat.reshape(shape.batch, -1, shape.positions) for x in self.inputs]
        match shape.operation:
            case "add":
                return self.inputs[0].flat + self.inputs[1].flat
            case "relu":
                return np.maximum(self.inputs[0].flat, 0)
            case "concat":
                return np.concatenate(planes, axis=1).ravel()
        factors, summands = (self.trained[:, n, :1].astype(np.float64) for n in range(2))
        scaled: Array = planes[0] * factors + summands
        return scaled.ravel()

    def _train(self, lanes: int) -> Array:
        """Return (channels, factor and summand, lanes), what is trained in every lane."""
        count = self.shape.channels[0] if self.shape.operation == "affine" else 1
        values = np.random.default_rng(7).uniform(0.5, 2, (count, 2, 1))
        trained = aligned(count * 2 * lanes, self.shape.dtype).reshape(count, 2, lanes)
        trained[:] = values
        return trained

    def _table(self, own: list[Piece], lanes: int) -> NDArray[np.int64]:
        table = np.zeros((len(own), words.PIECE_WORDS), np.int64)
        for row, piece in zip(table, own, strict=True):
            row[: words.TAIL + 1] = self._words(piece, lanes)
        return table

    def _words(self, piece: Piece, lanes: int) -> tuple[int, ...]:
        item = ITEM_BYTES[self.shape.dtype]
        out = self.out.address + piece.out * item
        first = self.inputs[piece.part].address + piece.start * item
        second = self.trained[piece.channel].ctypes.data
        if self.shape.operation == "add":
            second = self.inputs[1].address + piece.start * item
        head = min(-out % (lanes * item) // item, piece.length)
        turns, left = divmod(piece.length - head, UNROLL * lanes)
        vectors, tail = divmod(left, lanes)
        return out, first, second, head, turns, vectors, tail

    def _block(self, table: NDArray[np.int64]) -> NDArray[np.int64]:
        block = np.zeros(words.BLOCK_WORDS, np.int64)
        block[words.PASSES] = 1
        block[words.PIECES] = len(table)
        block[words.TABLE] = table.ctypes.data
        beside = table[:, [words.HEAD, words.VECTORS, words.TAIL]]
        block[words.ALL_WHOLE] = not beside.any() and table[:, words.TURNS].all()
        return block
