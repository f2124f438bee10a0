"""Divides, square roots and exponentials turned into ceilings: results a second, cycles of each."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import truediv

from benchmarks import cases
from calibrate.clocks import Chains, agreement, upper, window_hertz
from calibrate.summary import ceiling, flat, summarise
from roofline.records import Ceiling, Measurement, Scalar

_FAMILIES = ("division", "exponential")


def ceilings(chains: Chains, measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield the rate of every operation that was measured."""
    for one in measurements:
        case = one.case
        if cases.benchmark(case).family in _FAMILIES:
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
                evidence=_cycles(one, chains),
            )


def _cycles(one: Measurement, chains: Chains) -> Mapping[str, Scalar]:
    """Return the cycles from one vector of results to the next, and the clock beside them."""
    seen = window_hertz(one, chains)
    if not seen:
        return {}
    hertz = upper(seen.get("vector") or next(iter(seen.values())))
    rate = upper([one.work.flops / seconds for seconds in flat(one.seconds)]) / one.case.threads
    evidence: dict[str, Scalar] = {
        "cycles": hertz * cases.lanes(one.case) / rate,
        "multiplications": cases.multiplications(one.case),
        "hertz": hertz,
    }
    return evidence | agreement(seen)
