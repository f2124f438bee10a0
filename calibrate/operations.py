"""Divides, square roots and exponentials turned into ceilings: results a second, cycles of each."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import truediv

from benchmarks import cases
from calibrate.apart import Parted
from calibrate.clocks import Chains, agreement, per_cycle, upper, window_hertz
from calibrate.summary import ceiling, summarise
from roofline.records import Ceiling, Measurement, Scalar

FAMILIES = ("division", "exponential")


def ceilings(chains: Chains, measured: Iterable[Parted]) -> Iterator[Ceiling]:
    """Yield the rate of every operation that was measured."""
    for parted in measured:
        one, case = parted.kept, parted.kept.case
        if are(one):
            yield ceiling(
                "operation",
                f"{case.benchmark}-{case.dtype}-{case.bits}",
                "1/s",
                summarise(one.seconds, partial(truediv, one.work.flops)),
                mix=cases.benchmark(case).mix,
                threads=case.threads,
                dtype=case.dtype,
                isa=case.isa,
                bits=case.bits,
                evidence={**_cycles(one, chains), **parted.evidence},
            )


def are(one: Measurement) -> bool:
    """Whether a measurement is of an operation."""
    return cases.benchmark(one.case).family in FAMILIES


def _cycles(one: Measurement, chains: Chains) -> Mapping[str, Scalar]:
    """Return the cycles from one vector of results to the next, and the clock beside them."""
    seen = window_hertz(one, chains)
    if not seen:
        return {}
    evidence: dict[str, Scalar] = {
        "cycles": cases.lanes(one.case) / upper(per_cycle(one, seen)),
        "multiplications": cases.multiplications(one.case),
        "hertz": upper(seen.get("vector") or next(iter(seen.values()))),
    }
    return evidence | agreement(seen)
