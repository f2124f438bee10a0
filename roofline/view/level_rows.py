"""Cache levels as rows of words: what they hold, how fast each direction is, their knees."""

from collections.abc import Iterator, Sequence

from roofline.physics.knees import DIRECTIONS, LevelKnee, knees
from roofline.physics.roof import compute_ceiling, team_sizes
from roofline.records import Calibration, Ceiling
from roofline.units import capacity
from roofline.view.cells import between, giga, team, three

Row = tuple[str, ...]
_LEVELS = ("L1", "L2", "L3", "L4", "DRAM")
_DIRECTIONS = ("read", "write", "copy", "update", "triad")


def ends(calibration: Calibration) -> tuple[int, ...]:
    """Return one core and all of them, where both were measured."""
    sizes = team_sizes(calibration)
    return tuple(dict.fromkeys((sizes[0], sizes[-1]))) if sizes else ()


def level_columns(calibration: Calibration) -> Row:
    """Return the header of `levels`."""
    rates = (f">{direction}" for direction in _directions(calibration))
    return ("level", ">holds", ">95 % interval", ">reported", ">cores", *rates)


def levels(calibration: Calibration) -> Iterator[Row]:
    """Yield each cache level, found and reported, with its bandwidths on one core and on all."""
    found = {c.level: c for c in reversed(calibration.ceilings) if c.kind == "capacity"}
    rates = _rates(calibration)
    for level in _LEVELS:
        size = found.get(level)
        words: Row = (level, *_size(calibration, level, size))
        for threads in ends(calibration):
            keys = [(level, d, threads) for d in _directions(calibration)]
            cells = [giga(rates[key].typical) if key in rates else "" for key in keys]
            if any(cells) or (size and any(words)):
                yield *words, str(threads), *cells
                # Said once: it is the same for every team.
                words = ("",) * len(words)


def _size(calibration: Calibration, level: str, size: Ceiling | None) -> Row:
    reported = {
        f"L{c.level}": capacity(c.size_bytes)
        for c in calibration.machine.caches
        if c.kind != "instruction"
    }
    holds = capacity(size.typical) if size else ""
    interval = size.interval if size else None
    likely = " - ".join(capacity(end) for end in interval) if interval else ""
    return holds, likely, reported.get(level, "")


def _rates(calibration: Calibration) -> dict[tuple[str | None, str | None, int], Ceiling]:
    return {
        (c.level, c.direction, c.threads): c
        for c in calibration.ceilings
        if c.kind == "bandwidth" and c.level != "DRAM" and c.store != "non-temporal"
    }


def _directions(calibration: Calibration) -> Sequence[str]:
    measured = {direction for _, direction, _ in _rates(calibration)}
    return [direction for direction in _DIRECTIONS if direction in measured]


def knee_columns(calibration: Calibration) -> Row:
    """Return the header of `knee_rows`."""
    pairs = ((d, n) for n in ends(calibration) for d in DIRECTIONS)
    return ("level", *(f">{direction}, {team(threads)}" for direction, threads in pairs))


def knee_rows(calibration: Calibration) -> Iterator[Row]:
    """Yield the knee of each level, by direction and team, with its interval."""
    teams = ends(calibration)
    dtype = (
        "float32" if compute_ceiling(calibration, max(teams, default=1), "float32") else "float64"
    )
    found = {
        (knee.level, knee.threads, knee.direction): knee
        for threads in teams
        for knee in knees(calibration, threads, dtype)
    }
    for level in _LEVELS:
        keys = [(level, threads, direction) for threads in teams for direction in DIRECTIONS]
        if any(key in found for key in keys):
            yield level, *(_knee(found.get(key)) for key in keys)


def _knee(knee: LevelKnee | None) -> str:
    if knee is None:
        return ""
    likely = between(knee.interval)
    return f"{three(knee.typical)} ({likely})" if likely else three(knee.typical)
