"""The section of a document that a comparison writes: all of it is replaced, or nothing is."""

import os
import secrets
from pathlib import Path

from roofline.errors import RooflineError

BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
Markers = tuple[str, str]
OPERATORS = ("<!-- make bench-ops: begin -->", "<!-- make bench-ops: end -->")
CONVOLUTIONS = ("<!-- make bench-conv: begin -->", "<!-- make bench-conv: end -->")
DRAWN = ("<!-- make bench-conv --random: begin -->", "<!-- make bench-conv --random: end -->")


def write_section(path: Path, section: str, markers: Markers = (BEGIN, END)) -> None:
    """Replace what stands between the two markers of a document, whole or not at all.

    Raises:
        RooflineError: the document can't be read or written, or lacks the markers.

    """
    try:
        text = path.read_text(encoding="utf-8")
        before, after = _around(path, text, markers)
        begin, end = markers
        _replace(path, f"{before}{begin}\n\n{section}\n{end}{after}")
    except (OSError, UnicodeDecodeError) as error:
        raise RooflineError(f"{path} can't be rewritten: {_reason(error)}.") from error


def check_section(path: Path, markers: Markers = (BEGIN, END)) -> None:
    """Make sure, before anything is measured, that a document has its markers.

    Raises:
        RooflineError: it can't be read, lacks them, or its folder can't be written.

    """
    try:
        _around(path, path.read_text(encoding="utf-8"), markers)
    except (OSError, UnicodeDecodeError) as error:
        raise RooflineError(f"{path} can't be read: {_reason(error)}.") from error
    if not os.access(path.parent, os.W_OK):
        raise RooflineError(f"{path} can't be rewritten: its folder is read-only.")


def _replace(path: Path, text: str) -> None:
    # A link keeps pointing to the document that is rewritten.
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(target.stat().st_mode)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)


def _around(path: Path, text: str, markers: Markers) -> tuple[str, str]:
    begin, end = markers
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended or begin in rest or end in before + after:
        raise RooflineError(f"{path} must hold the lines {begin} and {end} once, in this order.")
    return before, after


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8 text"
