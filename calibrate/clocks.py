"""The effective core clock from dependent chains, whose cycles a step are derived, not assumed.

The one assumption is that an integer addition and an exclusive or between registers take a cycle
each. Every other chain's time is a multiple of theirs, and whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import mul

from benchmarks import cases
from calibrate.summary import Summary, ceiling, flat, summarise
from roofline.physics import robust
from roofline.records import Case, Ceiling, Finding, Measurement, Scalar

# Steps in a turn, as `benchmarks.clock` emits them, and cycles of the add-xor step.
_ADD_XOR_CYCLES = 2
_UPPER = 0.95
# A step further than this from a whole number of cycles was disturbed.
_WHOLE = 0.05
# A clock that surely drifted by more than this over the run is said to.
_DRIFTED = 0.02


@dataclass(frozen=True, slots=True)
class Chains:
    """Cycles of a step by chain, with what makes one doubtful.

    Attributes:
        cycles: by chain name: "add", "imul", and vector chains as "vector:fma:float32:512".
        findings: chains whose cycles weren't whole.
        light: the clock under light load, over rounds.
        light_hertz: the 95th percentile of that over all windows.
        drift: how much that clock rose from the first round to the last, with an interval.

    """

    cycles: Mapping[str, int]
    findings: tuple[Finding, ...]
    light: Summary | None = None
    light_hertz: float | None = None
    drift: Mapping[str, float] = field(default_factory=dict)


def chain_name(case: Case) -> str:
    """Return the name of the chain that a case runs."""
    chain = str(case.parameters["chain"])
    return vector_chain(case, fused=bool(case.parameters["fused"])) if chain == "vector" else chain


def vector_chain(case: Case, *, fused: bool) -> str:
    """Return the name of the vector chain that reads the clock beside a case."""
    dtype, bits = cases.chain_of(case)
    return f"vector:{'fma' if fused else 'mul+add'}:{dtype}:{bits}"


def derive(measurements: Sequence[Measurement]) -> Chains:
    """Derive every chain's cycles a step from the chains run alone on one thread."""
    alone = {chain_name(m.case): m for m in measurements if m.case.benchmark == "chain"}
    if "add" not in alone:
        return Chains({}, ())
    hertz = _steps(alone["add"]) * _ADD_XOR_CYCLES
    exact = {name: hertz / _steps(one) for name, one in alone.items()}
    drift = _drift(alone["add"])
    return Chains(
        cycles={name: max(1, round(cycles)) for name, cycles in exact.items()},
        findings=(*_doubts(exact), *_drifted(drift)),
        light=_light(alone["add"]),
        light_hertz=hertz,
        drift=drift,
    )


def _steps(chain: Measurement) -> float:
    """Return steps a second at the undisturbed end of all windows."""
    steps = cases.chain_steps(chain.case)
    return steps / robust.percentile(flat(chain.seconds), 1 - _UPPER)


def _light(add: Measurement) -> Summary:
    cycles = cases.chain_steps(add.case) * _ADD_XOR_CYCLES
    return summarise(add.seconds, lambda seconds: cycles / seconds)


def _drift(add: Measurement) -> dict[str, float]:
    """Return the light-load clock's change over all rounds as a share of it, with its interval."""
    medians = [1 / robust.median(samples) for samples in add.seconds]
    found = robust.trend(medians)
    if found is None:
        return {}
    change, (low, high) = found
    usual = robust.median(medians)
    return {"drift": change / usual, "drift_low": low / usual, "drift_high": high / usual}


def _drifted(drift: Mapping[str, float]) -> Iterator[Finding]:
    if drift and abs(drift["drift"]) > _DRIFTED and drift["drift_low"] * drift["drift_high"] > 0:
        yield Finding(
            severity="warning",
            what=f"the clock under light load drifted by {drift['drift']:+.1%} over the run",
            why_it_matters="FLOP/cycle doesn't mind, but rates of early and of late rounds differ",
            command="make calibrate, when the machine has warmed up",
        )


def _doubts(exact: Mapping[str, float]) -> Iterator[Finding]:
    for name, cycles in exact.items():
        if abs(cycles - round(cycles)) > _WHOLE * round(cycles):
            yield Finding(
                severity="warning",
                what=f"a step of the {name} chain takes {cycles:.2f} cycles, not a whole number",
                why_it_matters="the clock, and FLOP/cycle with it, is uncertain by as much",
                command="make calibrate, with nothing else running",
            )


def window_hertz(measurement: Measurement, chains: Chains) -> dict[str, list[float]]:
    """Return the clock that each chain saw beside a case's work, window by window."""
    fused = cases.fused(measurement.case)
    names = {"imul": "imul", "vector": vector_chain(measurement.case, fused=fused)}
    return {
        chain: [steps * chains.cycles[names[chain]] for steps in flat(rows)]
        for chain, rows in measurement.steps_per_second.items()
        if names.get(chain) in chains.cycles
    }


def agreement(seen: Mapping[str, Sequence[float]]) -> dict[str, Scalar]:
    """Return the ratio of the two chains' clocks, as evidence: the median over windows.

    Window by window, since the clock may change between windows, and each chain's best is another.
    """
    pairs = zip(seen.get("imul", ()), seen.get("vector", ()), strict=False)
    ratios = [scalar / vector for scalar, vector in pairs]
    return {"clock_agreement": robust.median(ratios)} if ratios else {}


def upper(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return robust.percentile(values, _UPPER)


def highest(compute: Sequence[Measurement], chains: Chains) -> float | None:
    """Return the highest clock that any chain saw, 95th percentiles over all windows."""
    seen = [upper(h) for one in compute for h in window_hertz(one, chains).values() if h]
    return max(filter(None, (chains.light_hertz, *seen)), default=None)


def per_cycle(measurement: Measurement, seen: Mapping[str, Sequence[float]]) -> list[float]:
    """Return the operations a cycle and thread of each window, by the mean of its chains' clocks.

    Window by window, since the rate follows the clock, and each one's best is another's.
    """
    clocks = [sum(hertz) / len(hertz) for hertz in zip(*seen.values(), strict=True)]
    return [
        measurement.work.flops / seconds / hertz / measurement.case.threads
        for seconds, hertz in zip(flat(measurement.seconds), clocks, strict=True)
    ]


def ceilings(chains: Chains, compute: Sequence[Measurement]) -> Iterator[Ceiling]:
    """Yield the light-load clock and the clock under each widest load."""
    if chains.light is not None:
        evidence = dict(chains.drift)
        yield ceiling("clock", "clock-light", "Hz", chains.light, mix="add, xor", evidence=evidence)
    for one in compute:
        rounds = one.steps_per_second.get("vector")
        name = vector_chain(one.case, fused=cases.fused(one.case))
        if rounds and name in chains.cycles and (is_roof(one.case) or is_scalar(one.case)):
            summary = summarise(rounds, partial(mul, chains.cycles[name]))
            title = f"clock-{one.case.dtype}-{one.case.bits}"
            team = one.case.threads
            yield ceiling("clock", title, "Hz", summary, threads=team, mix=one.case.benchmark)


def is_roof(case: Case) -> bool:
    """Whether a case is of the roof's own instruction, in vectors."""
    return _is_own(case) and cases.lanes(case) > 1


def is_scalar(case: Case) -> bool:
    """Whether a case is of the roof's own instruction on one number: the lightest load."""
    return _is_own(case) and cases.lanes(case) == 1


def _is_own(case: Case) -> bool:
    return case.benchmark == ("fma" if cases.fused(case) else "mul+add")
