"""What a control group (version 1, 2 or both) leaves this process of CPU time and memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.processor import REAL_ROOT
from roofline.host.sysfiles import number, text, whole

MEMINFO = "proc/meminfo"
_GROUPS = "proc/self/cgroup"
_MOUNTS = "proc/self/mountinfo"


class _Mount(NamedTuple):
    group: str
    point: str
    controllers: frozenset[str]


def cpu_quota(root: Path) -> float | None:
    """Return the CPUs' worth of time that the tightest control group grants, None if unlimited."""
    quotas = [_quota(group) for group in _groups(root, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def memory_available(root: Path) -> int:
    """Return the bytes that this process can still use without swapping or being killed.

    Page cache that a group could drop counts as available, as MemAvailable counts it.

    Raises:
        RooflineError: nothing says how much memory is free.

    """
    system = memory_line(root, "MemAvailable")
    if system is None and root == REAL_ROOT:
        system = _asked_of_system()
    if system is None:
        sentence = f"cannot tell how much memory is free: {root / MEMINFO} has no MemAvailable."
        raise RooflineError(sentence, CANNOT_MEASURE)
    rooms = [_room(group) for group in _groups(root, "memory")]
    return max(0, min([system, *(room for room in rooms if room is not None)]))


def memory_line(root: Path, name: str) -> int | None:
    """Return the bytes on that line of /proc/meminfo."""
    lines = (text(root / MEMINFO) or "").splitlines()
    words = next((line.split() for line in lines if line.startswith(f"{name}:")), [])
    kibibytes = whole(words[1]) if len(words) == 3 and words[2] == "kB" else None
    return None if kibibytes is None else kibibytes << 10


def _asked_of_system() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _quota(group: Path) -> float | None:
    granted, _, period = (text(group / "cpu.max") or "").partition(" ")
    if not granted:
        quota, span = number(group / "cpu.cfs_quota_us"), number(group / "cpu.cfs_period_us")
    else:
        quota, span = whole(granted), whole(period)
    # Version 1 writes "unlimited" as -1, version 2 as "max".
    return quota / span if quota is not None and span and quota > 0 and span > 0 else None


def _room(group: Path) -> int | None:
    limits = [number(group / name) for name in ("memory.max", "memory.high")]
    limits.append(number(group / "memory.limit_in_bytes"))
    usages = [number(group / name) for name in ("memory.current", "memory.usage_in_bytes")]
    limit = min((limit for limit in limits if limit is not None), default=None)
    usage = next((usage for usage in usages if usage is not None), None)
    if limit is None or usage is None:
        return None
    return limit - max(0, usage - _droppable(group))


def _droppable(group: Path) -> int:
    stated = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    # Version 1's plain figure leaves out the groups below, which `usage` counts.
    word = stated.get("total_inactive_file", stated.get("inactive_file"))
    return whole(word) or 0


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders that bind this process, from its own group up to the mount point."""
    for line in _lines(root / _GROUPS):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        name = controller if controller in controllers.split(",") else ""
        if name or not controllers:
            yield from _ancestors(root, _mount(root, name), path)


def _ancestors(root: Path, mount: _Mount, path: str) -> Iterator[Path]:
    top, above = root / mount.point.lstrip("/"), mount.group.rstrip("/")
    # A container may see its host's path while only its own group is mounted: then the top is it.
    inside = f"{path}/".startswith(f"{above}/") and ".." not in path
    folder = top / path.removeprefix(above).lstrip("/") if inside else top
    yield folder
    while folder != top:
        folder = folder.parent
        yield folder


def _mount(root: Path, controller: str) -> _Mount:
    """Find where a controller ("" is version 2) is mounted."""
    mounts = (_parse_mount(line) for line in _lines(root / _MOUNTS))
    fitting = (m for m in mounts if m is not None and controller in m.controllers)
    usual = _Mount("/", f"/sys/fs/cgroup/{controller}", frozenset())
    return next(fitting, usual)


def _parse_mount(line: str) -> _Mount | None:
    place, _, kind = line.partition(" - ")
    fields, what = place.split(), kind.split()
    if len(fields) < 5 or len(what) < 3 or not what[0].startswith("cgroup"):
        return None
    controllers = {""} if what[0] == "cgroup2" else set(what[-1].split(","))
    return _Mount(fields[3], fields[4], frozenset(controllers))


def _lines(path: Path) -> list[str]:
    return (text(path) or "").splitlines()
