"""One matrix product ready to be timed: its memory, its tables, its check."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.assembly import Expectation, registers
from benchmarks.conv import tables
from benchmarks.conv import words as conv_words
from benchmarks.conv.recipes import CALL
from benchmarks.conv.reference import agrees
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.mnemonics import add, fused_multiply_add
from benchmarks.team import Segment, Team
from benchmarks.tensors import move
from benchmarks.tensors.gemm import Micro, Move, Panel, Product, Rows, Step
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
_PANEL = "benchmarks.tensors.panel"


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
        micros = {step.micro for step in steps if isinstance(step, Panel)}
        moves = {(step.elements, step.count) for step in steps if isinstance(step, Move)}
        made = [self.micro_recipe(micro) for micro in micros]
        return (*made, *(self.move_recipe(*one) for one in moves), CALL)

    def micro_recipe(self, micro: Micro) -> Recipe:
        """Return the recipe of a register tile; if it spills, one that loads nothing ahead."""
        case = self.case
        fused = case.parameters.get("fused") is not False
        name = fused_multiply_add(case.dtype) if fused else add(case.dtype)
        count = micro.turn * micro.rows * micro.blocks
        wanted = Expectation(instruction=name, register=registers(case.bits), count=count)
        arguments = (
            ("dtype", case.dtype),
            ("bits", case.bits),
            ("fused", fused),
            ("rows", micro.rows),
            ("blocks", micro.blocks),
            ("turn", micro.turn),
        )
        held = Recipe(_PANEL, "build", (*arguments, ("held", True)), (wanted,))
        return Recipe(_PANEL, "build", arguments, (wanted,), instead=held)

    def move_recipe(self, elements: int, count: int) -> Recipe:
        """Return the recipe of a copy of runs of so many elements."""
        return move.recipe(self.case.dtype, 8 * elements * self.product.item, count)


class Matrices:
    """A, B, C, and the panels that they are packed in, each touched by who will use it."""

    def __init__(self, product: Product, team: Team, threads: int) -> None:
        self.product = product
        shape, dtype = product.shape, product.shape.dtype
        # One row ends with a whole vector, and is computed where C lies.
        c_size = product.columns if product.single else shape.rows * shape.columns
        self.a = Tensor(shape.rows * shape.depth, dtype)
        self.b = Tensor(shape.depth * shape.columns, dtype, 1)
        self.c = Tensor(c_size, dtype, 2)
        self.bias = Tensor(product.columns, dtype, 3)
        self.beside = Tensor(max(1, product.beside), dtype, 1)
        touch(team, threads, [self.a, self.b, self.c, self.beside], _PAGE // product.item)
        if shape.packed:
            self.panels = [self._panel()] * threads
        else:
            self.panels = list(team.each(threads, lambda _index: self._panel()))
        self._train()

    def address(self, name: str, thread: int) -> int:
        """Return where a tensor begins; of weights, where all panels do, or a thread's own."""
        tensor: Tensor = self.panels[thread] if name == "weights" else getattr(self, name)
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

    def _panel(self) -> Tensor:
        tensor = Tensor(self.product.weights, self.product.shape.dtype, 3)
        tensor.flat[:] = 0
        return tensor

    def _train(self) -> None:
        """Draw the bias, and pack what is packed beforehand."""
        product, shape = self.product, self.product.shape
        self.bias.flat[:] = 0
        if shape.bias:
            drawn = np.random.default_rng(7).standard_normal(shape.columns)
            self.bias.flat[: shape.columns] = drawn
        if shape.packed:
            natural, lanes, flat = self.natural("b"), product.cut.lanes, self.panels[0].flat
            for first, count in product.panels:
                start, width = first * lanes, min(count * lanes, shape.columns - first * lanes)
                place = flat[start * shape.depth :][: shape.depth * count * lanes]
                panel = place.reshape(shape.depth, count * lanes)
                panel[:, :width] = natural[:, start : start + width]


class Gemm:
    """A matrix product in memory just mapped, cut into one segment a thread."""

    def __init__(self, plan: Plan, team: Team, kernels: KernelCache) -> None:
        self._plan, self._kernels = plan, kernels
        self.shape = plan.product.shape
        self.matrices = Matrices(plan.product, team, plan.case.threads)
        self._call = kernels.get(CALL)
        threads = range(plan.case.threads)
        self._tables = [self._table(index) for index in threads]
        # Panels and moves know where their tensors lie: there is one copy of each.
        shared = np.zeros(conv_words.SHARED_WORDS, np.int64)
        place = np.zeros((1, conv_words.BASES), np.int64)
        self._blocks = [tables.call_block(table, shared, place) for table in self._tables]
        self._kept = shared, place

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
        expected = a @ b + self.matrices.bias.flat[columns]
        whole = bool(np.isfinite(found).all())
        return whole and agrees(found[np.ix_(rows, columns)], expected, shape.dtype, shape.depth)

    def _table(self, thread: int) -> Words:
        steps = self._plan.parts[thread]
        table = np.zeros((len(steps), conv_words.ENTRY_WORDS), np.int64)
        for row, step in zip(table, steps, strict=True):
            entry = self._entry(step, thread)
            row[: len(entry)] = entry
        return table

    def _entry(self, step: Step, thread: int) -> tuple[int, ...]:
        if isinstance(step, Move):
            return self._copy(step, thread)
        return self._panel(step, thread)

    def _panel(self, step: Panel, thread: int) -> tuple[int, ...]:
        made = self._kernels.get(self._plan.micro_recipe(step.micro))
        weights = self.matrices.address("weights", thread)
        return (
            made.address,
            *(step.tiles, step.turns),
            *self._rows(step.a, thread),
            weights + step.b,
            *self._rows(step.init, thread),
            *self._rows(step.c, thread),
        )

    def _rows(self, rows: Rows, thread: int) -> tuple[int, int, int]:
        return self.matrices.address(rows.tensor, thread) + rows.start, rows.row, rows.tile

    def _copy(self, step: Move, thread: int) -> tuple[int, ...]:
        made = self._kernels.get(self._plan.move_recipe(step.elements, step.count))
        source = self.matrices.address(step.source, thread) + step.start
        target = self.matrices.address(step.target, thread) + step.end
        steps = (*step.outer_step, *step.inner_step, *step.step)
        return (made.address, source, target, step.outer, step.inner, *steps)
