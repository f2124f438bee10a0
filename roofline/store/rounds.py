"""Rounds as a record keeps them: whole numbers after the power of ten that scales them all.

[-8,5324,5549,[5377,5404]] is 53.24 and 55.49 microseconds, then a round of two samples: half as
long as numbers with a point and an exponent each.
"""

from collections.abc import Sequence

from roofline.records import Rounds

DIGITS = 5


def packed(rounds: Rounds) -> list[object]:
    """Return rounds with what timers resolve; a round with one number is that number.

    Raises:
        ValueError: a number is NaN or infinite.

    """
    short = [[_decimal(value) for value in samples] for samples in rounds]
    used = [exponent for samples in short for digits, exponent in samples if digits]
    scale = min(used, default=0)
    whole = [[_scaled(*value, scale) for value in samples] for samples in short]
    plain = [samples[0] if len(samples) == 1 else samples for samples in whole]
    return [scale, *plain] if plain else []


def unpacked(stored: Sequence[object]) -> list[list[float]]:
    """Return rounds by sample.

    Raises:
        ValueError: they are no scaled whole numbers.

    """
    if not stored:
        return []
    scale, *rounds = stored
    exponent = _whole(scale)
    lists = [one if isinstance(one, list) else [one] for one in rounds]
    # By way of text: a product with a power of ten isn't the nearest number.
    return [[float(f"{_whole(value)}e{exponent}") for value in samples] for samples in lists]


def _decimal(value: float) -> tuple[int, int]:
    """Return the shortest whole number and exponent of a value's leading digits."""
    mantissa, exponent = f"{value:.{DIGITS - 1}e}".split("e") if value - value == 0 else ("", "")
    if not mantissa:
        raise ValueError(f"the number {value}: records hold finite numbers only")
    digits = mantissa.replace(".", "").rstrip("0")
    sign = "-" if digits.startswith("-") else ""
    kept = digits.removeprefix("-")
    return int(f"{sign}{kept or 0}"), int(exponent) - len(kept) + 1


def _scaled(digits: int, exponent: int, scale: int) -> int:
    return int(digits * 10 ** (exponent - scale)) if digits else 0


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"expected a whole number, not {str(value)[:40]!r}")
    return value
