"""Plans of large machines: thinned, said so, and what only repeats others goes first."""

import pytest

from calibrate import budget, plan
from calibrate.plan import Resources
from roofline.physics import isa
from roofline.records import Cache
from roofline.records.nodes import MemoryNode
from tests.builders import make_machine


def resources(cores: int, last: int, *, slices: int = 1, nodes: int = 1) -> Resources:
    """Return a machine whose last level is one cache or several, its memory one node or several."""
    machine = make_machine(
        cores=cores,
        threads=cores,
        caches=(
            Cache(level=1, kind="data", size_bytes=32 << 10, shared_by=1),
            Cache(level=2, kind="unified", size_bytes=1 << 20, shared_by=1),
            Cache(level=3, kind="unified", size_bytes=last // slices, shared_by=cores // slices),
        ),
    )
    return Resources(
        machine=machine,
        threads=cores,
        vectors=isa.vectors(machine, None),
        memory_available=512 << 30,
        nodes=tuple(
            MemoryNode(
                number=number,
                cpus=tuple(range(number * cores // nodes, (number + 1) * cores // nodes)),
                free_bytes=(512 << 30) // nodes,
            )
            for number in range(nodes)
        ),
    )


def test_two_cores_get_the_whole_plan() -> None:
    drawn = plan.draw_up(resources(2, 32 << 20), quick=False)
    assert sum(drawn.rounds) == 9
    assert not any("thinned" in finding.what for finding in drawn.findings)


LARGE = pytest.mark.parametrize(
    ("cores", "last"), [(16, 300 << 20), (64, 256 << 20), (128, 512 << 20)]
)


@LARGE
def test_a_large_machine_gets_a_thinned_plan_that_says_so(cores: int, last: int) -> None:
    drawn = plan.draw_up(resources(cores, last), quick=False)
    assert drawn.rounds == ((3, 2, 2) if cores < 128 else (2, 2, 2))
    assert any("thinned" in finding.what for finding in drawn.findings)
    left = {step.case.benchmark for step in drawn.steps}
    assert {"read", "write", "copy", "update", "triad", "read-curve", "latency"} <= left
    assert not {"scale", "add"} & left


@LARGE
def test_thinning_halves_the_estimate(
    cores: int, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = plan.draw_up(resources(cores, last), quick=False)
    monkeypatch.setattr(budget, "LONGEST", float("inf"))
    whole = plan.draw_up(resources(cores, last), quick=False)
    took = [budget.seconds(one.steps, sum(one.rounds)) for one in (thin, whole)]
    assert took[0] < 0.6 * took[1]


@pytest.mark.parametrize(
    ("cores", "mib", "slices", "nodes"),
    [
        (64, 256, 1, 2),
        (64, 256, 8, 1),
        (128, 512, 1, 2),
        (128, 512, 16, 2),
        (192, 384, 1, 2),
        (192, 768, 24, 2),
        (192, 768, 24, 8),
    ],
)
def test_however_many_cores_a_plan_takes_two_minutes(
    cores: int, mib: int, slices: int, nodes: int
) -> None:
    host = resources(cores, mib << 20, slices=slices, nodes=nodes)
    drawn = plan.draw_up(host, quick=False)
    assert budget.seconds(drawn.steps, sum(drawn.rounds)) <= 120
    assert sum(drawn.rounds) >= 6
    assert len(drawn.rounds) == 3
    for team in (1, cores):
        kept = {step.case.benchmark for step in drawn.steps if step.case.threads == team}
        assert {"fma", "read", "copy", "write", "triad", "read-curve"} <= kept
    assert {"latency", "loaded-latency", "chain"} <= {s.case.benchmark for s in drawn.steps}
    matrix = {s.case.parameters["memory"] for s in drawn.steps if "memory" in s.case.parameters}
    assert matrix == (set(range(nodes)) if nodes > 1 else set())


def test_one_core_reads_arrays_as_its_own_caches_need_where_all_are_many() -> None:
    host = resources(192, 768 << 20, slices=24)
    drawn = plan.draw_up(host, quick=False)
    sizes = {
        team: [
            s.case.working_set_bytes
            for s in drawn.steps
            if (s.case.benchmark, s.case.threads) == ("read", team)
        ]
        for team in (1, 192)
    }
    assert sizes[1] == [4 * (32 << 20)]
    assert sizes[192][0] > 768 << 20
    assert any("for one core" in finding.what for finding in drawn.findings)


def test_plans_of_a_few_cores_keep_their_arrays_and_say_nothing() -> None:
    drawn = plan.draw_up(resources(8, 64 << 20, slices=2), quick=False)
    assert not [finding for finding in drawn.findings if "arrays" in finding.what]
    sizes = {s.case.working_set_bytes for s in drawn.steps if s.case.benchmark == "read"}
    assert sizes == {4 * (64 << 20)}


def test_what_was_not_there_is_not_said_to_be_left_out() -> None:
    drawn = plan.draw_up(resources(64, 256 << 20), quick=False)
    (thinned,) = [finding.what for finding in drawn.findings if "thinned" in finding.what]
    assert "node" not in thinned
