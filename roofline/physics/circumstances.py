"""What else differs between two calibrations: host, facts, plan, software, conditions, code."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from roofline.records import Cache, Calibration, Measurement
from roofline.units import capacity, rate, significant

# Less of a difference than this is in every two runs, as a fraction or a load of that many threads.
_STEAL = 0.01
_LOAD = 0.5
_HUGE_PAGES = 0.05
_HERTZ = 0.03
_MEMORY = 0.02
# So many cases are named.
_NAMED = 3

_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that isn't as it was, in words."""

    what: str
    a: str
    b: str

    @property
    def text(self) -> str:
        """The change as one plain line."""
        return f"{self.what}: {self.a} -> {self.b}"


def changes(a: Calibration, b: Calibration) -> tuple[Change, ...]:
    """Return what else differs between two calibrations, what matters most first."""
    parts = (_host(a, b), _plan(a, b), _code(a, b), _software(a, b), _facts(a, b), _state(a, b))
    return tuple(change for part in parts for change in part)


def _host(a: Calibration, b: Calibration) -> Iterator[Change]:
    if a.machine.id != b.machine.id:
        yield Change(what="another type of machine", a=a.machine.id, b=b.machine.id)
    if a.node != b.node:
        kind = "another host of this type" if a.machine.id == b.machine.id else "host"
        yield Change(what=kind, a=a.node, b=b.node)


def _plan(a: Calibration, b: Calibration) -> Iterator[Change]:
    yield from _plainly("plan", a.quick, b.quick, lambda quick: "quick" if quick else "full")
    yield from _plainly("usable cores", a.usable_cores, b.usable_cores)
    yield from _plainly("vectors capped to", a.isa_cap, b.isa_cap, unknown="no cap")
    yield from _plainly("gate", a.valid, b.valid, lambda valid: "passed" if valid else "invalid")


def _code(a: Calibration, b: Calibration) -> Iterator[Change]:
    mine, other = _digests(a), _digests(b)
    common = [key for key in mine if key in other]
    moved = [key for key in common if mine[key] != other[key]]
    if moved:
        names = ", ".join(moved[:_NAMED]) + (", ..." if len(moved) > _NAMED else "")
        cases = f"{len(moved)} of {len(common)} common cases"
        yield Change(
            what="timed code",
            a="one",
            b=f"another in {cases}, whose figures aren't of the same code: {names}",
        )


def _digests(calibration: Calibration) -> dict[str, str]:
    def told(one: Measurement) -> bool:
        return bool(one.kernel_digest)

    return {m.case.key: m.kernel_digest for m in filter(told, calibration.measurements)}


def _software(a: Calibration, b: Calibration) -> Iterator[Change]:
    mine, other = a.software, b.software
    yield from _plainly("suite", mine.suite_version, other.suite_version)
    yield from _plainly("git revision", mine.git_revision, other.git_revision)
    states = {True: "with edits", False: "clean", None: "unknown"}
    yield from _plainly("checkout", states[mine.git_dirty], states[other.git_dirty])
    yield from _plainly("Python", mine.python, other.python)
    yield from _plainly("Numba", mine.numba, other.numba)
    yield from _plainly("LLVM", mine.llvm, other.llvm)
    yield from _plainly("NumPy", mine.numpy, other.numpy)
    yield from _each("library ", mine.libraries, other.libraries)


def _facts(a: Calibration, b: Calibration) -> Iterator[Change]:
    mine, other = a.machine, b.machine
    for name in ("brand", "family", "model", "stepping", "microarchitecture", "sockets"):
        yield from _plainly(name, getattr(mine, name), getattr(other, name))
    for name in ("cores", "threads", "numa_nodes", "hypervisor", "cpu_quota", "fma_pipes"):
        yield from _plainly(name.replace("_", " "), getattr(mine, name), getattr(other, name))
    for name in ("memory_channels", "memory_transfers_per_second", "boost_hertz"):
        yield from _plainly(name.replace("_", " "), getattr(mine, name), getattr(other, name))
    yield from _features(set(mine.features), set(other.features))
    yield from _plainly("caches", _caches(mine.caches), _caches(other.caches))
    sizes = (mine.memory_bytes, other.memory_bytes)
    if _apart(*sizes, (sizes[0] or 0) * _MEMORY):
        yield from _plainly("memory", *sizes, capacity)


def _features(mine: set[str], other: set[str]) -> Iterator[Change]:
    if mine != other:
        a, b = (" ".join(sorted(one)) or "none" for one in (mine - other, other - mine))
        yield Change(what="instruction-set features only there", a=a, b=b)


def _caches(caches: tuple[Cache, ...]) -> str:
    each = (f"L{c.level} {c.kind} {capacity(c.size_bytes)} for {c.shared_by}" for c in caches)
    return ", ".join(each) or "unknown"


def _state(a: Calibration, b: Calibration) -> Iterator[Change]:
    mine, other = a.conditions, b.conditions
    yield from _plainly("CPUs", mine.affinity or None, other.affinity or None, _listed)
    if _apart(mine.steal_fraction, other.steal_fraction, _STEAL):
        yield from _plainly("steal", mine.steal_fraction, other.steal_fraction, _share)
    if _apart(mine.load, other.load, _LOAD):
        yield from _plainly("load before", mine.load, other.load, significant)
    if _apart(mine.hertz, other.hertz, (mine.hertz or 0.0) * _HERTZ):
        yield from _plainly("clock by cpufreq", mine.hertz, other.hertz, _clock)
    yield from _plainly("huge pages", mine.huge_pages, other.huge_pages)
    backed = (mine.huge_page_fraction, other.huge_page_fraction)
    if _apart(*backed, _HUGE_PAGES):
        yield from _plainly("buffers backed by huge pages", *backed, _share)
    yield from _each("", mine.environment, other.environment)


def _plainly(
    what: str,
    a: _Told | None,
    b: _Told | None,
    word: Callable[[_Told], str] = str,
    unknown: str = "unknown",
) -> Iterator[Change]:
    if a != b:
        words = (unknown if one is None else word(one) for one in (a, b))
        yield Change(what=what, a=next(words), b=next(words))


def _each(prefix: str, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*a, *b}):
        yield from _plainly(f"{prefix}{name}", a.get(name), b.get(name), unknown="not set")


def _apart(a: float | None, b: float | None, least: float) -> bool:
    """Tell whether two quantities differ by more than a little, or one alone is known."""
    if a is None or b is None:
        return a is not b
    return abs(a - b) > least


def _share(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _clock(hertz: float) -> str:
    return rate(hertz, "Hz")


def _listed(cpus: tuple[int, ...]) -> str:
    return " ".join(map(str, cpus))
