"""Where the bytes of a store lie: names, reading, and writing that never changes what is there."""

import hashlib
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from roofline.errors import RooflineError, RooflineWarning
from roofline.store.publish import make_folder, publish

HASH_LENGTH = 12
RECORD = re.compile(rf"(\d{{8}}T\d{{6}}Z)-([0-9a-f]{{{HASH_LENGTH}}})\.json")
SAMPLES = re.compile(rf"(\d{{8}}T\d{{6}}Z)-([0-9a-f]{{{HASH_LENGTH}}})\.samples\.json\.gz")
SITE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MACHINE = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The place of a file within any store: `<site>/<machine>/<year>/<name>`."""

    site: str
    machine: str
    year: str
    name: str

    @property
    def text(self) -> str:
        """The place, relative to the store, with slashes."""
        return f"{self.site}/{self.machine}/{self.year}/{self.name}"

    def beside(self, name: str) -> "Address":
        """Return the place of another file in the same folder."""
        return Address(site=self.site, machine=self.machine, year=self.year, name=name)


class ShelfError(RooflineError):
    """No file of a store can be had or kept: no room, no network, no permission, no bucket."""


class Shelf(Protocol):
    """Files under places, each written once."""

    @property
    def address(self) -> str:
        """The path or URL that a user knows it by."""

    def places(self, machine: str | None = None) -> list[Address]:
        """List what lies where records and samples may lie; of one type of machine if asked."""

    def read(self, place: Address) -> bytes:
        """Return a file's bytes."""

    def write(self, place: Address, data: bytes) -> bool:
        """Make a file appear whole or not at all; False where it was there already."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this system's as a shelf."""

    root: Path

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self.root)

    def places(self, machine: str | None = None) -> list[Address]:
        """List the regular files; links are no part of a store."""
        found = (place for place in map(parsed, self._names(machine)) if place is not None)
        return sorted(found, key=lambda place: place.text)

    def read(self, place: Address) -> bytes:
        """Return a file's bytes.

        Raises:
            RooflineError: it can't be read, or is reached by a link that leads elsewhere.

        """
        path = self.root / place.text
        try:
            if path.is_symlink() or not path.resolve().is_relative_to(self.root.resolve()):
                raise RooflineError(f"{path} is a link: a store holds plain files.")
            return path.read_bytes()
        except OSError as error:
            raise RooflineError(f"cannot read {path}: {error.strerror}.") from error

    def write(self, place: Address, data: bytes) -> bool:
        """Publish a file.

        Raises:
            ShelfError: the folder can't be written.
            RooflineError: it holds something else by that name.

        """
        target = self.root / place.text
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise RooflineError(f"{target} leads out of the store by a link: remove that link.")
        try:
            new = not target.exists()
            make_folder(target.parent, self.root)
            publish(target, data)
        except OSError as error:
            raise ShelfError(f"cannot write {target}: {error.strerror or error}.") from error
        return new

    def _names(self, machine: str | None) -> Iterator[str]:
        for here, folders, names in os.walk(self.root, onerror=_skipped):
            below = PurePosixPath(Path(here).relative_to(self.root).as_posix()).parts
            folders[:] = [one for one in folders if not one.startswith(".")]
            if machine is not None and len(below) == 1:
                folders[:] = [one for one in folders if one == machine]
            if len(below) == 3:
                yield from ("/".join((*below, name)) for name in names)


def _skipped(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        message = f"{error.filename} cannot be read: {error.strerror}; skipped."
        warnings.warn(message, RooflineWarning, stacklevel=2)


def parsed(text: str) -> Address | None:
    """Return a place from its text; None where no record or samples may lie."""
    parts = text.split("/")
    if len(parts) != 4:
        return None
    site, machine, year, name = parts
    forms = ((SITE, site), (_MACHINE, machine), (_YEAR, year))
    good = all(form.fullmatch(part) for form, part in forms)
    if not good or not (RECORD.fullmatch(name) or SAMPLES.fullmatch(name)):
        return None
    return Address(site=site, machine=machine, year=year, name=name)


def is_record(place: Address) -> bool:
    """Whether a place is a record's rather than its samples'."""
    return place.name.endswith(".json")


def digest_of(data: bytes) -> str:
    """Return the start of the content's SHA-256, as its file's name ends."""
    return hashlib.sha256(data).hexdigest()[:HASH_LENGTH]


def agrees(place: Address, data: bytes) -> bool:
    """Whether bytes are what the name of their file says."""
    form = RECORD.fullmatch(place.name) or SAMPLES.fullmatch(place.name)
    return form is not None and form[2] == digest_of(data)
