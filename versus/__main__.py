"""`python -m versus`: our figures against those of other tools, in pairs on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roofline.commandline import Parser, exit_status

DESCRIPTION = """Compare what we measure with what other tools measure: a C program built by the
system's compiler, likwid-bench, STREAM-like tools on PATH. Runs take turns (ours, theirs, theirs,
ours, ...) on the same CPUs and working sets; printed are the median ratio by figure, its 95 %
interval and all pairs."""
EPILOG = """Exit: 0 whatever the ratios are; 2 bad input; 3 cannot measure here, or a rival's run
failed; 130 interrupted. Nothing of the system is changed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: _run(parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    # Here, not at the top: --help must not wait for what measuring needs.
    from versus.command import run

    return run(options)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("python -m versus", description=DESCRIPTION, epilog=EPILOG)
    add = made.add_argument
    names: dict[str, Any] = {"nargs": "+", "action": "extend", "default": [], "metavar": "NAME"}
    add("--pairs", type=int, default=9, metavar="N", help="runs of each side (default: 9)")
    add("--rival", **names, help="only these: c-reference, likwid-bench, stream; or a subject")
    add("--figure", **names, help="only these; a wrong name lists them all")
    add("--operators", action="store_true", help="our operators against NumPy and their roofs")
    add("--convolutions", action="store_true", help="ResNet-50's convolutions against libraries")
    add("--random", type=int, metavar="N", help="with --convolutions: N drawn shapes instead")
    add("--seed", type=int, metavar="S", help="of the draw (default: 1)")
    add("--threads", type=int, metavar="N", help="with --convolutions (default: 1)")
    add("--no-tune", action="store_true", help="with --convolutions: ours as the model chooses")
    add("--markdown", type=Path, metavar="FILE", help="write FILE's section between its markers")
    add(
        "--results", metavar="PATH", help="records' folder, whose newest calibration sets the sizes"
    )
    add("--json", action="store_true", help="print everything as JSON instead of tables")
    add("--quiet", action="store_true", help="no progress on stderr")
    return made


if __name__ == "__main__":
    sys.exit(main())
