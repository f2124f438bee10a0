"""What other processes do on this host: just now, and beside what we run ourselves."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from roofline.host.sysfiles import text, whole

# The load average would still hold what we ourselves did a minute ago.
_WINDOW = 0.3
# Fields of the first line of /proc/stat after its name; guests' time is in user's already.
_IDLE, _WAITING, _STEAL, _COUNTED = 3, 4, 7, 8


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time of the whole machine so far, in seconds over all CPUs."""

    busy: float
    stolen: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Besides:
    """What happened besides our own work in a stretch of time.

    Attributes:
        seconds: how long it was.
        others: CPUs' worth of time that other processes used; None where the system hides it.
        stolen: share of CPU time that the hypervisor gave to others; None likewise.

    """

    seconds: float
    others: float | None
    stolen: float | None


class Lookout:
    """Tells what others did between `begin` and `end`, the time of our own processes taken out.

    Args:
        root: where /proc hangs.
        clock: seconds.
        own: CPU seconds of this process so far.
        per_second: the scheduler's ticks in a second.

    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        clock: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = time.process_time,
        per_second: int | None = None,
    ) -> None:
        self._root, self._clock, self._own = root, clock, own
        self._per_second = per_second or os.sysconf("SC_CLK_TCK")
        self.begin()

    def begin(self) -> None:
        """Start a stretch."""
        self._at, self._used, self._before = self._clock(), self._own(), self._read()

    def end(self, children_seconds: float) -> Besides:
        """Return what happened since `begin`.

        Args:
            children_seconds: CPU time that our children used meanwhile.

        """
        seconds, after = self._clock() - self._at, self._read()
        used = self._own() - self._used + children_seconds
        before = self._before
        if before is None or after is None or after.total <= before.total or seconds <= 0:
            return Besides(seconds=seconds, others=None, stolen=None)
        return Besides(
            seconds=seconds,
            # Ticks are counted more coarsely than our own time.
            others=max(0.0, (after.busy - before.busy - used) / seconds),
            stolen=(after.stolen - before.stolen) / (after.total - before.total),
        )

    def _read(self) -> CpuTime | None:
        return cpu_time(self._root, self._per_second)


def cpu_time(root: Path, per_second: int) -> CpuTime | None:
    """Read the machine's CPU time, or None where /proc/stat doesn't tell."""
    line = (text(root / "proc/stat") or "").partition("\n")[0]
    ticks = [whole(word) for word in line.split()[1 : 1 + _COUNTED]]
    known = [tick for tick in ticks if tick is not None]
    if len(known) < _COUNTED:
        return None
    total, stolen = sum(known), known[_STEAL]
    busy = total - known[_IDLE] - known[_WAITING] - stolen
    return CpuTime(busy / per_second, stolen / per_second, total / per_second)


def busy_cpus(seconds: float = _WINDOW) -> float:
    """Return how many CPUs' worth of time the host spends on others while this process sleeps."""
    import psutil

    share = psutil.cpu_percent(interval=seconds) / 100
    return float(share * (psutil.cpu_count() or 1))
