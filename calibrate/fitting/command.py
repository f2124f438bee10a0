"""What `calibrate.subject` does with its options: check them, measure or read, fit, keep, show."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from calibrate.fitting import design
from calibrate.fitting.conclude import conclude, refuse_judges
from calibrate.fitting.source import sweep_behind
from roofline import shapes
from roofline.comparing.archived import calibration_of, sweep_of
from roofline.comparing.fitted import Fit, with_fit
from roofline.comparing.measured import Wish, measured
from roofline.comparing.reporting import report
from roofline.comparing.runner import Runner
from roofline.comparing.subjects import runner_of
from roofline.errors import RooflineError
from roofline.records import ConvShape, Efficiency, Layer, Report, Sweep
from roofline.store.files import Store, open_store
from roofline.store.schema import dumps
from roofline.view.fit_table import print_fit
from roofline.view.progress import Bar

ROUNDS = 3
"""How often each layer is measured: many layers tell more than many rounds of few."""


def run(options: argparse.Namespace) -> int:
    """Fit a subject; whatever can be refused is refused before anything is measured."""
    if options.threads is not None and options.threads < 1:
        raise RooflineError(f"--threads {options.threads} is no number of cores: give 1 or more.")
    store = open_store(options.results)
    judges = [sweep_of(str(path), store, "", "") for path in options.judge]
    judged = [timing.shape for sweep, _ in judges for timing in sweep.timings]
    for sweep, path in judges:
        if sweep.subject != options.subject:
            raise RooflineError(f"{path} is a sweep of {sweep.subject}, not of {options.subject}.")
    find = _archived if options.measured else _measured
    sweep, runner = find(options, store, judged)
    record = conclude(sweep, runner, quick=options.quick)
    name = _kept(options, store, record)
    fit = Fit(name=name, record=record)
    answers = [_judged(one, path, store, fit) for one, path in judges]
    _show(options, record, answers)
    return 0 if record.valid else 1


def _measured(
    options: argparse.Namespace, store: Store, judged: Sequence[ConvShape]
) -> tuple[Sweep, Runner]:
    """Measure the layers to fit; the sweep itself is kept within the fit."""
    layers = _layers(options, judged)
    refuse_judges([layer.shape for layer in layers], judged)
    if not options.no_save:
        # Before a minute is spent: the record goes where the sweep would.
        store.check_writable(options.site)
    wish = Wish(
        layers=layers,
        rounds=ROUNDS,
        subject=options.subject,
        threads=options.threads,
        results=options.results,
        site=None,
        quiet=options.quiet,
    )
    say = _silent if options.quiet else _say
    if options.quiet:
        return measured(wish, say)
    with Bar(sys.stderr) as bar:
        return measured(wish, say, bar.show)


def _layers(options: argparse.Namespace, judged: Sequence[ConvShape]) -> tuple[Layer, ...]:
    if options.shapes is None:
        return design.design(design.QUICK if options.quick else design.FULL, judged)
    if options.quick:
        raise RooflineError("--quick chooses few layers, --shapes names them: give one of the two.")
    return tuple(shapes.read_shapes(options.shapes))


def _archived(
    options: argparse.Namespace, store: Store, judged: Sequence[ConvShape]
) -> tuple[Sweep, Runner]:
    """Return what was measured before: a sweep, or the layers of a fit."""
    given = [name for name in ("shapes", "threads", "quick") if getattr(options, name)]
    if given:
        raise RooflineError(
            f"--measured fits what was measured: leave {' and '.join(f'--{n}' for n in given)} out."
        )
    path = options.measured
    sweep = sweep_behind(path)
    if sweep.subject != options.subject:
        raise RooflineError(f"{path} is of {sweep.subject}, not of {options.subject}.")
    refuse_judges([timing.shape for timing in sweep.timings], judged)
    return sweep, runner_of(sweep, calibration_of(sweep, path, store))


def _kept(options: argparse.Namespace, store: Store, record: Efficiency) -> str:
    if options.no_save:
        return "(not kept)"
    path = store.put(record, None, options.site)
    if not options.quiet:
        _say(f"record: {store.shown(path)}")
    return path.name


def _judged(sweep: Sweep, path: Path, store: Store, fit: Fit) -> tuple[Path, Report]:
    runner = runner_of(sweep, calibration_of(sweep, path, store))
    if (sweep.threads, sweep.machine.id) != (fit.record.threads, fit.record.machine.id):
        fit = replace(fit, elsewhere=True)
    return path, with_fit(report(sweep, runner), fit, runner)


def _show(
    options: argparse.Namespace, record: Efficiency, answers: Sequence[tuple[Path, Report]]
) -> None:
    if options.json:
        print(dumps(record), end="", flush=True)
        return
    print_fit(record, [(path.name, answer) for path, answer in answers])


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(_text: str) -> None:
    return None
