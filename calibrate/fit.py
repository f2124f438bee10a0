"""Measurements turned into ceilings: compute, DRAM, what the system costs; then the gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import cases
from calibrate import clocks, curves, effects, latencies, operations
from calibrate.clocks import Chains, upper, window_hertz
from calibrate.summary import ceiling, flat, summarise
from roofline.physics import gate, theory
from roofline.physics.pipes import whole_pipes
from roofline.records import Ceiling, Finding, MachineSpec, Measurement, Scalar, Theoretical

# Arrays up to this share of the largest are those of the variants; shares of a team are rounded.
_SMALLER = 0.9


@dataclass(frozen=True, slots=True)
class Fit:
    """Everything concluded from a run's measurements.

    Attributes:
        unused: keys of the cases that say nothing beyond the ceilings of others.

    """

    ceilings: tuple[Ceiling, ...]
    findings: tuple[Finding, ...]
    unused: frozenset[str] = frozenset()


def fit(machine: MachineSpec, measurements: Sequence[Measurement]) -> Fit:
    """Return the ceilings of a machine, and what physics says of them.

    Args:
        machine: the host.
        measurements: every sample of every round.

    """
    chains = clocks.derive(measurements)
    compute = [m for m in measurements if _plain(m, "fma") or _plain(m, "dot")]
    found = curves.levels_of(machine, measurements)
    ceilings = (
        *(_compute(machine, one, chains, clocks.highest(compute, chains)) for one in compute),
        *operations.ceilings(chains, measurements),
        *clocks.ceilings(chains, compute),
        *curves.ceilings(found, measurements),
        *_dram(machine, measurements),
        *latencies.ceilings(measurements, chains.light_hertz),
        *effects.overheads(measurements),
        *effects.effects(measurements),
    )
    objections = gate.judge(machine, ceilings, measurements)
    return Fit(
        ceilings,
        (*objections, *chains.findings, *found.findings, *_memory_unknown(machine)),
        frozenset(curves.unused(found, measurements)),
    )


def _plain(measurement: Measurement, family: str) -> bool:
    """Whether this is the family's own case, not a variant that shows a loss."""
    case = measurement.case
    variants = ("pinned", "huge", "prefaulted")
    return cases.benchmark(case).family == family and not any(
        case.parameters.get(name) is False for name in variants
    )


def _compute(
    machine: MachineSpec, one: Measurement, chains: Chains, seen_hertz: float | None
) -> Ceiling:
    case, flops, mix = one.case, one.work.flops, cases.benchmark(one.case).mix
    summary = summarise(one.seconds, lambda seconds: flops / seconds)
    evidence = _per_cycle(one, chains)
    hertz, pipes = evidence.get("hertz"), evidence.get("pipes")
    theoretical = theory.compute(
        machine,
        dtype=case.dtype,
        bits=case.bits,
        cores=case.threads,
        seen_hertz=seen_hertz,
        load_hertz=float(hertz) if isinstance(hertz, float) else None,
        mix=mix,
        measured_pipes=whole_pipes(pipes, mix) if isinstance(pipes, float) else None,
    )
    return ceiling(
        "compute",
        f"{mix}-{case.dtype}-{case.bits}",
        "FLOP/s",
        summary,
        mix=mix,
        threads=case.threads,
        dtype=case.dtype,
        isa=case.isa,
        bits=case.bits,
        # What other mixes reach on paper is stated nowhere: it would be their own count again.
        theoretical=theoretical if clocks.is_roof(case) else None,
        evidence=evidence,
    )


def _per_cycle(one: Measurement, chains: Chains) -> dict[str, Scalar]:
    """Return FLOP/cycle and its clocks: 95th percentiles over all windows, and medians."""
    seen = window_hertz(one, chains)
    if not seen:
        return {}
    rates = [one.work.flops / seconds for seconds in flat(one.seconds)]
    chosen = seen.get("vector") or next(iter(seen.values()))
    hertz, threads = upper(chosen), one.case.threads
    per_cycle = upper(rates) / hertz / threads
    evidence: dict[str, Scalar] = {
        "flop_per_cycle": per_cycle,
        "flop_per_cycle_median": clocks.median_ratio(rates, chosen) / threads,
        "pipes": per_cycle / (2 * cases.lanes(one.case)),
        "hertz": hertz,
    }
    return evidence | clocks.agreement(seen)


def _dram(machine: MachineSpec, measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    streams = [m for m in measurements if _plain(m, "stream") and _is_stream(m)]
    largest = max(map(_array_bytes, streams), default=0)
    for one in streams:
        # The same kernel on smaller arrays is there for comparison with its variants only.
        if _array_bytes(one) > _SMALLER * largest:
            # One citation is enough: paper knows no difference between the kernels.
            paper = one.case.benchmark == "triad"
            yield _bandwidth(one, theory.memory(machine, one.case.threads) if paper else None)


def _array_bytes(one: Measurement) -> int:
    return cases.array_bytes(one.case) * one.case.threads


def _is_stream(measurement: Measurement) -> bool:
    return not measurement.case.benchmark.endswith("-curve")


def _bandwidth(one: Measurement, theoretical: Theoretical | None) -> Ceiling:
    row, store = cases.benchmark(one.case), one.case.parameters.get("store")
    nominal = one.work.bytes_touched.total
    summary = summarise(one.seconds, lambda seconds: nominal / seconds)
    suffix = "-nt" if store == "non-temporal" else ""
    return ceiling(
        "bandwidth",
        f"dram-{one.case.benchmark}{suffix}",
        "B/s",
        summary,
        mix=row.mix,
        threads=one.case.threads,
        level="DRAM",
        direction=one.case.benchmark,
        store=str(store) if store else None,
        dtype=one.case.dtype,
        isa=one.case.isa,
        bits=one.case.bits,
        theoretical=theoretical,
        evidence={
            "moved_over_nominal": cases.moved_over_nominal(one.case),
            "working_set": one.case.working_set_bytes,
        },
    )


def _memory_unknown(machine: MachineSpec) -> Iterator[Finding]:
    if theory.memory(machine, 1) is None:
        yield Finding(
            severity="note",
            what="the theoretical memory bandwidth is unknown",
            why_it_matters="the figure can't show what is lost between paper and measurement",
            command="--spec FILE with memory_channels and memory_transfers_per_second",
        )
