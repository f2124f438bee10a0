"""A progress line on a terminal, drawn between samples: nothing runs while one is taken."""

from types import TracebackType
from typing import IO, Self

_WIDTH = 30


class Bar:
    """A bar on a terminal; nothing where the stream is none.

    Args:
        stream: where to draw, usually stderr.

    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._shown = -1

    def show(self, done: int, total: int, what: str) -> None:
        """Draw the bar when a percent has passed."""
        percent = 100 * done // max(1, total)
        if self._stream.isatty() and percent != self._shown:
            self._shown = percent
            filled = _WIDTH * done // max(1, total)
            bar = "━" * filled + "╌" * (_WIDTH - filled)
            self._stream.write(f"\r{bar} {percent:3d} %  {what:<14.14}")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown >= 0:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
