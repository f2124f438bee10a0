"""Print and parse quantities: 2.86 TFLOP/s, 74 GB/s, 1.3 ms, 48 KiB."""

import math
import re

from roofline.errors import RooflineError

_DECIMAL = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0}
_SMALL = {"": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12}
_MICRO = {"u": 1e-6, "\N{GREEK SMALL LETTER MU}": 1e-6}
_BINARY = {"Ti": 2.0**40, "Gi": 2.0**30, "Mi": 2.0**20, "Ki": 2.0**10}
_SCALES = {**_DECIMAL, **_SMALL, **_MICRO, **_BINARY}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def rate(value: float, unit: str, digits: int = 3) -> str:
    """Format a rate or frequency with a decimal prefix: ``rate(2.86e12, "FLOP/s")``."""
    rounded = abs(_rounded(value, digits))
    prefix = next((p for p, factor in _DECIMAL.items() if rounded >= factor), "")
    return f"{significant(value / _DECIMAL[prefix], digits)} {prefix}{unit}"


def duration(seconds: float, digits: int = 3) -> str:
    """Format seconds: ``1.3 ms``."""
    rounded = abs(_rounded(seconds, digits))
    prefix = next((p for p in ("", "m", "µ") if rounded >= _SMALL[p]), "n")
    return f"{significant(seconds / _SMALL[prefix], digits)} {prefix}s"


def capacity(size_bytes: float, digits: int = 3) -> str:
    """Format bytes with a binary prefix: ``48 KiB``."""
    for prefix, factor in _BINARY.items():
        count = size_bytes / factor
        if abs(count) >= 1:
            # 1023 KiB must not print as 1020 KiB.
            return (
                f"{significant(count, digits if abs(count) < 1000 else max(digits, 4))} {prefix}B"
            )
    return f"{size_bytes:.0f} B"


def significant(value: float, digits: int = 3) -> str:
    """Format a number with that many significant digits and no exponent."""
    rounded = _rounded(value, digits)
    if rounded == 0 or not math.isfinite(rounded):
        return f"{rounded:g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse(text: str, unit: str) -> float:
    """Read a quantity such as ``"4.8 GT/s"`` or ``"96 GB/s"`` into base units.

    Raises:
        RooflineError: the text is not a number with that unit.

    """
    # The unit stands in the pattern so that "4 T/s" is 4 transfers, not tera-something.
    match = re.fullmatch(rf"\s*({_NUMBER})\s*(\w*?){re.escape(unit)}\s*", text)
    if match is None:
        raise RooflineError(f"cannot read {text!r}: write a number and {unit}, like '2.5 G{unit}'.")
    scale = _SCALES.get(match.group(2))
    if scale is None:
        known = ", ".join(prefix for prefix in _SCALES if prefix)
        raise RooflineError(
            f"cannot read {text!r}: {match.group(2)!r} is no known prefix, use one of {known}."
        )
    return float(match.group(1)) * scale


def _rounded(value: float, digits: int) -> float:
    # Rounding first keeps 999.9 MB/s from printing as "1000 MB/s" under the wrong prefix.
    return float(f"{value:.{digits - 1}e}")
