"""`python -m calibrate.fleet`: one calibration a host of a Dask cluster, into one store."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from calibrate import host as node_program
from roofline.archiving.giving import accept
from roofline.commandline import Parser, exit_status, seconds
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.fleet import read_labels, records_of
from roofline.folders import config_home
from roofline.physics.fleet import groups
from roofline.records import Calibration
from roofline.store.files import Store, open_store
from roofline.store.publish import replacing
from roofline.store.schema import loads_as
from roofline.store.shelf import ShelfError

DESCRIPTION = """Calibrate every host of a Dask cluster once, each alone on its host, and keep the
records in one store. A host that dies, hangs or returns junk is named and the rest goes on; a host
that looks slow beside its like is calibrated again before it is called so."""
EPILOG = """Workers need Dask and a checkout at --folder; records come back through Dask and are
verified here. Exit: 0 fine, 1 a host failed or is slow, 2 bad input, 3 no cluster."""
_BETWEEN_LOOKS = 0.5
_GRACE = 30.0
_TOLD = 200


@dataclass(slots=True)
class Run:
    """How far each host has come: what it was, by host."""

    done: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: run(_parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Calibrate the hosts, retry what failed and what looks slow, say how it ended."""
    store = open_store(options.results)
    store.check_writable(options.site)
    file = options.labels or config_home() / "fleet-labels.json"
    labels = read_labels(file) if file.exists() else {}
    # Before an hour is spent on hosts that nobody could name afterwards.
    _keep(file, labels)
    with _connected(options.dask) as client:
        try:
            return _run(client, options, store, labels)
        finally:
            _keep(file, labels)


def _run(client: Any, options: argparse.Namespace, store: Store, labels: dict[str, str]) -> int:
    hosts = _hosts(client, by=options.by)
    if options.only_missing:
        have = {labels[node] for node in records_of(store) if node in labels}
        hosts = {name: worker for name, worker in hosts.items() if name not in have}
    outcome = Run()
    for attempt in range(1 + options.retry):
        present = _hosts(client, by=options.by) if attempt else hosts
        todo = {n: present[n] for n in hosts if n not in outcome.done and n in present}
        _calibrate(client, todo, options, store, outcome, labels)
    slow = _judged(client, options, store, outcome, labels)
    _report(options, outcome, slow)
    return 1 if outcome.failed or slow else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m calibrate.fleet", description=DESCRIPTION, epilog=EPILOG)
    add = parser.add_argument
    add("--dask", required=True, metavar="ADDRESS", help="of the scheduler: tcp://HOST:8786")
    add("--results", metavar="PATH|URL", help="where records go (default: as usual)")
    add("--site", default="local", metavar="NAME", help="whose records they are (default: local)")
    add("--by", choices=("host", "worker"), default="host", help="what counts as a host")
    add("--retry", type=_times, default=1, metavar="N", help="try failed hosts again (default: 1)")
    add("--only-missing", action="store_true", help="leave out hosts that have a record")
    add("--timeout", type=seconds, default=900.0, metavar="SECONDS", help="then a host hangs (900)")
    add("--labels", type=Path, metavar="FILE", help="private map of node -> host (kept for you)")
    checkout = Path(__file__).resolve().parents[1]
    add("--folder", default=str(checkout), metavar="PATH", help="of the checkout on the hosts")
    usual = f"{sys.executable} -m calibrate"
    words = "the node program, options included"
    add("--command", type=_program, default=usual, metavar="TEXT", help=words)
    add("--json", action="store_true", help="print the outcome as JSON")
    return parser


def _times(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of times")
    return int(text)


def _program(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if not words:
        raise argparse.ArgumentTypeError("it is empty")
    return words


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise RooflineError(
            "a fleet needs Dask: pip install 'calibrated-roofline[fleet]'."
        ) from None
    try:
        client: Any = cast("Any", Client)(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise RooflineError(f"no Dask scheduler at {address}: {error}.", CANNOT_MEASURE) from error
    # Neither scheduler nor workers need this package: of `__main__`, a function travels by value.
    node_program.calibrate_here.__module__ = "__main__"
    return client


def _hosts(client: Any, by: str) -> dict[str, str]:
    """Return the address of one worker for each host, by the host's name."""
    found: dict[str, str] = {}
    for address, worker in sorted(_workers(client).items()):
        name = str(worker["name"]) if by == "worker" else str(worker["host"])
        found.setdefault(name, address)
    if not found:
        raise RooflineError("the cluster has no workers: start some.", CANNOT_MEASURE)
    return found


def _workers(client: Any) -> Mapping[str, Any]:
    # Without -1, newer schedulers tell of five workers only.
    try:
        found: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    except TypeError:
        found = client.scheduler_info()["workers"]
    return found


def _calibrate(
    client: Any,
    hosts: Mapping[str, str],
    options: argparse.Namespace,
    store: Store,
    outcome: Run,
    labels: dict[str, str],
) -> None:
    """Calibrate hosts side by side, and take each record as it comes."""
    waiting = {
        name: client.submit(
            node_program.calibrate_here,
            options.command,
            options.folder,
            options.timeout,
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        for name, address in hosts.items()
    }
    total, begun = len(waiting), time.monotonic()
    while waiting:
        present = _workers(client)
        for name, future in list(waiting.items()):
            trouble = _trouble(future, hosts[name] in present, begun, options.timeout)
            if future.done() and trouble is None:
                trouble = _taken(future, name, options.site, store, labels)
            if trouble is None and not future.done():
                continue
            del waiting[name]
            future.cancel()
            _note(outcome, name, trouble, f"[{total - len(waiting)}/{total}]")
        time.sleep(_BETWEEN_LOOKS if waiting else 0)


def _trouble(future: Any, present: bool, begun: float, seconds: float) -> str | None:
    """Say why a host won't answer any more, or None where it may."""
    if future.done():
        return None if future.status == "finished" else _died(future)
    if not present:
        return "died: its worker is gone"
    late = time.monotonic() - begun > seconds + _GRACE
    return f"hung: no answer after {seconds + _GRACE:.0f} s" if late else None


def _died(future: Any) -> str:
    error = future.exception() if future.status == "error" else None
    what = " ".join(f"{type(error).__name__}: {error}".split()) if error else str(future.status)
    return f"died: {what[:_TOLD]}"


def _taken(future: Any, name: str, site: str, store: Store, labels: dict[str, str]) -> str | None:
    """Verify what a host returned and keep it; say what was wrong."""
    answer = future.result()
    files = answer.get("files") or {}
    records = [one for one in files if one.endswith(".json")]
    if not records:
        last = str(answer.get("words", "")).splitlines()[-1:] or ["it said nothing"]
        return f"no record (status {answer.get('status')}): {last[0]}"
    with tempfile.TemporaryDirectory() as folder:
        for other in files.keys() - {*records}:
            (Path(folder) / Path(other).name).write_bytes(files[other])
        for one in records:
            try:
                accept(one, files[one], Path(folder), store, site, (name,))
                labels[loads_as(Calibration, files[one].decode()).node] = name
            except ShelfError as error:
                return f"its record could not be kept: {error}"
            except RooflineError as error:
                return f"returned junk: {error}"
    return None


def _note(outcome: Run, name: str, trouble: str | None, count: str) -> None:
    if trouble is None:
        outcome.failed.pop(name, None)
        outcome.done[name] = "calibrated"
    else:
        outcome.failed[name] = trouble
    print(f"{count} {name}: {trouble or 'calibrated'}", file=sys.stderr, flush=True)


def _judged(
    client: Any,
    options: argparse.Namespace,
    store: Store,
    outcome: Run,
    labels: dict[str, str],
) -> dict[str, list[str]]:
    """Calibrate suspects again, and return those that are slow, with likely causes."""
    suspects = {labels[node] for node in _standing(store, "suspect") if node in labels}
    present = _hosts(client, by=options.by)
    again = {name: present[name] for name in sorted(suspects & outcome.done.keys() & {*present})}
    if again and options.retry:
        print(f"again, since they look slow: {', '.join(again)}", file=sys.stderr)
        _calibrate(client, again, options, store, outcome, labels)
    return {labels.get(node, node): list(why) for node, why in _standing(store, "slow").items()}


def _standing(store: Store, verdict: str) -> dict[str, tuple[str, ...]]:
    found = groups(records_of(store))
    hosts = [one for group in found for one in group.hosts if one.verdict == verdict]
    return {one.node: (f"{one.marks[0].ceiling}: -{one.worst:.1%}", *one.causes) for one in hosts}


def _keep(path: Path, labels: Mapping[str, str]) -> None:
    """Keep the map of nodes to hosts where only its owner reads it.

    Raises:
        RooflineError: it can't be written.

    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as fresh:
            fresh.touch(mode=0o600)
            fresh.write_text(json.dumps(labels, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise RooflineError(f"cannot write {path}: {error.strerror}; see --labels.") from error


def _report(options: argparse.Namespace, outcome: Run, slow: Mapping[str, Sequence[str]]) -> None:
    if options.json:
        tree = {"calibrated": sorted(outcome.done), "failed": outcome.failed, "slow": slow}
        print(json.dumps(tree, indent=1), flush=True)
        return
    print(f"{len(outcome.done)} calibrated, {len(outcome.failed)} failed, {len(slow)} slow")
    for name, why in outcome.failed.items():
        print(f"failed  {name}: {why}")
    for name, reasons in slow.items():
        print(f"slow    {name}: {'; '.join(reasons)}")


if __name__ == "__main__":
    sys.exit(main())
