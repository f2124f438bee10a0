"""The facts of a host, read below a root that is a parameter, with where each one stood."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.cgroup import MEMINFO, cpu_quota, memory_available, memory_line
from roofline.host.hypervisor import find_hypervisor
from roofline.host.nodeid import node_id
from roofline.host.processor import CPUINFO, REAL_ROOT, Identity, identity, slow_brand
from roofline.host.topology import (
    CPUS,
    NODES,
    by_speed,
    caches,
    core_kinds,
    cores_source,
    memory_nodes,
    numa_nodes,
    online_cpus,
    physical_cores,
    smt_siblings,
    sockets,
    usable_cpus,
)
from roofline.physics.datasheet import find
from roofline.records import MachineSpec

__all__ = [
    "core_kinds",
    "cpu_quota",
    "memory_available",
    "memory_nodes",
    "node_id",
    "read_machine",
    "smt_siblings",
    "team_cpus",
    "usable_cpus",
]

Facts = dict[str, tuple[Any, str]]


def read_machine(
    root: Path = REAL_ROOT, *, spec: Mapping[str, object] | None = None
) -> MachineSpec:
    """Read what a host says of itself; what it doesn't say is None.

    Args:
        root: where /proc, /sys and /etc hang.
        spec: fields stated by the user (see `roofline.host.spec`); they win.

    Returns:
        Facts and, in `sources`, the path below root, "spec", "datasheet" or "py-cpuinfo" that
        each known one came from.

    """
    facts = _processor_facts(root) | _topology_facts(root) | _system_facts(root)
    facts |= {name: (value, "spec") for name, value in (spec or {}).items()}
    known = {name: fact for name, fact in facts.items() if fact[0] not in (None, ())}
    sources = {name: known[name][1] for name in sorted(known)}
    values = {name: value for name, (value, _) in known.items()}
    return _with_datasheet(MachineSpec(**values, sources=sources))


def team_cpus(root: Path = REAL_ROOT, wanted: int | None = None) -> tuple[int, ...]:
    """Return a CPU for each thread of a team: all usable cores, or the first `wanted` of them.

    Raises:
        RooflineError: this process may use none, or fewer.

    """
    usable = usable_cpus(root, os.sched_getaffinity(0))
    if not usable:
        raise RooflineError("no CPU of this process's affinity is online.", CANNOT_MEASURE)
    if wanted is not None and not 1 <= wanted <= len(usable):
        raise RooflineError(
            f"--threads {wanted}: this process may use {len(usable)} cores; "
            f"give a number from 1 to {len(usable)}."
        )
    return usable[:wanted]


def _processor_facts(root: Path) -> Facts:
    fastest = next(iter(by_speed(root, online_cpus(root))), None)
    found = identity(root, fastest)
    facts: Facts = {name: (getattr(found, name), CPUINFO) for name in Identity._fields}
    if found.brand is None and root == REAL_ROOT:
        facts["brand"] = (slow_brand(), "py-cpuinfo")
    return facts


def _topology_facts(root: Path) -> Facts:
    listed = CPUS if (root / CPUS / "online").exists() else CPUINFO
    return {
        "sockets": (sockets(root), CPUS),
        "cores": (len(physical_cores(root)) or None, cores_source(root)),
        "threads": (len(online_cpus(root)) or None, listed),
        "numa_nodes": (numa_nodes(root), NODES),
        "caches": (caches(root), CPUS),
    }


def _system_facts(root: Path) -> Facts:
    beneath = find_hypervisor(root)
    return {
        "memory_bytes": (memory_line(root, "MemTotal"), MEMINFO),
        "hypervisor": (beneath.name, beneath.source) if beneath else (None, ""),
        "cpu_quota": (cpu_quota(root), "sys/fs/cgroup"),
    }


def _with_datasheet(machine: MachineSpec) -> MachineSpec:
    sheet = find(machine)
    if sheet is None or machine.microarchitecture is not None:
        return machine
    sources = {**machine.sources, "microarchitecture": "datasheet"}
    return replace(machine, microarchitecture=sheet.microarchitecture, sources=sources)
