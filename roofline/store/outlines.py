"""A record in a line: what is asked of thousands of records at once, read without decoding them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from roofline.errors import RooflineError
from roofline.records import MachineSpec
from roofline.store.index import when
from roofline.store.reading import content
from roofline.store.schema import outline

Tree = dict[str, Any]

# What names a ceiling; figures follow for each record that has it.
KEY = ("kind", "name", "unit", "threads", "level", "direction", "store", "dtype", "isa", "bits")
FIGURES = ("typical", "low", "high", "spread")
_UNKNOWN = float("nan")
_ROOFS = ("fma", "mul+add")


class Line(NamedTuple):
    """A record as the catalogue knows it.

    Attributes:
        place: the file, relative to the store, with slashes.
        flops: FLOP/s of the widest multiply-add in single precision on all cores.
        bandwidth, read_bandwidth: B/s of memory on all cores: the faster triad, and reads.
        latency: seconds of a dependent load from memory.
        clock: hertz on all cores under the widest load.
        subject, threads, cache: who ran the operators of a sweep or a fit, and how.

    """

    place: str
    kind: str
    site: str
    name: str
    machine: str
    node: str
    started: str
    quick: bool
    valid: bool
    usable_cores: int
    isa_cap: str | None
    supersedes: str | None
    suite_version: str
    architecture: str
    vendor: str | None
    brand: str | None
    microarchitecture: str | None
    hypervisor: str | None
    cores: int | None
    memory_bytes: int | None
    warnings: int
    seconds_taken: float
    flops: float | None = None
    bandwidth: float | None = None
    read_bandwidth: float | None = None
    latency: float | None = None
    clock: float | None = None
    subject: str | None = None
    threads: int | None = None
    cache: str | None = None


COLUMNS = Line._fields

Key = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """A line, and the ceilings of its record: a key and figures each."""

    line: Line
    keys: tuple[Key, ...]
    figures: array[float]


def outline_of(path: Path, root: Path) -> Outline:
    """Read a file of a store as far as the catalogue wants it.

    Raises:
        RooflineError: it is no record; says why.
        OSError: it can't be read.

    """
    data = content(path, root)
    try:
        kind, tree = outline(data.decode())
        place = path.relative_to(root)
        line = _line(kind, tree, place)
        return Outline(line, *_ceilings(tree.get("ceilings", [])))
    except UnicodeDecodeError:
        raise RooflineError("not a record: it is not UTF-8.") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RooflineError(f"not a valid record: {error!r:.80}.") from error


def _line(kind: str, tree: Tree, place: Path) -> Line:
    machine = tree["machine"]
    findings = [str(one["severity"]) for one in tree.get("findings", [])]
    known = _machine_id(json.dumps(machine, sort_keys=True))
    started = str(tree["started"])
    stamp = f"{when(started):%Y%m%dT%H%M%SZ}"
    if place.parts[1:-1] != (known, stamp[:4]) or not place.name.startswith(stamp):
        raise RooflineError("lies in the wrong folder or under the wrong time.")
    optional = ("vendor", "brand", "microarchitecture", "hypervisor", "cores", "memory_bytes")
    more: dict[str, Any] = {name: machine.get(name) for name in optional}
    if "subject" in tree:
        more |= {"subject": tree["subject"], "threads": int(tree["threads"])}
        more["cache"] = tree.get("cache", "warm")
    more |= _headline(tree.get("ceilings", []), int(tree["usable_cores"]))
    return Line(
        place=place.as_posix(),
        kind=kind,
        site=place.parts[0],
        name=place.name,
        machine=known,
        node=str(tree["node"]),
        started=started,
        quick=bool(tree.get("quick", False)),
        valid="invalid" not in findings,
        usable_cores=int(tree["usable_cores"]),
        isa_cap=tree.get("isa_cap"),
        supersedes=tree.get("supersedes"),
        suite_version=str(tree["software"]["suite_version"]),
        architecture=str(machine["architecture"]),
        warnings=findings.count("warning"),
        seconds_taken=float(tree["seconds_taken"]),
        **more,
    )


@lru_cache(maxsize=4096)
def _machine_id(text: str) -> str:
    # Hosts of a type share these facts word for word: structuring them is most of the work.
    from cattrs import BaseValidationError

    from roofline.store.convert import converter

    try:
        return converter().structure(json.loads(text), MachineSpec).id
    except BaseValidationError as error:
        raise ValueError("its machine is no machine") from error


def _headline(ceilings: Sequence[Tree], cores: int) -> dict[str, float | None]:
    """Return the figures that a record is known by."""
    whole = [one for one in ceilings if one.get("threads", 1) == cores]
    compute = [c for c in whole if (c["kind"], c.get("dtype")) == ("compute", "float32")]
    roofs = [one for one in compute if one.get("mix") in _ROOFS]
    widest = max(
        roofs, key=lambda c: (c["mix"] == "fma", c.get("bits", 0), c["typical"]), default=None
    )
    memory = [c for c in whole if (c["kind"], c.get("level")) == ("bandwidth", "DRAM")]
    waits = [c for c in ceilings if (c["kind"], c.get("level")) == ("latency", "DRAM")]
    clocks = [one for one in whole if one["kind"] == "clock"]
    return {
        "flops": float(widest["typical"]) if widest else None,
        "bandwidth": _most(c for c in memory if c.get("direction") == "triad"),
        "read_bandwidth": _most(c for c in memory if c.get("direction") == "read"),
        "latency": min((float(c["typical"]) for c in waits), default=None),
        "clock": _most(
            c for c in clocks if widest and c["name"] == f"clock-float32-{widest.get('bits')}"
        ),
    }


def _most(ceilings: Any) -> float | None:
    return max((float(one["typical"]) for one in ceilings), default=None)


def _ceilings(items: Sequence[Mapping[str, Any]]) -> tuple[tuple[Key, ...], array[float]]:
    keys = tuple(tuple([item.get(name, usual) for name, usual in _USUAL]) for item in items)
    figures = array("d", [item.get(name, _UNKNOWN) for item in items for name in FIGURES])
    return keys, figures


_USUAL = tuple((name, 1 if name == "threads" else None) for name in KEY)
