"""Reason about a machine's measured roofs: records, physics, a store and views of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roofline.archiving.frame import Archive

__version__ = "0.1.0"


def open_archive(address: str | None = None) -> Archive:
    """Return the archive of records at a path or URL, else at the usual place; see `Archive`."""
    from roofline.archiving.frame import open_archive as opened

    return opened(address)
