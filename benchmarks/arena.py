"""The memory that cases share during one round: input and output arrays of a thread.

Mapping anew every round replicates at the level that varies: within one mapping samples agree to
3 %, between mappings they differ by up to 40 % in the second-level cache.
"""

from dataclasses import dataclass

from benchmarks import placement
from benchmarks.buffers import ALIAS, HUGE_PAGE, PAGE, STAGGER, Buffer

INPUTS = 3
# Room for the inputs' rounding, and for their places within a page.
MARGIN = INPUTS * ALIAS + PAGE
# Arrays up to that size lie in one huge page, so that no bit above it tells one from another.
NEAR = 7 * ALIAS
_NEAR_INPUTS = HUGE_PAGE - INPUTS * NEAR - ALIAS


@dataclass(slots=True)
class Place:
    """One thread's memory.

    Attributes:
        inputs: normal random float64 values, never written by a kernel.
        output: what kernels write.
        near: a huge page with both, for arrays of at most `NEAR` bytes; None where a case has an
            output of its own.

    """

    inputs: Buffer
    output: Buffer
    near: Buffer | None = None

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """All that is mapped."""
        return (self.inputs, self.output, *((self.near,) if self.near else ()))

    @property
    def resident(self) -> int:
        """Bytes of all."""
        return sum(buffer.size for buffer in self.buffers)

    def holds(self, input_bytes: int, output_bytes: int) -> bool:
        """Whether arrays of so many bytes fit."""
        return input_bytes + MARGIN <= self.inputs.size and output_bytes <= self.output.size

    def output_array(self, size: int) -> tuple[Buffer, int]:
        """Return where an output array of that size begins: a buffer, and how far into it."""
        return self._near(size) or self.output, 0

    def input_array(self, index: int, size: int) -> tuple[Buffer, int]:
        """Return where the index-th input array of that size begins: a buffer, how far into it.

        The output begins at a multiple of `ALIAS`, so each input begins a little behind one: a
        load then shares its last bits with stores to come, or long past.
        """
        whole = -(-size // ALIAS) * ALIAS
        skip = index * whole + (index + 1) * STAGGER
        near = self._near(size)
        return (self.inputs, skip) if near is None else (near, _NEAR_INPUTS + skip)

    def _near(self, size: int) -> Buffer | None:
        return self.near if size <= NEAR else None


def map_place(
    input_bytes: int, output_bytes: int, *, huge: bool | None, node: int | None = None
) -> Place:
    """Map and touch one thread's memory; call it on that thread, or on one next to the node."""
    place = Place(
        inputs=Buffer(input_bytes + MARGIN, huge=huge),
        output=Buffer(output_bytes, huge=huge),
        near=Buffer(HUGE_PAGE, huge=huge),
    )
    for seed, buffer in enumerate(place.buffers, 1):
        if node is not None:
            placement.bind(buffer, node)
        buffer.fill("float64", seed)
    return place
