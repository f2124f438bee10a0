"""What a run was disturbed by is read below a root, and unknown where nothing tells."""

from pathlib import Path

import pytest

from benchmarks.conditions import (
    Ticks,
    huge_page_policy,
    observe,
    settings,
    steal_fraction,
    ticks,
)
from benchmarks.team import Disturbance
from tests.machine_trees import put

POLICY = "sys/kernel/mm/transparent_hugepage/enabled"


def put_stat(root: Path, *counts: int) -> None:
    """Write /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice."""
    put(root, "proc/stat", "cpu  " + " ".join(map(str, counts)) + "\ncpu0 1 2 3 4 5 6 7 8 9 10")


def test_ticks_add_up_to_the_whole_machine(tmp_path: Path) -> None:
    put_stat(tmp_path, 100, 5, 50, 800, 10, 1, 4, 30, 0, 0)
    assert ticks(tmp_path) == Ticks(total=1000, stolen=30)


def test_guest_time_is_not_counted_twice(tmp_path: Path) -> None:
    # The kernel's user time already holds the time of guests.
    put_stat(tmp_path, 100, 5, 50, 800, 10, 1, 4, 30, 90, 5)
    assert ticks(tmp_path) == Ticks(total=1000, stolen=30)


def test_a_host_without_stat_has_no_ticks(tmp_path: Path) -> None:
    assert ticks(tmp_path) is None


def test_an_old_kernel_that_counts_no_steal_has_no_ticks(tmp_path: Path) -> None:
    put_stat(tmp_path, 100, 5, 50, 800)
    assert ticks(tmp_path) is None


def test_stolen_time_is_a_share_of_the_time_between_two_readings() -> None:
    before, after = Ticks(total=5000, stolen=400), Ticks(total=5400, stolen=410)
    assert steal_fraction(before, after) == 0.025
    assert steal_fraction(before, Ticks(total=5400, stolen=400)) == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, Ticks(2, 1)),
        (Ticks(2, 1), None),
        (Ticks(2, 1), Ticks(2, 1)),
        (Ticks(9, 1), Ticks(2, 1)),
    ],
)
def test_the_share_is_unknown_where_no_time_was_seen_to_pass(
    before: Ticks | None, after: Ticks | None
) -> None:
    assert steal_fraction(before, after) is None


@pytest.mark.parametrize("policy", ["always", "madvise", "never"])
def test_the_huge_page_policy_is_the_word_in_brackets(tmp_path: Path, policy: str) -> None:
    words = "always madvise never".replace(policy, f"[{policy}]")
    put(tmp_path, POLICY, words)
    assert huge_page_policy(tmp_path) == policy


def test_a_kernel_without_huge_pages_has_no_policy(tmp_path: Path) -> None:
    assert huge_page_policy(tmp_path) is None
    put(tmp_path, POLICY, "")
    assert huge_page_policy(tmp_path) is None


def test_only_settings_that_change_how_libraries_run_are_told() -> None:
    environ = {
        "OMP_NUM_THREADS": "1",
        "NUMBA_CPU_NAME": "x86-64",
        "MALLOC_ARENA_MAX": "2",
        "HOME": "/somewhere",
        "USER": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    assert settings(environ) == {
        "MALLOC_ARENA_MAX": "2",
        "NUMBA_CPU_NAME": "x86-64",
        "OMP_NUM_THREADS": "1",
    }


def test_conditions_hold_what_was_seen_since_the_beginning(tmp_path: Path) -> None:
    put_stat(tmp_path, 100, 0, 0, 100, 0, 0, 0, 0)
    before = ticks(tmp_path)
    put_stat(tmp_path, 180, 0, 0, 100, 0, 0, 0, 20)
    put(tmp_path, "sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq", "2600000")
    put(tmp_path, POLICY, "[always] madvise never")
    seen = observe(
        cpus=[3, 5],
        before=before,
        load=0.25,
        disturbance=Disturbance(involuntary_switches=4, page_faults=7, migrations=1),
        huge_page_fraction=0.75,
        root=tmp_path,
    )
    assert seen.steal_fraction == 0.2
    assert seen.affinity == (3, 5)
    assert seen.load == 0.25
    assert seen.hertz == 2.6e9
    assert seen.huge_pages == "always"
    assert (seen.involuntary_switches, seen.page_faults, seen.migrations) == (4, 7, 1)


def test_a_bare_container_has_conditions_too(tmp_path: Path) -> None:
    seen = observe(
        cpus=[0],
        before=None,
        load=0.0,
        disturbance=Disturbance(),
        huge_page_fraction=None,
        root=tmp_path,
    )
    assert (seen.steal_fraction, seen.hertz, seen.huge_pages) == (None, None, None)


def test_disturbances_of_threads_add_up() -> None:
    total = sum([Disturbance(1, 2, 0), Disturbance(10, 20, 1)], Disturbance())
    assert total == Disturbance(involuntary_switches=11, page_faults=22, migrations=1)
