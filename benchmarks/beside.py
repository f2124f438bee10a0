"""The chains that read the clock beside a load: which they are, and what each window says."""

from collections.abc import Sequence

import numpy as np

from benchmarks import cases, clock
from benchmarks.team import Timed
from roofline.records import Case


def clock_cases(case: Case) -> tuple[Case, ...]:
    """Return the chains that read the clock inside a case's windows."""
    if not cases.benchmark(case).clocked:
        return ()
    dtype, bits = cases.chain_of(case)
    return tuple(
        Case(
            benchmark="chain",
            parameters={"chain": chain, "fused": cases.fused(case)},
            dtype=dtype,
            bits=bits,
        )
        for chain in (clock.MULTIPLY, clock.VECTOR)
    )


def chain_rates(timed: Timed, chains: Sequence[Case]) -> dict[str, list[float]]:
    """Return steps a second by chain and sample; each chain runs before and after the work."""
    rates: dict[str, list[float]] = {}
    last = 2 * len(chains)
    for index, chain in enumerate(chains):
        name = str(chain.parameters["chain"])
        steps = cases.chain_steps(chain)
        rates[name] = [
            float(np.mean([2 * steps / (w.segment(index) + w.segment(last - index)) for w in team]))
            for team in timed.windows
        ]
    return rates
