"""`python -m roofline.fleet`: which hosts of a cluster are slower than their like, and why."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roofline.commandline import Parser, exit_status
from roofline.errors import RooflineError

if TYPE_CHECKING:
    from roofline.physics.fleet import Group, Standing
    from roofline.records import Calibration
    from roofline.store.catalogue import Catalogue
    from roofline.store.files import Store
    from roofline.store.outlines import Line

DESCRIPTION = """Compare hosts with others of the same type of machine, ceiling by ceiling: median,
modified z-score, and a practical floor; the worst first, with likely causes."""
EPILOG = """suspect: worse than its like in its newest calibration; slow: in the one before, too, so
calibrate a suspect again. Fewer than 5 of a type get a ranking and no verdict. Exit: 0 none is
slow, 1 one is, 2 bad input."""
_SHOWN = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: run(_parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Judge every host of the store, and say which are slow."""
    from roofline.physics.fleet import groups
    from roofline.store.files import open_store

    store = open_store(options.results)
    found = groups(records_of(store, options.machine), options.floor)
    if not found:
        raise RooflineError(f"no calibration in {store.address}: `python -m calibrate` makes one.")
    labels = read_labels(options.labels)
    if options.json:
        print(json.dumps([_tree(one, labels) for one in found], indent=1), flush=True)
    else:
        for group in found:
            print("\n".join(_words(group, labels)), flush=True)
    return 1 if any(host.verdict == "slow" for group in found for host in group.hosts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m roofline.fleet", description=DESCRIPTION, epilog=EPILOG)
    add = parser.add_argument
    add("--results", metavar="PATH|URL", help="where records lie (default: as usual)")
    add("--machine", default="", metavar="ID", help="only types of machine that begin like this")
    add(
        "--floor", type=_share, default=0.04, metavar="F", help="losses that matter (default: 0.04)"
    )
    add("--labels", type=Path, metavar="FILE", help="your own JSON of node -> host, to name them")
    add("--json", action="store_true", help="print everything as JSON")
    return parser


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share like 0.04")
    return value


def records_of(store: Store, machine: str = "") -> dict[str, list[Calibration]]:
    """Return each host's valid calibrations that a verdict rests on, the newest first."""
    from roofline.records import Calibration
    from roofline.store.catalogue import catalogue_of
    from roofline.store.reading import read, warn

    store.refresh()
    catalogue = catalogue_of(store.root)
    warn(catalogue.skipped())
    places = [store.root / one.place for one in _judged(catalogue, machine)]
    by_node: dict[str, list[Calibration]] = defaultdict(list)
    for entry in sorted(read(store.root, places)[0], key=lambda one: one.name, reverse=True):
        if isinstance(entry.record, Calibration):
            by_node[entry.node].append(entry.record)
    return by_node


def _judged(catalogue: Catalogue, machine: str) -> Iterator[Line]:
    """Yield the two newest of each host, cores and cap: archives keep years of them."""
    from roofline.store.index import current

    seen: Counter[tuple[object, ...]] = Counter()
    lines = current(catalogue.lines("kind = 'calibration'"))
    for line in sorted(lines, key=lambda one: one.name, reverse=True):
        if line.valid and line.machine.startswith(machine):
            key = (line.node, line.machine, line.usable_cores, line.isa_cap)
            seen[key] += 1
            if seen[key] <= 2:
                yield line


def read_labels(path: Path | None) -> dict[str, str]:
    """Return the private names of hosts, by node.

    Raises:
        RooflineError: the file is no such map.

    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(node): str(host) for node, host in found.items()}
    except OSError as problem:
        raise RooflineError(f"cannot read {path}: {problem.strerror}.") from problem
    except (ValueError, AttributeError):
        raise RooflineError(f"{path} is no JSON object of node -> host.") from None


def _tree(group: Group, labels: dict[str, str]) -> dict[str, Any]:
    tree = dataclasses.asdict(group)
    for host in tree["hosts"]:
        host["label"] = labels.get(host["node"])
    return tree


def _words(group: Group, labels: dict[str, str]) -> Iterator[str]:
    count = len(group.hosts)
    few = "" if count >= 5 else " (too few for a verdict: a ranking)"
    hosts = "host" if count == 1 else "hosts"
    yield f"{group.machine}, {group.usable_cores} cores, {count} {hosts}{few}"
    for host in group.hosts:
        yield from _host(host, labels.get(host.node, host.node), ranked=bool(few))


def _host(host: Standing, label: str, *, ranked: bool) -> Iterator[str]:
    yield f"  {label:24} {host.verdict:10} worst {0.0 - host.worst:+.1%} at {_ceiling(host)}"
    for mark in host.marks[:_SHOWN]:
        if mark.flagged and not ranked:
            score = f"z {mark.score:.1f}" if mark.score < 1e3 else "z > 1000"
            yield f"      {mark.ceiling} ({mark.threads}): {-mark.loss:+.1%} of the median, {score}"
    if not ranked:
        yield from (f"      - {cause}" for cause in host.causes)


def _ceiling(host: Standing) -> str:
    return f"{host.marks[0].ceiling} ({host.marks[0].threads})" if host.marks else "nothing"


if __name__ == "__main__":
    sys.exit(main())
