"""Memory in words: mixes with what is counted and moved, saturation, latency under load."""

from dataclasses import replace

import pytest

from roofline.records import Calibration, Ceiling
from roofline.view import memory_rows
from tests.builders import make_bandwidth, make_calibration


def memory(direction: str, store: str | None, rate: float, threads: int, moved: float) -> Ceiling:
    suffix = "-nt" if store == "non-temporal" else ""
    return make_bandwidth(
        "DRAM",
        threads,
        name=f"dram-{direction}{suffix}",
        direction=direction,
        store=store,
        typical=rate,
        interval=(0.98 * rate, 1.02 * rate),
        evidence={"moved_over_nominal": moved},
    )


def calibrated(*ceilings: Ceiling) -> Calibration:
    return make_calibration(ceilings=ceilings)


def test_mixes_go_from_all_reads_to_all_writes_with_what_is_moved() -> None:
    calibration = calibrated(
        memory("write", "ordinary", 6e9, 1, 2.0),
        memory("copy", "non-temporal", 10e9, 1, 1.0),
        memory("update", "ordinary", 12e9, 1, 1.0),
        memory("read", None, 15e9, 1, 1.0),
        memory("read", None, 20e9, 2, 1.0),
        memory("schoenauer", "non-temporal", 14e9, 2, 1.0),
    )
    assert memory_rows.mix_columns(calibration)[4:] == (">1 core", ">moved", ">2 cores", ">moved")
    assert list(memory_rows.mixes(calibration)) == [
        ("1 : 0", "100 %", "read", "", "15.0", "15.0", "20.0", "20.0"),
        ("3 : 1", "75 %", "schoenauer", "non-temporal", "", "", "14.0", "14.0"),
        ("1 : 1", "50 %", "copy", "non-temporal", "10.0", "10.0", "", ""),
        ("1 : 1", "50 %", "update", "ordinary", "12.0", "12.0", "", ""),
        ("0 : 1", "0 %", "write", "ordinary", "6.00", "12.0", "", ""),
    ]


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((10e9, 19e9, 20e9, 20e9), "at 2 cores"),
        ((19e9, 20e9, 20e9, 19.5e9), "at 1 core"),
        ((10e9, 20e9, 30e9, 40e9), "not before 8 cores (4 cores: 75 %)"),
        # 18.1 of 20 is 90.5 %, and the interval reaches below 90 %.
        ((10e9, 18.1e9, 20e9, 20e9), "at 2 cores, unsure"),
    ],
)
def test_memory_saturates_at_the_fewest_cores_that_reach_nine_tenths(
    rates: tuple[float, ...], words: str
) -> None:
    teams = (1, 2, 4, 8)
    calibration = calibrated(
        *(memory("read", None, rate, n, 1.0) for rate, n in zip(rates, teams, strict=True))
    )
    assert memory_rows.saturation_columns(calibration) == (
        "kernel",
        *(">1 core", ">2 cores", ">4 cores", ">8 cores"),
        "saturates",
    )
    (row,) = memory_rows.saturations(calibration)
    assert (row[0], row[-1]) == ("read", words)


def test_one_team_saturates_nothing() -> None:
    assert not list(memory_rows.saturations(calibrated(memory("read", None, 1e10, 1, 1.0))))


def test_latency_under_load_stands_beside_that_without() -> None:
    alone = Ceiling(
        kind="latency",
        name="dram-latency",
        unit="s",
        typical=1e-7,
        high=1e-7,
        low=1e-7,
        level="DRAM",
        spread=0.01,
    )
    busy = replace(
        alone,
        name="dram-latency-loaded",
        typical=1.5e-7,
        threads=2,
        evidence={"loaders": 1, "load_bandwidth": 12e9},
    )
    assert list(memory_rows.loaded(calibrated(busy, alone))) == [
        ("0", "", "100 ns", "1.00", "1.0 %"),
        ("1", "12.0", "150 ns", "1.50", "1.0 %"),
    ]
    assert not list(memory_rows.loaded(calibrated(alone)))
