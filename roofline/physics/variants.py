"""Other ways to run the very kernels that were chosen: what a short measured tuning tries.

Which tile a layer gets decides on its code. In which order tiles come, how many rows share the
caches and how many input channels are used before the next ones is only read at run time: there a
model of caches errs, and trying costs a few calls.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from roofline.physics.flat import flattened, is_flat
from roofline.physics.spans import rows_of_all
from roofline.physics.tiling import Tiling
from roofline.records import ConvShape

Step = Callable[[ConvShape, Tiling], Iterator[Tiling]]


def orders(shape: ConvShape, cut: Tiling) -> Iterator[Tiling]:
    """Yield tiles in the other order: along a row instead of down a column, or back."""
    if not is_flat(shape) and shape.out_height > 1:
        yield replace(cut, along=not cut.along)


def heights(shape: ConvShape, cut: Tiling) -> Iterator[Tiling]:
    """Yield parts of twice and of half as many rows."""
    total = rows_of_all(flattened(shape), cut)
    parts = -(-total // cut.rows)
    for count in (-(-parts // 2), min(2 * parts, total)):
        rows = -(-total // count)
        if rows != cut.rows:
            yield replace(cut, rows=rows)


def chunks(shape: ConvShape, cut: Tiling) -> Iterator[Tiling]:
    """Yield chunks of twice and of half as many input channels."""
    if cut.strategy != "broadcast":
        return
    total = -(-shape.group_in // cut.lanes)
    for chunk in (min(2 * cut.chunk, total), max(1, cut.chunk // 2)):
        if chunk != cut.chunk:
            yield replace(cut, chunk=chunk)


# What moves most comes first.
STEPS: tuple[Step, ...] = (orders, heights, chunks)
