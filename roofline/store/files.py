"""A write-once store of records: one immutable file a run in a folder, named by its hash."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from roofline.errors import RooflineError
from roofline.folders import data_home
from roofline.records import Calibration, Samples, Sweep
from roofline.store.index import Entry, Found, choose
from roofline.store.publish import make_folder, publish, tidy
from roofline.store.reading import (
    MAX_BYTES,
    Skipped,
    candidates,
    inside,
    read,
    read_near,
    stamp_of,
)
from roofline.store.schema import Record, RecordT, compact, dumps, loads
from roofline.store.shelf import SITE, Address, Folder, Shelf, digest_of

if TYPE_CHECKING:
    from roofline.store.catalogue import Catalogue

__all__ = [
    "LOCAL_SITE",
    "MAX_BYTES",
    "Entry",
    "Found",
    "Skipped",
    "Store",
    "default_root",
    "open_store",
    "resolve_root",
]

LOCAL_SITE = "local"
RESULTS_VARIABLE = "ROOFLINE_RESULTS"
_SAMPLE_DIGITS = 5
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Store:
    """Records in a folder, by site, type of machine and year.

    Nothing in it is ever changed or locked, so any number of writers and readers may share it.

    Attributes:
        root: the folder; it need not exist before the first `put`.

    """

    root: Path

    @property
    def address(self) -> str:
        """How a user names this store: its path or URL."""
        return str(self.root)

    @property
    def shelf(self) -> Shelf:
        """Where its bytes lie."""
        return Folder(self.root)

    def shown(self, path: Path) -> str:
        """Return how a user finds a file of this store."""
        return str(path)

    def refresh(self, machine_id: str | None = None) -> None:
        """Make `root` hold what the store does; a folder always does."""

    def put(self, record: Record, samples: Mapping[str, object] | None, site: str) -> Path:
        """Publish a record, its samples first, and return where it lies.

        Raises:
            RooflineError: the site's name is no name, the record cannot be read back, or the
                folder cannot be written.

        """
        stamp = stamp_of(record)
        site_name(site)
        machine = record.machine.id
        files: dict[Address, bytes] = {}
        if samples is not None:
            packed = gzip.compress(compact(samples, _SAMPLE_DIGITS).encode(), mtime=0)
            beside = f"{stamp}-{digest_of(packed)}.samples.json.gz"
            digest = hashlib.sha256(packed).hexdigest()
            record = replace(record, samples=Samples(name=beside, sha256=digest))
            files[Address(site=site, machine=machine, year=stamp[:4], name=beside)] = packed
        data = _readable(record)
        name = f"{stamp}-{digest_of(data)}.json"
        files[Address(site=site, machine=machine, year=stamp[:4], name=name)] = data
        return self._publish(files)

    def _publish(self, files: Mapping[Address, bytes]) -> Path:
        """Write files in this order; return where the last lies."""
        first = next(iter(files))
        folder = self._folder(first.site, first.machine, first.year)
        try:
            make_folder(folder, self.root)
            tidy(folder)
            for place, data in files.items():
                written = publish(folder / place.name, data)
        except OSError as error:
            raise RooflineError(_unwritable(folder, error)) from error
        return written

    def check_writable(self, site: str, machine_id: str = "") -> None:
        """Make sure, before anything is measured, that `put` will find a place to write.

        Raises:
            RooflineError: the site's name is no name, or the folder cannot be written.

        """
        # What writes records is imported late: an installation without it must fail before, too.
        importlib.import_module("roofline.store.convert")
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
        """Read every record of any kind, and name each file that should be one and is not."""
        self.refresh()
        return read(self.root, candidates(self.root))

    def latest(
        self, node: str, *, usable_cores: int, isa_cap: str | None, machine_id: str | None = None
    ) -> Found[Calibration] | None:
        """Find a node's newest valid calibration, else of its type of machine if that is given."""
        return self._newest(Calibration, node, machine_id, usable_cores, isa_cap)

    def latest_sweep(self, node: str, *, machine_id: str | None = None) -> Found[Sweep] | None:
        """Find a node's newest valid sweep, else of its type of machine if that is given."""
        return self._newest(Sweep, node, machine_id)

    def near(
        self, cls: type[RecordT], node: str, machine_id: str | None = None
    ) -> list[Entry[RecordT]]:
        """Read the records of a kind that may matter to a node, or to a type of machine."""
        self.refresh(machine_id)
        return read_near(self.root, cls, node, machine_id)

    def machines(self) -> list[str]:
        """Return the ids of the types of machine that there are records of."""
        return sorted({place.machine for place in self.shelf.places()})

    def named(self, name: str) -> Entry[Record] | None:
        """Find the record of that file name, with or without its ".json".

        Raises:
            RooflineError: every file of that name is damaged; says how.

        """
        self.refresh()
        wanted = name.removesuffix(".json") + ".json"
        same = [path for path in candidates(self.root) if path.name == wanted]
        entries, skipped = read(self.root, same)
        if not entries and skipped:
            raise RooflineError(f"{skipped[0].path}: {skipped[0].reason}")
        return entries[0] if entries else None

    def _newest(
        self,
        cls: type[RecordT],
        node: str,
        machine_id: str | None,
        cores: int | None = None,
        cap: str | None = None,
    ) -> Found[RecordT] | None:
        self.refresh(machine_id)
        if (catalogue := self._catalogue()) is not None:
            return catalogue.newest(cls, node, machine_id, cores, cap)
        # A node's own records first: the others are read only where there are none.
        for alike in (None, machine_id) if machine_id else (None,):
            chosen = choose(
                read_near(self.root, cls, node, alike),
                node=node,
                usable_cores=cores,
                isa_cap=cap,
                machine_id=alike,
            )
            if chosen:
                return Found(entry=chosen[0], same_node=chosen[1])
        return None

    def _catalogue(self) -> Catalogue | None:
        """Return the list of what lies here, where reading all of it would take long."""
        from roofline.store.catalogue import worthwhile

        return worthwhile(self.root)

    def _folder(self, site: str, *below: str) -> Path:
        folder = self.root.joinpath(site_name(site), *below)
        if not inside(folder, self.root):
            raise RooflineError(f"{folder} leads out of the store by a link: remove that link.")
        return folder


def site_name(text: str) -> str:
    """Return a site's name.

    Raises:
        RooflineError: it is none.

    """
    if not SITE.fullmatch(text):
        raise RooflineError(
            f"{text!r} is no site name: use up to 64 of a-z, 0-9, '.', '_' and '-', "
            "beginning with a letter or digit."
        )
    return text


def open_store(argument: str | None, environ: Mapping[str, str] = os.environ) -> Store:
    """Return the store of records: `--results`, else the environment, else the default."""
    given = argument or environ.get(RESULTS_VARIABLE) or ""
    if _SCHEME.match(given) and not given.startswith("file://"):
        from roofline.store.cloud import open_cloud

        return open_cloud(given, environ)
    return Store(resolve_root(given.removeprefix("file://") or None, environ))


def default_root(package_dir: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Find where records lie unless told: in a checkout its `results`, else the user's data."""
    checkout = package_dir.parent
    if (checkout / "benchmarks").is_dir() and (checkout / "setup.cfg").is_file():
        return checkout / "results"
    return data_home(environ)


def resolve_root(argument: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Find where records lie: `--results`, else the environment, else the default.

    Raises:
        RooflineError: a URL was given where only a folder will do.

    """
    given = argument or environ.get(RESULTS_VARIABLE)
    if not given:
        return default_root(Path(__file__).resolve().parents[1], environ)
    if _SCHEME.match(given):
        raise RooflineError(f"{given} is a URL: give --results a folder here.")
    return Path(given).expanduser()


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
