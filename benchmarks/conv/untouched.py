"""Tensors whose output nobody has touched: what a program meets that allocates each output anew."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.buffers import PAGE, Buffer
from benchmarks.conv.layout import Layout
from benchmarks.conv.operator import Tensors, Trained
from benchmarks.team import Team


class Untouched(Tensors):
    """One input and its weights, touched, and so many outputs in memory fresh from the system.

    Huge pages are neither asked for nor refused: pages are what the system gives to everybody.
    """

    def __init__(
        self, layout: Layout, trained: Trained, outputs: int, team: Team, threads: int
    ) -> None:
        super().__init__(layout, trained, 1, team, threads)
        self._outputs = outputs
        # Whole pages each: no output touches a page of the next.
        self._step = -(-self._strides[2] // PAGE) * PAGE
        self.renew()

    def renew(self) -> None:
        """Give the outputs back and map others: operators made before must not run any more."""
        self._fresh = Buffer(self._step * self._outputs, huge=None)

    def out(self, copy: int) -> NDArray[Any]:
        """Return one of the outputs."""
        count, first = int(np.prod(self.layout.out_shape)), copy * self._step // self.layout.item
        flat = self._fresh.view(self.layout.shape.dtype)[first : first + count]
        return flat.reshape(self.layout.out_shape)

    @property
    def bases(self) -> NDArray[np.int64]:
        """Addresses (outputs, tensors): the same input and weights, an output each."""
        addresses = np.repeat(super().bases, self._outputs, axis=0)
        addresses[:, 2] = self._fresh.address + np.arange(self._outputs) * self._step
        return addresses
