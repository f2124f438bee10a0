"""Every finding of the doctor on captured hosts: what it says, why, and what to type."""

from dataclasses import replace
from pathlib import Path

import pytest

from calibrate import doctor
from roofline.host.machine import memory_available, read_machine, usable_cpus
from roofline.records import Finding
from tests.machine_trees import NAMES, expand, put

GIB = 1 << 30
THP = "sys/kernel/mm/transparent_hugepage/enabled"


def situation(
    name: str, root: Path, *, busy: float = 0.0, allowed: range | None = None
) -> doctor.Situation:
    """Return that host, idle, with huge pages on request as most systems have them."""
    expand(name, root)
    put(root, THP, "always [madvise] never")
    machine = read_machine(root)
    mask = allowed or range(machine.threads or 1)
    return doctor.Situation(
        root=root,
        machine=machine,
        cpus=usable_cpus(root, mask),
        allowed=mask,
        busy=busy,
        memory_available=memory_available(root),
    )


def about(findings: tuple[Finding, ...], word: str) -> Finding:
    """Return the one finding that says this word."""
    (found,) = [finding for finding in findings if word in finding.what]
    return found


def words(findings: tuple[Finding, ...]) -> str:
    return "\n".join(finding.what for finding in findings)


def worst_of(name: str, root: Path) -> tuple[Finding, ...]:
    """Return the findings about a host with everything in the way that can be."""
    now = situation(name, root, busy=99.0)
    put(root, THP, "always madvise [never]")
    for cpu in now.cpus:
        put(root, f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", "powersave")
    return doctor.examine(replace(now, memory_available=GIB // 2))


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_has_a_reason_and_what_can_be_mended_a_command(
    name: str, tmp_path: Path
) -> None:
    findings = worst_of(name, tmp_path)
    assert {"warning", "advice"} <= {finding.severity for finding in findings}
    for finding in findings:
        assert finding.what
        assert finding.why_it_matters
        assert finding.command or finding.severity == "note"


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_never_calls_a_host_invalid(name: str, tmp_path: Path) -> None:
    assert "invalid" not in {finding.severity for finding in worst_of(name, tmp_path)}


def test_a_small_idle_virtual_machine_is_quiet(tmp_path: Path) -> None:
    findings = doctor.examine(situation("small-vm", tmp_path))
    assert {finding.severity for finding in findings} <= {"note"}


def test_an_idle_container_that_shows_little_is_quiet(tmp_path: Path) -> None:
    findings = doctor.examine(situation("bare-container", tmp_path))
    assert {finding.severity for finding in findings} <= {"note"}


def test_hardware_siblings_are_noted_once(tmp_path: Path) -> None:
    finding = about(doctor.examine(situation("two-sockets", tmp_path)), "siblings")
    assert finding.severity == "note"
    assert finding.what.startswith("4 of the cores")


def test_siblings_that_the_affinity_leaves_out_count_all_the_same(tmp_path: Path) -> None:
    now = situation("two-sockets", tmp_path, allowed=range(2))
    assert about(doctor.examine(now), "siblings").what.startswith("2 of the cores")


def test_cores_of_several_kinds_are_named(tmp_path: Path) -> None:
    finding = about(doctor.examine(situation("hybrid", tmp_path)), "several kinds")
    assert finding.severity == "warning"
    assert "performance" in finding.what
    assert "efficiency" in finding.what


def test_a_team_of_one_kind_of_core_hears_nothing_of_kinds(tmp_path: Path) -> None:
    assert "kinds" not in words(doctor.examine(situation("hybrid", tmp_path, allowed=range(4, 8))))


def test_a_quota_below_the_affinity_is_told(tmp_path: Path) -> None:
    finding = about(doctor.examine(situation("quota", tmp_path)), "cgroup")
    assert finding.severity == "warning"
    assert "1.5 CPUs of 8" in finding.what


def test_a_quota_above_the_affinity_binds_nobody(tmp_path: Path) -> None:
    assert "cgroup" not in words(doctor.examine(situation("quota", tmp_path, allowed=range(1))))


def test_no_quota_is_no_finding(tmp_path: Path) -> None:
    assert "cgroup" not in words(doctor.examine(situation("two-sockets", tmp_path)))


@pytest.mark.parametrize("governor", ["powersave", "schedutil", "ondemand"])
def test_a_saving_governor_gets_advice(governor: str, tmp_path: Path) -> None:
    now = situation("two-sockets", tmp_path)
    put(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor)
    finding = about(doctor.examine(now), "governor")
    assert finding.severity == "advice"
    assert governor in finding.what
    assert "performance" in (finding.command or "")


def test_the_governor_of_a_cpu_that_is_not_used_does_not_matter(tmp_path: Path) -> None:
    now = situation("two-sockets", tmp_path)
    put(tmp_path, "sys/devices/system/cpu/cpu7/cpufreq/scaling_governor", "powersave")
    assert "governor" not in words(doctor.examine(now))


def test_the_performance_governor_is_no_finding(tmp_path: Path) -> None:
    now = situation("two-sockets", tmp_path)
    put(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance")
    assert "governor" not in words(doctor.examine(now))


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ("[always] madvise never", True),
        ("always [madvise] never", True),
        ("always madvise [never]", False),
    ],
)
def test_huge_pages_are_allowed_unless_the_policy_is_never(
    policy: str, allowed: bool, tmp_path: Path
) -> None:
    now = situation("small-vm", tmp_path)
    put(tmp_path, THP, policy)
    assert doctor.huge_pages_allowed(tmp_path) is allowed
    assert ("huge pages are off" in words(doctor.examine(now))) is not allowed


def test_a_kernel_without_huge_pages_has_them_off(tmp_path: Path) -> None:
    now = situation("small-vm", tmp_path)
    (tmp_path / THP).unlink()
    assert not doctor.huge_pages_allowed(tmp_path)
    assert about(doctor.examine(now), "huge pages").severity == "advice"


@pytest.mark.parametrize(("busy", "told"), [(0.0, False), (0.3, False), (0.31, True), (2.0, True)])
def test_others_that_take_a_share_of_the_cores_are_told(
    busy: float, told: bool, tmp_path: Path
) -> None:
    findings = doctor.examine(situation("small-vm", tmp_path, busy=busy))
    assert ("other processes keep" in words(findings)) is told


def test_a_busy_host_is_told_how_busy(tmp_path: Path) -> None:
    finding = about(doctor.examine(situation("small-vm", tmp_path, busy=1.7)), "CPUs busy")
    assert "1.7 CPUs" in finding.what
    assert finding.command == "top -o %CPU"


def test_little_memory_is_a_warning_with_a_way_out(tmp_path: Path) -> None:
    now = situation("small-vm", tmp_path)
    assert "GiB" not in words(doctor.examine(replace(now, memory_available=GIB)))
    finding = about(doctor.examine(replace(now, memory_available=GIB // 2)), "0.50 GiB")
    assert finding.severity == "warning"
    assert "limit" in (finding.command or "")


def test_a_containers_memory_limit_counts(tmp_path: Path) -> None:
    now = situation("quota", tmp_path)
    put(tmp_path, "sys/fs/cgroup/pod/box/memory.max", str(GIB + (300 << 20)))
    now = replace(now, memory_available=memory_available(tmp_path))
    # Of the 2 GiB in use, 1 GiB is page cache that can be dropped.
    assert about(doctor.examine(now), "GiB").what.startswith("only 0.29 GiB")


@pytest.mark.parametrize(
    ("name", "present"),
    [
        ("hybrid", "AVX VNNI (INT8 dot products)"),
        ("neoverse", "SVE (scalable vectors)"),
    ],
)
def test_what_is_present_and_not_measured_is_named(name: str, present: str, tmp_path: Path) -> None:
    finding = about(doctor.examine(situation(name, tmp_path)), "not measured")
    assert finding.severity == "note"
    assert present in finding.what


def test_a_machine_without_extras_hears_nothing_of_them(tmp_path: Path) -> None:
    now = situation("small-vm", tmp_path)
    plain = replace(now.machine, features=("sse2", "avx2", "fma"))
    assert "not measured" not in words(doctor.examine(replace(now, machine=plain)))


def test_the_doctor_changes_nothing(tmp_path: Path) -> None:
    now = situation("two-sockets", tmp_path)

    def contents() -> dict[Path, str]:
        return {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}

    before = contents()
    doctor.examine(now)
    assert contents() == before
