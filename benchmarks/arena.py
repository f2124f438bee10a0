"""The memory that cases share during one round: an input and an output buffer a thread.

Mapping anew every round replicates at the level that varies: within one mapping samples agree to
3 %, between mappings they differ by up to 40 % in the second-level cache.
"""

from dataclasses import dataclass

from benchmarks.buffers import STAGGER, Buffer


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
        return input_bytes + 4 * STAGGER <= self.inputs.size and output_bytes <= self.output.size

    def input_address(self, index: int, size: int) -> int:
        """Return where the index-th input array of that size begins."""
        return self.inputs.address + index * size + (index + 1) * STAGGER


def map_place(input_bytes: int, output_bytes: int, *, huge: bool | None) -> Place:
    """Map and touch one thread's memory; call it on that thread."""
    place = Place(
        inputs=Buffer(input_bytes + 4 * STAGGER, huge=huge),
        output=Buffer(output_bytes, huge=huge),
    )
    place.inputs.fill("float64")
    place.output.fill("float64", seed=2)
    return place
