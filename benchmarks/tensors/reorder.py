"""One change of layout ready to be timed: planes of channels (NCHW) to blocks (NCHWc), or back."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.buffers import PAGE, aligned
from benchmarks.conv import tables
from benchmarks.conv import words as conv_words
from benchmarks.conv.layout import Places
from benchmarks.conv.recipes import CALL
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.team import Segment, Team
from benchmarks.tensors import transpose, words
from benchmarks.tensors.memory import Tensor, touch
from roofline.physics.tensors import reorder_shape
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Case, ReorderShape

Words = NDArray[np.int64]


def dense(shape: ReorderShape) -> Places:
    """Return where channels lie that fill one block after the other."""
    block, lane = np.divmod(np.arange(shape.channels), shape.lanes)
    return Places(block, lane, shape.blocks, shape.lanes)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring positions of one block: their first, and how many."""

    image: int
    block: int
    start: int
    length: int


def runs(images: int, blocks: int, positions: int, thread: int, threads: int) -> Iterator[Run]:
    """Yield a thread's share of all positions of all blocks, cut between whole cache lines."""
    total = images * blocks * positions
    first, last = (_cut(total * n // threads, positions) for n in (thread, thread + 1))
    last = total if thread + 1 == threads else last
    for plane in range(first // positions, -(-last // positions)):
        start = max(first - plane * positions, 0)
        end = min(last - plane * positions, positions)
        if start < end:
            yield Run(*divmod(plane, blocks), start, end - start)


def _cut(place: int, positions: int) -> int:
    """Return a place in a plane that isn't in the middle of a line, no further than this one."""
    plane, position = divmod(place, positions)
    line = 64 // min(ITEM_BYTES.values())
    return plane * positions + position // line * line


class Change:
    """The tables of one change of layout between tensors that lie in memory.

    Args:
        places: where channels lie in blocks.
        images: of the batch.
        positions: of a plane.
        blocked: whether into blocks; else out of them.
        dtype: "float32" or "float64".

    """

    def __init__(
        self, places: Places, images: int, positions: int, *, blocked: bool, dtype: str
    ) -> None:
        self.places, self.images, self.positions = places, images, positions
        self.blocked, self.dtype, self.item = blocked, dtype, ITEM_BYTES[dtype]
        self._masks = self._masked()
        self._planes = np.zeros((images, places.blocks, places.lanes), np.int64)

    @property
    def recipe(self) -> Recipe:
        """How its kernel is made."""
        return transpose.recipe(self.dtype, 8 * self.item * self.places.lanes, blocked=self.blocked)

    def table(self, kernel: int, planes: int, packed: int, thread: int, threads: int) -> Words:
        """Return a thread's entries; they name memory that this object owns.

        Args:
            kernel: address of the code.
            planes: address of the tensor whose channels lie in planes.
            packed: address of the tensor whose channels lie in blocks.
            thread: whose.
            threads: of the team.

        """
        places = self.places
        self._planes[:] = self._addresses(planes)
        found = list(runs(self.images, places.blocks, self.positions, thread, threads))
        table = np.zeros((len(found), conv_words.ENTRY_WORDS), np.int64)
        for row, run in zip(table, found, strict=True):
            before = (run.image * places.blocks + run.block) * self.positions + run.start
            whole, single = divmod(run.length, places.lanes)
            row[words.KERNEL] = kernel
            row[words.PACKED] = packed + before * places.lanes * self.item
            row[words.PLANE] = run.start * self.item
            row[words.PLANES] = self._planes[run.image, run.block].ctypes.data
            row[words.MASK] = self._masks[run.block].ctypes.data
            row[words.WHOLE], row[words.SINGLE] = whole, single
        return table

    def _addresses(self, planes: int) -> Words:
        """Return where each lane's channel lies; that of the first lane stands for those without.

        A kernel masks what it read there, or writes there before the first lane's own.
        """
        places = self.places
        channel = np.full((places.blocks, places.lanes), -1, np.int64)
        channel[places.block, places.lane] = np.arange(places.block.size)
        channel = np.where(channel < 0, channel[:, :1], channel)
        image = np.arange(self.images)[:, None, None] * places.block.size
        return np.asarray(planes + (image + channel) * self.positions * self.item)

    def _masked(self) -> NDArray[Any]:
        unused = self.places.unused
        masks = aligned(unused.size, "int32" if self.item == 4 else "int64").reshape(unused.shape)
        masks[~unused] = -1
        return masks


@dataclass(frozen=True)
class Plan:
    """A case as its kernel sees it."""

    case: Case

    @cached_property
    def shape(self) -> ReorderShape:
        """What is copied."""
        return reorder_shape(self.case.parameters, self.case.dtype)

    @cached_property
    def change(self) -> Change:
        """How."""
        shape = self.shape
        return Change(
            dense(shape), shape.batch, shape.positions, blocked=shape.blocked, dtype=shape.dtype
        )

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """How each kernel is made."""
        return (self.change.recipe, CALL)


class Reorder:
    """A change of layout in memory just mapped, cut into one segment a thread."""

    def __init__(self, plan: Plan, team: Team, kernels: KernelCache) -> None:
        self.shape, self.change = plan.shape, plan.change
        self._call, self._kernel = kernels.get(CALL), kernels.get(self.change.recipe)
        shape, threads = self.shape, plan.case.threads
        each = shape.batch * shape.positions
        self.planes = Tensor(each * shape.channels, shape.dtype)
        self.packed = Tensor(each * shape.blocks * shape.lanes, shape.dtype, 1)
        touch(team, threads, [self.planes, self.packed], PAGE // ITEM_BYTES[shape.dtype])
        where = self._kernel.address, self.planes.address, self.packed.address
        self._tables = [self.change.table(*where, n, threads) for n in range(threads)]
        self._shared = np.zeros(conv_words.SHARED_WORDS, np.int64)
        self._places = np.zeros((1, conv_words.BASES), np.int64)
        self._blocks = [tables.call_block(t, self._shared, self._places) for t in self._tables]

    @property
    def digest(self) -> str:
        """Hash of the machine code that it runs."""
        return self._kernel.verdict.digest

    @property
    def out(self) -> Tensor:
        """What is written."""
        return self.packed if self.shape.blocked else self.planes

    def programs(self, repeats: int) -> list[list[Segment]]:
        """Return each thread's program: so many calls, each ended by the whole team."""
        return [
            [Segment(self._call, block, repeats, joined=True, keep=self)] for block in self._blocks
        ]

    def reset(self) -> None:
        """Spoil the output."""
        self.out.flat[:] = np.nan

    def correct(self) -> bool:
        """Whether the whole output is what NumPy makes of the input, bit by bit."""
        shape = self.shape
        planes = self.planes.flat.reshape(shape.batch, shape.channels, 1, shape.positions)
        blocks = shape.batch, shape.blocks, 1, shape.positions, shape.lanes
        packed, places = self.packed.flat.reshape(blocks), self.change.places
        if shape.blocked:
            return bool(np.array_equal(packed, places.pack(planes)))
        return bool(np.array_equal(planes, places.unpack(packed)))
