"""Records that come from outside: a folder that somebody sent, a correction of what is there."""

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path

from roofline.archiving.transfer import Copied
from roofline.archiving.verify import record_faults
from roofline.errors import RooflineError
from roofline.records import Finding
from roofline.store.files import Store, site_name
from roofline.store.reading import MAX_BYTES, MAX_SAMPLES, stamp_of
from roofline.store.schema import Record, loads
from roofline.store.shelf import RECORD, SAMPLES, Address, ShelfError, agrees, parsed


def merge(folder: Path, store: Store, site: str | None, secrets: Iterable[str] = ()) -> Copied:
    """Take every record of a folder, in whatever layout, each checked as `verify` does.

    Args:
        folder: what somebody sent.
        store: where the records go.
        site: whose they are; None where the folder is laid out like a store, or is a site of one.
        secrets: words that may stand in no record.

    Raises:
        RooflineError: there is no such folder, a site is missing, or the store can't be written.

    """
    if not folder.is_dir():
        raise RooflineError(f"{folder} is no folder: name the one that was sent.")
    if site is not None:
        site_name(site)
    result, words = Copied(), tuple(secrets)
    for path in sorted(folder.rglob("*Z-*.json")):
        name = path.relative_to(folder).as_posix()
        try:
            whose = site or _site(folder, name)
            new = accept(path.name, plain(path, MAX_BYTES), path.parent, store, whose, words)
        except ShelfError:
            raise
        except RooflineError as error:
            result.refused[name] = str(error)
        except OSError as error:
            result.refused[name] = f"cannot be read: {error.strerror}."
        else:
            result.kept += not new
            result.new += [path.name] if new else []
    return result


def accept(
    name: str, data: bytes, beside: Path, store: Store, site: str, secrets: Iterable[str] = ()
) -> bool:
    """Put a record and its samples into a store; False where they were there.

    Raises:
        RooflineError: something is wrong with it; says what.

    """
    match = RECORD.fullmatch(name)
    try:
        record = loads(data.decode())
    except UnicodeDecodeError:
        raise RooflineError("not a record: it is not UTF-8.") from None
    stamp = stamp_of(record)
    place = Address(site=site, machine=record.machine.id, year=stamp[:4], name=name)
    if match is None or match[1] != stamp or not agrees(place, data):
        raise RooflineError("damaged or edited: its name gives another hash or time.")
    if parsed(place.text) is None:
        raise RooflineError(f"its machine is none: {record.machine.id[:80]!r}.")
    _check(record, secrets)
    _keep_samples(record, beside, place, store)
    return store.shelf.write(place, data)


def _check(record: Record, secrets: Iterable[str]) -> None:
    wrong = [what for severity, what in record_faults(record, secrets) if severity == "error"]
    if wrong:
        raise RooflineError(f"{wrong[0]}.")


def _keep_samples(record: Record, beside: Path, place: Address, store: Store) -> None:
    """Put a record's samples into a store, where they lie beside it."""
    if record.samples is None or not SAMPLES.fullmatch(record.samples.name):
        return
    path = beside / record.samples.name
    if path.is_file():
        samples = plain(path, MAX_SAMPLES)
        if hashlib.sha256(samples).hexdigest() != record.samples.sha256:
            raise RooflineError("its samples are damaged: their hash is another.")
        store.shelf.write(place.beside(path.name), samples)


def supersede(store: Store, name: str, correction: Path | None, reason: str | None) -> Path:
    """Replace a record by a correction, or withdraw it: the old file stays and is used no longer.

    Raises:
        RooflineError: there is no such record, or the correction is none, of another kind or of
            another host.

    """
    old = store.named(name)
    if old is None:
        raise RooflineError(f"no record {name} in {store.address}: `list` shows what there is.")
    record: Record = old.record
    site = old.path.relative_to(store.root).parts[0]
    if correction is not None:
        record = loads(plain(correction, MAX_BYTES).decode(errors="replace"))
        if (type(record), record.node) != (type(old.record), old.record.node):
            raise RooflineError(f"{correction} is of another kind or host than {old.path.name}.")
        _check(record, ())
        year = stamp_of(record)[:4]
        place = Address(site=site, machine=record.machine.id, year=year, name=correction.name)
        _keep_samples(record, correction.parent, place, store)
    finding = Finding(severity="invalid", what=f"withdrawn: {reason}") if reason else None
    replaced = dataclasses.replace(
        record,
        supersedes=old.path.name,
        findings=(*record.findings, *([finding] if finding else [])),
    )
    return store.put(replaced, None, site)


def plain(path: Path, most: int) -> bytes:
    """Return a regular file's bytes.

    Raises:
        RooflineError: it is a link, or larger than it may be.

    """
    if path.is_symlink() or not path.is_file():
        raise RooflineError(f"{path.name} is a link or no file.")
    if path.stat().st_size > most:
        raise RooflineError(f"{path.name} is too large: {path.stat().st_size} bytes.")
    return path.read_bytes()


def _site(folder: Path, name: str) -> str:
    # Somebody may have sent a whole store, or the folder of a site.
    place = parsed(name) or parsed(f"{folder.resolve().name}/{name}")
    if place is None:
        raise RooflineError("is not laid out like a store: say whose it is with --site NAME.")
    return place.site
