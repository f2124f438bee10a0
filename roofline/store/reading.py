"""Files of a store as they are read: each is checked, and what is no record is told apart."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roofline.errors import RooflineError, RooflineWarning
from roofline.store.index import Entry, when
from roofline.store.schema import FutureFormatError, Record, RecordT, compact, kind_of, loads
from roofline.store.shelf import RECORD, digest_of

# Of a record, and of the samples beside it.
MAX_BYTES, MAX_SAMPLES = 1_000_000, 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that is no record that this version reads, and why.

    Attributes:
        future: it is a record, of a format that a later version made.

    """

    path: Path
    reason: str
    future: bool = False


def read_near(
    root: Path, cls: type[RecordT], node: str, machine_id: str | None = None
) -> list[Entry[RecordT]]:
    """Read the records of a kind that may matter to a node, or to a type of machine."""
    # Decoding a record takes 15 ms, finding a word in it 0.01 ms: archives grow.
    kind = re.compile(rb'"kind"\s*:\s*"%s"' % kind_of(cls).encode())
    words = (compact(node).encode(), b'"supersedes"')

    def matters(path: Path, data: bytes) -> bool:
        near = path.parent.parent.name == machine_id or any(word in data for word in words)
        return near and kind.search(data) is not None

    entries, skipped = read(root, candidates(root), matters)
    warn(skipped)
    return [
        Entry(path=entry.path, record=entry.record)
        for entry in entries
        if isinstance(entry.record, cls)
    ]


def read(
    root: Path, paths: Iterable[Path], matters: Callable[[Path, bytes], bool] | None = None
) -> tuple[list[Entry[Record]], list[Skipped]]:
    """Read those files of a store that matter; name each that should be a record and is not."""
    entries: list[Entry[Record]] = []
    skipped: list[Skipped] = []
    for path in sorted(paths):
        try:
            data = content(path, root)
            if matters is None or matters(path, data):
                entries.append(Entry(path=path, record=_decoded(path, root, data)))
        except RooflineError as error:
            future = isinstance(error, FutureFormatError)
            skipped.append(Skipped(path=path, reason=str(error), future=future))
        except OSError as error:
            skipped.append(Skipped(path=path, reason=f"cannot be read: {error.strerror}."))
    return entries, skipped


def warn(skipped: Iterable[Skipped]) -> None:
    """Warn of records that only a later version reads; damaged files are `verify`'s to name."""
    future = [one for one in skipped if one.future]
    if future:
        more = f", and {len(future) - 1} more" if len(future) > 1 else ""
        message = f"skipped {future[0].path.name}{more}: {future[0].reason}"
        warnings.warn(message, RooflineWarning, stacklevel=2)


def record_at(path: Path) -> Record:
    """Read a record that may lie outside of any store, under any name.

    Raises:
        RooflineError: there is no such file, or it is no record; says which and why.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise RooflineError(f"cannot read {path}: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise RooflineError(f"cannot read {path}: it is no JSON record.") from problem
    try:
        return loads(text)
    except RooflineError as problem:
        raise RooflineError(f"{path}: {problem}", problem.exit_code) from problem


def candidates(root: Path) -> Iterator[Path]:
    """Find every file that should be a record, and every link and folder that can't be read."""
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(root, onerror=unreadable.append):
        here = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (here / name for name in folders if (here / name).is_symlink())
        if here != root:
            yield from (here / n for n in names if n.endswith(".json") and not n.startswith("."))
    yield from (Path(e.filename) for e in unreadable if os.path.lexists(e.filename))


def inside(path: Path, root: Path) -> bool:
    """Tell whether a path stays in a folder when its links are followed."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except RuntimeError:  # links in a circle
        return False


def stamp_of(record: Record) -> str:
    """Return when a record was started, as its file's name begins: 20261123T005959Z."""
    return f"{when(record.started):%Y%m%dT%H%M%SZ}"


def content(path: Path, root: Path) -> bytes:
    """Return the bytes of a file that may be a record: plain, small, as its name's hash says.

    Raises:
        RooflineError: it is something else; says what.
        OSError: it can't be read.

    """
    if path.is_symlink():
        where = "to another place in" if inside(path, root) else "out of"
        raise RooflineError(f"not a record: it is a link {where} the store.")
    # A pipe would wait for a writer for ever.
    if not path.is_file():
        if path.is_dir():
            # Says what bars it, where something does.
            os.scandir(path).close()
        raise RooflineError("cannot be read: it is not a regular file.")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise RooflineError(f"too large for a record: {size} bytes.")
    data = path.read_bytes()
    name = RECORD.fullmatch(path.name)
    if name is None:
        raise RooflineError("not a record: its name isn't <UTC-time>-<hash>.json.")
    if digest_of(data) != name[2]:
        raise RooflineError("damaged or edited: its content does not match the hash in its name.")
    return data


def _decoded(path: Path, root: Path, data: bytes) -> Record:
    try:
        record = loads(data.decode())
    except UnicodeDecodeError:
        raise RooflineError("not a record: it is not UTF-8.") from None
    stamp = stamp_of(record)
    if not path.name.startswith(stamp):
        raise RooflineError("its name does not give the time when it was started.")
    place = (record.machine.id, stamp[:4])
    if path.relative_to(root).parts[1:-1] != place:
        raise RooflineError(f"lies in the wrong folder: it belongs in <site>/{'/'.join(place)}.")
    return record
