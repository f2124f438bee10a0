"""The rates of divides, square roots and exponentials as rows of words."""

from collections.abc import Iterator

from roofline.records import Calibration
from roofline.units import significant

COLUMNS = (
    "operation",
    ">bits",
    ">cores",
    ">G/s",
    ">high",
    ">spread",
    ">cycles a vector",
    "verdict",
)


def operations(calibration: Calibration) -> Iterator[tuple[str, ...]]:
    """Yield a row for each operation: results a second, and cycles from vector to vector."""
    for c in calibration.ceilings:
        if c.kind == "operation":
            cycles, verdict = c.evidence.get("cycles"), str(c.evidence.get("verdict") or "")
            yield (
                f"{c.mix} {c.dtype}",
                str(c.bits),
                str(c.threads),
                f"{c.typical / 1e9:#.3g}",
                f"{c.high / 1e9:#.3g}",
                "" if c.spread is None else f"{100 * c.spread:.1f} %",
                significant(cycles) if isinstance(cycles, int | float) else "",
                verdict.partition(":")[0],
            )
