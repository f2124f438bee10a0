"""What physics forbids a calibration to say.

Each rule looks at robust statistics (95th percentiles over all rounds), never at one window, and
yields a finding of severity "invalid" for what can't be, "warning" for what needs a reason.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from roofline.physics import theory
from roofline.records import Ceiling, Finding, MachineSpec, Measurement

# FLOP/cycle may lie that far from a whole number of pipes x 2 x lanes.
BELOW, ABOVE = 0.04, 0.03
# Two chains that read the same clock agree to this; they do to 0.1 % where nothing is wrong.
CLOCKS_AGREE = 0.03
LEVEL_SLACK = 1.05
# Cores that share execution units reach about half each; see also the all-core rule.
SHARED_CORE = 0.6
# More multiply-add pipes than any core of the architecture has, by vector width.
_MOST_PIPES = {"x86_64": 2, "aarch64": 4}
_ITEM_BITS = {"float32": 32, "float64": 64}


def judge(
    machine: MachineSpec, ceilings: Sequence[Ceiling], measurements: Sequence[Measurement]
) -> tuple[Finding, ...]:
    """Return every objection to a set of ceilings and the measurements behind them."""
    return (
        *_unchecked(measurements),
        *_compute(machine, ceilings),
        *_precisions_agree(ceilings),
        *_all_cores(ceilings),
        *_levels_ordered(ceilings),
    )


def _invalid(what: str, why: str) -> Finding:
    return Finding(
        severity="invalid",
        what=what,
        why_it_matters=why,
        command="make calibrate, with nothing else running; if it stays, report it",
    )


def _unchecked(measurements: Sequence[Measurement]) -> Iterator[Finding]:
    wrong = [m.case.key for m in measurements if not m.checked]
    if wrong:
        what = f"{len(wrong)} cases were timed without a right answer, first {wrong[0]}"
        yield _invalid(what, "a kernel that computes something else is broken, not fast")


def _compute(machine: MachineSpec, ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    for ceiling in ceilings:
        if ceiling.kind == "compute":
            yield from _clocks(ceiling)
            if ceiling.threads == 1:
                yield from _whole_pipes(machine, ceiling)


def _clocks(ceiling: Ceiling) -> Iterator[Finding]:
    agreement = _number(ceiling, "clock_agreement")
    if agreement is not None and abs(agreement - 1) > CLOCKS_AGREE:
        yield _invalid(
            f"two chains disagree about the clock beside {_title(ceiling)}: x {agreement:.3f}",
            "FLOP/cycle, and with it every check against the limit, rests on that clock",
        )


def _whole_pipes(machine: MachineSpec, ceiling: Ceiling) -> Iterator[Finding]:
    pipes = measured_pipes(ceiling)
    if pipes is None:
        return
    whole = max(round(pipes), 1)
    if not whole * (1 - BELOW) <= pipes <= whole * (1 + ABOVE):
        yield _invalid(
            f"{_title(ceiling)} reads {_number(ceiling, 'flop_per_cycle'):.1f} FLOP/cycle: "
            f"{pipes:.2f} pipes, not a whole number",
            "a core starts whole instructions a cycle: the kernel, its count or the clock is wrong",
        )
    most, source = _most_pipes(machine, ceiling)
    if most is not None and whole > most:
        yield _invalid(
            f"{_title(ceiling)} reads {whole} pipes where the core has {most} ({source})",
            "more work was counted than the core can do",
        )


def measured_pipes(ceiling: Ceiling) -> float | None:
    """Return FLOP/cycle as a multiple of 2 x lanes, or None where it wasn't measured."""
    per_cycle = _number(ceiling, "flop_per_cycle")
    if per_cycle is None or ceiling.bits is None or ceiling.dtype not in _ITEM_BITS:
        return None
    return per_cycle / (2 * ceiling.bits // _ITEM_BITS[ceiling.dtype])


def _most_pipes(machine: MachineSpec, ceiling: Ceiling) -> tuple[int | None, str]:
    stated = theory.pipes(machine, ceiling.bits) if ceiling.bits and ceiling.mix == "fma" else None
    if stated is not None:
        return stated[0], stated[2]
    return _MOST_PIPES.get(machine.architecture), "as many as any core of this architecture"


def _precisions_agree(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Single and double precision share their pipes: equal numbers at equal width."""
    pipes = {
        (c.mix, c.bits, c.dtype): round(p)
        for c in ceilings
        if c.kind == "compute" and c.threads == 1 and (p := measured_pipes(c)) is not None
    }
    for (mix, bits, dtype), single in pipes.items():
        double = pipes.get((mix, bits, "float64"))
        if dtype == "float32" and double is not None and double != single:
            yield _invalid(
                f"{mix} at {bits} bit reads {single} pipes in float32 and {double} in float64",
                "both precisions run on the same pipes: one of the counts is wrong",
            )


def _all_cores(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    alone = {c.name: c for c in ceilings if c.kind == "compute" and c.threads == 1}
    for ceiling in ceilings:
        one = alone.get(ceiling.name)
        if ceiling.kind != "compute" or ceiling.threads == 1 or one is None:
            continue
        together, single = measured_pipes(ceiling), measured_pipes(one)
        if together is not None and single:
            yield from _per_core(ceiling, together / single)


def _per_core(ceiling: Ceiling, share: float) -> Iterator[Finding]:
    if share > 1 + ABOVE:
        yield _invalid(
            f"{_title(ceiling)}: each core does {share:.2f} x the FLOP/cycle of one alone",
            "cores don't speed each other up: the count or the clock is wrong",
        )
    elif share < SHARED_CORE:
        yield Finding(
            severity="warning",
            what=f"{_title(ceiling)}: each core does {share:.2f} x the FLOP/cycle of one alone",
            why_it_matters="virtual CPUs probably share physical cores: count the roof by cores",
            command="--threads " + str(max(1, ceiling.threads // 2)),
        )
    elif share < 1 - BELOW:
        yield Finding(
            severity="warning",
            what=f"{_title(ceiling)}: each core does {share:.2f} x the FLOP/cycle of one alone",
            why_it_matters="something else used the cores, or they share a resource",
            command="make calibrate, with nothing else running",
        )


def _levels_ordered(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object to reads that get faster further out; stores aren't ordered on real machines."""
    reads = [c for c in ceilings if c.kind == "bandwidth" and c.direction == "read" and c.level]
    for threads in sorted({c.threads for c in reads}):
        ladder = sorted(
            (c for c in reads if c.threads == threads), key=lambda c: _distance(c.level)
        )
        for near, far in pairwise(ladder):
            if far.typical > LEVEL_SLACK * near.typical and near.level != far.level:
                yield _invalid(
                    f"{far.level} reads faster than {near.level} ({threads} threads): "
                    f"{far.typical / 1e9:.1f} against {near.typical / 1e9:.1f} GB/s",
                    "data further away can't arrive sooner: one of the two isn't what it says",
                )


def _distance(level: str | None) -> float:
    return float(level[1:]) if level and level[1:].isdigit() else float("inf")


def _number(ceiling: Ceiling, name: str) -> float | None:
    value = ceiling.evidence.get(name)
    return float(value) if isinstance(value, int | float) else None


def _title(ceiling: Ceiling) -> str:
    return f"{ceiling.name} ({ceiling.threads} thread{'s' if ceiling.threads > 1 else ''})"
