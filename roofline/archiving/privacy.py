"""What a record must not give away: hosts, users, addresses, paths of somebody's files."""

import dataclasses
import getpass
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from roofline.errors import RooflineError
from roofline.store.schema import Record
from roofline.store.shelf import RECORD, SAMPLES

_NODE = re.compile(r"[0-9a-f]{16}")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_PATTERNS = {
    "a path of somebody's files": re.compile(
        r"(?:^|[\s:='\"(,])(?:/(?:home|root|Users|mnt|scratch|lustre|work|data)/|[A-Z]:\\|~/)"
    ),
    "a network address": re.compile(rf"(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w.])"),
    "a hardware address": re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE),
    "an IPv6 address": re.compile(r"\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b", re.IGNORECASE),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    "a host's name": re.compile(
        r"\b[a-z][a-z0-9-]*\d[a-z0-9-]*(?:\.[a-z][a-z0-9-]+)+\.(?:[a-z]{2,6})\b"
    ),
}
# A name of one or two letters stands in every record.
_SHORT = 4
_USUAL = {"root", "localhost", "user", "admin", "ubuntu", "runner", "test"}


def leaks(record: Record, secrets: Iterable[str] = ()) -> Iterator[str]:
    """Yield what a record gives away, and where."""
    if not _NODE.fullmatch(record.node):
        yield f"node is no opaque name (16 hexadecimal digits): {record.node[:40]!r}"
    words = [re.compile(rf"(?<![\w-]){re.escape(one)}(?![\w-])", re.I) for one in secrets if one]
    seen: set[str] = set()
    for where, text in _texts(dataclasses.asdict(record)):
        for what, pattern in _PATTERNS.items():
            if pattern.search(text) and what not in seen:
                seen.add(what)
                yield f"{where} holds {what}: {text[:60]!r}"
        if any(word.search(text) for word in words):
            yield f"{where} holds a name that must stay private"


def names_here() -> tuple[str, ...]:
    """Return this host's and this user's names, where they are telling."""
    found = [socket.gethostname(), socket.gethostname().partition(".")[0]]
    with suppress(OSError, KeyError, ImportError):
        found.append(getpass.getuser())
    return tuple({one for one in found if len(one) >= _SHORT and one.lower() not in _USUAL})


def words_in(path: Path) -> tuple[str, ...]:
    """Return the words of a file.

    Raises:
        RooflineError: it can't be read.

    """
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no text"
        raise RooflineError(f"cannot read {path}: {reason}.") from problem


def _texts(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        # File names of the store look like a host's.
        if not (RECORD.fullmatch(value) or SAMPLES.fullmatch(value)):
            yield where, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield f"{where}.{name}".lstrip("."), str(name)
            yield from _texts(one, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, where)
