"""Cores that lay further apart for some rounds are told by their barrier and memory together."""

from collections.abc import Sequence

import pytest

from roofline.physics.chiplets import find
from roofline.physics.difference import differences
from roofline.physics.noise import verdict
from roofline.physics.replicates import Sample
from roofline.records import Calibration, Case, Traffic, Work
from tests.builders import make_bandwidth, make_calibration, make_machine, make_measurement

USUAL = (66.0, 68.0, 67.0, 71.0, 66.0, 69.0, 70.0)
MOVED = (66.0, 68.0, 201.0, 71.0, 66.0, 209.0, 70.0)
SAME = (1.0, 0.99, 1.01, 1.0, 0.98, 1.0, 1.02)
FASTER = (1.0, 0.99, 1.7, 1.0, 0.98, 1.75, 1.02)
NAMES = ("dram-read", "dram-copy", "dram-triad", "dram-write")


def seen(
    barrier: Sequence[float], memory: Sequence[float], names: Sequence[str] = NAMES
) -> Calibration:
    """Return a calibration of two cores whose rounds met and moved bytes like this."""
    meeting = make_measurement(
        case=Case(benchmark="barrier", threads=2),
        seconds=tuple((one * 1e-9,) for one in barrier),
    )
    figures, measured = [], [meeting]
    for place, name in enumerate(names):
        usual = 6e10 + 1e9 * place
        rates = sorted(usual * one for one in memory)
        work = Work(bytes_touched=Traffic(read=10**9 + place))
        seconds = tuple((work.bytes_touched.total / (usual * one),) for one in memory)
        size = work.bytes_touched.total
        case = Case(benchmark=name[5:], bits=512, threads=2, working_set_bytes=size)
        measured.append(make_measurement(case=case, work=work, seconds=seconds))
        middle = rates[len(rates) // 2]
        figures.append(
            make_bandwidth(
                name=name, threads=2, typical=middle, low=rates[0], high=rates[-1], level="DRAM"
            )
        )
    return make_calibration(
        ceilings=tuple(figures),
        measurements=tuple(measured),
        usable_cores=2,
        machine=make_machine(hypervisor="KVM"),
        rounds=(),
    )


def test_rounds_on_two_chiplets_are_found() -> None:
    found = find(seen(MOVED, FASTER))
    assert found is not None
    assert (found.rounds, found.of) == (2, 7)
    assert found.barrier == pytest.approx(3, rel=0.05)
    assert found.memory == pytest.approx(1.72, rel=0.05)


@pytest.mark.parametrize(
    ("barrier", "memory"),
    [
        (USUAL, SAME),
        # A thread was late; neighbours left more of memory: neither says that cores moved.
        (MOVED, SAME),
        (USUAL, FASTER),
        ((66.0, 110.0, 201.0, 120.0, 125.0, 209.0, 70.0), FASTER),
        (tuple(3 * one for one in USUAL), SAME),
    ],
    ids=["nothing", "barrier alone", "memory alone", "anything", "always far"],
)
def test_one_witness_alone_is_none(barrier: Sequence[float], memory: Sequence[float]) -> None:
    assert find(seen(barrier, memory)) is None


def test_too_few_figures_of_memory_are_no_witness() -> None:
    assert find(seen(MOVED, FASTER, NAMES[:2])) is None
    assert find(make_calibration(measurements=())) is None


def test_the_run_is_told_and_not_blamed() -> None:
    found = verdict(seen(MOVED, FASTER))
    (moved,) = [one for one in found.evidence if one.cause == "moved"]
    assert moved.what.startswith("cores met 3 times as slowly in 2 of 7 rounds")
    assert found.word == "quiet"


def test_a_team_is_compared_without_rounds_that_ran_further_apart() -> None:
    """Two rounds of seven had 1.7 times the bandwidth; of another run, none."""
    moved, usual = seen(MOVED, FASTER), seen(USUAL, SAME)
    found = differences(moved, usual)
    rows = [one for one in found.rows if one.name in NAMES]
    assert [one.rounds for one in rows] == [(5, 7)] * len(NAMES)
    assert all(one.ratio == pytest.approx(1, abs=0.03) for one in rows)
    assert find(usual) is None


def test_too_few_rounds_are_all_kept() -> None:
    one = Sample(typical=2.0, low=1.0, high=4.0, count=4, rounds=(1.0, 2.0, 2.0, 4.0))
    assert one.without({0, 3}) == one
    left = one.without({3})
    assert (left.typical, left.high, left.count) == (2.0, 2.0, 3)
    assert one.without(set()) == one
