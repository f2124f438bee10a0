"""`python -m roofline.report`: a calibration as a table, a figure, CSV or JSON."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roofline.commandline import Parser, exit_status
from roofline.errors import RooflineError

if TYPE_CHECKING:
    from roofline.records import Calibration

DESCRIPTION = """Show what a machine really reaches: its calibration as a table; with --figure
the roofline, with --curve bandwidth against working set."""
EPILOG = """Without RECORD.json a quick calibration is taken only where no full one of the last
7 days is. Exit: 0 fine, 1 physics forbids this calibration, 2 bad input."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: run(_parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Find the record, draw and write what was asked for, print the rest."""
    calibration = _read(options.record) if options.record else _latest(options.results)
    _draw(calibration, options)
    if options.csv:
        _write_csv(calibration, options.csv)
    if options.json:
        _print_json(calibration)
    else:
        from roofline.view.terminal import print_table

        print_table(calibration)
    return 0 if calibration.valid else 1


def _parser() -> argparse.ArgumentParser:
    name = "python -m roofline.report"
    parser = Parser(name, description=DESCRIPTION, epilog=EPILOG)
    add = parser.add_argument
    paths: dict[str, Any] = {"nargs": "+", "action": "extend", "type": Path, "metavar": "PATH"}
    add(
        "record",
        nargs="?",
        type=Path,
        metavar="RECORD.json",
        help="default: this host's newest full one",
    )
    add("--figure", **paths, help="draw the roofline (.svg, .png)")
    add("--curve", **paths, help="draw bandwidth by working set")
    add("--threads", type=_count, metavar="N", help="cores whose roofline is drawn (default: all)")
    add("--csv", type=Path, metavar="FILE", help="write one row a ceiling, in SI units")
    add(
        "--results",
        metavar="PATH|URL",
        help="where records lie (default: $ROOFLINE_RESULTS, else results/)",
    )
    add("--json", action="store_true", help="print the record itself instead of tables")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cores")
    return int(text)


def _read(path: Path) -> Calibration:
    from roofline.records import Calibration, Sweep
    from roofline.store.reading import record_at
    from roofline.store.schema import kind_of

    record = record_at(path)
    if isinstance(record, Sweep):
        raise RooflineError(
            f"{path} is a sweep, not a calibration: "
            f"use `python -m roofline.compare --measured {path}`."
        )
    if not isinstance(record, Calibration):
        raise RooflineError(f"{path} is of kind {kind_of(type(record))}, not a calibration.")
    return record


def _latest(results: str | None) -> Calibration:
    """Return the newest valid record of this host, or of another one of its type."""
    from roofline.folders import config_home
    from roofline.host.machine import node_id, read_machine, usable_cpus
    from roofline.store.files import open_store

    store, system = open_store(results), Path("/")
    found = store.latest(
        node_id(system, config_home()),
        usable_cores=len(usable_cpus(system, _affinity())),
        isa_cap=None,
        machine_id=read_machine(system).id,
    )
    if found is None:
        raise RooflineError(
            f"no calibration of this host in {store.address}: "
            "run `make calibrate`, or name a record."
        )
    plan = "quick" if found.record.quick else "full"
    print(f"record: {store.shown(found.entry.path)} ({plan} plan)", file=sys.stderr)
    if not found.same_node:
        print("note: this calibration is of another host of this type.", file=sys.stderr)
    return found.record


def _affinity() -> set[int]:
    # macOS has no affinity mask.
    ask = getattr(os, "sched_getaffinity", None)
    return set(ask(0)) if ask else set(range(os.cpu_count() or 1))


def _draw(calibration: Calibration, options: argparse.Namespace) -> None:
    if options.figure:
        from roofline.view.figure import save_roofline

        save_roofline(calibration, options.figure, options.threads)
    if options.curve:
        from roofline.view.curve import save_curve

        save_curve(calibration, options.curve)


def _write_csv(calibration: Calibration, path: Path) -> None:
    from roofline.view.table import to_frame

    try:
        to_frame(calibration).to_csv(path, index=False)
    except OSError as problem:
        raise RooflineError(f"cannot write {path}: {problem.strerror or problem}.") from problem


def _print_json(calibration: Calibration) -> None:
    from roofline.store.schema import dumps

    print(dumps(calibration), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
