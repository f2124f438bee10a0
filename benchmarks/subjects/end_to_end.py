"""Our convolutions end to end: planes in, planes out (NCHW), weights packed once, as users have it.

A call copies its input into blocks, convolves, and copies the output back, each step shared by all
threads, which meet in between. What our kernels read or write in planes is copied nowhere.
"""

import hashlib
from math import prod

import numpy as np
from numpy.typing import NDArray

from benchmarks.buffers import PAGE
from benchmarks.conv import tables
from benchmarks.conv import words as conv_words
from benchmarks.conv.layout import Layout
from benchmarks.conv.operator import Operator, Plan, Tensors, Trained
from benchmarks.conv.weights import Natural
from benchmarks.kernels import KernelCache, Recipe
from benchmarks.subjects.natural import correct
from benchmarks.team import MEETING, Team
from benchmarks.tensors.memory import Tensor, touch
from benchmarks.tensors.reorder import Change
from roofline.errors import RooflineError
from roofline.records import Case

Words = NDArray[np.int64]
PLANES = "NCHW"
"""The layout that a case asks for when it is to run end to end."""


def asked(case: Case) -> bool:
    """Whether a case is to run end to end.

    Raises:
        RooflineError: it names another layout, or wants its tensors in copies.

    """
    layout = case.parameters.get("layout")
    if layout not in (None, PLANES):
        raise RooflineError(f"no convolution of ours takes {layout!r} tensors: {PLANES}, or none.")
    if layout == PLANES and int(case.parameters.get("copies") or 1) > 1:
        raise RooflineError(f"tensors in {PLANES} don't rotate: run them as they are.")
    return layout == PLANES


class Planes(Tensors):
    """Input and output in planes, as everybody has them, beside what our kernels read and write."""

    def __init__(self, layout: Layout, trained: Trained, team: Team, threads: int) -> None:
        super().__init__(layout, trained, 1, team, threads)
        shape = layout.shape
        self.x_shape = (shape.batch, shape.in_channels, shape.height, shape.width)
        self.out_shape = (shape.batch, shape.out_channels, shape.out_height, shape.out_width)
        self.given = Tensor(prod(self.x_shape), shape.dtype)
        self.answer = Tensor(prod(self.out_shape), shape.dtype, 1)
        touch(team, threads, [self.given, self.answer], PAGE // layout.item)

    @property
    def bases(self) -> Words:
        """Addresses (one copy, tensors): what the kernels have in planes stays where it lies."""
        addresses = super().bases
        if self.layout.inputs.lanes == 1:
            addresses[:, 0] = self.given.address
        if self.layout.outputs.lanes == 1:
            addresses[:, 2] = self.answer.address
        return addresses


def changes(layout: Layout) -> list[Change]:
    """Return how the input gets into blocks and the output out of them, where they are in any."""
    shape, dtype = layout.shape, layout.shape.dtype
    made = []
    if layout.outputs.lanes > 1:
        positions = shape.out_height * shape.out_width
        made = [Change(layout.outputs, shape.batch, positions, blocked=False, dtype=dtype)]
    if layout.inputs.lanes > 1:
        positions = shape.height * shape.width
        made.insert(0, Change(layout.inputs, shape.batch, positions, blocked=True, dtype=dtype))
    return made


def recipes(plan: Plan) -> list[Recipe]:
    """Return how the kernels are made that stand around the convolution's own."""
    return [change.recipe for change in changes(plan.layout)] + [MEETING]


class EndToEnd(Operator):
    """A convolution from planes to planes, cut into one segment a thread.

    Args:
        plan: what runs in the middle.
        planes: where.
        team: who meets between the steps.
        kernels: the cache to compile through.

    """

    def __init__(self, plan: Plan, planes: Planes, team: Team, kernels: KernelCache) -> None:
        super().__init__(plan, planes, kernels)
        self._planes, self._changes = planes, changes(plan.layout)
        self._around = [kernels.get(change.recipe) for change in self._changes]
        threads = len(plan.parts)
        meeting = _meeting(team, kernels, threads)
        self._tables = [_joined(self._steps(n, threads), meeting) for n in range(threads)]
        pairs = zip(self._tables, self._shared, strict=True)
        self._blocks = [tables.call_block(table, shared, self._bases) for table, shared in pairs]

    @property
    def digest(self) -> str:
        """Hash of all the machine code that it runs."""
        around = " ".join(kernel.verdict.digest for kernel in self._around)
        return hashlib.sha256(f"{super().digest} {around}".encode()).hexdigest()[:12]

    def _steps(self, thread: int, threads: int) -> list[Words]:
        """Return a thread's entries: input into blocks, convolution, output out of them."""
        steps, (x, _, out) = [self._tables[thread]], self._bases[0].tolist()
        for change, kernel in zip(self._changes, self._around, strict=True):
            if change.blocked:
                where, place = (self._planes.given.address, x), 0
            else:
                where, place = (self._planes.answer.address, out), len(steps)
            steps.insert(place, change.table(kernel.address, *where, thread, threads))
        return steps

    def reset(self) -> None:
        """Spoil both outputs."""
        super().reset()
        self._planes.answer.flat[:] = np.nan

    def correct(self, trained: Trained) -> bool:
        """Whether the output in planes is whole, and right where it is compared."""
        planes, layout = self._planes, self.plan.layout
        return correct(
            layout.shape,
            planes.given.flat.reshape(planes.x_shape),
            planes.answer.flat.reshape(planes.out_shape),
            Natural(trained.weights, trained.bias),
            relu=layout.relu,
        )


def _meeting(team: Team, kernels: KernelCache, threads: int) -> Words:
    """Return the entry at which all threads wait for each other; none where there is one thread."""
    entry = np.zeros((int(threads > 1), conv_words.ENTRY_WORDS), np.int64)
    for row in entry:
        row[conv_words.KERNEL] = kernels.get(MEETING).address
        for place, word in team.meeting(threads).items():
            row[place] = word
    return entry


def _joined(steps: list[Words], meeting: Words) -> Words:
    """Return the steps as one table, a meeting between each two."""
    return np.concatenate([piece for step in steps for piece in (step, meeting)][:-1])
