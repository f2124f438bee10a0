"""Latency under load: right answers, a load that lasts, and what is done when it doesn't."""

from pathlib import Path

import pytest

from benchmarks import cases, loaded
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.rig import Rig
from benchmarks.stream import StreamTask
from benchmarks.timing import Window
from roofline.errors import RooflineError
from roofline.records import Case
from tests.kernel_cases import WIDEST, at

WALK = 1 << 20
CASE = at(
    WIDEST,
    "loaded-latency",
    {"level": cases.MEMORY, "walk": WALK},
    dtype="int64",
    threads=2,
    working_set_bytes=4 << 20,
)


@pytest.fixture(scope="module")
def rig(two_cpus: tuple[int, int], cache_home: Path) -> Rig:
    """Return a rig on two CPUs."""
    return Rig(two_cpus, KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)})))


def test_a_walk_beside_reads_says_what_both_did(rig: Rig) -> None:
    rig.prepare([CASE])
    sampled = rig.run(CASE, samples=3)
    assert 1 <= len(sampled.seconds) <= 3
    assert len(sampled.steps_per_second[cases.LOAD]) == len(sampled.seconds)
    assert min(sampled.seconds) > 0
    assert min(sampled.steps_per_second[cases.LOAD]) > 0
    assert sampled.loops >= 2
    assert sampled.kernel_digest


def test_each_thread_has_room_for_its_part_only() -> None:
    three = Case(
        benchmark="loaded-latency",
        parameters={"level": "DRAM", "walk": WALK},
        threads=3,
        working_set_bytes=4 << 20,
    )
    assert loaded.room(three, 0) == (0, WALK)
    assert loaded.room(three, 1) == loaded.room(three, 2) == (2 << 20, 0)
    assert loaded.load(three).threads == 2


@pytest.mark.parametrize(
    ("reader", "fits"),
    [
        ((0.0, 1.5), True),
        ((0.01, 1.0), True),
        ((0.0, 0.99), False),  # over before the walk
        ((0.1, 1.5), False),  # late
    ],
)
def test_a_window_counts_when_every_reader_outlasts_the_walk(
    reader: tuple[float, float], fits: bool
) -> None:
    walk, long = Window((0.0, 1.0)), Window((0.0, 9.0))
    assert loaded.lasted([walk, long, Window(reader)]) is fits


def test_a_sample_is_as_long_as_both_need() -> None:
    # A pass as long as fifty walks: thirty of them.
    assert loaded._length([Window((0.0, 1e-3)), Window((0.0, 0.05))]) == loaded._Length(30, 1)
    # Short passes go on for longer than the fewest calls.
    short = loaded._length([Window((0.0, 1e-3)), Window((0.0, 1e-4)), Window((0.0, 2e-4))])
    assert short.calls == 2
    assert short.passes * 1e-4 >= 1.4 * short.calls * 1e-3


def test_a_load_that_never_lasts_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "lasted", lambda _window: False)
    with pytest.raises(RooflineError, match="could not read for as long") as refused:
        rig.run(CASE, samples=1)
    assert refused.value.exit_code == 3


def test_a_wrong_load_is_never_timed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamTask, "correct", lambda _task, _repeats: False)
    with pytest.raises(RooflineError, match="wrong answer"):
        rig.run(CASE, samples=1)
