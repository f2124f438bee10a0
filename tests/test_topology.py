"""CPUs are chosen one a physical core, within affinity, quota and what is online."""

import shutil
from pathlib import Path

from roofline.host.machine import core_kinds, read_machine, smt_siblings, usable_cpus
from tests.machine_trees import expand, put

CPU = "sys/devices/system/cpu"
EIGHT = range(8)


def tree(tmp_path: Path, name: str) -> Path:
    return expand(name, tmp_path / name)


def test_one_cpu_of_each_core_is_used(tmp_path: Path) -> None:
    assert usable_cpus(tree(tmp_path, "two-sockets"), EIGHT) == (0, 1, 2, 3)


def test_affinity_decides_which_sibling_stands_for_a_core(tmp_path: Path) -> None:
    assert usable_cpus(tree(tmp_path, "two-sockets"), {1, 4, 5, 7}) == (1, 4, 7)


def test_performance_cores_come_first(tmp_path: Path) -> None:
    root = tree(tmp_path, "hybrid")
    put(root, "sys/devices/cpu_core/cpus", "4-7")
    put(root, "sys/devices/cpu_atom/cpus", "0-3")
    assert usable_cpus(root, EIGHT) == (4, 5, 6, 7, 0, 2)


def test_a_quota_limits_how_many_cpus_are_used(tmp_path: Path) -> None:
    root = tree(tmp_path, "quota")
    assert usable_cpus(root, EIGHT) == (0,)
    put(root, "sys/fs/cgroup/pod/cpu.max", "399999 100000")
    assert usable_cpus(root, EIGHT) == (0, 1, 2)


def test_a_quota_below_one_cpu_still_leaves_one(tmp_path: Path) -> None:
    root = tree(tmp_path, "quota")
    put(root, "sys/fs/cgroup/pod/cpu.max", "20000 100000")
    assert usable_cpus(root, {5, 6}) == (5,)


def test_a_cpu_that_is_offline_is_not_used(tmp_path: Path) -> None:
    root = tree(tmp_path, "two-sockets")
    put(root, f"{CPU}/online", "1-7")
    shutil.rmtree(root / CPU / "cpu0")
    put(root, f"{CPU}/cpu4/topology/core_cpus_list", "4")
    assert usable_cpus(root, EIGHT) == (1, 2, 3, 4)
    assert usable_cpus(root, {0}) == ()
    assert read_machine(root).cores == 4


def test_siblings_are_the_online_threads_of_a_core(tmp_path: Path) -> None:
    assert smt_siblings(tree(tmp_path, "two-sockets"), 5) == (1, 5)
    assert smt_siblings(tree(tmp_path, "small-vm"), 1) == (1,)
    assert smt_siblings(tree(tmp_path, "bare-container"), 9) == (9,)


def test_siblings_are_found_in_cpuinfo_where_sysfs_is_masked(tmp_path: Path) -> None:
    root = tree(tmp_path, "bare-container")
    text = (root / "proc/cpuinfo").read_text(encoding="utf-8")
    put(root, "proc/cpuinfo", text.replace("core id\t\t: 2", "core id\t\t: 0"))
    assert smt_siblings(root, 2) == (0, 2)
    assert usable_cpus(root, range(4)) == (0, 1, 3)


def test_kinds_of_cores_are_told_apart_by_name(tmp_path: Path) -> None:
    kinds = core_kinds(tree(tmp_path, "hybrid"))
    assert list(kinds.items()) == [("performance", (0, 1, 2, 3)), ("efficiency", (4, 5, 6, 7))]


def test_kinds_of_cores_are_told_apart_by_capacity(tmp_path: Path) -> None:
    root = tree(tmp_path, "neoverse")
    for cpu in (0, 1):
        put(root, f"{CPU}/cpu{cpu}/cpu_capacity", "446")
    assert list(core_kinds(root).items()) == [("capacity 1024", (2, 3)), ("capacity 446", (0, 1))]
    assert usable_cpus(root, range(4)) == (2, 3, 0, 1)


def test_cores_that_are_alike_have_no_kinds(tmp_path: Path) -> None:
    assert core_kinds(tree(tmp_path, "small-vm")) == {}
    assert core_kinds(tree(tmp_path, "two-sockets")) == {}
