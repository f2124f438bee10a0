"""One matrix product ready to be timed: its memory, its tables, its check."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.assembly import Expectation, registers
from benchmarks.conv import tables
from benchmarks.conv import words as conv_words
from benchmarks.conv.entry import Call, Micro
from benchmarks.conv.recipes import CALL
from benchmarks.conv.reference import agrees
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.mnemonics import add, fused_multiply_add
from benchmarks.team import MEETING, Segment, Team
from benchmarks.tensors import move, words
from benchmarks.tensors.gemm import Move, Product, Step
from benchmarks.tensors.memory import Tensor, touch
from roofline.physics.blocking import from_parameters
from roofline.physics.tensors import gemm_shape
from roofline.physics.workload import ITEM_BYTES
from roofline.records import Case

Array = NDArray[Any]
Words = NDArray[np.int64]
# Rows that are compared, and multiply-adds of the reference that choose how many columns.
_ROWS, _BUDGET = 24, 1 << 26
_PAGE = 4096


@dataclass(frozen=True)
class Plan:
    """A case as its kernels see it: the product, and each thread's steps."""

    case: Case

    @cached_property
    def product(self) -> Product:
        """What is computed, and how it is cut."""
        case = self.case
        shape = gemm_shape(case.parameters, case.dtype)
        lanes = case.bits // (8 * ITEM_BYTES[case.dtype])
        return Product(shape, from_parameters(lanes, case.parameters))

    @cached_property
    def parts(self) -> tuple[tuple[Step, ...], ...]:
        """Each thread's steps."""
        return tuple(tuple(self.product.steps(index)) for index in range(self.case.threads))

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """How each kernel is made."""
        steps = [step for part in self.parts for step in part]
        micros = {step.micro for step in steps if isinstance(step, Call)}
        moves = {(step.elements, step.count) for step in steps if isinstance(step, Move)}
        made = [self.micro_recipe(micro) for micro in micros]
        return (*made, *(self.move_recipe(*one) for one in moves), MEETING, CALL)

    def micro_recipe(self, micro: Micro) -> Recipe:
        """Return the recipe of a register tile: a convolution's, its inputs in panels."""
        case, turn = self.case, self.product.cut.turn
        fused = case.parameters.get("fused") is not False
        name = fused_multiply_add(case.dtype) if fused else add(case.dtype)
        count = turn * micro.columns * micro.blocks
        wanted = Expectation(instruction=name, register=registers(case.bits), count=count)
        arguments = (
            ("dtype", case.dtype),
            ("bits", case.bits),
            ("fused", fused),
            ("columns", micro.columns),
            ("blocks", micro.blocks),
            ("stride", turn),
            ("unroll", turn),
        )
        return Recipe("benchmarks.conv.micro", "build_broadcast", arguments, (wanted,))

    def move_recipe(self, elements: int, count: int) -> Recipe:
        """Return the recipe of a copy of runs of so many elements."""
        return move.recipe(self.case.dtype, 8 * elements * self.product.item, count)


class Matrices:
    """A, B, C, and the panels that they are packed in, each touched by who will use it."""

    def __init__(self, product: Product, team: Team, threads: int) -> None:
        self.product = product
        shape, dtype = product.shape, product.shape.dtype
        padded = product.direct
        a_size = product.depth if padded else shape.rows * shape.depth
        c_size = product.columns if padded else shape.rows * shape.columns
        self.a = Tensor(a_size, dtype)
        self.b = Tensor(shape.depth * shape.columns, dtype, 1)
        self.c = Tensor(c_size, dtype, 2)
        self.weights = Tensor(product.weights, dtype, 3)
        self.out = self.c if padded else Tensor(shape.rows * product.columns, dtype, 1)
        rows = list(team.each(threads, lambda _index: self._panels()))
        self.rows: list[Tensor] = rows
        item = product.item
        touch(team, threads, [self.a, self.b, self.c, self.weights, self.out], _PAGE // item)
        if padded:
            self.a.flat[shape.depth :] = 0
        self.weights.flat[:] = 0
        self.bias = self._trained()

    def address(self, name: str, thread: int) -> int:
        """Return where a tensor begins: a thread's own, of packed A."""
        tensor: Tensor = self.rows[thread] if name == "rows" else getattr(self, name)
        return tensor.address

    def natural(self, name: str) -> Array:
        """Return A, B or C as a matrix."""
        shape = self.product.shape
        rows, columns = {
            "a": (shape.rows, shape.depth),
            "b": (shape.depth, shape.columns),
            "c": (shape.rows, shape.columns),
        }[name]
        flat: Array = getattr(self, name).flat
        return flat[: rows * columns].reshape(rows, columns)

    def _panels(self) -> Tensor:
        size = 0 if self.product.direct else self.product.block
        tensor = Tensor(max(1, size), self.product.shape.dtype)
        tensor.flat[:] = 0
        return tensor

    def _trained(self) -> Array:
        """Draw the bias, and pack what is packed beforehand."""
        product, shape = self.product, self.product.shape
        bias = np.zeros(shape.columns, shape.dtype)
        if shape.bias:
            bias[:] = np.random.default_rng(7).standard_normal(shape.columns)
        flat = self.weights.flat
        flat[product.columns * product.depth :][: shape.columns] = bias
        if shape.packed:
            natural, lanes = self.natural("b"), product.cut.lanes
            for first, count in product.panels:
                start, width = first * lanes, min(count * lanes, shape.columns - first * lanes)
                place = flat[start * product.depth :][: product.depth * count * lanes]
                panel = place.reshape(product.depth, count * lanes)
                panel[: shape.depth, :width] = natural[:, start : start + width]
        return bias


class Gemm:
    """A matrix product in memory just mapped, cut into one segment a thread."""

    def __init__(self, plan: Plan, team: Team, kernels: KernelCache) -> None:
        self._plan, self._kernels = plan, kernels
        self.shape = plan.product.shape
        self.matrices = Matrices(plan.product, team, plan.case.threads)
        self._call = kernels.get(CALL)
        self._meeting = team.meeting(plan.case.threads)
        threads = range(plan.case.threads)
        self._shared = [self._shared_words() for _ in threads]
        self._bases = [self._base(index) for index in threads]
        self._tables = [self._table(index) for index in threads]
        self._blocks = [
            tables.call_block(self._tables[i], self._shared[i], self._bases[i]) for i in threads
        ]

    @property
    def digest(self) -> str:
        """Hash of all the machine code that it runs."""
        made = [self._kernels.get(recipe).verdict.digest for recipe in self._plan.recipes]
        return hashlib.sha256(" ".join(sorted(made)).encode()).hexdigest()[:12]

    def programs(self, repeats: int) -> list[list[Segment]]:
        """Return each thread's program: so many calls, each ended by the whole team."""
        return [
            [Segment(self._call, block, repeats, joined=True, keep=self)] for block in self._blocks
        ]

    def reset(self) -> None:
        """Spoil the output."""
        self.matrices.c.flat[:] = np.nan

    def correct(self) -> bool:
        """Whether C is whole, and right in some rows and columns against a float64 reference."""
        shape, found = self.shape, self.matrices.natural("c")
        draw = np.random.default_rng(5)
        last = np.array([0, shape.rows - 1])
        rows = np.union1d(last, draw.integers(0, shape.rows, _ROWS))
        count = max(64, _BUDGET // (rows.size * shape.depth))
        columns = np.arange(shape.columns)
        if count < shape.columns:
            ends = np.array([0, shape.columns - 1])
            columns = np.union1d(ends, draw.integers(0, shape.columns, count))
        a = self.matrices.natural("a")[rows].astype(np.float64)
        b = self.matrices.natural("b")[:, columns].astype(np.float64)
        expected = a @ b + self.matrices.bias[columns]
        whole = bool(np.isfinite(found).all())
        return whole and agrees(found[np.ix_(rows, columns)], expected, shape.dtype, shape.depth)

    def _shared_words(self) -> Words:
        product = self._plan.product
        shared = np.zeros(conv_words.SHARED_WORDS, np.int64)
        shared[conv_words.X_CHANNEL] = product.cut.tile_rows * product.cut.turn * product.item
        shared[conv_words.OUT_BLOCK] = product.shape.rows * product.cut.lanes * product.item
        return shared

    def _base(self, thread: int) -> Words:
        """Return where what the micro-kernels read and write begins."""
        x = "a" if self._plan.product.direct else "rows"
        names = (x, "weights", "out")
        return np.array([[self.matrices.address(name, thread) for name in names]], np.int64)

    def _table(self, thread: int) -> Words:
        steps = self._plan.parts[thread]
        table = np.zeros((len(steps), conv_words.ENTRY_WORDS), np.int64)
        calls = [index for index, step in enumerate(steps) if isinstance(step, Call)]
        table[calls] = self._entries([s for s in steps if isinstance(s, Call)], thread)
        for row, step in zip(table, steps, strict=True):
            if isinstance(step, Move):
                row[: words.TARGET_AHEAD + 1] = self._copy(step, thread)
            elif not isinstance(step, Call):
                row[0] = self._kernels.get(MEETING).address
                for place, word in self._meeting.items():
                    row[place] = word
        return table

    def _entries(self, calls: Sequence[Call], thread: int) -> Words:
        def address(micro: Micro) -> int:
            return self._kernels.get(self._plan.micro_recipe(micro)).address

        return tables.entries(calls, address, self._shared[thread])

    def _copy(self, step: Move, thread: int) -> tuple[int, ...]:
        made = self._kernels.get(self._plan.move_recipe(step.elements, step.count))
        source = self.matrices.address(step.source, thread) + step.start
        target = self.matrices.address(step.target, thread) + step.end
        steps = (*step.outer_step, *step.inner_step, *step.step)
        return (made.address, source, target, step.outer, step.inner, *steps, *step.ahead)
