"""What `python -m versus` does with its options: check them, measure in pairs, show."""

import argparse
import io
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.folders import config_home
from roofline.host.activity import busy_cpus
from roofline.host.checkout import checkout, revision
from roofline.host.machine import memory_available, node_id, read_machine, team_cpus
from roofline.host.worker import Worker
from roofline.physics import isa
from roofline.records import Calibration, MachineSpec
from roofline.store.files import Store, resolve_root
from roofline.view.progress import Bar
from versus.document import BEGIN, END, OPERATORS, Markers, check_section, write_section
from versus.figures import Figure, chosen, figures
from versus.operators import operator_figures
from versus.report import Report, as_dict, markdown, sentence
from versus.rivals import RIVALS
from versus.rivals.blas import NumpyBlas
from versus.rivals.ceiling import Ceiling
from versus.rivals.rival import Rival
from versus.run import Compared, Ours, compare
from versus.sizes import Host

SYSTEM = Path("/")
# More than this of a CPU at work already will be seen in the ratios.
_BUSY = 0.2


def run(options: argparse.Namespace) -> int:
    """Compare; everything that can be refused is refused before anything is measured."""
    if platform.system() != "Linux":
        raise RooflineError("measuring needs Linux.", CANNOT_MEASURE)
    if options.pairs < 1:
        raise RooflineError(f"--pairs {options.pairs}: give 1 or more (9 for a useful interval).")
    if options.convolutions:
        return _convolutions(options)
    _check_lists(options)
    rivals = [] if options.operators else _rivals(options.rival)
    if options.markdown is not None:
        check_section(options.markdown, _markers(options))
    host, cpus = _host(options)
    known = operator_figures(host) if options.operators else figures(host)
    wanted = chosen(known, options.figure)
    if (busy := busy_cpus()) > _BUSY:
        print(f"warning: {busy:.1f} CPUs are busy already: ratios will show it", file=sys.stderr)
    report, compared = _measured(options, host, cpus, known, wanted, rivals)
    return _show(options, report, compared)


def _convolutions(options: argparse.Namespace) -> int:
    from versus.convolutions import command

    host, cpus = _host(options)
    facts = {"machine": _described(host.machine), "software": _revision()}
    return command.run(options, host, cpus, facts)


def _check_lists(options: argparse.Namespace) -> None:
    for name in ("random", "seed", "threads"):
        if getattr(options, name) is not None:
            raise RooflineError(f"--{name} belongs to --convolutions: give both.")
    if options.no_tune:
        raise RooflineError("--no-tune belongs to --convolutions: give both.")


def _rivals(names: Sequence[str]) -> list[Rival]:
    missing = [name for name in names if name not in RIVALS]
    if missing:
        raise RooflineError(f"no rival {missing[0]!r}: choose from {', '.join(RIVALS)}.")
    return [made() for name, made in RIVALS.items() if not names or name in names]


def _roofs(names: Sequence[str], ceiling: Ceiling) -> list[Rival]:
    """Return the opponents of operators."""
    known: tuple[Rival, ...] = (NumpyBlas(), ceiling)
    missing = [name for name in names if name not in [one.name for one in known]]
    if missing:
        listed = ", ".join(one.name for one in known)
        raise RooflineError(f"no rival {missing[0]!r}: choose from {listed}.")
    return [one for one in known if not names or one.name in names]


def _markers(options: argparse.Namespace) -> Markers:
    return OPERATORS if options.operators else (BEGIN, END)


def _host(options: argparse.Namespace) -> tuple[Host, tuple[int, ...]]:
    machine, cpus = read_machine(SYSTEM), team_cpus(SYSTEM)
    host = Host(
        machine=machine,
        vectors=isa.vectors(machine),
        calibration=_calibration(options.results, machine.id, len(cpus)),
        cores=len(cpus),
        memory_available=memory_available(SYSTEM),
    )
    return host, cpus


def _calibration(results: str | None, machine: str, cores: int) -> Calibration | None:
    """Return the newest of this host, else of a host of its type."""
    store = Store(resolve_root(results))
    node = node_id(SYSTEM, config_home())
    found = store.latest(node, usable_cores=cores, isa_cap=None, machine_id=machine)
    return found.record if found else None


def _measured(
    options: argparse.Namespace,
    host: Host,
    cpus: tuple[int, ...],
    known: Sequence[Figure],
    wanted: Sequence[Figure],
    rivals: Sequence[Rival],
) -> tuple[Report, Compared]:
    with Worker(cpus) as child, Bar(io.StringIO() if options.quiet else sys.stderr) as bar:
        described = child.ask("describe")
        ours = Ours(child, known)
        if options.operators:
            rivals = _roofs(options.rival, Ceiling(child, host))
        compared = compare(wanted, rivals, ours, cpus, pairs=options.pairs, progress=bar.show)
        conditions = child.ask("conditions")
    report = Report(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=_described(host.machine),
        software=_software(described),
        cpus=cpus,
        versions={one.name: one.version() for one in rivals if one.why_absent() is None},
        rows=tuple(compared.rows),
        # An operator has one opponent by design: only what failed is worth a word.
        left=tuple(one for one in compared.left if one.failed or not options.operators),
        conditions=conditions,
    )
    return report, compared


def _described(machine: MachineSpec) -> str:
    beneath = f" under {machine.hypervisor}" if machine.hypervisor else ""
    family = f"family {machine.family}, model {machine.model}"
    return f"{machine.brand or machine.architecture} ({family}), {machine.cores} cores{beneath}"


def _software(described: Mapping[str, Any]) -> str:
    return f"{_revision()}, Numba {described['numba']}, LLVM {described['llvm']}"


def _revision() -> str:
    commit, dirty = revision(checkout())
    return f"ours: {commit or 'no revision'}{' with changes' if dirty else ''}"


def _show(options: argparse.Namespace, report: Report, compared: Compared) -> int:
    """Print the answer; only a rival whose run failed makes it a failure."""
    failures = [left for left in compared.left if left.failed]
    if not compared.rows and not failures:
        reasons = " ".join(sentence(left) for left in compared.left)
        raise RooflineError(f"nothing can be compared. {reasons}", CANNOT_MEASURE)
    section = markdown(report)
    if options.operators:
        # A part of the chapter that says what is compared.
        section = section.replace("\n### ", "\n#### ").replace(
            "## Against other tools", "### In pairs"
        )
    if options.json:
        print(json.dumps(as_dict(report), indent=1), flush=True)
    else:
        print(section, end="", flush=True)
    if options.markdown is not None:
        write_section(options.markdown, section, _markers(options))
    for left in failures:
        print(f"error: {sentence(left)}", file=sys.stderr)
    return CANNOT_MEASURE if failures else 0
