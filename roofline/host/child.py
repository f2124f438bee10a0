"""What a session asks of a measuring process, whoever plays it (`roofline.host.worker.Worker`)."""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

from roofline.records import Software


class Child(Protocol):
    """A measuring process."""

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Send a request and return its answer."""


OpenChild = Callable[[], AbstractContextManager[Child]]
Progress = Callable[[int, int, str], None]
"""Told how many of how many are done, and which is next."""


def described(software: Software, answer: Mapping[str, Any]) -> Software:
    """Return the software with the versions that a child's `describe` tells."""
    known = {name: answer[name] for name in ("python", "numpy", "numba", "llvm") if name in answer}
    libraries = {**software.libraries, **answer.get("libraries", {})}
    return dataclasses.replace(software, **known, libraries=libraries)


def time_now() -> str:
    """Return the present time as records write it, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
