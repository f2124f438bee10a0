"""What every command does about failure: one sentence on stderr, and the exit status it means."""

import os
import sys
from collections.abc import Callable

from roofline.errors import RooflineError

INTERRUPTED = 130


def exit_status(command: Callable[[], int]) -> int:
    """Run a command and return its exit status; never a traceback for what a user can mend."""
    try:
        return command()
    except RooflineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python's own last flush must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
