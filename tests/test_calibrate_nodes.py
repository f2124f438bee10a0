"""The matrix of nodes: planned where there are two memories, concluded, doubted."""

from dataclasses import replace
from pathlib import Path

import pytest

from calibrate import budget, nodes, plan, thinning
from calibrate.fit import fit
from calibrate.turns import Plan, Step
from roofline.host.machine import memory_nodes, read_machine, usable_cpus
from roofline.physics import isa
from roofline.records import Case, Finding, Measurement
from roofline.records.nodes import MemoryNode, cpu_numbers
from tests.builders import make_machine
from tests.fake_child import Planted, measured
from tests.machine_trees import expand
from tests.test_plan import GIB, MIB, made, time_enough

# A fixture that pytest finds here: these are plans that aren't thinned, unless they say so.
__all__ = ["time_enough"]

TWO = (
    MemoryNode(number=0, cpus=(0, 1, 2, 3), free_bytes=64 * GIB),
    MemoryNode(number=1, cpus=(4, 5, 6, 7), free_bytes=60 * GIB),
)
MEMORY_ONLY = MemoryNode(number=2, free_bytes=64 * GIB)
NAMES = {"node-read", "node-triad", "node-latency"}


def drawn(some: tuple[MemoryNode, ...], *, quick: bool = False, memory: int = 512 * GIB) -> Plan:
    resources = replace(made(threads=8, memory=memory), nodes=some)
    return plan.draw_up(resources, quick=quick)


def matrix(of: Plan) -> list[Case]:
    return [step.case for step in of.steps if step.case.benchmark in NAMES]


def pairs(found: list[Case]) -> set[tuple[object, object]]:
    return {(case.parameters["node"], case.parameters["memory"]) for case in found}


def test_each_nodes_cores_meet_each_nodes_memory() -> None:
    found = matrix(drawn(TWO))
    assert pairs(found) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert len({case.key for case in found}) == len(found) == 4 * len(NAMES)
    for case in found:
        near = TWO[int(case.parameters["node"] or 0)].cpus
        cpus = cpu_numbers(str(case.parameters["cpus"]))
        assert set(cpus) <= set(near)
        assert case.threads == len(cpus) == (1 if case.benchmark == "node-latency" else 4)
        touch = cpu_numbers(str(case.parameters["touch"]))
        assert touch == TWO[int(case.parameters["memory"] or 0)].cpus


def test_a_node_without_cores_is_only_a_memory() -> None:
    found = matrix(drawn((*TWO, MEMORY_ONLY)))
    assert pairs(found) == {(node, memory) for node in (0, 1) for memory in (0, 1, 2)}
    alone = [case for case in found if case.parameters["memory"] == 2]
    assert alone
    assert not any("touch" in case.parameters for case in alone)


def test_cores_of_one_node_still_see_the_memory_of_the_other() -> None:
    found = matrix(drawn((TWO[0], replace(TWO[1], cpus=()))))
    assert pairs(found) == {(0, 0), (0, 1)}


@pytest.mark.parametrize("some", [(), TWO[:1], (MEMORY_ONLY, replace(MEMORY_ONLY, number=3))])
def test_one_memory_or_no_cores_is_no_matrix(some: tuple[MemoryNode, ...]) -> None:
    assert matrix(drawn(some)) == []


def test_quick_plans_have_no_matrix() -> None:
    assert matrix(drawn(TWO, quick=True)) == []


def test_arrays_leave_half_of_each_nodes_free_memory() -> None:
    scarce = (TWO[0], replace(TWO[1], free_bytes=200 * MIB))
    sizes = {case.benchmark: case.working_set_bytes for case in matrix(drawn(scarce))}
    assert 0 < sizes["node-triad"] <= 100 * MIB
    assert sizes["node-read"] == sizes["node-latency"] == sizes["node-triad"] // 3


def test_arrays_are_beyond_what_the_nodes_cores_cache() -> None:
    (size,) = {c.working_set_bytes for c in matrix(drawn(TWO)) if c.benchmark == "node-read"}
    (array,) = {
        s.case.working_set_bytes
        for s in drawn(TWO).steps
        if (s.case.benchmark, s.case.threads) == ("update", 8)
    }
    assert size == array // 2


def test_a_nodes_memory_comes_last_in_a_round() -> None:
    order = [visit.step.case.benchmark in NAMES for visit in drawn(TWO).in_round(3)]
    assert order == sorted(order)
    assert any(order)


# As hosts say it.


def captured(name: str, root: Path, threads: int | None = None) -> tuple[MemoryNode, ...]:
    expand(name, root)
    machine = read_machine(root)
    return memory_nodes(root, usable_cpus(root, range(machine.threads or 1))[:threads])


def test_two_sockets_with_siblings_and_a_memory_of_its_own(tmp_path: Path) -> None:
    found = captured("four-nodes", tmp_path)
    assert [(one.number, one.cpus) for one in found] == [
        (0, (0, 1, 2, 3)),
        (1, (4, 5, 6, 7)),
        (2, ()),
    ]
    assert found[2].free_bytes == 67_000_000 << 10


def test_a_smaller_team_is_next_to_fewer_nodes(tmp_path: Path) -> None:
    assert [one.cpus for one in captured("four-nodes", tmp_path, 3)] == [(0, 1, 2), (), ()]


@pytest.mark.parametrize("name", ["two-sockets", "small-vm", "bare-container"])
def test_nodes_whose_memory_nobody_tells_are_none(name: str, tmp_path: Path) -> None:
    assert captured(name, tmp_path) == ()


def test_a_captured_host_gets_its_matrix(tmp_path: Path) -> None:
    found = captured("four-nodes", tmp_path)
    machine = read_machine(tmp_path)
    resources = plan.Resources(
        machine=machine,
        threads=8,
        vectors=isa.vectors(machine),
        memory_available=200 * GIB,
        nodes=found,
    )
    whole = plan.draw_up(resources, quick=False)
    assert pairs(matrix(whole)) == {(node, memory) for node in (0, 1) for memory in (0, 1, 2)}


# Where time is short.


def test_triads_and_far_pairs_go_first_where_time_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(
        MemoryNode(number=n, cpus=tuple(range(4 * n, 4 * n + 4)), free_bytes=64 * GIB)
        for n in range(8)
    )
    cases = [case for case, _ in nodes.plan(made().vectors[0], many, 512 * MIB)]
    steps = [Step(case=case, samples=3) for case in cases]
    assert len(pairs(cases)) == 64
    monkeypatch.setattr(budget, "LONGEST", 0.0)
    thin = matrix(thinning.thinned(steps, ()))
    assert {case.benchmark for case in thin} == {"node-read", "node-latency"}
    assert pairs(thin) == {(0, n) for n in range(8)}


def test_larger_arrays_take_longer_by_the_estimate() -> None:
    short, long = (
        [Step(case=c, samples=3) for c, _ in nodes.plan(made().vectors[0], TWO, size)]
        for size in (64 * MIB, 512 * MIB)
    )
    assert 2 * budget.seconds(short, 7) < budget.seconds(long, 7)


# What is concluded.


def seen(planted: Planted) -> tuple[Measurement, ...]:
    wanted = [case for case, _ in nodes.plan(made().vectors[0], TWO, 256 * MIB)]
    return measured(planted, wanted)


def told(measurements: tuple[Measurement, ...]) -> list[Finding]:
    made_of = tuple(nodes.ceilings(measurements))
    return list(nodes.findings(measurements, made_of))


def test_the_matrix_is_concluded() -> None:
    measurements = seen(Planted(farther=1.5, memory_wait=1e-7, memory=(15e9, 40e9)))
    found = {c.name: c for c in nodes.ceilings(measurements)}
    assert len(found) == 12
    assert found["node-0->0-read"].typical == pytest.approx(40e9, rel=0.01)
    assert found["node-1->0-triad"].typical == pytest.approx(40e9 / 1.5, rel=0.01)
    assert found["node-1->1-latency"].typical == pytest.approx(1e-7, rel=0.01)
    assert found["node-0->1-latency"].typical == pytest.approx(1.5e-7, rel=0.01)
    assert {c.kind for c in found.values()} == {"node"}
    assert {c.unit for c in found.values()} == {"B/s", "s"}
    for c in found.values():
        assert c.evidence["placed"] == pytest.approx(1.0, abs=0.01)
        assert (c.evidence["node"], c.evidence["memory"]) == (
            int(c.name.removeprefix("node-")[0]),
            int(c.name.removeprefix("node-")[3]),
        )
    assert told(measurements) == []


def test_pages_that_lay_elsewhere_are_no_figure_and_that_is_said() -> None:
    measurements = seen(Planted(placed=0.5))
    assert list(nodes.ceilings(measurements)) == []
    (finding,) = told(measurements)
    assert finding.severity == "warning"
    assert "12 of 12" in finding.what


def test_pages_that_nobody_can_look_up_are_a_note() -> None:
    blind = tuple(replace(one, steps_per_second={}) for one in seen(Planted()))
    assert len(list(nodes.ceilings(blind))) == 12
    assert not any("placed" in c.evidence for c in nodes.ceilings(blind))
    (finding,) = told(blind)
    assert finding.severity == "note"


def test_a_memory_that_is_nearer_to_others_is_doubted() -> None:
    findings = told(seen(Planted(farther=0.5)))
    assert {one.severity for one in findings} == {"warning"}
    assert any("node 1's memory" in one.what and "those of node 0" in one.what for one in findings)


def test_the_matrix_enters_no_other_conclusion() -> None:
    machine = make_machine(fma_pipes=None)
    found = fit(machine, seen(Planted()))
    assert {c.kind for c in found.ceilings} == {"node"}
    assert not [one for one in found.findings if one.severity in ("invalid", "warning")]
