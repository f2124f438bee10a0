"""Memory by node: what the cores of one node get of the memory of another, wherever its pages lie.

Pages are asked for on the node, touched by its own cores where it has some, and looked up again.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from benchmarks import cases, placement
from benchmarks.arena import Place, map_place
from benchmarks.sampled import Sampled
from benchmarks.team import Team
from roofline.records import Case
from roofline.records.nodes import cpu_numbers

_OWN = ("node", "memory", "cpus", "touch")


class NodeRig(Protocol):
    """What a team on some CPUs and its memory can do."""

    team: Team

    def steady(self, case: Case, samples: int, places: Sequence[Place]) -> Sampled:
        """Check a case in this memory, then time it."""

    def rooms(self, case: Case) -> list[tuple[int, int]]:
        """Return the input and output bytes that each thread needs."""


def bare(case: Case) -> Case:
    """Return what is run, wherever its memory lies."""
    name = cases.operation(case)
    kept = {key: value for key, value in case.parameters.items() if key not in _OWN}
    level = {"level": cases.MEMORY} if name == "latency" else {}
    return replace(case, benchmark=name, parameters=kept | level)


class Nodes:
    """Teams of the nodes, each made when it is first needed.

    Args:
        open_rig: makes a rig on some CPUs.

    """

    def __init__(self, open_rig: Callable[[Sequence[int]], NodeRig]) -> None:
        self._open_rig = open_rig
        self._rigs: dict[str, NodeRig] = {}

    def run(self, case: Case, samples: int) -> Sampled:
        """Time a case in fresh memory of its node; say which share of it lies there."""
        one, rig = bare(case), self._rig(str(case.parameters["cpus"]))
        places = self._places(case, rig.rooms(one))
        sampled = rig.steady(one, samples, places)
        buffers = [buffer for place in places for buffer in place.buffers]
        share = placement.share_on(buffers, int(case.parameters["memory"] or 0))
        told = {} if share is None else {cases.PLACED: [share] * len(sampled.seconds)}
        return replace(sampled, steps_per_second=told)

    def _rig(self, cpus: str) -> NodeRig:
        if cpus not in self._rigs:
            self._rigs[cpus] = self._open_rig(cpu_numbers(cpus))
        return self._rigs[cpus]

    def _places(self, case: Case, rooms: Sequence[tuple[int, int]]) -> list[Place]:
        """Map each thread's memory: the threads next to the node share in touching it."""
        node, team = int(case.parameters["memory"] or 0), self._toucher(case)
        if case.benchmark.endswith("latency"):
            # What was written last would still lie in the caches, were nothing read after it.
            rooms = [(output, output) for _, output in rooms]
        hands = min(len(rooms), len(team.cpus))
        mapped = team.each(
            hands, lambda i: [map_place(*room, huge=True, node=node) for room in rooms[i::hands]]
        )
        return [mapped[i % hands][i // hands] for i in range(len(rooms))]

    def _toucher(self, case: Case) -> Team:
        return self._rig(str(case.parameters.get("touch") or case.parameters["cpus"])).team
