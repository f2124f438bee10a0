"""How busy others keep the host, with the system's own answers replaced."""

from pathlib import Path

import psutil
import pytest

from roofline.host.activity import CpuTime, Lookout, busy_cpus, cpu_time
from tests.machine_trees import put


def put_stat(root: Path, *counts: int) -> None:
    """Write /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice."""
    put(root, "proc/stat", "cpu  " + " ".join(map(str, counts)) + "\ncpu0 1 2 3 4 5 6 7 8 9 10")


class Hand:
    """A clock, or a count of CPU seconds, that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.mark.parametrize(
    ("percent", "count", "busy"), [(0.0, 8, 0.0), (25.0, 8, 2.0), (100.0, None, 1.0)]
)
def test_a_share_of_all_cpus_becomes_a_number_of_them(
    percent: float, count: int | None, busy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: asked.append(interval) or percent)
    monkeypatch.setattr(psutil, "cpu_count", lambda: count)
    assert busy_cpus(0.5) == busy
    assert asked == [0.5]


def test_waiting_is_idle_and_what_was_stolen_is_neither_idle_nor_busy(tmp_path: Path) -> None:
    put_stat(tmp_path, 100, 5, 50, 800, 10, 1, 4, 30, 90, 5)
    # The kernel's user time already holds the time of guests.
    assert cpu_time(tmp_path, 100) == CpuTime(busy=1.6, stolen=0.3, total=10.0)


@pytest.mark.parametrize("counts", [(), (100, 5, 50, 800)])
def test_a_host_that_does_not_count_steal_tells_nothing(
    counts: tuple[int, ...], tmp_path: Path
) -> None:
    if counts:
        put_stat(tmp_path, *counts)
    assert cpu_time(tmp_path, 100) is None


def watched(root: Path, *, own: float, ticks: tuple[int, ...]) -> Lookout:
    """Return a lookout on two CPUs after two seconds in which these ticks passed."""
    clock, used = Hand(), Hand()
    put_stat(root, *[1000] * 8)
    found = Lookout(root, clock=clock, own=used, per_second=100)
    clock.now, used.now = 2.0, own
    put_stat(root, *(1000 + tick for tick in ticks))
    return found


def test_the_time_of_our_own_processes_is_not_that_of_others(tmp_path: Path) -> None:
    # 3.1 CPU seconds were used, 0.1 by this process and 2 by its child.
    ticks = (300, 0, 10, 86, 0, 0, 0, 4)
    besides = watched(tmp_path, own=0.1, ticks=ticks).end(2.0)
    assert besides.seconds == 2.0
    assert besides.others == pytest.approx((3.1 - 2.1) / 2)
    assert besides.stolen == pytest.approx(0.01)


def test_ticks_coarser_than_our_own_time_make_no_negative_others(tmp_path: Path) -> None:
    besides = watched(tmp_path, own=0.0, ticks=(199, 0, 0, 201, 0, 0, 0, 0)).end(2.0)
    assert besides.others == 0.0


def test_each_stretch_begins_anew(tmp_path: Path) -> None:
    found = watched(tmp_path, own=0.0, ticks=(100, 0, 0, 300, 0, 0, 0, 0))
    found.begin()
    put_stat(tmp_path, *[1500] * 8)
    assert found.end(0.0).seconds == 0.0


@pytest.mark.parametrize("ticks", [(0,) * 8, (-5,) * 8])
def test_a_host_whose_time_stands_still_tells_nothing(
    ticks: tuple[int, ...], tmp_path: Path
) -> None:
    besides = watched(tmp_path, own=0.0, ticks=ticks).end(0.0)
    assert (besides.seconds, besides.others, besides.stolen) == (2.0, None, None)


def test_without_proc_only_the_time_is_known(tmp_path: Path) -> None:
    besides = Lookout(tmp_path, clock=Hand(), own=Hand()).end(0.0)
    assert (besides.others, besides.stolen) == (None, None)
