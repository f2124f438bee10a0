"""Measurements turned into ceilings: compute, DRAM, what the system costs; then the gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import cases
from calibrate import apart, clocks, curves, effects, latencies, nodes, operations
from calibrate.apart import Parted
from calibrate.clocks import Chains, upper, window_hertz
from calibrate.summary import ceiling, summarise
from roofline.physics import gate, robust, theory
from roofline.physics.pipes import whole_pipes
from roofline.records import Ceiling, Finding, MachineSpec, Measurement, Scalar, Theoretical

# Arrays up to this share of the largest are those of the variants; shares of a team are rounded.
_SMALLER = 0.9


@dataclass(frozen=True, slots=True)
class Fit:
    """Everything concluded from a run's measurements.

    Attributes:
        unused: keys of the cases that say nothing beyond the ceilings of others.
        measurements: all that were fitted, without the windows that were set apart.

    """

    ceilings: tuple[Ceiling, ...]
    findings: tuple[Finding, ...]
    unused: frozenset[str] = frozenset()
    measurements: tuple[Measurement, ...] = ()


def fit(machine: MachineSpec, measurements: Sequence[Measurement]) -> Fit:
    """Return the ceilings of a machine, and what physics says of them.

    Args:
        machine: the host.
        measurements: every sample of every round.

    """
    chains = clocks.derive(measurements)
    parted = {m.case.key: apart.part(m, chains) for m in measurements if _computes(m)}
    computing = [one for one in parted.values() if not operations.are(one.kept)]
    compute = [one.kept for one in computing]
    found = curves.levels_of(machine, measurements)
    ceilings = (
        *(_compute(machine, one, chains, clocks.highest(compute, chains)) for one in computing),
        *operations.ceilings(chains, parted.values()),
        *clocks.ceilings(chains, compute),
        *curves.ceilings(found, measurements),
        *_dram(machine, measurements),
        *latencies.ceilings(measurements, chains.light_hertz),
        *nodes.ceilings(measurements),
        *effects.overheads(measurements),
        *effects.effects(measurements),
    )
    objections = gate.judge(machine, ceilings, measurements)
    return Fit(
        ceilings,
        (
            *objections,
            *apart.found(ceilings),
            *chains.findings,
            *found.findings,
            *nodes.findings(measurements, ceilings),
            *_memory_unknown(machine),
        ),
        frozenset(curves.unused(found, measurements)),
        tuple(parted[m.case.key].kept if m.case.key in parted else m for m in measurements),
    )


def _computes(measurement: Measurement) -> bool:
    families = ("fma", "dot", *operations.FAMILIES)
    return any(_plain(measurement, family) for family in families)


def _plain(measurement: Measurement, family: str) -> bool:
    """Whether this is the family's own case, not a variant that shows a loss."""
    case = measurement.case
    variants = ("pinned", "huge", "prefaulted")
    return cases.benchmark(case).family == family and not any(
        case.parameters.get(name) is False for name in variants
    )


def _compute(
    machine: MachineSpec, parted: Parted, chains: Chains, seen_hertz: float | None
) -> Ceiling:
    one = parted.kept
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
        evidence={**evidence, **parted.evidence},
    )


def _per_cycle(one: Measurement, chains: Chains) -> dict[str, Scalar]:
    """Return FLOP/cycle and the clock: 95th percentiles over all windows, and the median."""
    seen = window_hertz(one, chains)
    if not seen:
        return {}
    each = clocks.per_cycle(one, seen)
    evidence: dict[str, Scalar] = {
        "flop_per_cycle": upper(each),
        "flop_per_cycle_median": robust.median(each),
        "pipes": upper(each) / (2 * cases.lanes(one.case)),
        "hertz": upper(seen.get("vector") or next(iter(seen.values()))),
    }
    return evidence | clocks.agreement(seen)


def _dram(machine: MachineSpec, measurements: Sequence[Measurement]) -> Iterator[Ceiling]:
    streams = [m for m in measurements if _plain(m, "stream") and _is_stream(m)]
    teams = {one.case.threads for one in streams}
    largest = {
        team: max(_array_bytes(one) for one in streams if one.case.threads == team)
        for team in teams
    }
    for one in streams:
        # The same kernel on smaller arrays is there for comparison with its variants only.
        if _array_bytes(one) > _SMALLER * largest[one.case.threads]:
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
