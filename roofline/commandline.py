"""What every command does about failure: one sentence on stderr, and the exit status it means."""

import argparse
import functools
import math
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from roofline.errors import CANNOT_MEASURE, RooflineError, RooflineWarning

INTERRUPTED = 130
# What is missing of these is a fault of ours.
_OURS = ("roofline", "benchmarks", "calibrate", "versus")


class Parser(argparse.ArgumentParser):
    """A command line whose slips are told like any other bad input: in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise RooflineError(f"{message}; see --help.")


def seconds(text: str) -> float:
    """Read a time of an option, for argparse.

    Raises:
        argparse.ArgumentTypeError: it is none.

    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def exit_status(command: Callable[[], int]) -> int:
    """Run a command and return its exit status; never a traceback for what a user can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", RooflineWarning)
        warnings.showwarning = functools.partial(_say, warnings.showwarning)
        return _status(command)


def _status(command: Callable[[], int]) -> int:
    try:
        return command()
    except RooflineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _OURS:
            raise
        print(
            f"error: {error.name} isn't installed here, which this command needs: install the "
            "suite again (python -m pip install --editable .).",
            file=sys.stderr,
        )
        return CANNOT_MEASURE
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python's own last flush must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _say(usual: Callable[..., None], message: Any, category: Any, *rest: Any, **more: Any) -> None:
    """Print our own warnings as a sentence; where in the code they arose helps nobody."""
    if issubclass(category, RooflineWarning):
        print(f"warning: {message}", file=sys.stderr)
    else:
        usual(message, category, *rest, **more)
