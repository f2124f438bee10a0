"""A write-once store of records: one immutable file a run in a local folder, named by its hash."""

import gzip
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from roofline.errors import RooflineError
from roofline.records import Calibration, Samples
from roofline.store.index import HASH_LENGTH, Entry, Found, choose_latest, when
from roofline.store.publish import make_folder, publish, sweep
from roofline.store.schema import compact, dumps, loads

__all__ = ["LOCAL_SITE", "Entry", "Found", "Skipped", "Store", "default_root", "resolve_root"]

LOCAL_SITE = "local"
MAX_BYTES = 1_000_000
RESULTS_VARIABLE = "ROOFLINE_RESULTS"
_SAMPLE_DIGITS = 5
_SITE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME = re.compile(rf"(\d{{8}}T\d{{6}}Z)-([0-9a-f]{{{HASH_LENGTH}}})\.json")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that is no record, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Store:
    """Records in a folder, by site, type of machine and year.

    Nothing in it is ever changed or locked, so any number of writers and readers may share it.

    Attributes:
        root: the folder; it need not exist before the first `put`.

    """

    root: Path

    def put(
        self, calibration: Calibration, samples: Mapping[str, object] | None, site: str
    ) -> Path:
        """Publish a record, its samples first, and return where it lies.

        Raises:
            RooflineError: the site's name is no name, the record cannot be read back, or the
                folder cannot be written.

        """
        stamp = _stamp(calibration)
        folder = self._folder(site, calibration.machine.id, stamp[:4])
        beside = None
        if samples is not None:
            data = gzip.compress(compact(samples, _SAMPLE_DIGITS).encode(), mtime=0)
            beside = _named(stamp, data, ".samples.json.gz")
            digest = hashlib.sha256(data).hexdigest()
            calibration = replace(calibration, samples=Samples(name=beside, sha256=digest))
        record = _readable(calibration)
        try:
            make_folder(folder, self.root)
            sweep(folder)
            if beside is not None:
                publish(folder / beside, data)
            return publish(folder / _named(stamp, record, ".json"), record)
        except OSError as error:
            raise RooflineError(_unwritable(folder, error)) from error

    def check_writable(self, site: str, machine_id: str = "") -> None:
        """Make sure, before anything is measured, that `put` will find a place to write.

        Raises:
            RooflineError: the site's name is no name, or the folder cannot be written.

        """
        folder = self._folder(site, machine_id).absolute()
        nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        try:
            # Permission bits say nothing to root, nor on a read-only file system: so really write.
            with tempfile.TemporaryFile(dir=nearest) as trial:
                trial.write(bytes(64 << 10))
                trial.flush()
        except OSError as error:
            raise RooflineError(_unwritable(nearest, error)) from error

    def all(self) -> tuple[list[Entry], list[Skipped]]:
        """Read every record, and name each file that should be one and is not."""
        return _read_all(self.root)

    def latest(
        self, node: str, *, usable_cores: int, isa_cap: str | None, machine_id: str | None = None
    ) -> Found | None:
        """Find the newest valid record of a node, else of its type of machine if that is given."""
        # Decoding a record takes 15 ms, finding a word in it 0.01 ms: archives grow.
        words = (compact(node).encode(), b'"supersedes"')
        near, _ = _read_all(self.root, lambda data: any(word in data for word in words))
        found = choose_latest(near, node=node, usable_cores=usable_cores, isa_cap=isa_cap)
        if found or machine_id is None:
            return found
        return choose_latest(
            self.all()[0],
            node=node,
            usable_cores=usable_cores,
            isa_cap=isa_cap,
            machine_id=machine_id,
        )

    def _folder(self, site: str, *below: str) -> Path:
        if not _SITE.fullmatch(site):
            raise RooflineError(
                f"{site!r} is no site name: use up to 64 of a-z, 0-9, '.', '_' and '-', "
                "beginning with a letter or digit."
            )
        folder = self.root.joinpath(site, *below)
        if not _inside(folder, self.root):
            raise RooflineError(f"{folder} leads out of the store by a link: remove that link.")
        return folder


def default_root(package_dir: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Find where records lie unless told: in a checkout its `results`, else the user's data."""
    checkout = package_dir.parent
    if (checkout / "benchmarks").is_dir() and (checkout / "setup.cfg").is_file():
        return checkout / "results"
    data = Path(environ.get("XDG_DATA_HOME", ""))
    home = data if data.is_absolute() else Path.home() / ".local" / "share"
    return home / "calibrated-roofline"


def resolve_root(argument: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Find where records lie: `--results`, else the environment, else the default.

    Raises:
        RooflineError: a URL was given.

    """
    given = argument or environ.get(RESULTS_VARIABLE)
    if not given:
        return default_root(Path(__file__).resolve().parents[1], environ)
    if _SCHEME.match(given):
        raise RooflineError(
            f"cannot keep results at {given}: this version supports local folders only; "
            "give --results a path."
        )
    return Path(given).expanduser()


def _stamp(calibration: Calibration) -> str:
    return f"{when(calibration.started):%Y%m%dT%H%M%SZ}"


def _named(stamp: str, data: bytes, ending: str) -> str:
    return f"{stamp}-{_digest(data)}{ending}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:HASH_LENGTH]


def _readable(calibration: Calibration) -> bytes:
    """Encode a record that a later reader is sure to accept."""
    text = dumps(calibration)
    loads(text)
    if len(data := text.encode()) > MAX_BYTES:
        raise RooflineError(f"cannot store a record of {len(data)} bytes: {MAX_BYTES} are allowed.")
    return data


def _unwritable(folder: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, NotADirectoryError | FileExistsError):
        reason = "a file is in the way"
    return (
        f"cannot write results in {folder} ({reason}): "
        "make it a folder that you may write, or name another with --results."
    )


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except RuntimeError:  # links in a circle
        return False


def _read_all(
    root: Path, matters: Callable[[bytes], bool] | None = None
) -> tuple[list[Entry], list[Skipped]]:
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    for path in sorted(_candidates(root)):
        try:
            data = _content(path, root)
            if matters is None or matters(data):
                entries.append(Entry(path=path, calibration=_decoded(path, root, data)))
        except RooflineError as error:
            skipped.append(Skipped(path=path, reason=str(error)))
        except OSError as error:
            skipped.append(Skipped(path=path, reason=f"cannot be read: {error.strerror}."))
    return entries, skipped


def _candidates(root: Path) -> Iterator[Path]:
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(root, onerror=unreadable.append):
        here = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (here / name for name in folders if (here / name).is_symlink())
        if here != root:
            yield from (here / n for n in names if n.endswith(".json") and not n.startswith("."))
    yield from (Path(e.filename) for e in unreadable if os.path.lexists(e.filename))


def _content(path: Path, root: Path) -> bytes:
    if path.is_symlink():
        where = "to another place in" if _inside(path, root) else "out of"
        raise RooflineError(f"not a record: it is a link {where} the store.")
    # A pipe would wait for a writer for ever.
    if not path.is_file():
        raise RooflineError("cannot be read: it is not a regular file.")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise RooflineError(f"too large for a record: {size} bytes.")
    data = path.read_bytes()
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise RooflineError("not a record: its name isn't <UTC-time>-<hash>.json.")
    if _digest(data) != name[2]:
        raise RooflineError("damaged or edited: its content does not match the hash in its name.")
    return data


def _decoded(path: Path, root: Path, data: bytes) -> Calibration:
    try:
        calibration = loads(data.decode())
    except UnicodeDecodeError:
        raise RooflineError("not a record: it is not UTF-8.") from None
    stamp = _stamp(calibration)
    if not path.name.startswith(stamp):
        raise RooflineError("its name does not give the time when it was started.")
    place = (calibration.machine.id, stamp[:4])
    if path.relative_to(root).parts[1:-1] != place:
        raise RooflineError(f"lies in the wrong folder: it belongs in <site>/{'/'.join(place)}.")
    return calibration
