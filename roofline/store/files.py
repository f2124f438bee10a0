"""A write-once store of records: one immutable file a run in a local folder, named by its hash."""

import gzip
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from roofline.errors import RooflineError
from roofline.records import Calibration, Samples, Sweep
from roofline.store.index import Entry, Found, choose_latest, choose_sweep
from roofline.store.publish import make_folder, publish, tidy
from roofline.store.reading import (
    MAX_BYTES,
    Skipped,
    candidates,
    digest_of,
    inside,
    read,
    read_near,
    stamp_of,
)
from roofline.store.schema import Record, compact, dumps, loads

__all__ = [
    "LOCAL_SITE",
    "MAX_BYTES",
    "Entry",
    "Found",
    "Skipped",
    "Store",
    "default_root",
    "resolve_root",
]

LOCAL_SITE = "local"
RESULTS_VARIABLE = "ROOFLINE_RESULTS"
_SAMPLE_DIGITS = 5
_SITE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Store:
    """Records in a folder, by site, type of machine and year.

    Nothing in it is ever changed or locked, so any number of writers and readers may share it.

    Attributes:
        root: the folder; it need not exist before the first `put`.

    """

    root: Path

    def put(self, record: Record, samples: Mapping[str, object] | None, site: str) -> Path:
        """Publish a record, its samples first, and return where it lies.

        Raises:
            RooflineError: the site's name is no name, the record cannot be read back, or the
                folder cannot be written.

        """
        stamp = stamp_of(record)
        folder = self._folder(site, record.machine.id, stamp[:4])
        beside = None
        if samples is not None:
            packed = gzip.compress(compact(samples, _SAMPLE_DIGITS).encode(), mtime=0)
            beside = _named(stamp, packed, ".samples.json.gz")
            digest = hashlib.sha256(packed).hexdigest()
            record = replace(record, samples=Samples(name=beside, sha256=digest))
        data = _readable(record)
        try:
            make_folder(folder, self.root)
            tidy(folder)
            if beside is not None:
                publish(folder / beside, packed)
            return publish(folder / _named(stamp, data, ".json"), data)
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

    def all(self) -> tuple[list[Entry[Record]], list[Skipped]]:
        """Read every record of either kind, and name each file that should be one and is not."""
        return read(self.root, candidates(self.root))

    def latest(
        self, node: str, *, usable_cores: int, isa_cap: str | None, machine_id: str | None = None
    ) -> Found[Calibration] | None:
        """Find a node's newest valid calibration, else of its type of machine if that is given."""
        choose = partial(choose_latest, node=node, usable_cores=usable_cores, isa_cap=isa_cap)
        found = choose(read_near(self.root, Calibration, node))
        if found or machine_id is None:
            return found
        alike = read_near(self.root, Calibration, node, machine_id)
        return choose(alike, machine_id=machine_id)

    def latest_sweep(self, node: str, *, machine_id: str | None = None) -> Found[Sweep] | None:
        """Find a node's newest valid sweep, else of its type of machine if that is given."""
        found = choose_sweep(read_near(self.root, Sweep, node), node=node)
        if found or machine_id is None:
            return found
        alike = read_near(self.root, Sweep, node, machine_id)
        return choose_sweep(alike, node=node, machine_id=machine_id)

    def named(self, name: str) -> Entry[Record] | None:
        """Find the record of that file name, with or without its ".json".

        Raises:
            RooflineError: every file of that name is damaged; says how.

        """
        wanted = name.removesuffix(".json") + ".json"
        same = [path for path in candidates(self.root) if path.name == wanted]
        entries, skipped = read(self.root, same)
        if not entries and skipped:
            raise RooflineError(f"{skipped[0].path}: {skipped[0].reason}")
        return entries[0] if entries else None

    def _folder(self, site: str, *below: str) -> Path:
        if not _SITE.fullmatch(site):
            raise RooflineError(
                f"{site!r} is no site name: use up to 64 of a-z, 0-9, '.', '_' and '-', "
                "beginning with a letter or digit."
            )
        folder = self.root.joinpath(site, *below)
        if not inside(folder, self.root):
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


def _named(stamp: str, data: bytes, ending: str) -> str:
    return f"{stamp}-{digest_of(data)}{ending}"


def _readable(record: Record) -> bytes:
    """Encode a record that a later reader is sure to accept."""
    text = dumps(record)
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
