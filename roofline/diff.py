"""`python -m roofline.diff`: what changed between two calibrations, and what else differs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from roofline.commandline import Parser, exit_status

if TYPE_CHECKING:
    from roofline.records import Calibration
    from roofline.store.index import Entry
    from roofline.store.naming import Here

DESCRIPTION = """Compare two calibrations ceiling by ceiling: same, changed (by how much), or can't
tell; then software, conditions, machine and timed code, where they differ. A and B are each a
record's file or its name in the store, a date or time (2026-11-23, 2026-11-23T04:2: the newest of
this host then), a node's name (its newest), latest, or previous (the one before)."""
EPILOG = """changed: the rounds lie apart by more than chance explains among all that is compared
(Mann-Whitney, exact; more than one false alarm in at most 5 of 100 pairs), and the ratio B/A is
beyond a floor: what two calibrations of an unchanged machine differ by. same: its whole 95 %
interval lies within the floor, and within 10 %. Exit: 0 no ceiling changed, 1 one changed,
2 bad input."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: run(_parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Find both calibrations, compare them, show what changed."""
    a, b = _found(options)
    from roofline.physics.circumstances import changes
    from roofline.physics.difference import differences

    found = differences(a.record, b.record)
    others = changes(a.record, b.record)
    if options.json:
        from roofline.view.difference_json import to_json

        before, after = ((one.path.name, one.record) for one in (a, b))
        print(to_json(before, after, found, others), end="", flush=True)
    else:
        from roofline.view.difference_table import render
        from roofline.view.terminal import show

        show(render(found, others, everything=options.all))
    return 1 if found.count("changed") else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m roofline.diff", description=DESCRIPTION, epilog=EPILOG)
    add = parser.add_argument
    add("a", metavar="A", help="the calibration before")
    add("b", metavar="B", help="the calibration after")
    add("--all", action="store_true", help="show what stayed the same, too")
    add("--json", action="store_true", help="print everything as JSON instead of tables")
    add(
        "--results",
        metavar="PATH|URL",
        help="where records lie (default: $ROOFLINE_RESULTS, else results/)",
    )
    add("--quiet", action="store_true", help="don't say on stderr which records are compared")
    return parser


def _found(options: argparse.Namespace) -> tuple[Entry[Calibration], Entry[Calibration]]:
    from roofline.store.files import open_store
    from roofline.store.naming import calibration_named

    store = open_store(options.results)
    a, b = (calibration_named(text, store, _here) for text in (options.a, options.b))
    if not options.quiet:
        for letter, one in (("A", a), ("B", b)):
            print(f"{letter}: {one.path} ({_described(one.record)})", file=sys.stderr)
    return a, b


def _described(record: Calibration) -> str:
    plan = "quick plan" if record.quick else "full plan"
    return f"{plan}, capped to {record.isa_cap}" if record.isa_cap else plan


def _here() -> Here:
    from pathlib import Path

    from roofline.folders import config_home
    from roofline.host.machine import node_id, read_machine, usable_cpus
    from roofline.store.naming import Here

    system = Path("/")
    # macOS has no affinity mask.
    ask = getattr(os, "sched_getaffinity", None)
    allowed = set(ask(0)) if ask else set(range(os.cpu_count() or 1))
    return Here(
        node=node_id(system, config_home()),
        usable_cores=len(usable_cpus(system, allowed)),
        machine_id=read_machine(system).id,
    )


if __name__ == "__main__":
    sys.exit(main())
