"""Memory by node as rows of words: a matrix, the cores of a node down, memories across."""

from collections.abc import Iterator

from roofline.records import Calibration, Ceiling
from roofline.view.cells import giga, three

Row = tuple[str, ...]
_KINDS = {"read": "read, GB/s", "triad": "triad past the caches, GB/s", "latency": "a load, ns"}


def columns(calibration: Calibration) -> Row:
    """Return the header of `nodes`."""
    memories = sorted({memory for _, _, memory in _found(calibration)})
    return ("cores of", ">cores", "figure", *(f">memory of node {memory}" for memory in memories))


def nodes(calibration: Calibration) -> Iterator[Row]:
    """Yield each figure from one node's cores to every node's memory."""
    found = _found(calibration)
    memories = sorted({memory for _, _, memory in found})
    for node in sorted({node for _, node, _ in found}):
        for kind, words in _KINDS.items():
            row = [found.get((kind, node, memory)) for memory in memories]
            known = [one for one in row if one]
            if known:
                yield f"node {node}", str(known[0].threads), words, *map(_cell, row)


def _found(calibration: Calibration) -> dict[tuple[str, int, int], Ceiling]:
    return {
        (c.name.rpartition("-")[2], int(c.evidence["node"] or 0), int(c.evidence["memory"] or 0)): c
        for c in calibration.ceilings
        if c.kind == "node"
    }


def _cell(one: Ceiling | None) -> str:
    if one is None:
        return ""
    return three(one.typical * 1e9) if one.unit == "s" else giga(one.typical)
