"""What has settled, what matters for that, and what a reader is told."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from calibrate import plan
from calibrate.patience import half_width, tolerance, unsettled
from calibrate.session import calibrate
from calibrate.summary import NOISY
from roofline.host.activity import Lookout
from roofline.records import Calibration, Ceiling, Finding
from roofline.store.schema import dumps
from tests.builders import make_bandwidth, make_ceiling, make_machine
from tests.fake_child import FakeChild, Planted, Watch
from tests.test_session import AVX512, FULL_BYTES, resources, subject


def with_interval(ceiling: Ceiling, below: float, above: float) -> Ceiling:
    """Return the ceiling with an interval that reaches so far, as shares of it."""
    middle = ceiling.typical
    return dataclasses.replace(ceiling, interval=(middle * (1 - below), middle * (1 + above)))


@pytest.mark.parametrize("ceiling", [make_ceiling(), make_bandwidth("L2")], ids=["roof", "read"])
def test_an_interval_wider_to_one_side_than_half_the_noise_has_not_settled(
    ceiling: Ceiling,
) -> None:
    limit = NOISY[ceiling.kind] / 2
    assert tolerance(ceiling) == limit
    assert not unsettled([with_interval(ceiling, 0.9 * limit, 0.9 * limit)])
    assert unsettled([with_interval(ceiling, 0.0, 1.1 * limit)])
    assert unsettled([with_interval(ceiling, 1.1 * limit, 0.0)])


def test_too_few_rounds_for_an_interval_have_not_settled() -> None:
    one = make_ceiling(interval=None)
    assert half_width(one) == float("inf")
    assert unsettled([one]) == [one]


@pytest.mark.parametrize(
    ("facts", "matters"),
    [
        ({"direction": "read", "level": "L1"}, True),
        ({"direction": "triad", "level": "L2"}, False),
        ({"direction": "read", "level": "DRAM"}, False),
        ({"direction": "triad", "level": "DRAM"}, True),
        ({"kind": "compute", "theoretical": None}, False),
        ({"kind": "overhead"}, False),
        ({"kind": "clock"}, False),
    ],
    ids=str,
)
def test_roofs_reads_of_levels_and_triads_of_memory_matter(
    facts: dict[str, Any], matters: bool
) -> None:
    wide = make_bandwidth("L1", interval=(1.0, 1e15), **facts) if "level" not in facts else None
    wide = wide or make_bandwidth(
        facts["level"], **{"interval": (1.0, 1e15), "direction": facts["direction"]}
    )
    assert bool(unsettled([wide])) is matters


def patient(noise: float, patience: float, **children: Any) -> Calibration:
    """Return a quick calibration of a machine that noisy, made with so much patience."""
    watch, machine = Watch(), make_machine(features=AVX512)
    drawn = plan.draw_up(resources(machine), quick=True)
    seeds = iter(range(1000))
    return calibrate(
        subject(machine, quick=True),
        drawn,
        lambda: FakeChild(planted=Planted(noise=noise), watch=watch, seed=next(seeds), **children),
        patience=patience,
        clock=watch,
        lookout=Lookout(Path("/there is no such folder"), clock=watch),
    ).calibration


def told(calibration: Calibration) -> Finding:
    (one,) = (f for f in calibration.findings if "settled" in f.what)
    return one


def test_a_steady_machine_settles_with_the_planned_rounds() -> None:
    calibration = patient(0.001, 600.0)
    assert told(calibration) == Finding(
        severity="note", what="typical values settled after 7 rounds"
    )
    assert len(calibration.rounds) == 7


def test_a_noisy_machine_settles_later() -> None:
    calibration = patient(0.02, 600.0)
    assert told(calibration).severity == "note"
    assert 7 < len(calibration.rounds) < 40
    assert {len(m.seconds) for m in calibration.measurements} == {len(calibration.rounds)}


def test_what_never_settles_is_named_and_the_record_stays_bounded() -> None:
    calibration = patient(0.3, 600.0)
    finding = told(calibration)
    assert finding.severity == "warning"
    assert "have not settled after 40 rounds" in finding.what
    assert "cores) ±" in finding.what or "core) ±" in finding.what
    assert len(calibration.rounds) == 40
    assert len(dumps(calibration).encode()) <= FULL_BYTES


def test_a_patience_that_is_over_is_named() -> None:
    finding = told(patient(0.3, 0.1))
    assert "after 0.1 s of patience (7 rounds in all)" in finding.what


def test_without_patience_nothing_is_said_of_settling() -> None:
    assert not [f for f in patient(0.3, 0.0).findings if "settled" in f.what]
