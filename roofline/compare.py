"""`python -m roofline.compare`: convolutions predicted from the roofline, and measured."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roofline.commandline import Parser, exit_status
from roofline.errors import RooflineError
from roofline.records import RUNGS
from roofline.shapes.draw import DOMAIN

if TYPE_CHECKING:
    from roofline.comparing.fitted import Fit
    from roofline.comparing.runner import Runner
    from roofline.records import Calibration, Finding, Report, Sweep

DESCRIPTION = """Predict how long convolutions take from this machine's calibration, measure them,
and show where prediction and machine disagree. Without a list of shapes: about 60 layers of
ResNet, MobileNet and ShuffleNet, dense against depthwise, and ladders over groups."""
EPILOG = """--shapes reads the columns name,batch,in_channels,height,width,out_channels,kernel,
stride,padding,dilation,groups,bias,dtype; channels, height, width and kernel must be there; pairs
are written 3 or 3x5. Exit: 0 fine; 1 a layer beat the bound (faster-than-roof), or --tolerance was
given and a layer lies outside; 2 bad input; 3 cannot measure here. --subject: ours, torch,
torch-channels-last, torch-prepacked, onnxruntime, onnxruntime-kernel or openvino; a library runs in
a process of its own, in turn with our anchors."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: run(_parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Find or measure a sweep, compare it with its calibration, show the answer."""
    _check_outputs(options)
    if options.machine is not None:
        return _predicted(options)
    sweep, operators = _measured(options) if options.measured is None else _archived(options)
    from roofline.comparing.fits import fit_here
    from roofline.comparing.headline import headline
    from roofline.comparing.reporting import report
    from roofline.physics.judge import TOLERANCE
    from roofline.store.files import open_store

    tolerance = TOLERANCE if options.tolerance is None else options.tolerance
    answer = report(sweep, operators, tolerance=tolerance)
    answer = _explained(options, answer, operators, sweep)
    fit = fit_here(open_store(options.results), operators, answer.subject)
    answer = _fitted(options, answer, operators, fit, tolerance)
    answer = headline(answer, options.rung, tolerance=tolerance)
    _show(options, answer, sweep.findings, operators.calibration)
    return _status(answer, strict=options.tolerance is not None)


def _parser() -> argparse.ArgumentParser:
    name = "python -m roofline.compare"
    parser = Parser(name, description=DESCRIPTION, epilog=f"{EPILOG} {DOMAIN}")
    add = parser.add_argument
    add("--shapes", type=Path, metavar="FILE.csv", help="measure these instead")
    add("--random", type=_count, metavar="N", help="measure N shapes drawn from a stated domain")
    add("--seed", type=_seed, metavar="S", help="of the draw (default: 1)")
    add("--measured", metavar="FILE|latest", help="compare a kept sweep again, measuring nothing")
    add("--machine", metavar="ID", help="only predict, for a machine of the store (or ID's start)")
    add("--subject", metavar="NAME", help="who runs the operators (default: ours)")
    add("--threads", type=_count, metavar="N", help="cores to use (default: all usable ones)")
    add("--isa", metavar="ISA", help="cap the vectors: avx512, avx2 or sse2")
    add("--cold", action="store_true", help="rotate buffers past the last-level cache")
    add("--relu", action="store_true", help="fuse a ReLU into our kernels")
    add("--no-tune", action="store_true", help="run our kernels as the model chooses, try no other")
    add("--explain", **_names("of these layers, say where the time goes"))
    add("--waterfall", **_names("of these, from paper to practice; run unprepared, too"))
    add("--rung", choices=RUNGS, help="predict with this rung (default: the best there is)")
    add("--tolerance", type=_fraction, metavar="T", help="verdicts within 1 + T (default: 0.25)")
    add("--csv", type=Path, metavar="FILE", help="write one row a layer, in SI units")
    add("--json", action="store_true", help="print the comparison as JSON instead of tables")
    paths: dict[str, Any] = {"nargs": "+", "action": "extend", "type": Path, "metavar": "PATH"}
    add("--figure", **paths, help="draw operators on the roofline (.svg, .png)")
    add("--waterfall-figure", **paths, help="draw the waterfalls (.svg, .png)")
    add(
        "--results",
        metavar="PATH|URL",
        help="where records lie (default: $ROOFLINE_RESULTS, else results/)",
    )
    add("--site", default="local", metavar="NAME", help="where in there (default: local)")
    add("--no-save", action="store_true", help="don't keep the sweep")
    add("--quiet", action="store_true", help="no progress and advice on stderr")
    return parser


def _names(words: str) -> dict[str, Any]:
    plain: dict[str, Any] = {"nargs": "+", "action": "extend", "metavar": "NAME", "default": []}
    return plain | {"help": words}


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no fraction like 0.25")
    return value


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse what can't be written before anything is measured."""
    if options.csv:
        parent = options.csv.absolute().parent
        if options.csv.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK):
            raise RooflineError(f"cannot write {options.csv}: name a file in a folder of yours.")
    if options.waterfall_figure and not options.waterfall:
        raise RooflineError("--waterfall-figure draws the layers of --waterfall: name some.")
    if figures := [*(options.figure or ()), *(options.waterfall_figure or ())]:
        from roofline.view import canvas

        canvas.check(figures)


def _archived(options: argparse.Namespace) -> tuple[Sweep, Runner]:
    """Return a kept sweep and the operators of its calibration."""
    from roofline.comparing.archived import LATEST, calibration_of, sweep_of
    from roofline.comparing.measured import host
    from roofline.comparing.subjects import runner_of
    from roofline.store.files import open_store

    names = ("shapes", "random", "seed", "subject", "threads", "isa", "cold", "relu", "no_tune")
    # By identity: a seed of 0 equals False.
    values = {name: getattr(options, name) for name in names}
    told = (name for name, value in values.items() if value is not None and value is not False)
    given = [f"--{name.replace('_', '-')}" for name in told]
    if given:
        raise RooflineError(f"--measured shows what was measured: leave {' and '.join(given)} out.")
    store = open_store(options.results)
    node, machine_id = host() if options.measured == LATEST else ("", "")
    sweep, path = sweep_of(options.measured, store, node, machine_id)
    calibration = calibration_of(sweep, path, store)
    foreign = options.measured == LATEST and sweep.node != node
    _say(options, f"sweep: {path}{', of another host of this type' if foreign else ''}")
    return sweep, runner_of(sweep, calibration)


def _predicted(options: argparse.Namespace) -> int:
    """Show predictions for a machine that isn't here; nothing is measured or kept."""
    from roofline.comparing.headline import headline
    from roofline.comparing.libraries import LibraryOperators
    from roofline.comparing.measured import Wish, wanted_layers
    from roofline.comparing.predicted import Elsewhere, predicted
    from roofline.physics.judge import TOLERANCE
    from roofline.store.files import open_store

    if options.measured is not None:
        raise RooflineError("--machine predicts what nobody measured: leave --measured out.")
    if options.relu:
        raise RooflineError("--machine predicts convolutions alone: leave --relu out.")
    if options.no_tune:
        raise RooflineError("--machine tunes nothing: leave --no-tune out.")
    if options.waterfall:
        raise RooflineError("--machine measures nothing that could fall: leave --waterfall out.")
    layers = wanted_layers(Wish(shapes=options.shapes, random=options.random, seed=options.seed))
    wish = Elsewhere(
        machine=options.machine,
        subject="ours" if options.subject is None else options.subject,
        threads=options.threads,
        isa_cap=options.isa,
        cold=options.cold,
    )
    answer, operators, fit = predicted(wish, layers, open_store(options.results))
    answer = _explained(options, answer, operators)
    answer = _fitted(options, answer, operators, fit, TOLERANCE)
    answer = headline(answer, options.rung)
    _say(options, f"calibration: {answer.calibration}, of {answer.machine}")
    if isinstance(operators, LibraryOperators) and operators.call_seconds is None:
        _say(options, f"what a call of {answer.subject} costs there isn't known: it is left out")
    _show(options, answer, (), operators.calibration)
    return 0


def _explained(
    options: argparse.Namespace, answer: Report, runner: Runner, sweep: Sweep | None = None
) -> Report:
    """Return the answer with what was asked about single layers."""
    if options.explain:
        from roofline.comparing import explaining

        cut = explaining.recorded(sweep, runner) if sweep else explaining.as_chosen
        answer = explaining.explained(answer, runner, options.explain, cut)
    if options.waterfall and sweep:
        from roofline.comparing.falling import fallen

        answer = fallen(answer, sweep, runner.calibration, options.waterfall)
    return answer


def _fitted(
    options: argparse.Namespace, answer: Report, runner: Runner, fit: Fit | None, tolerance: float
) -> Report:
    """Return the answer with rungs e and f, where the subject was calibrated."""
    from roofline.comparing.fits import told
    from roofline.comparing.fitted import fitted_shapes, with_fit

    if fit is None:
        return answer
    for line in told(fit, answer.machine):
        _say(options, line)
    shapes = fitted_shapes(fit)
    seen = sum(row.shape in shapes for row in answer.rows)
    if seen:
        _say(options, f"fit: {seen} of these layers were fitted: they stay without rungs e and f")
    return with_fit(answer, fit, runner, tolerance=tolerance)


def _measured(options: argparse.Namespace) -> tuple[Sweep, Runner]:
    """Measure a sweep and keep it; whatever can be refused is refused before."""
    from roofline.comparing.measured import Wish, measured
    from roofline.view.progress import Bar

    wish = Wish(
        shapes=options.shapes,
        random=options.random,
        seed=options.seed,
        subject="ours" if options.subject is None else options.subject,
        threads=options.threads,
        isa_cap=options.isa,
        cold=options.cold,
        relu=options.relu,
        results=options.results,
        site=None if options.no_save else options.site,
        quiet=options.quiet,
        named=tuple(options.explain),
        waterfall=tuple(options.waterfall),
        tune=not options.no_tune,
    )
    say = functools.partial(_say, options)
    if options.quiet:
        return measured(wish, say)
    with Bar(sys.stderr) as bar:
        return measured(wish, say, bar.show)


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        print(text, file=sys.stderr)


def _show(
    options: argparse.Namespace,
    answer: Report,
    findings: Sequence[Finding],
    calibration: Calibration,
) -> None:
    if options.csv:
        from roofline.view.comparison_csv import comparison_csv

        comparison_csv(answer, options.csv)
    if options.figure:
        from roofline.view.comparison_figure import save_comparison

        save_comparison(answer, calibration, options.figure)
    if options.waterfall_figure:
        from roofline.view.waterfall_figure import save_waterfalls

        save_waterfalls(answer, calibration, options.waterfall_figure)
    if options.json:
        from roofline.view.comparison_json import to_json

        print(to_json(answer), end="", flush=True)
    else:
        from roofline.view.comparison_terminal import print_comparison

        print_comparison(answer)
    for finding in findings:
        _say(options, f"{finding.severity}: {finding.what}: {finding.why_it_matters}")


def _status(answer: Report, *, strict: bool) -> int:
    verdicts = {row.verdict for row in answer.rows}
    outside = verdicts & {"slower", "faster"}
    return 1 if "faster-than-roof" in verdicts or (strict and outside) else 0


if __name__ == "__main__":
    sys.exit(main())
