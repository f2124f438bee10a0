"""Reads of the kernel's small text files, which answer None where there is nothing to read."""

import re
from pathlib import Path

_SIZE = re.compile(r"(\d+)([KMG]?)B?")
_FACTOR = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST_CPUS = 1 << 16


def text(path: Path) -> str | None:
    """Return the file's content without surrounding blanks; None if missing or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def number(path: Path) -> int | None:
    """Return the whole number that the file holds."""
    return whole(text(path))


def whole(word: str | None) -> int | None:
    """Read a whole number, decimal or with 0x; None for anything else."""
    try:
        return None if word is None else int(word, 16 if "0x" in word else 10)
    except ValueError:
        return None


def size(path: Path) -> int | None:
    """Return the bytes that a file such as a cache's ``size`` ("48K") states."""
    match = _SIZE.fullmatch(text(path) or "")
    return int(match[1]) * _FACTOR[match[2]] if match else None


def number_list(path: Path) -> tuple[int, ...] | None:
    """Return the CPU or node numbers of a list such as ``0-3,8``; None when torn."""
    listed = text(path)
    if listed is None:
        return None
    spans = [_span(part) for part in listed.split(",")]
    known = [span for span in spans if span is not None]
    return tuple(sorted({i for span in known for i in span})) if len(known) == len(spans) else None


def _span(part: str) -> range | None:
    match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return range(first, last + 1) if first <= last < _MOST_CPUS else None
