"""`python -m calibrate.subject NAME`: how a subject falls short of the physics on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from roofline.commandline import Parser, exit_status

DESCRIPTION = """Measure a designed set of convolutions with a subject (ours, torch,
torch-channels-last, torch-prepacked, onnxruntime, onnxruntime-kernel, openvino), fit a few
physical parameters and a small residual to it on top of this machine's calibration, and keep them
as a record. From then on `python -m roofline.compare --subject NAME` predicts with rungs e and f,
with intervals that four of five times should lie in."""
EPILOG = """About 200 layers in a minute; --quick: 16 in a few seconds, and no residual. The
residual is grown by scikit-learn (the extra `fit`); predicting needs neither it nor the library.
No layer of the default sweep is ever fitted, nor any that --judge names: they judge. Exit: 0 fine;
1 physics forbids the result (kept, marked invalid); 2 bad input; 3 cannot measure here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: _run(parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    # Here, not at the top: --help must not wait for what measuring needs.
    from calibrate.fitting.command import run

    return run(options)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("python -m calibrate.subject", description=DESCRIPTION, epilog=EPILOG)
    add = made.add_argument
    add("subject", metavar="NAME", help="who runs the operators")
    add("--quick", action="store_true", help="16 layers instead of 200, and no residual")
    add("--threads", type=int, metavar="N", help="cores to use (default: every usable one)")
    add("--shapes", type=Path, metavar="FILE.csv", help="fit these layers instead")
    add("--measured", type=Path, metavar="FILE", help="fit a kept sweep or fit; measure nothing")
    add(
        *("--judge",),
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="SWEEP",
        help="judge by these kept sweeps, none of whose layers may be fitted",
    )
    add(
        "--results",
        metavar="PATH|URL",
        help="where records lie (default: $ROOFLINE_RESULTS, else results/)",
    )
    add("--site", default="local", metavar="NAME", help="where in there (default: local)")
    add("--no-save", action="store_true", help="don't keep the fit")
    add("--json", action="store_true", help="print the record instead of tables")
    add("--quiet", action="store_true", help="no progress on stderr")
    return made


if __name__ == "__main__":
    sys.exit(main())
