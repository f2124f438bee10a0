"""One calibration at a time on a host: a name that one process can hold, and that ends with it."""

import errno
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from roofline.errors import CANNOT_MEASURE, RooflineError

# Without a file: no user's file bars another user, and nothing is left by whoever is killed.
NAME = "\0calibrated-roofline"
PATIENCE = 900.0
_BETWEEN_LOOKS = 0.2


@contextmanager
def alone(
    waiting: Callable[[], None], name: str = NAME, patience: float = PATIENCE
) -> Iterator[None]:
    """Hold the host while this lasts; wait for whoever holds it.

    Args:
        waiting: called once where there is somebody to wait for.
        name: in the abstract namespace of Linux; containers with a network of their own have
            names of their own.
        patience: seconds to wait at most.

    Raises:
        RooflineError: somebody holds it for longer.

    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        if not _taken(held, name):
            waiting()
            deadline = time.monotonic() + patience
            while not _taken(held, name):
                if time.monotonic() > deadline:
                    raise RooflineError(
                        f"another calibration has held this host for {patience:.0f} s: "
                        "try again when it has ended.",
                        CANNOT_MEASURE,
                    )
                time.sleep(_BETWEEN_LOOKS)
        yield


def _taken(held: socket.socket, name: str) -> bool:
    try:
        held.bind(name)
    except OSError as error:
        # Where there are no such names, nobody can be waited for.
        return error.errno != errno.EADDRINUSE
    return True
