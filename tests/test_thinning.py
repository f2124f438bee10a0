"""Plans of large machines: thinned, said so, and what only repeats others goes first."""

import pytest

from calibrate import budget, plan
from calibrate.plan import Resources
from roofline.physics import isa
from roofline.records import Cache
from tests.builders import make_machine


def resources(cores: int, last: int) -> Resources:
    machine = make_machine(
        cores=cores,
        threads=cores,
        caches=(
            Cache(level=1, kind="data", size_bytes=32 << 10, shared_by=1),
            Cache(level=2, kind="unified", size_bytes=1 << 20, shared_by=1),
            Cache(level=3, kind="unified", size_bytes=last, shared_by=cores),
        ),
    )
    return Resources(
        machine=machine,
        threads=cores,
        vectors=isa.vectors(machine, None),
        memory_available=512 << 30,
    )


def test_two_cores_get_the_whole_plan() -> None:
    drawn = plan.draw_up(resources(2, 32 << 20), quick=False)
    assert sum(drawn.rounds) == 9
    assert not any("thinned" in finding.what for finding in drawn.findings)


@pytest.mark.parametrize(("cores", "last"), [(16, 300 << 20), (64, 256 << 20), (128, 512 << 20)])
def test_a_large_machine_gets_a_thinned_plan_that_says_so(cores: int, last: int) -> None:
    drawn = plan.draw_up(resources(cores, last), quick=False)
    assert drawn.rounds == (3, 2, 2)
    assert any("thinned" in finding.what for finding in drawn.findings)
    left = {step.case.benchmark for step in drawn.steps}
    assert {"read", "write", "copy", "update", "triad", "read-curve", "latency"} <= left
    assert not {"scale", "add"} & left


@pytest.mark.parametrize(("cores", "last"), [(16, 300 << 20), (64, 256 << 20), (128, 512 << 20)])
def test_thinning_halves_the_estimate(
    cores: int, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = plan.draw_up(resources(cores, last), quick=False)
    monkeypatch.setattr(budget, "LONGEST", float("inf"))
    whole = plan.draw_up(resources(cores, last), quick=False)
    took = [budget.seconds(one.steps, sum(one.rounds)) for one in (thin, whole)]
    assert took[0] < 0.6 * took[1]
