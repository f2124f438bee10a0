"""`python -m calibrate`: measure this machine's roofs and keep the record."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roofline.commandline import Parser, exit_status, seconds

DESCRIPTION = """Measure what this machine really reaches: peak FLOP/s and bandwidth by vector
width, cache level and team size, with pinned threads and pre-faulted pages; check it against
physics; print it, and keep it as a record."""
EPILOG = """Exit: 0 fine; 1 physics forbids the result (kept, marked invalid); 2 bad input;
3 cannot measure here; 130 interrupted. Nothing of the system is changed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: _run(parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    # Here, not at the top: --help must not wait for what measuring needs.
    from calibrate.command import run

    return run(options)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("python -m calibrate", description=DESCRIPTION, epilog=EPILOG)
    add = made.add_argument
    paths: dict[str, Any] = {"nargs": "+", "action": "extend", "type": Path, "metavar": "PATH"}
    add("--quick", action="store_true", help="fewer sizes and smaller arrays: under 25 s")
    add("--threads", type=int, metavar="N", help="cores to use (default: every usable one)")
    add(
        "--patience",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="after the planned rounds add more until typical values settle, or time is up",
    )
    add("--isa", metavar="ISA", help="use nothing beyond avx512, avx2 or sse2")
    add("--spec", type=Path, metavar="FILE", help="TOML: facts that the machine hides")
    add(
        "--results",
        metavar="PATH|URL",
        help="where records lie (default: $ROOFLINE_RESULTS, else results/)",
    )
    add("--site", default="local", metavar="NAME", help="whose record it is (default: local)")
    add("--figure", **paths, help="draw the corrected roofline (.svg, .png)")
    add("--curve", **paths, help="draw bandwidth by working set (.svg, .png)")
    add("--json", action="store_true", help="print the record instead of tables")
    add("--quiet", action="store_true", help="no progress on stderr")
    return made


if __name__ == "__main__":
    sys.exit(main())
