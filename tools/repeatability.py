"""How well calibrations of one machine repeat, what `diff` says of them, and what it would miss.

    python -m tools.repeatability FOLDER --runs 11 --every 360 [--prefix "CMD"] [--options "..."]
    python -m tools.repeatability --from FOLDER [--json]

The first makes calibrations until FOLDER holds so many (those that it has count, so it goes on
where it was interrupted), then says what the second says of records that are there: how far
consecutive ones are apart, which ceilings `diff` calls changed, and how often it does once 15 %
were planted in one ceiling of the later record, in its rounds too.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

from roofline.physics.difference import Difference, differences
from roofline.physics.replicates import sample
from roofline.records import Calibration, Ceiling, Measurement
from roofline.store.files import Store
from roofline.store.index import when

PLANTED = 0.85
LIMITS = {"FLOP/cycle": 0.015, "L1": 0.05, "L2": 0.1, "L3": 0.1}
_RATES = ("flop_per_cycle", "flop_per_cycle_median", "pipes", "best")
_INSIDE = ("read", "triad")


@dataclass(frozen=True)
class Deviation:
    """How far consecutive calibrations are apart in one figure.

    Attributes:
        figure: "typical" (median over rounds) or "best" (95th percentile of windows).
        within: the share of pairs within the limit.

    """

    kind: str
    threads: int
    figure: str
    limit: float
    median: float
    largest: float
    within: float


@dataclass(frozen=True)
class Trial:
    """How often a planted slow-down was called a change."""

    name: str
    threads: int
    pairs: int
    found: int


@dataclass(frozen=True)
class Report:
    """Everything that some records say.

    Attributes:
        records: when each was started, oldest first.
        minutes: from the first to the last.
        invalid: those that physics forbids.
        changed: by pair of consecutive records, what `diff` calls changed, and why.

    """

    records: list[str]
    minutes: float
    invalid: list[str]
    deviations: list[Deviation]
    changed: list[list[str]]
    planted: list[Trial]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing, then print what the records say."""
    asked = _parser().parse_args(arguments)
    folder = asked.source or asked.folder
    if folder is None:
        _parser().error("name a FOLDER, or records with --from FOLDER")
    if asked.source is None:
        collect(folder, asked.runs, asked.every, asked.prefix, asked.options)
    records = load(folder)
    if len(records) < 2:
        print(f"{folder} holds {len(records)} calibrations: two make a pair.", file=sys.stderr)
        return 2
    report = analysed(records)
    print(json.dumps(asdict(report), indent=1) if asked.json else _text(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tools.repeatability")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=11, help="calibrations to have (11)")
    parser.add_argument("--every", type=float, default=360.0, help="seconds between them (360)")
    parser.add_argument("--prefix", default="", help="command put before each calibration")
    parser.add_argument("--options", default="", help="further options of each calibration")
    parser.add_argument("--from", dest="source", type=Path, help="analyse the records there only")
    parser.add_argument("--json", action="store_true")
    return parser


def load(folder: Path) -> list[Calibration]:
    """Return the calibrations of a folder, oldest first."""
    entries, _ = Store(folder).all()
    found = [one.record for one in entries if isinstance(one.record, Calibration)]
    return sorted(found, key=lambda one: one.started)


def collect(folder: Path, runs: int, every: float, prefix: str, options: str) -> None:
    """Calibrate until a folder holds so many records, so many seconds apart."""
    measure = [sys.executable, "-m", "calibrate", "--quiet", "--results", str(folder.resolve())]
    command = [*shlex.split(prefix), *measure, *shlex.split(options)]
    while (known := len(load(folder))) < runs:
        last = load(folder)[-1].started if known else None
        time.sleep(max(0.0, when(last).timestamp() + every - time.time()) if last else 0.0)
        print(f"calibration {known + 1} of {runs}", file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if len(load(folder)) == known:
            raise SystemExit(f"calibrate ended with {done.returncode} and left no record.")


def analysed(records: Sequence[Calibration]) -> Report:
    """Return everything that the records say."""
    pairs = [*pairwise(records)]
    compared = [differences(a, b).rows for a, b in pairs]
    span = when(records[-1].started) - when(records[0].started)
    return Report(
        records=[one.started for one in records],
        minutes=span.total_seconds() / 60,
        invalid=[one.started for one in records if not one.valid],
        deviations=[*deviations(pairs)],
        changed=[[_said(row) for row in rows if row.verdict == "changed"] for rows in compared],
        planted=[*trials(pairs)],
    )


def _said(row: Difference) -> str:
    return f"{row.name} of {row.threads or 'all'}: {row.why}"


def deviations(pairs: Sequence[tuple[Calibration, Calibration]]) -> Iterator[Deviation]:
    """Yield how far pairs are apart, by kind of ceiling, team and figure."""
    apart: dict[tuple[str, int, str], list[float]] = {}
    for a, b in pairs:
        for mine in a.ceilings:
            kind, other = _kind(mine), b.ceiling(mine.name, mine.threads)
            if kind is None or other is None:
                continue
            for figure in ("typical", "best"):
                first, second = _figure(mine, figure), _figure(other, figure)
                if first and second:
                    distance = abs(second / first - 1)
                    apart.setdefault((kind, mine.threads, figure), []).append(distance)
    for (kind, threads, figure), found in sorted(apart.items()):
        within = sum(one <= LIMITS[kind] for one in found) / len(found)
        middle, most = statistics.median(found), max(found)
        yield Deviation(kind, threads, figure, LIMITS[kind], middle, most, within)


def _kind(ceiling: Ceiling) -> str | None:
    if ceiling.kind == "compute":
        return "FLOP/cycle"
    inside = ceiling.kind == "bandwidth" and ceiling.direction in _INSIDE
    return ceiling.level if inside and ceiling.level in LIMITS else None


def _figure(ceiling: Ceiling, figure: str) -> float | None:
    if ceiling.kind == "compute":
        name = {"typical": "flop_per_cycle_median", "best": "flop_per_cycle"}[figure]
    elif figure == "typical":
        return ceiling.typical
    else:
        name = "best"
    value = ceiling.evidence.get(name)
    return value if isinstance(value, float) else None


def trials(pairs: Sequence[tuple[Calibration, Calibration]]) -> Iterator[Trial]:
    """Yield how often `diff` finds what is planted in one ceiling of the later of each pair."""
    for key in _chosen(pairs[0][0]):
        both = [(a, b) for a, b in pairs if a.ceiling(*key) and b.ceiling(*key)]
        rows = (differences(a, planted(b, *key, PLANTED)).rows for a, b in both)
        found = sum(any(_is_found(row, *key) for row in each) for each in rows)
        yield Trial(*key, len(both), found)


def _chosen(record: Calibration) -> list[tuple[str, int]]:
    """Return the widest multiply-adds, and reads and triads of each level, for each team."""
    widest = max((c.bits or 0 for c in record.ceilings if c.mix == "fma"), default=0)
    compute = [f"fma-{dtype}-{widest}" for dtype in ("float32", "float64")]
    memory = [f"{level}-{name}" for level in ("l1", "l2", "l3", "dram") for name in _INSIDE]
    wanted = (*compute, *memory, "dram-triad-nt")
    return [(c.name, c.threads) for c in record.ceilings if c.name in wanted]


def _is_found(row: Difference, name: str, threads: int) -> bool:
    return (row.name, row.threads, row.verdict) == (name, threads, "changed")


def planted(record: Calibration, name: str, threads: int, factor: float) -> Calibration:
    """Return a record whose ceiling of that name and team is so many times as fast.

    Raises:
        KeyError: it has no such ceiling.

    """
    slow = record.ceiling(name, threads)
    if slow is None:
        raise KeyError(name)
    source = sample(record, slow).measurement
    return replace(
        record,
        ceilings=tuple(_scaled(c, factor) if c is slow else c for c in record.ceilings),
        measurements=tuple(_slowed(m, factor) if m is source else m for m in record.measurements),
    )


def _scaled(ceiling: Ceiling, factor: float) -> Ceiling:
    evidence = {
        name: value * factor if name in _RATES and isinstance(value, float) else value
        for name, value in ceiling.evidence.items()
    }
    held = ceiling.interval
    return replace(
        ceiling,
        typical=ceiling.typical * factor,
        high=ceiling.high * factor,
        low=ceiling.low * factor,
        interval=None if held is None else (held[0] * factor, held[1] * factor),
        evidence=evidence,
    )


def _slowed(one: Measurement, factor: float) -> Measurement:
    return replace(one, seconds=tuple(tuple(s / factor for s in r) for r in one.seconds))


def _text(report: Report) -> str:
    called = report.changed
    total, most = sum(map(len, called)), max(map(len, called))
    lines = [
        f"{len(report.records)} calibrations over {report.minutes:.0f} minutes, "
        f"{len(report.invalid)} of them invalid",
        "",
        "Consecutive calibrations differ by (median, largest; pairs within the limit)",
        *map(_deviation_line, report.deviations),
        "",
        f"diff says changed {total} times, {most} in a pair at most",
        *(f"  pair {number}: {said}" for number, each in enumerate(called, 1) for said in each),
        "",
        f"{1 - PLANTED:.0%} planted in one ceiling; found in",
        *(f"{t.name:<18} {t.threads:>3} cores  {t.found} of {t.pairs}" for t in report.planted),
    ]
    return "\n".join(lines)


def _deviation_line(one: Deviation) -> str:
    return (
        f"{one.kind:<11}{one.threads:>3} cores  {one.figure:<8}{one.median:>7.1%}"
        f"{one.largest:>8.1%}{one.within:>6.0%} within {one.limit:.1%}"
    )


if __name__ == "__main__":
    sys.exit(main())
