"""One convolution ready to be timed: its tensors in fresh memory, its tables, its check."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.buffers import PAGE, PATTERN, Buffer, random_normal, repeat
from benchmarks.conv import tables, words
from benchmarks.conv.entry import Call, Micro
from benchmarks.conv.layout import Layout
from benchmarks.conv.recipes import CALL, micro_recipe
from benchmarks.conv.reference import agrees, outputs_at, positions
from benchmarks.conv.schedule import units
from benchmarks.conv.weights import weights_of
from benchmarks.kernels import Kernel, KernelCache, Recipe
from benchmarks.team import Segment, Team
from roofline.errors import RooflineError
from roofline.physics.cropped import cropped
from roofline.physics.tiling import from_parameters
from roofline.physics.workload import ITEM_BYTES, conv_shape
from roofline.records import ACTIVATIONS, Case

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A case as its kernels see it: layout, and each thread's calls."""

    layout: Layout
    bits: int
    fused: bool
    parts: tuple[tuple[Call, ...], ...]

    @property
    def recipes(self) -> dict[Micro, Recipe]:
        """How each micro-kernel is made."""
        used = {call.micro for part in self.parts for call in part}
        return {m: micro_recipe(self.layout, m, self.bits, fused=self.fused) for m in used}


def plan(case: Case) -> Plan:
    """Return the plan of a convolution's case.

    Raises:
        RooflineError: its parameters are no convolution, or name an activation that we don't have.

    """
    shape = cropped(conv_shape(case.parameters, case.dtype))
    lanes = case.bits // (8 * ITEM_BYTES[case.dtype])
    fused = case.parameters.get("fused") is not False
    cut = from_parameters(shape, lanes, case.parameters)
    layout = Layout(shape, cut, fused, relu=_rectified(case))
    parts = tables.share(list(units(layout)), case.threads)
    return Plan(layout, case.bits, fused, tuple(map(tuple, parts)))


def _rectified(case: Case) -> bool:
    """Whether a ReLU is fused."""
    activation = case.parameters.get("activation")
    if activation not in (None, *ACTIVATIONS):
        known = ", ".join(ACTIVATIONS)
        raise RooflineError(f"no activation {activation!r} is fused: choose one of {known}.")
    return activation is not None


@dataclass(frozen=True, slots=True)
class Trained:
    """The weights of an operator: natural, as the reference wants them, and packed."""

    weights: Array
    bias: Array | None
    packed: Array


def train(layout: Layout, seed: int = 7) -> Trained:
    """Return normal random weights of a layout."""
    drawn = weights_of(layout.shape, seed)
    return Trained(drawn.weights, drawn.bias, layout.pack_weights(drawn.weights, drawn.bias))


class Tensors:
    """Input, weights and output of an operator, so many copies of each, in memory just mapped."""

    def __init__(
        self, layout: Layout, trained: Trained, copies: int, team: Team, threads: int
    ) -> None:
        self.layout, self.copies = layout, copies
        sizes = [
            int(np.prod(layout.x_shape)),
            layout.weight_elements,
            int(np.prod(layout.out_shape)),
        ]
        # Copies start at different places within a page, as an allocator's would.
        self._strides = [-(-size * layout.item // 64) * 64 for size in sizes]
        self._buffers = [Buffer(stride * copies + PAGE, huge=True) for stride in self._strides]
        pattern = random_normal(PATTERN, layout.shape.dtype, seed=11)
        team.each(threads, lambda index: self._touch(index, threads, pattern))
        self._finish(trained)

    def _touch(self, index: int, threads: int, pattern: Array) -> None:
        """Fill one thread's part of every buffer, so that its pages are near to it."""
        for buffer in self._buffers:
            flat = buffer.view(self.layout.shape.dtype)
            first, last = (flat.size * i // threads for i in (index, index + 1))
            repeat(pattern, flat, first, last)

    def _finish(self, trained: Trained) -> None:
        x = self._every(0, self.layout.x_shape)
        for block, lane in np.argwhere(self.layout.inputs.unused):
            x[:, :, block, :, :, lane] = 0
        self._every(1, (self.layout.weight_elements,))[:] = trained.packed

    def _every(self, tensor: int, shape: tuple[int, ...]) -> Array:
        """Return all copies of a tensor: (copies, *shape)."""
        stride = self._strides[tensor] // self.layout.item
        flat = self._buffers[tensor].view(self.layout.shape.dtype)[: stride * self.copies]
        # Splitting the last axis of a view copies nothing.
        return flat.reshape(self.copies, stride)[:, : int(np.prod(shape))].reshape(-1, *shape)

    def x(self, copy: int) -> Array:
        """Return one copy of the packed input."""
        return np.asarray(self._every(0, self.layout.x_shape)[copy])

    def out(self, copy: int) -> Array:
        """Return one copy of the packed output."""
        return np.asarray(self._every(2, self.layout.out_shape)[copy])

    @property
    def bases(self) -> NDArray[np.int64]:
        """Addresses (copies, tensors)."""
        addresses = np.array([buffer.address for buffer in self._buffers], np.int64)
        return addresses + np.arange(self.copies)[:, None] * np.array(self._strides, np.int64)


class Operator:
    """A convolution in memory, cut into one segment a thread.

    Args:
        plan: what runs.
        tensors: where.
        kernels: the cache to compile through.

    """

    def __init__(self, plan: Plan, tensors: Tensors, kernels: KernelCache) -> None:
        self.plan, self.tensors = plan, tensors
        self._call = kernels.get(CALL)
        self._made = {m: kernels.get(recipe) for m, recipe in plan.recipes.items()}
        self._bases = tensors.bases
        self._shared = [tables.shared_words(plan.layout) for _ in plan.parts]
        self._tables = [
            tables.entries(part, lambda micro: self._made[micro].address, shared)
            for part, shared in zip(plan.parts, self._shared, strict=True)
        ]
        pairs = zip(self._tables, self._shared, strict=True)
        self._blocks = [tables.call_block(table, shared, self._bases) for table, shared in pairs]

    @property
    def digest(self) -> str:
        """Hash of all the machine code that it runs."""
        return _digest(self._call, self._made.values())

    def programs(self, repeats: int) -> list[list[Segment]]:
        """Return each thread's program: so many calls, each ended by the whole team."""
        return [
            [Segment(self._call, block, repeats, joined=True, keep=self)] for block in self._blocks
        ]

    def reset(self) -> None:
        """Spoil the first copy's output and turn back to it."""
        self.tensors.out(0)[:] = np.nan
        for block in self._blocks:
            block[words.COPY] = 0

    def correct(self, trained: Trained) -> bool:
        """Whether the first copy's output is whole, and right where it is compared."""
        layout, out = self.plan.layout, self.tensors.out(0)
        where = positions(layout.shape)
        expected = outputs_at(
            layout.shape,
            self.tensors.x(0),
            layout.inputs,
            trained.weights,
            trained.bias,
            where,
        )
        expected = np.maximum(expected, 0) if layout.relu else expected
        places = layout.outputs
        answer = out[
            where[:, 0, None], places.block, where[:, 1, None], where[:, 2, None], places.lane
        ]
        whole = bool(np.isfinite(out).all())
        terms = layout.shape.group_in * layout.taps
        return whole and agrees(answer, expected, layout.shape.dtype, terms)


def digest_of(planned: Plan, kernels: KernelCache) -> str:
    """Return the hash of all the machine code that a plan's operator runs."""
    return _digest(kernels.get(CALL), map(kernels.get, planned.recipes.values()))


def _digest(call: Kernel, made: Iterable[Kernel]) -> str:
    digests = sorted(kernel.verdict.digest for kernel in made)
    text = " ".join([call.verdict.digest, *digests])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def prepare(
    case: Case, trained: Trained, team: Team, kernels: KernelCache, copies: int = 1
) -> Operator:
    """Return the operator of a case in fresh memory."""
    made = plan(case)
    return Operator(made, Tensors(made.layout, trained, copies, team, case.threads), kernels)
