"""Anchors: the calibration's own cases that run again between the layers of a sweep."""

import dataclasses
import json

import pytest

from roofline.comparing.anchors import Probe, probes
from roofline.physics.robust import median
from roofline.records import Calibration, Case, Measurement
from tests.builders import make_calibration
from tests.reference import reference

FLOAT = ("float32",)
ALONE = ("fma-float32-512", "l1-read", "l2-read", "l3-read", "dram-read", "dram-triad")
NAMES = (*ALONE, "barrier")


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """Return the calibration of a real machine."""
    return reference()


def names(found: tuple[Probe, ...]) -> tuple[str, ...]:
    """Return the ceilings of some probes."""
    return tuple(probe.ceiling.name for probe in found)


def seen(calibration: Calibration, case: Case) -> Measurement:
    """Return what the calibration saw of a case."""
    return next(one for one in calibration.measurements if one.case.key == case.key)


@pytest.mark.parametrize("threads", [1, 2])
def test_compute_every_level_memory_both_ways_and_a_teams_barrier_are_probed(
    calibration: Calibration, threads: int
) -> None:
    found = probes(calibration, threads, FLOAT)
    assert names(found) == (NAMES if threads > 1 else ALONE)
    assert {probe.ceiling.threads for probe in found} == {threads}
    assert {probe.case.threads for probe in found} == {threads}
    kinds = [probe.case.benchmark.removesuffix("-curve") for probe in found]
    assert kinds == ["fma", "read", "read", "read", "read", "triad"] + ["barrier"] * (threads > 1)


def test_each_dtype_has_its_own_peak(calibration: Calibration) -> None:
    found = probes(calibration, 2, ("float32", "float64"))
    assert names(found)[:2] == ("fma-float32-512", "fma-float64-512")
    assert [probe.case.dtype for probe in found[:2]] == ["float32", "float64"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_probes_case_is_the_one_that_made_its_ceiling(
    calibration: Calibration, threads: int
) -> None:
    """The rate of what the calibration itself measured is the ceiling's typical one."""
    for probe in probes(calibration, threads, ("float32", "float64")):
        rounds = seen(calibration, probe.case).seconds
        typical = probe.rate(median(median(samples) for samples in rounds))
        told = probe.ceiling.typical
        told = 1 / told if probe.unit == "1/s" else told
        assert typical == pytest.approx(told, rel=0.01), probe.ceiling.name


@pytest.mark.parametrize("threads", [1, 2])
def test_effects_are_never_taken(calibration: Calibration, threads: int) -> None:
    """Cases with the same size that show what the operating system costs are no anchors."""
    switches = ("pinned", "huge", "prefaulted")
    chosen = probes(calibration, threads, FLOAT)
    for probe in chosen:
        assert not any(probe.case.parameters.get(name) is False for name in switches)
    effects = [
        dataclasses.replace(
            seen(calibration, probe.case),
            case=dataclasses.replace(
                probe.case, parameters={**probe.case.parameters, switch: False}
            ),
        )
        for probe in chosen
        for switch in switches
    ]
    first = dataclasses.replace(calibration, measurements=(*effects, *calibration.measurements))
    assert probes(first, threads, FLOAT) == chosen
    only = dataclasses.replace(calibration, measurements=tuple(effects))
    assert probes(only, threads, FLOAT) == ()


def test_stores_of_the_other_kind_are_not_taken(calibration: Calibration) -> None:
    triad = probes(calibration, 1, FLOAT)[-1]
    assert triad.ceiling.store is not None
    assert triad.case.parameters["store"] == triad.ceiling.store


def test_a_level_without_a_ceiling_or_without_its_measurement_is_left_out(
    calibration: Calibration,
) -> None:
    fewer = tuple(c for c in calibration.ceilings if c.name != "l2-read")
    without = dataclasses.replace(calibration, ceilings=fewer)
    assert names(probes(without, 2, FLOAT)) == tuple(n for n in NAMES if n != "l2-read")
    blind = dataclasses.replace(calibration, measurements=())
    assert probes(blind, 2, FLOAT) == ()


def test_an_unknown_team_or_dtype_has_no_probe_of_its_own(calibration: Calibration) -> None:
    assert probes(calibration, 3, FLOAT) == ()
    assert names(probes(calibration, 2, ("float16",))) == NAMES[1:]
    assert probes(make_calibration(ceilings=()), 1, FLOAT) == ()


def test_a_rate_is_in_the_ceilings_unit(calibration: Calibration) -> None:
    *found, barrier = probes(calibration, 2, FLOAT)
    assert (barrier.unit, barrier.rate(0.25)) == ("1/s", 4)
    for probe in found:
        assert probe.unit == probe.ceiling.unit
        amount = probe.work.flops if probe.ceiling.unit == "FLOP/s" else None
        amount = probe.work.bytes_touched.total if amount is None else amount
        assert amount > 0
        assert probe.rate(0.25) == 4 * amount


def test_a_probes_case_goes_through_json(calibration: Calibration) -> None:
    for probe in probes(calibration, 2, FLOAT):
        assert Case(**json.loads(json.dumps(dataclasses.asdict(probe.case)))) == probe.case
