"""Control groups of both versions bound CPU time and memory, up the whole hierarchy."""

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host import cgroup
from roofline.host.machine import cpu_quota, memory_available, read_machine
from tests.machine_trees import expand, put


def tree(tmp_path: Path, name: str) -> Path:
    return expand(name, tmp_path / name)


def test_the_tightest_group_up_the_hierarchy_sets_the_quota(tmp_path: Path) -> None:
    root = tree(tmp_path, "quota")
    assert cpu_quota(root) == 1.5
    put(root, "sys/fs/cgroup/pod/box/cpu.max", "50000 100000")
    assert cpu_quota(root) == 0.5
    assert read_machine(root).cpu_quota == 0.5


def test_a_version_1_quota_is_read(tmp_path: Path) -> None:
    root = tree(tmp_path, "small-vm")
    assert cpu_quota(root) is None
    put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000")
    assert cpu_quota(root) == 1.5


def test_groups_are_found_without_a_mount_table(tmp_path: Path) -> None:
    root = tree(tmp_path, "quota")
    (root / "proc/self/mountinfo").unlink()
    assert cpu_quota(root) == 1.5


@pytest.mark.parametrize("seen", ["/docker/abc", "/docker/abc/", "/elsewhere", "/../escaped"])
def test_a_container_that_sees_its_hosts_path_finds_its_own_group(
    tmp_path: Path, seen: str
) -> None:
    put(tmp_path, "proc/self/cgroup", f"0::{seen}")
    mount = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw"
    put(tmp_path, "proc/self/mountinfo", mount)
    put(tmp_path, "sys/fs/cgroup/cpu.max", "250000 100000")
    assert cpu_quota(tmp_path) == 2.5


def test_available_memory_is_the_least_of_system_and_groups(tmp_path: Path) -> None:
    root = tree(tmp_path, "quota")
    assert memory_available(root) == 3 << 30
    put(root, "sys/fs/cgroup/pod/memory.max", str(4 << 30))
    assert memory_available(root) == 1 << 30
    put(root, "proc/meminfo", "MemAvailable: 1024 kB")
    assert memory_available(root) == 1 << 20


def test_available_memory_honours_version_1_groups_above(tmp_path: Path) -> None:
    assert memory_available(tree(tmp_path, "small-vm")) == (8 << 30) - (1 << 29)


def test_a_group_beyond_its_limit_has_nothing_left(tmp_path: Path) -> None:
    root = tree(tmp_path, "quota")
    put(root, "sys/fs/cgroup/pod/box/memory.current", str(9 << 30))
    assert memory_available(root) == 0


def test_memory_that_nothing_states_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(RooflineError, match="MemAvailable") as refusal:
        memory_available(tmp_path)
    assert refusal.value.exit_code == CANNOT_MEASURE


def test_a_real_system_without_proc_is_asked_for_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = namedtuple("answer", "available")
    monkeypatch.setattr(cgroup, "REAL_ROOT", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: answer(5 << 30))
    assert memory_available(tmp_path) == 5 << 30
