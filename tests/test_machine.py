"""A host's facts are read from captured trees: known ones with their source, others None."""

import re
import sys
from pathlib import Path

import pytest

from roofline.host import machine
from roofline.host.machine import read_machine, usable_cpus
from roofline.records import Cache
from tests.machine_trees import NAMES, expand, put

CPU = "sys/devices/system/cpu"
EIGHT = range(8)


def tree(tmp_path: Path, name: str) -> Path:
    return expand(name, tmp_path / name)


def test_a_small_virtual_machine_is_described(tmp_path: Path) -> None:
    spec = read_machine(tree(tmp_path, "small-vm"))
    assert (spec.architecture, spec.vendor, spec.brand) == ("x86_64", "AMD", "AMD EPYC")
    assert (spec.family, spec.model, spec.stepping) == (25, 17, 1)
    assert (spec.sockets, spec.cores, spec.threads, spec.numa_nodes) == (1, 2, 2, 1)
    assert (spec.microarchitecture, spec.hypervisor) == ("Zen 4", "KVM")
    assert spec.memory_bytes == 24684084 << 10
    assert spec.cpu_quota is None
    assert spec.caches[0] == Cache(
        level=1, kind="data", size_bytes=32 << 10, shared_by=1, line_bytes=64
    )


def test_features_are_instruction_sets_only(tmp_path: Path) -> None:
    spec = read_machine(tree(tmp_path, "small-vm"))
    assert {"avx512f", "fma", "sse2"} <= set(spec.features)
    assert not {"hypervisor", "constant_tsc", "fpu", "lm"} & set(spec.features)
    assert list(spec.features) == sorted(spec.features)


def test_two_sockets_with_smt_are_counted_once_a_core(tmp_path: Path) -> None:
    spec = read_machine(tree(tmp_path, "two-sockets"))
    assert (spec.sockets, spec.cores, spec.threads, spec.numa_nodes) == (2, 4, 8, 2)
    assert [(c.level, c.kind, c.shared_by) for c in spec.caches] == [
        (1, "data", 2),
        (1, "instruction", 2),
        (2, "unified", 2),
        (3, "unified", 4),
    ]
    assert spec.hypervisor is None


def test_a_hybrid_lists_the_caches_of_its_performance_cores_first(tmp_path: Path) -> None:
    spec = read_machine(tree(tmp_path, "hybrid"))
    data = [c for c in spec.caches if c.kind == "data"]
    assert [(c.size_bytes >> 10, c.shared_by) for c in data] == [(48, 2), (32, 1)]
    assert spec.cores == 6


def test_an_arm_core_is_named_by_implementer_and_part(tmp_path: Path) -> None:
    spec = read_machine(tree(tmp_path, "neoverse"))
    assert (spec.architecture, spec.vendor, spec.model) == ("aarch64", "Arm", 0xD40)
    assert (spec.microarchitecture, spec.family, spec.brand) == ("Neoverse V1", None, None)
    assert {"asimd", "sve"} <= set(spec.features)
    assert "cpuid" not in spec.features
    assert spec.hypervisor == "Amazon EC2"


def test_an_arm_part_unknown_to_us_stays_unnamed(tmp_path: Path) -> None:
    root = tree(tmp_path, "neoverse")
    text = (root / "proc/cpuinfo").read_text(encoding="utf-8")
    put(root, "proc/cpuinfo", text.replace("0xd40", "0xfff").replace("0x41", "0x7f"))
    spec = read_machine(root)
    assert (spec.vendor, spec.model, spec.microarchitecture) == (None, 0xFFF, None)


def test_metal_rented_from_a_cloud_has_no_hypervisor(tmp_path: Path) -> None:
    root = tree(tmp_path, "neoverse")
    put(root, "sys/class/dmi/id/product_name", "c7g.metal")
    assert read_machine(root).hypervisor is None


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("sys/hypervisor/type", "xen", "Xen"),
        ("sys/class/dmi/id/sys_vendor", "VMware, Inc.", "VMware"),
        (
            "sys/devices/system/clocksource/clocksource0/available_clocksource",
            "tsc kvm-clock",
            "KVM",
        ),
        ("etc/unrelated", "", "unnamed"),
    ],
)
def test_a_hypervisor_is_named_by_what_it_shows(
    tmp_path: Path, path: str, content: str, name: str
) -> None:
    root = tree(tmp_path, "bare-container")
    put(root, path, content)
    assert read_machine(root).hypervisor == name


def test_a_container_without_sysfs_knows_what_cpuinfo_says(tmp_path: Path) -> None:
    spec = read_machine(tree(tmp_path, "bare-container"))
    assert (spec.cores, spec.threads, spec.sockets, spec.numa_nodes) == (4, 4, None, None)
    assert spec.caches == ()
    assert spec.sources["cores"] == "proc/cpuinfo"


@pytest.mark.parametrize("name", NAMES)
def test_every_known_fact_has_a_source_and_no_other_has(tmp_path: Path, name: str) -> None:
    spec = read_machine(tree(tmp_path, name))
    facts = set(spec.__dataclass_fields__) - {"sources"}
    known = {fact for fact in facts if getattr(spec, fact) not in (None, ())}
    assert known - {"architecture"} <= set(spec.sources) <= known


def test_a_source_is_a_path_below_the_root(tmp_path: Path) -> None:
    root = tree(tmp_path, "two-sockets")
    sources = set(read_machine(root).sources.values())
    assert sources - {"datasheet"}
    assert all((root / source).exists() for source in sources - {"datasheet"})


def test_what_the_user_states_wins_and_is_marked(tmp_path: Path) -> None:
    stated = {"cores": 64, "memory_channels": 12, "microarchitecture": "Genoa"}
    spec = read_machine(tree(tmp_path, "small-vm"), spec=stated)
    assert (spec.cores, spec.memory_channels, spec.microarchitecture) == (64, 12, "Genoa")
    assert {spec.sources[name] for name in stated} == {"spec"}


def test_an_empty_root_knows_nothing_and_does_not_fail(tmp_path: Path) -> None:
    spec = read_machine(tmp_path)
    assert spec.architecture == "unknown"
    assert (spec.vendor, spec.cores, spec.caches, spec.memory_bytes) == (None, None, (), None)
    assert set(spec.sources) <= {"architecture"}


@pytest.mark.parametrize("name", NAMES)
def test_no_single_missing_file_is_fatal(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, name)
    # The files of other CPUs are read by the same code as those of CPU 0.
    files = [p for p in root.rglob("*") if p.is_file() and not re.search("/cpu[1-9]", str(p))]
    for path in files:
        kept = path.read_bytes()
        path.unlink()
        read_machine(root)
        usable_cpus(root, EIGHT)
        path.write_bytes(kept)


@pytest.mark.parametrize("rubbish", ["", "-", "0-", "3-1", "0-99999999999", "\x00\xff", "max"])
def test_torn_files_are_unknown_rather_than_fatal(tmp_path: Path, rubbish: str) -> None:
    root = tree(tmp_path, "quota")
    for path in [p for p in root.rglob("*") if p.is_file()]:
        path.write_text(rubbish, encoding="utf-8")
    spec = read_machine(root)
    assert (spec.vendor, spec.cores, spec.caches, spec.cpu_quota) == (None, None, (), None)
    assert usable_cpus(root, {1, 3}) == (1, 3)


def test_a_cache_that_does_not_say_who_shares_it_is_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path, "small-vm")
    for cpu in (0, 1):
        (root / CPU / f"cpu{cpu}/cache/index3/shared_cpu_list").unlink()
    assert max(cache.level for cache in read_machine(root).caches) == 2


def test_a_package_numbered_minus_one_is_unknown(tmp_path: Path) -> None:
    root = tree(tmp_path, "neoverse")
    put(root, f"{CPU}/cpu2/topology/physical_package_id", "-1")
    assert read_machine(root).sockets is None


def test_another_root_never_asks_the_real_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cpuinfo", None)
    assert read_machine(tree(tmp_path, "neoverse")).brand is None


def test_the_real_root_asks_py_cpuinfo_where_files_lack_the_brand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path, "neoverse")
    monkeypatch.setattr(machine, "REAL_ROOT", root)
    monkeypatch.setattr(machine, "slow_brand", lambda: "Neoverse-V1")
    spec = read_machine(root)
    assert (spec.brand, spec.sources["brand"]) == ("Neoverse-V1", "py-cpuinfo")


def test_hosts_of_the_same_type_have_the_same_id(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "a", "small-vm"), tree(tmp_path / "b", "small-vm")
    put(second, "proc/meminfo", "MemTotal: 1024 kB")
    put(second, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000")
    put(second, "sys/class/dmi/id/product_name", "Standard PC")
    cpuinfo = (second / "proc/cpuinfo").read_text(encoding="utf-8")
    put(second, "proc/cpuinfo", cpuinfo.replace(" hypervisor", "").replace("constant_tsc ", ""))
    assert read_machine(first) != read_machine(second)
    assert read_machine(first).id == read_machine(second).id
    assert read_machine(first).id.startswith("amd-zen4-2c-")


@pytest.mark.parametrize(
    ("path", "content"),
    [("cpu0/cache/index3/size", "16384K"), ("cpu1/cache/index2/shared_cpu_list", "0-1")],
)
def test_another_cache_is_another_type(tmp_path: Path, path: str, content: str) -> None:
    root = tree(tmp_path, "small-vm")
    before = read_machine(root).id
    put(root, f"{CPU}/{path}", content)
    assert read_machine(root).id != before


def test_captured_machines_all_differ(tmp_path: Path) -> None:
    assert len({read_machine(tree(tmp_path, name)).id for name in NAMES}) == len(NAMES)
