"""Memory by node, on a host that has one: teams, right answers, and where the pages lay."""

from pathlib import Path

import pytest

from benchmarks import cases, nodes, placement
from benchmarks.kernels import KernelCache, cache_folder
from benchmarks.rig import Rig
from roofline.records import Case
from roofline.records.nodes import cpu_text
from tests.kernel_cases import WIDEST, at

SIZE = 3 << 20


@pytest.fixture(scope="module")
def rig(two_cpus: tuple[int, int], cache_home: Path) -> Rig:
    """Return a rig on two CPUs."""
    return Rig(two_cpus, KernelCache(cache_folder({"XDG_CACHE_HOME": str(cache_home)})))


def case(name: str, cpus: tuple[int, ...], memory: int = 0, **more: str | bool) -> Case:
    where = {"node": 0, "memory": memory, "cpus": cpu_text(cpus), **more}
    unfused = {} if WIDEST.fused or name == "node-latency" else {"fused": False}
    return at(WIDEST, name, where | unfused, threads=len(cpus), working_set_bytes=SIZE)


def test_what_is_run_knows_nothing_of_nodes() -> None:
    one = case("node-triad", (0, 1), touch="2-3", store="non-temporal")
    run = nodes.bare(one)
    assert run.benchmark == "triad"
    assert run.parameters["store"] == "non-temporal"
    assert not {"node", "memory", "cpus", "touch"} & set(run.parameters)
    assert cases.work(run) == cases.work(one)
    walk = nodes.bare(case("node-latency", (0,)))
    assert (walk.benchmark, walk.parameters["level"]) == ("latency", cases.MEMORY)


@pytest.mark.parametrize("touch", [False, True])
@pytest.mark.parametrize("name", ["node-read", "node-triad", "node-latency"])
def test_each_figure_of_the_matrix_is_checked_timed_and_placed(
    rig: Rig, name: str, touch: bool, two_cpus: tuple[int, int]
) -> None:
    cpus = two_cpus[:1] if name == "node-latency" else two_cpus
    more: dict[str, str | bool] = {"store": "non-temporal"} if name == "node-triad" else {}
    more |= {"touch": str(two_cpus[-1])} if touch else {}
    one = case(name, cpus, **more)
    rig.prepare([one])
    sampled = rig.run(one, samples=2)
    assert sampled.checked
    assert min(sampled.seconds) > 0
    assert sampled.kernel_digest
    for shares in sampled.steps_per_second.values():
        assert shares == [1.0] * len(sampled.seconds)


def test_memory_that_is_nowhere_is_said_to_lie_elsewhere(
    rig: Rig, two_cpus: tuple[int, int]
) -> None:
    one = case("node-read", two_cpus, memory=900)
    rig.prepare([one])
    shares = rig.run(one, samples=1).steps_per_second
    assert all(share == 0.0 for row in shares.values() for share in row)


def test_where_nobody_tells_no_share_is_claimed(
    rig: Rig, two_cpus: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "_call", lambda *_: -1)
    one = case("node-read", two_cpus)
    rig.prepare([one])
    assert rig.run(one, samples=1).steps_per_second == {}


def test_what_the_round_shares_is_given_back_first(rig: Rig, two_cpus: tuple[int, int]) -> None:
    read = at(WIDEST, "read", {}, threads=2, working_set_bytes=SIZE)
    one = case("node-read", two_cpus)
    rig.prepare([read, one])
    rig.run(read, samples=1)
    rig.run(one, samples=1)
    assert rig.run(read, samples=1).checked
