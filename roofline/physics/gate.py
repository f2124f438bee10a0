"""What physics forbids a calibration to say.

Each rule looks at robust statistics (95th percentiles over all rounds), never at one window, and
yields a finding of severity "invalid" for what can't be, "warning" for what needs a reason.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from roofline.physics import disturbed, operations, theory
from roofline.physics.disturbed import own_pipes
from roofline.physics.pipes import ABOVE, BELOW, crowded, measured_pipes, whole_pipes
from roofline.records import Ceiling, Finding, MachineSpec, Measurement

# No core lowers its clock more than this for the lightest of the vector loads.
CLOCK_RANGE = 1.25
# Two dtypes or widths of one core agree to this, once each is near a whole number.
KERNELS_AGREE = 0.1
LEVEL_SLACK = 1.05
# Cores that share execution units reach about half each; see also the all-core rule.
SHARED_CORE = 0.6
# More multiply-add pipes than any core of the architecture has, by vector width.
_MOST_PIPES = {"x86_64": 2, "aarch64": 4}
# More vector loads a cycle than any core has, by register width; the slack is for two windows
# that ran at different clocks.
_MOST_LOADS = {"x86_64": {128: 3, 256: 3, 512: 2}, "aarch64": {128: 4}}
_LOADS_SLACK = 1.25
_AGAIN = "make calibrate, with nothing else running; if it stays, report it"


def judge(
    machine: MachineSpec, ceilings: Sequence[Ceiling], measurements: Sequence[Measurement]
) -> tuple[Finding, ...]:
    """Return every objection to a set of ceilings and the measurements behind them."""
    return (
        *_unchecked(measurements),
        *_unclocked(ceilings),
        *_compute(machine, ceilings),
        *operations.judge(ceilings),
        *_precisions_agree(machine, ceilings),
        *_widths_agree(machine, ceilings),
        *_all_cores(machine, ceilings),
        *_light_clock(ceilings),
        *_loads_fit(machine, ceilings),
        *_levels_ordered(ceilings),
        *_latencies_ordered(ceilings),
    )


def _invalid(what: str, why: str, command: str = _AGAIN) -> Finding:
    return Finding(severity="invalid", what=what, why_it_matters=why, command=command)


def _doubtful(what: str, why: str, command: str) -> Finding:
    return Finding(severity="warning", what=what, why_it_matters=why, command=command)


def _unchecked(measurements: Sequence[Measurement]) -> Iterator[Finding]:
    wrong = [m.case.key for m in measurements if not m.checked]
    if wrong:
        what = f"{len(wrong)} cases were timed without a right answer, first {wrong[0]}"
        yield _invalid(what, "a kernel that computes something else is broken, not fast")


def _unclocked(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    unknown = [c.name for c in ceilings if c.kind == "compute" and measured_pipes(c) is None]
    if unknown:
        yield _doubtful(
            f"the FLOP/cycle of {len(unknown)} compute roofs is unknown, first {unknown[0]}",
            "without the clock beside a load nothing shows what the core should have done",
            _AGAIN,
        )


def _compute(machine: MachineSpec, ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    for ceiling in ceilings:
        if ceiling.kind in ("compute", "operation"):
            yield from _clocks(ceiling)
            if ceiling.kind == "compute" and ceiling.threads == 1:
                yield from _whole_pipes(machine, ceiling)


def _clocks(ceiling: Ceiling) -> Iterator[Finding]:
    agreement = _number(ceiling, "clock_agreement")
    some, of = disturbed.counts(ceiling)
    lost, allowed = disturbed.too_few_left(some, of), disturbed.limits(ceiling.threads)[-1]
    if agreement is not None and (lost or abs(agreement - 1) > allowed):
        yield _invalid(
            f"two chains disagree about the clock beside {_title(ceiling)}: x {agreement:.3f}"
            + f", and in {some} of {of} windows" * lost,
            "FLOP/cycle, and with it every check against the limit, rests on that clock",
        )


def _whole_pipes(machine: MachineSpec, ceiling: Ceiling) -> Iterator[Finding]:
    pipes = measured_pipes(ceiling)
    if pipes is None:
        return
    whole = whole_pipes(pipes, ceiling.mix or "")
    if whole * (1 - BELOW) <= pipes <= whole * (1 + ABOVE):
        yield from _possible_pipes(machine, ceiling, whole)
    elif crowded(machine, ceiling):
        yield _doubtful(
            f"{_title(ceiling)} starts {4 * pipes / whole:.1f} of four instructions a cycle",
            "a neighbour on the core's other thread takes that much of its front end: the limit "
            "is higher",
            "make calibrate, at another hour",
        )
    elif disturbed.held_back(machine, ceiling):
        yield _doubtful(
            f"{_title(ceiling)} reads {pipes:.2f} pipes where {whole:g} are likely: noisy",
            "its rounds differ as on a core that a neighbour uses, too; a kernel a little too slow "
            "would read alike",
            "make calibrate, at another hour",
        )
    elif disturbed.run_ahead(machine, ceiling):
        yield _doubtful(
            f"{_title(ceiling)} reads {pipes:.2f} pipes, a little more than a whole number: noisy",
            "neighbours held up the chains that tell the clock, in many windows or in those where "
            "the load ran best; a count a little too high would read alike",
            "make calibrate, at another hour",
        )
    else:
        yield _invalid(
            f"{_title(ceiling)} reads {_number(ceiling, 'flop_per_cycle'):.1f} FLOP/cycle: "
            f"{pipes:.2f} pipes, not a whole number",
            "a core starts whole instructions a cycle: the kernel, its count or the clock is wrong",
        )


def _possible_pipes(machine: MachineSpec, ceiling: Ceiling, whole: float) -> Iterator[Finding]:
    """Object to more pipes than there can be; doubt fewer than are stated."""
    stated = theory.pipes(machine, ceiling.bits) if ceiling.bits and ceiling.mix == "fma" else None
    most = stated[0] if stated else _most_pipes(machine, ceiling.mix)
    source = stated[2] if stated else "as many as any core of this architecture"
    what = f"{_title(ceiling)} reads {whole:g} pipes where the core has {most or 0:g} ({source})"
    if most is not None and whole > most:
        why = "more work was counted than the core can do, or the core isn't what it says it is"
        yield _invalid(what, why, f"{_AGAIN}, or state fma_pipes in --spec FILE")
    elif stated is not None and whole < stated[0]:
        why = "the kernel is slow by a whole factor, or the core isn't what it says it is"
        yield _doubtful(what, why, f"{_AGAIN}, or state fma_pipes in --spec FILE")


def _most_pipes(machine: MachineSpec, mix: str | None) -> float | None:
    most = _MOST_PIPES.get(machine.architecture)
    # Additions may have as many pipes of their own, at half a multiply-add each. Multiplications
    # have those of multiply-adds.
    share = {"fma+add": 1.5, "mul": 0.5}.get(mix or "", 1.0)
    return None if most is None else share * most


def _single_core(
    machine: MachineSpec, ceilings: Sequence[Ceiling]
) -> dict[tuple[str | None, int, str], float]:
    """Return the pipes of one core by mix, width and dtype, where it had them to itself."""
    return {
        (c.mix, c.bits or 0, c.dtype or ""): pipes
        for c in _computing(ceilings)
        if c.threads == 1 and (pipes := own_pipes(machine, c)) is not None
    }


def _precisions_agree(machine: MachineSpec, ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object to unlike numbers of pipes at equal width: both precisions share them."""
    pipes = _single_core(machine, ceilings)
    for (mix, bits, dtype), single in pipes.items():
        double = pipes.get((mix, bits, "float64"))
        if dtype == "float32" and double and abs(single / double - 1) > KERNELS_AGREE:
            yield _invalid(
                f"{mix} at {bits} bit reads {single:.2g} pipes in float32 and {double:.2g} "
                "in float64",
                "both precisions run on the same pipes: one of the counts is wrong",
            )


def _widths_agree(machine: MachineSpec, ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object when a wider instruction starts more often than a narrower one, or does less."""
    pipes = _single_core(machine, ceilings)
    for mix, dtype in sorted({(str(mix), dtype) for mix, _, dtype in pipes}):
        rows = sorted((bits, p) for (m, bits, d), p in pipes.items() if (str(m), d) == (mix, dtype))
        for (narrow, often), (wide, seldom) in pairwise(rows):
            what = (
                f"{mix} in {dtype} reads {seldom:.2g} pipes at {wide} bit "
                f"and {often:.2g} at {narrow} bit"
            )
            if seldom > often * (1 + KERNELS_AGREE):
                why = "a wider instruction can't start more often: one of the two is miscounted"
                yield _invalid(what, why)
            elif wide * seldom < narrow * often * (1 - KERNELS_AGREE):
                why = "a wider instruction can't do less a cycle: the wider kernel is too slow"
                yield _invalid(what, why)


def _all_cores(machine: MachineSpec, ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Compare each core of a team with one alone; what every load says is said once."""
    alone = {c.name: own_pipes(machine, c) for c in _computing(ceilings) if c.threads == 1}
    shares = [
        (together / one, ceiling)
        for ceiling in _computing(ceilings)
        if ceiling.threads > 1 and (one := alone.get(ceiling.name))
        if (together := measured_pipes(ceiling)) is not None
    ]
    for share, ceiling in shares:
        if share > 1 + ABOVE:
            why = "cores don't speed each other up: the count or the clock is wrong"
            yield _invalid(_per_core([(share, ceiling)]), why)
    if shared := [one for one in shares if one[0] < SHARED_CORE]:
        yield _doubtful(
            _per_core(shared),
            "virtual CPUs probably share physical cores: count the roof by cores",
            f"python -m calibrate --threads {max(1, shared[0][1].threads // 2)}",
        )
    if slower := [one for one in shares if SHARED_CORE <= one[0] < 1 - BELOW]:
        why = "something else used the cores, or they share a resource"
        yield _doubtful(_per_core(slower), why, "make calibrate, with nothing else running")


def _computing(ceilings: Sequence[Ceiling]) -> list[Ceiling]:
    return [c for c in ceilings if c.kind == "compute"]


def _per_core(shares: Sequence[tuple[float, Ceiling]]) -> str:
    (share, worst), others = min(shares, key=lambda one: one[0]), len(shares) - 1
    more = f", and {others} more loads lose alike" if others else ""
    return f"{_title(worst)}: each core does {share:.2f} x the FLOP/cycle of one alone{more}"


def _light_clock(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object when the clock read alone isn't near the fastest one read beside a load."""
    clocks = {c.name: c.high for c in ceilings if c.kind == "clock" and c.threads == 1}
    light, loaded = clocks.pop("clock-light", None), max(clocks.values(), default=None)
    if light and loaded and not 1 / CLOCK_RANGE < loaded / light < CLOCK_RANGE:
        yield _invalid(
            f"the clock is {light / 1e9:.2f} GHz alone, and at most {loaded / 1e9:.2f} GHz "
            "under load",
            "one core's clock differs less than that: one of the two readings is wrong",
        )


def _loads_fit(machine: MachineSpec, ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object to reads of more bytes a cycle than load instructions can bring."""
    hertz = max((c.high for c in ceilings if c.kind == "clock"), default=None)
    for ceiling in ceilings:
        if ceiling.kind == "bandwidth" and ceiling.direction == "read" and hertz and ceiling.bits:
            most = _MOST_LOADS.get(machine.architecture, {}).get(ceiling.bits)
            loads = ceiling.typical / ceiling.threads / hertz / (ceiling.bits / 8)
            if most is not None and loads > _LOADS_SLACK * most:
                yield _invalid(
                    f"{_title(ceiling)} needs {loads:.1f} loads of {ceiling.bits} bit a cycle",
                    f"no core starts more than {most}: more bytes were counted than were read",
                )


def _levels_ordered(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object to reads that get faster further out; stores aren't ordered on real machines."""
    reads = [c for c in ceilings if c.kind == "bandwidth" and c.direction == "read" and c.level]
    for threads in sorted({c.threads for c in reads}):
        ladder = sorted(
            (c for c in reads if c.threads == threads), key=lambda c: _distance(c.level)
        )
        for place, far in enumerate(ladder):
            nearer = [c for c in ladder[:place] if c.level != far.level]
            near = min(nearer, key=lambda c: c.typical, default=far)
            if far.typical > LEVEL_SLACK * near.typical:
                yield _invalid(
                    f"{far.level} reads faster than {near.level} ({threads} threads): "
                    f"{far.typical / 1e9:.1f} against {near.typical / 1e9:.1f} GB/s",
                    "data further away can't arrive sooner: one of the two isn't what it says",
                )


def _latencies_ordered(ceilings: Sequence[Ceiling]) -> Iterator[Finding]:
    """Object to a level whose loads arrive sooner than those of one nearer to the core."""
    waits = sorted((c for c in ceilings if c.kind == "latency"), key=lambda c: _distance(c.level))
    for place, far in enumerate(waits):
        nearer = [c for c in waits[:place] if c.level != far.level]
        near = max(nearer, key=lambda c: c.typical, default=far)
        if far.typical * LEVEL_SLACK < near.typical:
            yield _invalid(
                f"a load from {far.level} takes {far.typical * 1e9:.2f} ns and one from "
                f"{near.level} {near.typical * 1e9:.2f} ns",
                "data further away can't arrive sooner: one of the two isn't what it says",
            )


def _distance(level: str | None) -> float:
    return float(level[1:]) if level and level[1:].isdigit() else float("inf")


def _number(ceiling: Ceiling, name: str) -> float | None:
    value = ceiling.evidence.get(name)
    return float(value) if isinstance(value, int | float) else None


def _title(ceiling: Ceiling) -> str:
    return f"{ceiling.name} ({ceiling.threads} thread{'s' if ceiling.threads > 1 else ''})"
