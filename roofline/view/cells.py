"""Figures as the cells of a table: three digits, so that a column lines up."""

from roofline.records import Ceiling


def three(value: float) -> str:
    """Return three significant digits, zeros kept, so that a column lines up."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def giga(value: float) -> str:
    """Return a rate in units of 10^9."""
    return three(value / 1e9)


def share(value: float | None) -> str:
    """Return a share in percent, to a tenth."""
    return "" if value is None else f"{100 * value:.1f} %"


def fact(ceiling: Ceiling, name: str) -> str:
    """Return a number of a ceiling's evidence."""
    value = ceiling.evidence.get(name)
    return three(value) if isinstance(value, int | float) else ""


def team(threads: int) -> str:
    """Return a number of cores in words."""
    return "1 core" if threads == 1 else f"{threads} cores"


def between(interval: tuple[float, float] | None) -> str:
    """Return an interval as two numbers of three digits."""
    return "" if interval is None else f"{three(interval[0])} - {three(interval[1])}"
