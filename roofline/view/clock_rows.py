"""The clock as rows of words: by load and number of cores, and its drift over the run."""

from collections.abc import Iterator

from roofline.records import Calibration, Ceiling
from roofline.view.cells import share, team

Row = tuple[str, ...]
_SCALARS = {"float32-32": "float32 scalar", "float64-64": "float64 scalar"}


def columns(calibration: Calibration) -> Row:
    """Return the header of `clocks`."""
    return ("under", *(f">{team(threads)}" for threads in _teams(calibration)))


def clocks(calibration: Calibration) -> Iterator[Row]:
    """Yield the clock under each load, with its spread over rounds, by number of cores."""
    teams = _teams(calibration)
    found = {(c.name, c.threads): c for c in calibration.ceilings if c.kind == "clock"}
    for name in dict.fromkeys(name for name, _ in found):
        yield _words(name), *(_cell(found.get((name, threads))) for threads in teams)
    for one in found.values():
        if words := _drift(one):
            yield f"drift over the run, {_words(one.name)}", words, *("",) * (len(teams) - 1)


def _teams(calibration: Calibration) -> list[int]:
    return sorted({c.threads for c in calibration.ceilings if c.kind == "clock"})


def _words(name: str) -> str:
    load = name.removeprefix("clock-")
    # A register as narrow as the number itself holds no vector.
    return "light load" if load == "light" else _SCALARS.get(load, load.replace("-", " "))


def _cell(ceiling: Ceiling | None) -> str:
    if ceiling is None:
        return ""
    spread = f" ({share(ceiling.spread)})" if ceiling.spread is not None else ""
    return f"{ceiling.typical / 1e9:.2f}{spread}"


def _drift(ceiling: Ceiling) -> str:
    change, low, high = (ceiling.evidence.get(n) for n in ("drift", "drift_low", "drift_high"))
    if not isinstance(change, float) or not isinstance(low, float) or not isinstance(high, float):
        return ""
    return f"{100 * change:+.1f} % ({100 * low:+.1f} to {100 * high:+.1f})"
