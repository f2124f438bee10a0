"""How a host's logical CPUs, cores, caches, sockets and NUMA nodes hang together."""

import re
from collections.abc import Collection, Mapping, Sequence
from math import floor
from pathlib import Path

from roofline.host.cgroup import cpu_quota
from roofline.host.processor import CPUINFO, blocks
from roofline.host.sysfiles import number, number_list, size, text, whole
from roofline.records import Cache
from roofline.records.nodes import MemoryNode

CPUS = "sys/devices/system/cpu"
NODES = "sys/devices/system/node"

# The kernel gives each kind of core of an Intel hybrid its own event source.
_KINDS = {"performance": "cpu_core", "efficiency": "cpu_atom", "low-power": "cpu_lowpower"}


def online_cpus(root: Path) -> tuple[int, ...]:
    """Return the logical CPUs that are online, () where nothing says so."""
    listed = number_list(root / CPUS / "online")
    if listed is not None:
        return listed
    numbers = (whole(block["processor"]) for block in blocks(root))
    return tuple(sorted({cpu for cpu in numbers if cpu is not None}))


def physical_cores(root: Path) -> tuple[tuple[int, ...], ...]:
    """Group the online CPUs by the core they share, () where nothing says so."""
    cpus = online_cpus(root)
    listed = {cpu: _listed_siblings(root, cpu) for cpu in cpus}
    known = {cpu: set(found) for cpu, found in listed.items() if found is not None}
    groups = known if len(known) == len(cpus) else _siblings_by_cpuinfo(root)
    cores = {tuple(sorted(members & set(cpus))) for members in groups.values()}
    return tuple(sorted(core for core in cores if core))


def smt_siblings(root: Path, cpu: int) -> tuple[int, ...]:
    """Return the online hardware threads of the core that holds ``cpu``, itself among them."""
    listed = _listed_siblings(root, cpu) or _siblings_by_cpuinfo(root).get(cpu) or {cpu}
    return tuple(sorted(set(listed) & {cpu, *online_cpus(root)}))


def core_kinds(root: Path) -> Mapping[str, tuple[int, ...]]:
    """Tell the kinds of cores apart on a hybrid: CPUs by kind, the fastest kind first.

    Returns:
        {"performance": …, "efficiency": …} where the kernel names them, {"capacity 1024": …,
        "capacity 446": …} where it only weighs them, and {} where all cores are alike.

    """
    named = {
        kind: number_list(root / "sys/devices" / name / "cpus") for kind, name in _KINDS.items()
    }
    kinds = {kind: cpus for kind, cpus in named.items() if cpus} or _kinds_by_capacity(root)
    return kinds if len(kinds) > 1 else {}


def by_speed(root: Path, cpus: Collection[int]) -> list[int]:
    """Sort CPUs so that those on the fastest kind of core come first."""
    ranks = {cpu: rank for rank, kind in enumerate(core_kinds(root).values()) for cpu in kind}
    return sorted(cpus, key=lambda cpu: (ranks.get(cpu, len(ranks)), cpu))


def usable_cpus(root: Path, allowed: Collection[int]) -> tuple[int, ...]:
    """Choose the CPUs to measure on: one of each physical core, as many as the quota grants.

    Args:
        root: where /proc and /sys hang.
        allowed: the process's affinity mask.

    Returns:
        The lowest allowed sibling of each core, performance cores first, at most
        max(1, floor(quota)) of them; () only if no allowed CPU is online.

    """
    online = online_cpus(root)
    running = set(allowed) & set(online) if online else set(allowed)
    cores = [set(core) & running for core in physical_cores(root)]
    alone = running.difference(*cores)
    firsts = by_speed(root, [min(core) for core in cores if core] + sorted(alone))
    quota = cpu_quota(root)
    return tuple(firsts if quota is None else firsts[: max(1, floor(quota))])


def cores_source(root: Path) -> str:
    """Name the place, below root, that `physical_cores` reads."""
    listed = [_listed_siblings(root, cpu) for cpu in online_cpus(root)]
    return CPUINFO if None in listed else CPUS


def sockets(root: Path) -> int | None:
    """Count the processor packages; None where a CPU doesn't say which one holds it."""
    topologies = [root / CPUS / f"cpu{cpu}" / "topology" for cpu in online_cpus(root)]
    packages = [number(topology / "physical_package_id") for topology in topologies]
    # Firmware of some AArch64 machines says nothing, which the kernel prints as -1.
    known = {package for package in packages if package is not None and package >= 0}
    return len(known) if known and None not in packages and -1 not in packages else None


def numa_nodes(root: Path) -> int | None:
    """Count the NUMA nodes that are online."""
    nodes = number_list(root / NODES / "online")
    return len(nodes) if nodes else None


def memory_nodes(root: Path, team: Sequence[int]) -> tuple[MemoryNode, ...]:
    """Return the online nodes that have memory, each with those of a team's CPUs next to it."""
    found = []
    for node in number_list(root / NODES / "online") or ():
        folder = root / NODES / f"node{node}"
        near = number_list(folder / "cpulist") or ()
        if _node_bytes(folder, "MemTotal"):
            cpus = tuple(cpu for cpu in team if cpu in near)
            free = _node_bytes(folder, "MemFree")
            found.append(MemoryNode(number=node, cpus=cpus, free_bytes=free))
    return tuple(found)


def _node_bytes(folder: Path, name: str) -> int:
    """Return a line of a node's meminfo ("Node 0 MemTotal:  97 kB") in bytes, 0 if not there."""
    match = re.search(rf"{name}:\s*(\d+) kB", text(folder / "meminfo") or "")
    return int(match[1]) << 10 if match else 0


def caches(root: Path) -> tuple[Cache, ...]:
    """Return the distinct caches by level and kind, those of the fastest cores first."""
    found: dict[Cache, None] = {}
    for cpu in by_speed(root, online_cpus(root)):
        indices = sorted((root / CPUS / f"cpu{cpu}" / "cache").glob("index[0-9]*"))
        found.update({cache: None for cache in map(_cache, indices) if cache is not None})
    return tuple(sorted(found, key=lambda cache: (cache.level, cache.kind)))


def _cache(index: Path) -> Cache | None:
    level, size_bytes = number(index / "level"), size(index / "size")
    kind, sharing = text(index / "type"), number_list(index / "shared_cpu_list")
    if level is None or not size_bytes or kind is None or not sharing:
        return None
    return Cache(
        level=level,
        kind=kind.lower(),
        size_bytes=size_bytes,
        shared_by=len(sharing),
        line_bytes=number(index / "coherency_line_size"),
    )


def _listed_siblings(root: Path, cpu: int) -> tuple[int, ...] | None:
    topology = root / CPUS / f"cpu{cpu}" / "topology"
    # Kernels before 5.3 only know the second name.
    names = ("core_cpus_list", "thread_siblings_list")
    lists = (number_list(topology / name) for name in names)
    return next((found for found in lists if found and cpu in found), None)


def _siblings_by_cpuinfo(root: Path) -> dict[int, set[int]]:
    places = {whole(b["processor"]): (b.get("physical id"), b.get("core id")) for b in blocks(root)}
    known = {cpu: place for cpu, place in places.items() if cpu is not None and all(place)}
    if len(known) < len(places):
        return {}
    return {cpu: {c for c, place in known.items() if place == mine} for cpu, mine in known.items()}


def _kinds_by_capacity(root: Path) -> dict[str, tuple[int, ...]]:
    weights = {cpu: number(root / CPUS / f"cpu{cpu}" / "cpu_capacity") for cpu in online_cpus(root)}
    levels = sorted({weight for weight in weights.values() if weight is not None}, reverse=True)
    return {f"capacity {w}": tuple(c for c in weights if weights[c] == w) for w in levels}
