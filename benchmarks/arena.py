"""The memory that cases share during one round: an input and an output buffer a thread.

Mapping anew every round replicates at the level that varies: within one mapping samples agree to
3 %, between mappings they differ by up to 40 % in the second-level cache.
"""

from dataclasses import dataclass

from benchmarks import placement
from benchmarks.buffers import PAGE, STAGGER, Buffer

# Room for two inputs' rounding to whole pages, and for their places within one.
MARGIN = 4 * PAGE


@dataclass(slots=True)
class Place:
    """One thread's memory.

    Attributes:
        inputs: normal random float64 values, never written by a kernel.
        output: what kernels write.

    """

    inputs: Buffer
    output: Buffer

    @property
    def resident(self) -> int:
        """Bytes of both."""
        return self.inputs.size + self.output.size

    def holds(self, input_bytes: int, output_bytes: int) -> bool:
        """Whether arrays of so many bytes fit."""
        return input_bytes + MARGIN <= self.inputs.size and output_bytes <= self.output.size

    def input_address(self, index: int, size: int) -> int:
        """Return where the index-th input array of that size begins.

        A load whose last 12 address bits are those of a store just before it waits for that
        store. The output begins on a page, so each input begins a little further into one: a
        load then shares its last bits with stores to come, or long past.
        """
        whole = -(-size // PAGE) * PAGE
        return self.inputs.address + index * whole + (index + 1) * STAGGER


def map_place(
    input_bytes: int, output_bytes: int, *, huge: bool | None, node: int | None = None
) -> Place:
    """Map and touch one thread's memory; call it on that thread, or on one next to the node."""
    place = Place(
        inputs=Buffer(input_bytes + MARGIN, huge=huge),
        output=Buffer(output_bytes, huge=huge),
    )
    if node is not None:
        placement.bind(place.inputs, node)
        placement.bind(place.output, node)
    place.inputs.fill("float64")
    place.output.fill("float64", seed=2)
    return place
