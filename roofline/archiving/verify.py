"""What is wrong with the records of an archive: form, hash, physics, likeness, privacy."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from roofline.archiving.privacy import leaks
from roofline.physics import gate
from roofline.physics.misfits import misfits
from roofline.physics.replicates import sample
from roofline.physics.robust import median
from roofline.physics.workload import conv_work
from roofline.records import Calibration, Efficiency, Sweep
from roofline.store.index import Entry
from roofline.store.reading import MAX_SAMPLES, candidates, read
from roofline.store.schema import Record
from roofline.store.shelf import RECORD, SAMPLES, Shelf, parsed

_AT_ONCE = 16

Severity = Literal["error", "warning"]

# A record keeps five digits of a ceiling and four of a round.
_ROUNDING = 2e-3
# An operator beats a peak by chance of its window by as much.
_BEATEN = 1.03
# Against the median of like machines: neighbours take half of a figure, nothing doubles it.
_UNLIKE = 2.0
_FEW = 3
# The record under liquid helium is 9.1 GHz.
_FASTEST_CLOCK = 9.5e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong with a file."""

    severity: Severity
    path: str
    what: str


def verify(root: Path, only: Iterable[Path] = (), secrets: Iterable[str] = ()) -> list[Fault]:
    """Return the faults of a store, or of some of its files.

    Args:
        root: the store.
        only: files to speak about; all where none is named. The others are still compared with.
        secrets: words that may stand in no record: names of hosts and users.

    """
    entries, skipped = read(root, candidates(root))
    faults = [_fault("error", one.path, one.reason) for one in skipped]
    faults += _strangers(root, entries)
    words = tuple(secrets)
    for entry in entries:
        faults += _of(entry, root, words)
    faults += _unlike(entries)
    faults += _beaten(entries)
    named = {str(path.resolve()) for path in only}
    kept = [one for one in faults if not named or str(Path(one.path).resolve()) in named]
    return sorted(kept, key=lambda one: (one.severity, one.path, one.what))


def verify_shelf(shelf: Shelf, secrets: Iterable[str] = ()) -> list[Fault]:
    """Return the faults of a store that is no folder here: all of it is fetched, as it is."""
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        root = Path(folder)
        places = shelf.places()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for place, data in zip(places, pool.map(shelf.read, places), strict=True):
                (root / place.text).parent.mkdir(parents=True, exist_ok=True)
                (root / place.text).write_bytes(data)
        found = verify(root, secrets=secrets)
    return [replace(one, path=one.path.replace(folder, shelf.address, 1)) for one in found]


def record_faults(record: Record, secrets: Iterable[str] = ()) -> list[tuple[Severity, str]]:
    """Return what is wrong with a record by itself, wherever it lies."""
    found: list[tuple[Severity, str]] = [("error", what) for what in leaks(record, secrets)]
    if isinstance(record, Calibration):
        found += _calibration(record)
    else:
        found += (("error", what) for what in _times(record))
    if isinstance(record, Efficiency):
        found += (("error", what) for what in misfits(record))
    if not record.valid:
        found.append(("warning", "is marked invalid: kept, and never used"))
    return found


def _fault(severity: Severity, path: Path, what: str) -> Fault:
    return Fault(severity=severity, path=str(path), what=what)


def _of(entry: Entry[Record], root: Path, secrets: tuple[str, ...]) -> list[Fault]:
    faults = [_fault(*_placed(entry, one)) for one in record_faults(entry.record, secrets)]
    if parsed(entry.path.relative_to(root).as_posix()) is None:
        faults.append(_fault("error", entry.path, "lies under a site or machine that is no name"))
    faults += (_fault(*_placed(entry, one)) for one in _samples(entry))
    return faults


def _placed(entry: Entry[Record], one: tuple[Severity, str]) -> tuple[Severity, Path, str]:
    return one[0], entry.path, one[1]


def _strangers(root: Path, entries: list[Entry[Record]]) -> Iterator[Fault]:
    """Complain of samples that no record names, and of files that are neither."""
    named = {e.path.parent / e.record.samples.name for e in entries if e.record.samples}
    for path in sorted(root.glob("*/*/*/*")):
        if path.name.startswith(".") or RECORD.fullmatch(path.name) or path.is_symlink():
            continue
        if not SAMPLES.fullmatch(path.name):
            if path.suffix != ".json":
                yield _fault("warning", path, "is neither a record nor samples")
        elif path not in named:
            yield _fault("warning", path, "holds samples that no record names")


def _samples(entry: Entry[Record]) -> Iterator[tuple[Severity, str]]:
    named = entry.record.samples
    if named is None:
        return
    if not SAMPLES.fullmatch(named.name):
        yield "error", f"names samples outside of its folder: {named.name[:80]!r}"
        return
    path = entry.path.parent / named.name
    if path.is_symlink():
        yield "error", "its samples are a link"
    elif not path.is_file():
        yield "warning", "its samples are not there"
    elif path.stat().st_size > MAX_SAMPLES:
        yield "error", "its samples are too large"
    elif hashlib.sha256(path.read_bytes()).hexdigest() != named.sha256:
        yield "error", "its samples are damaged or edited: their hash is another"
    elif not _unpacks(path):
        yield "error", "its samples are no compressed JSON"


def _unpacks(path: Path) -> bool:
    try:
        with gzip.open(path) as file:
            data = file.read(4 * MAX_SAMPLES + 1)
        return len(data) <= 4 * MAX_SAMPLES and isinstance(json.loads(data), dict)
    except (OSError, EOFError, ValueError, RecursionError, zlib.error):
        return False


def _calibration(record: Calibration) -> Iterator[tuple[Severity, str]]:
    known = {one.what for one in record.findings}
    for finding in gate.judge(record.machine, record.ceilings, record.measurements):
        if finding.severity == "invalid" and record.valid and finding.what not in known:
            yield "error", f"physics forbids it: {finding.what}"
    names = [(one.name, one.threads) for one in record.ceilings]
    if len(set(names)) < len(names):
        yield "error", "two ceilings have the same name and threads"
    for ceiling in record.ceilings:
        title = f"{ceiling.name} ({ceiling.threads})"
        low, high = sorted((ceiling.low, ceiling.high))
        slack = _ROUNDING * abs(ceiling.typical)
        if ceiling.typical <= 0 and ceiling.kind != "effect":
            yield "error", f"{title} is not above 0"
        elif ceiling.kind == "clock" and ceiling.high > _FASTEST_CLOCK:
            yield "error", f"{title}: no core clocks that high"
        elif not low - slack <= ceiling.typical <= high + slack:
            yield "error", f"{title}: the typical figure is not between worst and best"
        elif ceiling.interval and not low - slack <= ceiling.interval[0] <= ceiling.interval[1]:
            yield "error", f"{title}: its interval is none"
    yield from _rounds(record)


def _rounds(record: Calibration) -> Iterator[tuple[Severity, str]]:
    """Complain of rates that the rounds behind them don't give."""
    for ceiling in record.ceilings:
        if ceiling.kind not in ("compute", "operation", "bandwidth"):
            continue
        behind = record.measurements and ceiling.level in (None, "DRAM")
        if behind and not sample(record, ceiling).rounds:
            yield "error", f"{ceiling.name} ({ceiling.threads}): no measurement gives it"


def _times(record: Sweep | Efficiency) -> Iterator[str]:
    for timing in record.timings:
        times = [one for samples in timing.seconds for one in samples]
        if min(times, default=0.0) <= 0:
            yield f"layer {timing.name!r} took no time"
    if not RECORD.fullmatch(record.calibration):
        yield f"its calibration is no record's name: {record.calibration[:80]!r}"


def _unlike(entries: list[Entry[Record]]) -> Iterator[Fault]:
    """Doubt figures that are far from those of other records of the same type of machine."""
    groups: dict[tuple[str, str, int], list[tuple[Entry[Record], float]]] = {}
    for entry in entries:
        if isinstance(entry.record, Calibration) and entry.record.valid:
            for one in entry.record.ceilings:
                if one.kind in ("compute", "bandwidth", "latency", "clock"):
                    key = (entry.machine, one.name, one.threads)
                    groups.setdefault(key, []).append((entry, one.typical))
    for (_, name, threads), members in groups.items():
        usual = median([value for _, value in members])
        for entry, value in members if len(members) >= _FEW else ():
            if abs(math.log(value / usual)) > math.log(_UNLIKE) if value > 0 else True:
                times = f"{value / usual:.2f} x the median of {len(members)} like machines"
                yield _fault("warning", entry.path, f"{name} ({threads}) is {times}")


def _beaten(entries: list[Entry[Record]]) -> Iterator[Fault]:
    """Doubt peaks that an operator of a sweep on the same type of machine has beaten."""
    best: dict[tuple[str, str, int], float] = {}
    for entry in entries:
        if isinstance(entry.record, Sweep):
            for one in entry.record.timings:
                times = [median(samples) for samples in one.seconds if samples]
                work = conv_work(one.shape)
                done = work.flops if work.flops_executed is None else work.flops_executed
                key = (entry.machine, one.shape.dtype, entry.record.threads)
                rate = done / max(times) if times and max(times) > 0 else 0.0
                best[key] = max(best.get(key, 0.0), rate)
    for entry in entries:
        if isinstance(entry.record, Calibration) and entry.record.isa_cap is None:
            yield from _beaten_peaks(entry, entry.record, best)


def _beaten_peaks(
    entry: Entry[Record], record: Calibration, best: dict[tuple[str, str, int], float]
) -> Iterator[Fault]:
    for (machine, dtype, threads), rate in best.items():
        roofs = [
            one.high
            for one in record.ceilings
            if (one.kind, one.dtype, one.threads) == ("compute", dtype, threads)
        ]
        if machine == entry.machine and roofs and rate > _BEATEN * max(roofs):
            what = f"an operator reached {rate / max(roofs):.2f} x its {dtype} peak of {threads}"
            yield _fault("warning", entry.path, f"{what} threads")
