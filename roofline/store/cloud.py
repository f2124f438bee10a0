"""A store at a URL, by fsspec: written by conditional put, read by way of a folder of this user's.

Files are immutable and named by content, so what was once fetched is right for ever: the folder in
the user's cache mirrors the records that were asked for, and everything that works on a folder
works on it. Only S3 is tested; of other kinds of URL this is as safe as fsspec makes them.
"""

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from roofline.errors import RooflineError, RooflineWarning
from roofline.folders import cache_home
from roofline.store.files import Store, default_root, site_name
from roofline.store.publish import make_folder, publish
from roofline.store.shelf import Address, Folder, ShelfError, agrees, is_record, parsed

# Fetched at a time: as many as keep a connection busy, few enough to hold in memory.
_BATCH = 200
# Where folders need not be made, and "making" one might make a bucket of a misspelt name.
_BUCKETS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss"}


@dataclass(frozen=True)
class Cloud:
    """A URL as a shelf."""

    url: str

    @property
    def address(self) -> str:
        """The URL."""
        return self.url

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            import fsspec
        except ImportError:
            raise RooflineError(
                f"results at {self.url} need fsspec: pip install 'calibrated-roofline[cloud]'."
            ) from None
        with self._reached():
            system, root = fsspec.core.url_to_fs(self.url)
        return system, root.rstrip("/")

    def places(self, machine: str | None = None) -> list[Address]:
        """List the records and samples that lie there now."""
        system, root = self._opened
        with self._reached():
            system.invalidate_cache()
            names = self._found(system, root, machine)
        if not names:
            # Nothing there yet, or a misspelt bucket.
            self.check()
        texts = (name[len(root) :].lstrip("/") for name in names)
        found = (place for place in map(parsed, texts) if place is not None)
        return sorted(found, key=lambda place: place.text)

    def read(self, place: Address) -> bytes:
        """Return a file's bytes."""
        system, root = self._opened
        with self._reached():
            return bytes(system.cat_file(f"{root}/{place.text}"))

    def read_many(self, places: list[Address]) -> dict[Address, bytes]:
        """Return the bytes of several files, fetched side by side."""
        system, root = self._opened
        with self._reached():
            names = {f"{root}/{place.text}": place for place in places}
            found = system.cat(list(names), on_error="raise")
        if isinstance(found, bytes):
            return {places[0]: found}
        return {names[name]: bytes(data) for name, data in found.items()}

    def write(self, place: Address, data: bytes) -> bool:
        """Put a file where none is: of writers that race for a name, one wins."""
        system, root = self._opened
        target = f"{root}/{place.text}"
        with self._reached():
            if not _BUCKETS.intersection([system.protocol, *system.protocol]):
                system.makedirs(target.rpartition("/")[0], exist_ok=True)
            try:
                system.pipe_file(target, data, mode="create")
            except FileNotFoundError:
                raise ShelfError(f"there is no bucket for {self.url}: make it first.") from None
            except FileExistsError:
                if bytes(system.cat_file(target)) == data:
                    return False
                raise RooflineError(
                    f"{self.url}/{place.text} is damaged: remove it and store the result again."
                ) from None
        return True

    def check(self) -> None:
        """Make sure that the URL can be reached.

        Raises:
            RooflineError: it can't; says why.

        """
        system, root = self._opened
        bucket = root.partition("/")[0] if "s3" in system.protocol else root
        with self._reached():
            system.invalidate_cache()
            try:
                system.ls(bucket)
            except PermissionError:
                # Rights may begin below the bucket.
                with suppress(FileNotFoundError):
                    system.ls(root)
            except FileNotFoundError:
                # What isn't there yet is made by the first put, but for a bucket.
                if "s3" in system.protocol:
                    raise ShelfError(f"there is no bucket for {self.url}: make it first.") from None

    def _found(self, system: Any, root: str, machine: str | None) -> list[str]:
        try:
            if machine is None:
                return list(system.find(root))
            sites = [entry["name"] for entry in system.ls(root, detail=True)]
            below = (f"{site.rstrip('/')}/{machine}" for site in sites)
            return [name for folder in below for name in _find(system, folder)]
        except FileNotFoundError:
            return []

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except RooflineError:
            raise
        except FileNotFoundError as error:
            raise RooflineError(f"{self.url} changed while it was read: try again.") from error
        except Exception as error:
            # Each kind of URL has failures of its own; all mean the same to a user.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ShelfError(f"cannot use {self.url}: {reason.rstrip('.')}.") from error


@dataclass(frozen=True)
class CloudStore(Store):
    """Records at a URL; `root` is the folder that mirrors them."""

    cloud: Cloud

    @property
    def address(self) -> str:
        """The URL."""
        return self.cloud.url

    @property
    def shelf(self) -> Cloud:
        """The URL as a shelf."""
        return self.cloud

    def shown(self, path: Path) -> str:
        """Return the URL of a file that is mirrored here."""
        return f"{self.cloud.url}/{path.relative_to(self.root).as_posix()}"

    def check_writable(self, site: str, machine_id: str = "") -> None:
        """Make sure, before anything is measured, that the URL can be reached."""
        site_name(site)
        del machine_id  # places need not be made beforehand
        self.cloud.check()

    def refresh(self, machine_id: str | None = None) -> None:
        """Bring the mirror up to date; of one type of machine, where that is enough."""
        there = {one.text: one for one in self.cloud.places(machine_id) if is_record(one)}
        mirror = Folder(self.root)
        have = {one.text for one in mirror.places(machine_id) if is_record(one)}
        for gone in have - there.keys():
            (self.root / gone).unlink(missing_ok=True)
        missing = [there[text] for text in sorted(there.keys() - have)]
        for begin in range(0, len(missing), _BATCH):
            for place, data in self.cloud.read_many(missing[begin : begin + _BATCH]).items():
                if agrees(place, data):
                    mirror.write(place, data)
                else:
                    message = f"{self.cloud.url}/{place.text} is damaged or edited: skipped."
                    warnings.warn(message, RooflineWarning, stacklevel=2)

    def _publish(self, files: Mapping[Address, bytes]) -> Path:
        try:
            for place, data in files.items():
                self.cloud.write(place, data)
        except RooflineError as error:
            raise RooflineError(_kept(files, self.cloud.url, error)) from error
        place, data = list(files.items())[-1]
        target = self.root / place.text
        make_folder(target.parent, self.root)
        return publish(target, data)


def open_cloud(url: str, environ: Mapping[str, str] = os.environ) -> CloudStore:
    """Return the store at a URL.

    Raises:
        RooflineError: it names no bucket.

    """
    scheme, _, place = url.partition("://")
    if scheme in _BUCKETS and not place.strip("/"):
        raise RooflineError(f"{url} names no bucket.")
    known = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
    root = cache_home(environ) / "archives" / known
    return CloudStore(root, Cloud(url.rstrip("/")))


def _find(system: Any, folder: str) -> list[str]:
    try:
        return list(system.find(folder))
    except FileNotFoundError:
        return []


def _kept(files: Mapping[Address, bytes], url: str, error: RooflineError) -> str:
    """Keep here what could not be put there: minutes of measuring are in it."""
    root = default_root(Path(__file__).resolve().parents[1])
    shelf = Folder(root)
    for place, data in files.items():
        shelf.write(place, data)
    return (
        f"{error} The record was kept as {root / place.text}: "
        f"`python -m roofline.archive push {url} --site {place.site} --results {root}` tries again."
    )
