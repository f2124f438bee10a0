"""Memory as rows of words: by mix of reads and writes, by number of cores, latency under load."""

from collections.abc import Iterator

from roofline.physics.roof import MEMORY
from roofline.physics.saturation import Saturation, saturation
from roofline.records import Calibration, Ceiling
from roofline.units import duration
from roofline.view.captions import percent
from roofline.view.cells import giga, share, team, three
from roofline.view.level_rows import ends

Row = tuple[str, ...]
# Reads and writes of each kernel that stands for its mix.
_MIXES = {
    "read": (1, 0),
    "schoenauer": (3, 1),
    "triad": (2, 1),
    "copy": (1, 1),
    "update": (1, 1),
    "write": (0, 1),
}
_SATURATED = {"dram-read": "read", "dram-triad-nt": "triad, non-temporal"}
UNDER_LOAD = "-loaded"
LOADED = ("cores that read meanwhile", ">they read, GB/s", ">a load takes", ">x alone", ">spread")


def mix_columns(calibration: Calibration) -> Row:
    """Return the header of `mixes`: by team, what is counted and what is moved."""
    rates = (column for n in ends(calibration) for column in (f">{team(n)}", ">moved"))
    return ("reads : writes", ">reads", "kernel", "stores", *rates)


def mixes(calibration: Calibration) -> Iterator[Row]:
    """Yield the bandwidth of memory by the share of reads, all reads first."""
    for kernel, (reads, writes) in _MIXES.items():
        for store in (None, "ordinary", "non-temporal"):
            cells = [
                cell
                for threads in ends(calibration)
                for cell in _moved(_memory(calibration, kernel, store, threads))
            ]
            if any(cells):
                mix = f"{reads} : {writes}"
                reading = percent(reads / (reads + writes))
                yield mix, reading, kernel, store or "", *cells


def _memory(
    calibration: Calibration, kernel: str, store: str | None, threads: int
) -> Ceiling | None:
    wanted = ("bandwidth", MEMORY, kernel, store, threads)
    for c in calibration.ceilings:
        if (c.kind, c.level, c.direction, c.store, c.threads) == wanted:
            return c
    return None


def _moved(ceiling: Ceiling | None) -> tuple[str, str]:
    if ceiling is None:
        return "", ""
    factor = ceiling.evidence.get("moved_over_nominal")
    moved = giga(ceiling.typical * factor) if isinstance(factor, int | float) else ""
    return giga(ceiling.typical), moved


def saturation_columns(calibration: Calibration) -> Row:
    """Return the header of `saturations`."""
    return ("kernel", *(f">{team(n)}" for n in _teams(calibration)), "saturates")


def saturations(calibration: Calibration) -> Iterator[Row]:
    """Yield what each team gets of memory, and from how many cores on that is all there is."""
    for name, words in _SATURATED.items():
        found = saturation(calibration, name)
        if found is not None:
            rates = {c.threads: giga(c.typical) for c in found.teams}
            cells = (rates.get(threads, "") for threads in _teams(calibration))
            yield words, *cells, _where(found)


def _teams(calibration: Calibration) -> list[int]:
    found = (saturation(calibration, name) for name in _SATURATED)
    return sorted({c.threads for one in found if one for c in one.teams})


def _where(found: Saturation) -> str:
    at = f"at {team(found.cores)}"
    if not found.reached:
        before = found.share(found.teams[-2])
        at = f"not before {team(found.cores)} ({team(found.teams[-2].threads)}: {percent(before)})"
    return at if found.sure else f"{at}, unsure"


def loaded(calibration: Calibration) -> Iterator[Row]:
    """Yield what a load from memory takes while other cores read: none of them first."""
    waits = [c for c in calibration.ceilings if c.kind == "latency" and c.level == MEMORY]
    alone = next((c for c in waits if c.name == "dram-latency"), None)
    busy = [c for c in waits if c.name.endswith(UNDER_LOAD)]
    for c in (*filter(None, (alone,)), *busy) if busy else ():
        load, times = c.evidence.get("load_bandwidth"), c.typical / alone.typical if alone else None
        yield (
            str(c.evidence.get("loaders", 0)),
            giga(load) if isinstance(load, int | float) else "",
            duration(c.typical),
            three(times) if times else "",
            share(c.spread),
        )
