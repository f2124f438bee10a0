"""Memory by node in words: a matrix, cores down and memories across."""

from typing import Any

from roofline.records import Calibration, Ceiling
from roofline.view import node_rows, rows
from tests.builders import make_calibration, make_machine


def node(cores: int, memory: int, name: str, typical: float, threads: int = 4) -> Ceiling:
    waits = name == "latency"
    facts: dict[str, Any] = dict.fromkeys(("typical", "high", "low"), typical)
    return Ceiling(
        kind="node",
        name=f"node-{cores}->{memory}-{name}",
        unit="s" if waits else "B/s",
        threads=1 if waits else threads,
        evidence={"node": cores, "memory": memory, "placed": 1.0},
        **facts,
    )


def calibrated(*ceilings: Ceiling, nodes: int | None = 2) -> Calibration:
    return make_calibration(machine=make_machine(numa_nodes=nodes), ceilings=ceilings)


def test_cores_stand_down_and_memories_across() -> None:
    calibration = calibrated(
        node(0, 0, "read", 80e9),
        node(0, 2, "read", 20e9),
        node(0, 0, "latency", 9.4e-8),
        node(0, 2, "latency", 2.51e-7),
        node(1, 0, "read", 40e9),
    )
    assert node_rows.columns(calibration) == (
        *("cores of", ">cores", "figure"),
        *(">memory of node 0", ">memory of node 2"),
    )
    assert list(node_rows.nodes(calibration)) == [
        ("node 0", "4", "read, GB/s", "80.0", "20.0"),
        ("node 0", "1", "a load, ns", "94.0", "251"),
        ("node 1", "4", "read, GB/s", "40.0", ""),
    ]
    (section,) = [s for s in rows.sections(calibration) if s.title == "Memory by node"]
    assert len(section.rows) == 3


def test_one_memory_has_no_matrix_and_is_said_to_be_one() -> None:
    one = calibrated(nodes=1)
    assert not [s for s in rows.sections(one) if s.title == "Memory by node"]
    said = {
        nodes: dict(rows.conditions(calibrated(nodes=nodes)))["memory"] for nodes in (None, 1, 2)
    }
    assert said[1] == f"{said[None]}, one node"
    assert said[2] == f"{said[None]}, 2 nodes"
