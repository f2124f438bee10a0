"""What `python -m calibrate` does with its options: check them, measure, keep, show."""

import argparse
import functools
import os
import platform
import sys
from pathlib import Path

import roofline
from calibrate import doctor, plan
from calibrate.session import Outcome, Subject, calibrate
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.folders import config_home
from roofline.host.activity import Lookout, busy_cpus
from roofline.host.alone import alone
from roofline.host.checkout import checkout, revision
from roofline.host.child import Progress
from roofline.host.machine import memory_available, memory_nodes, node_id, read_machine, team_cpus
from roofline.host.spec import read_spec
from roofline.host.worker import Worker
from roofline.physics import isa
from roofline.records import Calibration, Finding, MachineSpec, Software
from roofline.store.files import Store, open_store
from roofline.units import duration
from roofline.view.progress import Bar

SYSTEM = Path("/")


def run(options: argparse.Namespace) -> int:
    """Calibrate; everything that can be refused is refused before anything is measured."""
    if platform.system() != "Linux":
        raise RooflineError("measuring needs Linux; reports work anywhere.", CANNOT_MEASURE)
    machine = read_machine(SYSTEM, spec=read_spec(options.spec) if options.spec else None)
    vectors = isa.vectors(machine, options.isa)
    cpus = team_cpus(SYSTEM, options.threads)
    store = open_store(options.results)
    store.check_writable(options.site, machine.id)
    _check_figures([*(options.figure or ()), *(options.curve or ())])
    resources = plan.Resources(
        machine=machine,
        threads=len(cpus),
        vectors=vectors,
        memory_available=memory_available(SYSTEM),
        huge_pages=doctor.huge_pages_allowed(SYSTEM),
        nodes=memory_nodes(SYSTEM, cpus),
    )
    drawn = plan.draw_up(resources, quick=options.quick)
    with alone(_waits):
        findings = _findings(machine, cpus)
        _say(options, findings, drawn)
        outcome = _measure(options, _subject(options, machine, cpus), drawn, cpus, findings)
    path = store.put(outcome.calibration, outcome.samples, options.site)
    return _show(options, store, path)


def _waits() -> None:
    print("waiting: another calibration runs on this host.", file=sys.stderr, flush=True)


def _check_figures(paths: list[Path]) -> None:
    if paths:
        from roofline.view import canvas

        canvas.check(paths)


def _findings(machine: MachineSpec, cpus: tuple[int, ...]) -> tuple[Finding, ...]:
    situation = doctor.Situation(
        root=SYSTEM,
        machine=machine,
        cpus=cpus,
        allowed=sorted(os.sched_getaffinity(0)),
        busy=busy_cpus(),
        memory_available=memory_available(SYSTEM),
    )
    return doctor.examine(situation)


def _subject(options: argparse.Namespace, machine: MachineSpec, cpus: tuple[int, ...]) -> Subject:
    commit, dirty = revision(checkout())
    software = Software(
        python=sys.version.split()[0],
        suite_version=roofline.__version__,
        git_revision=commit,
        git_dirty=dirty,
    )
    return Subject(
        machine=machine,
        node=node_id(SYSTEM, config_home()),
        cores=len(cpus),
        isa_cap=options.isa,
        quick=options.quick,
        software=software,
    )


def _measure(
    options: argparse.Namespace,
    subject: Subject,
    drawn: plan.Plan,
    cpus: tuple[int, ...],
    findings: tuple[Finding, ...],
) -> Outcome:
    open_child = functools.partial(Worker, cpus, isa.target_environment(options.isa))
    run = functools.partial(
        calibrate,
        subject,
        drawn,
        open_child,
        findings=findings,
        patience=options.patience,
        lookout=Lookout(SYSTEM),
    )
    if options.quiet:
        return run()
    with Bar(sys.stderr) as bar:
        progress: Progress = bar.show
        return run(progress=progress)


def _say(options: argparse.Namespace, findings: tuple[Finding, ...], drawn: plan.Plan) -> None:
    """Tell what the doctor found before a minute is spent on it."""
    if not options.quiet:
        for finding in (*findings, *drawn.findings):
            if finding.severity == "warning":
                print(f"warning: {finding.what}: {finding.why_it_matters}", file=sys.stderr)


def _show(options: argparse.Namespace, store: Store, path: Path) -> int:
    """Show the record as it was kept: what is printed is what others will read."""
    from roofline.store.schema import loads_as

    text = path.read_text(encoding="utf-8")
    calibration = loads_as(Calibration, text)
    if options.figure:
        from roofline.view.figure import save_roofline

        save_roofline(calibration, options.figure)
    if options.curve:
        from roofline.view.curve import save_curve

        save_curve(calibration, options.curve)
    if options.json:
        print(text, end="", flush=True)
    else:
        from roofline.view.terminal import print_table

        print_table(calibration)
    if not options.quiet:
        _say_where(options, store, path, calibration)
    return 0 if calibration.valid else 1


def _say_where(
    options: argparse.Namespace, store: Store, path: Path, calibration: Calibration
) -> None:
    took = f"{duration(calibration.seconds_taken)} measuring"
    compiled = calibration.compile_seconds
    kernels = f"{duration(compiled)} compiling kernels" if compiled else "kernels from the cache"
    print(f"{took}, {kernels}", file=sys.stderr)
    print(f"record: {store.shown(path)}", file=sys.stderr)
    for figure in (*(options.figure or ()), *(options.curve or ())):
        print(f"figure: {figure}", file=sys.stderr)
    if not calibration.valid:
        print(
            f"invalid: physics forbids this result; it is kept in {store.address} and never used.",
            file=sys.stderr,
        )
