"""Files that appear whole or not at all: written beside their place, then renamed into it."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roofline.errors import RooflineError

STALE_SECONDS = 3600.0


def make_folder(folder: Path, root: Path) -> None:
    """Make a folder below a root, and make its name last."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for parent in folder.parents:
        _settle(parent)
        if parent == root.parent:
            return


def tidy(folder: Path) -> None:
    """Remove what writers that died more than an hour ago have left."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > STALE_SECONDS:
                path.unlink()


def publish(target: Path, data: bytes) -> Path:
    """Make a file appear whole or not at all, and return where.

    The name must hold the content's hash: then a racing writer can only replace a file by its
    equal, and the same content twice is the same file.

    Raises:
        RooflineError: a file of that name holds something else.

    """
    if os.path.lexists(target):
        return _agreeing(target, data)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    _settle(target.parent)
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a place to write a file anew that others see only when it is whole.

    Raises:
        OSError: the place can't be written; what was there stays.

    """
    # The ending stays: it may say how to write.
    temporary = target.with_name(f".{os.getpid()}.{secrets.token_hex(4)}.{target.name}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write(target: Path, writer: Callable[[Path], object]) -> None:
    """Let something write a file anew, whole or not at all.

    Raises:
        RooflineError: it can't be written; a file that was there stays.

    """
    try:
        # Renaming over a device such as /dev/stdout would take the device away.
        if target.exists() and not target.is_file():
            writer(target)
            return
        with replacing(target.resolve()) as temporary:
            writer(temporary)
    except OSError as error:
        raise RooflineError(f"cannot write {target}: {error.strerror or error}.") from error


def _agreeing(target: Path, data: bytes) -> Path:
    if not target.is_file() or target.read_bytes() != data:
        raise RooflineError(f"{target} is damaged: move it away and store the result again.")
    return target


def _settle(folder: Path) -> None:
    """Make a folder's names survive a power cut, where its file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
