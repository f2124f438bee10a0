"""Memory by node: a matrix of what the cores of each node get of the memory of each."""

from collections.abc import Iterator, Sequence

from benchmarks import cases
from calibrate.summary import ceiling, short, summarise
from roofline.physics.isa import Vector
from roofline.records import Case, Ceiling, Finding, Measurement, Scalar
from roofline.records.nodes import MemoryNode, cpu_text

# A triad holds three arrays; half of what a node has free stays free, and all nodes have of theirs.
_FREE_SHARE = 1 / 6
_TINY = 1 << 20
_TRIAD = {"store": "non-temporal"}
# Of the pages that were looked up, how many must lie where they should.
_PLACED = 0.95
_SLACK = 1.05
_SAMPLES = 3


def plan(vector: Vector, nodes: Sequence[MemoryNode], array: int) -> Iterator[tuple[Case, int]]:
    """Yield reads, triads past the caches and a walk, from each node's cores to each memory.

    Args:
        vector: the widest.
        nodes: all that have memory.
        array: bytes of an array that no cache of the team holds.

    """
    running = [node for node in nodes if node.cpus]
    if len(nodes) < 2 or not running:
        return
    free = min(node.free_bytes for node in nodes)
    size = min(array // len(running), int(free * _FREE_SHARE)) // _TINY * _TINY
    for cores in running if size else ():
        for memory in nodes:
            yield from ((case, _SAMPLES) for case in _pair(vector, cores, memory, size))


def _pair(vector: Vector, cores: MemoryNode, memory: MemoryNode, size: int) -> Iterator[Case]:
    where: dict[str, Scalar] = {"node": cores.number, "memory": memory.number}
    if memory.cpus:
        where["touch"] = cpu_text(memory.cpus)
    unfused: dict[str, Scalar] = {} if vector.fused else {"fused": False}
    team: dict[str, Scalar] = {"cpus": cpu_text(cores.cpus)}
    for name, arrays, more in (("node-read", 1, {}), ("node-triad", 3, _TRIAD)):
        yield Case(
            benchmark=name,
            parameters={**where, **team, **unfused, **more},
            isa=vector.isa,
            bits=vector.bits,
            threads=len(cores.cpus),
            working_set_bytes=arrays * size,
        )
    yield Case(
        benchmark="node-latency",
        parameters={**where, "cpus": str(min(cores.cpus))},
        dtype="int64",
        working_set_bytes=size,
    )


def ceilings(measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield each figure of the matrix whose pages lay where they should."""
    for one in measurements:
        if _is_node(one) and (placed(one) is None or (placed(one) or 0.0) >= _PLACED):
            yield _ceiling(one)


def _is_node(one: Measurement) -> bool:
    return one.case.benchmark.startswith(cases.NODE)


def placed(one: Measurement) -> float | None:
    """Return the smallest share of pages that lay on the node; None where nobody could tell."""
    rounds = one.steps_per_second.get(cases.PLACED, ())
    return min((share for row in rounds for share in row), default=None)


def _ceiling(one: Measurement) -> Ceiling:
    name, waits = cases.operation(one.case), one.case.benchmark.endswith("latency")
    moved = one.work.bytes_touched.total
    summary = summarise(one.seconds, lambda s: s / cases.CHASE_STEPS if waits else moved / s)
    share, parameters = placed(one), one.case.parameters
    return ceiling(
        "node",
        f"node-{parameters['node']}->{parameters['memory']}-{name}",
        "s" if waits else "B/s",
        summary,
        threads=one.case.threads,
        direction="read" if waits else name,
        store=None if name != "triad" else "non-temporal",
        evidence={
            "node": parameters["node"],
            "memory": parameters["memory"],
            **({} if share is None else {"placed": short(share, 3)}),
        },
    )


def findings(measurements: Sequence[Measurement], made: Sequence[Ceiling]) -> Iterator[Finding]:
    """Yield what is doubtful: pages elsewhere or nobody knows where, a far node that is near."""
    wanted = [one for one in measurements if _is_node(one)]
    elsewhere = [m for m in wanted if (share := placed(m)) is not None and share < _PLACED]
    unknown = [one for one in wanted if placed(one) is None]
    if elsewhere:
        yield Finding(
            severity="warning",
            what=f"{len(elsewhere)} of {len(wanted)} figures of memory by node were left out",
            why_it_matters="the system put their pages on other nodes: the container's set of "
            "nodes (cpuset.mems), or too little free memory there",
            command="numactl --hardware",
        )
    if unknown:
        yield Finding(
            severity="note",
            what="on which node pages lay can't be looked up here",
            why_it_matters="memory by node rests on which core touched them first",
        )
    yield from _near(made)


def _near(made: Sequence[Ceiling]) -> Iterator[Finding]:
    """Doubt a memory that is nearer to another node's cores than to its own."""
    waits = {
        (c.evidence["node"], c.evidence["memory"]): c.typical
        for c in made
        if c.kind == "node" and c.unit == "s"
    }
    for (node, memory), far in waits.items():
        own = waits.get((memory, memory))
        if own is not None and own > _SLACK * far:
            yield Finding(
                severity="warning",
                what=f"a load of node {memory}'s memory takes its own cores {own * 1e9:.0f} ns and "
                f"those of node {node} {far * 1e9:.0f} ns",
                why_it_matters="the nodes aren't what they say they are, as a hypervisor may tell "
                "them, or neighbours were at work",
                command="numactl --hardware",
            )
