"""What the operating system costs, in words: how much longer each bad habit takes."""

from collections.abc import Iterator

from roofline.records import Calibration, Ceiling
from roofline.units import significant

_EFFECTS = {
    "unpinned": "without pinning",
    "unprefaulted": "without touching pages beforehand",
    "small-pages": "without huge pages",
}
# An interval around "no effect" that is wider than this says nothing about a small one.
_NARROW = 0.1


def effects(calibration: Calibration) -> Iterator[tuple[str, str]]:
    """Yield how much longer each bad habit takes, in words."""
    for ceiling in calibration.ceilings:
        if ceiling.kind != "effect":
            continue
        habit, _, kernel = ceiling.name.rpartition("-")
        cores = "1 core" if ceiling.threads == 1 else f"{ceiling.threads} cores"
        name = f"{_EFFECTS.get(habit, habit)} ({kernel}, {cores})"
        yield name, effect_words(ceiling)


def effect_words(ceiling: Ceiling) -> str:
    """Return an effect in words: none measurable, or undecided, when its interval contains 1."""
    times = f"{significant(ceiling.typical)} x the time"
    if ceiling.interval is None:
        return f"{times} (no interval)"
    low, high = ceiling.interval
    between = f"(95 %: {significant(low)} - {significant(high)})"
    if not low <= 1 <= high:
        return f"{times} {between}"
    narrow = low >= 1 - _NARROW and high <= 1 + _NARROW
    return f"{'none measurable' if narrow else 'undecided'} {between}"
