"""How busy others keep the host, with the system's own answer replaced."""

import psutil
import pytest

from roofline.host.activity import busy_cpus


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
