"""Records that physics forbids, planted one at a time in otherwise good sets, are refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from roofline.physics import gate, theory
from roofline.records import Case, Ceiling, Finding, MachineSpec, Measurement, Work

HERTZ = 3.0e9
LANES = {"float32": 32, "float64": 64}
X86 = ("avx", "avx2", "avx512f", "fma", "sse2")
READS = {"L1": 64.0, "L2": 32.0, "L3": 20.0, "DRAM": 7.0}  # bytes a cycle

UNKNOWN = MachineSpec(architecture="x86_64", features=X86, cores=2)
UNKNOWN_ARM = MachineSpec(architecture="aarch64", features=("asimd",), cores=2)
ICE_LAKE = replace(UNKNOWN, vendor="Intel", family=6, model=106)
ZEN_4 = replace(UNKNOWN, vendor="AMD", family=25, model=17, brand="AMD EPYC")
NEOVERSE_N1 = replace(UNKNOWN_ARM, vendor="Arm", model=0xD0C)
TWO_PIPES = {512: 2.0, 256: 2.0, 128: 2.0}
ONE_WIDE_PIPE = {512: 1.0, 256: 2.0, 128: 2.0}

Pipes = Mapping[int, float]
TWO = pytest.mark.parametrize("machine", [ICE_LAKE, UNKNOWN], ids=["datasheet", "unknown"])
ONE = pytest.mark.parametrize("machine", [ZEN_4, UNKNOWN], ids=["datasheet", "unknown"])


def compute(bits: int, dtype: str, pipes: float, *, threads: int = 1, mix: str = "fma") -> Ceiling:
    """Return the ceiling of one kernel that keeps so many pipes of each core busy."""
    per_cycle = pipes * 2 * bits / LANES[dtype]
    rate = per_cycle * HERTZ * threads
    return Ceiling(
        kind="compute",
        name=f"{mix}-{dtype}-{bits}",
        unit="FLOP/s",
        typical=rate,
        high=rate,
        low=rate,
        mix=mix,
        threads=threads,
        dtype=dtype,
        isa="avx512",
        bits=bits,
        evidence={"flop_per_cycle": per_cycle, "hertz": HERTZ, "clock_agreement": 1.0},
    )


def clock(name: str, hertz: float = HERTZ) -> Ceiling:
    return Ceiling(kind="clock", name=name, unit="Hz", typical=hertz, high=hertz, low=hertz)


def stream(level: str, rate: float, *, threads: int = 1, direction: str = "read") -> Ceiling:
    return Ceiling(
        kind="bandwidth",
        name=f"{level.lower()}-{direction}",
        unit="B/s",
        typical=rate,
        high=rate,
        low=rate,
        threads=threads,
        level=level,
        direction=direction,
        bits=512,
    )


def good(pipes: Pipes, *, mix: str = "fma") -> list[Ceiling]:
    """Return what a sound calibration of one and of two cores says."""
    return [
        *(
            compute(bits, dtype, pipes[bits], threads=threads, mix=mix)
            for threads in (1, 2)
            for bits in pipes
            for dtype in LANES
        ),
        *(clock(name) for name in ("clock-light", "clock-float64-128")),
        *(
            stream(level, threads * READS[level] * HERTZ, threads=threads)
            for threads in (1, 2)
            for level in READS
        ),
    ]


def planted(ceilings: list[Ceiling], name: str, threads: int = 1, **changes: Any) -> list[Ceiling]:
    """Return the set with some fields of one ceiling changed; evidence is merged."""
    assert any(c.name == name and c.threads == threads for c in ceilings)

    def changed(one: Ceiling) -> Ceiling:
        evidence = {**one.evidence, **changes.get("evidence", {})}
        return replace(one, **{**changes, "evidence": evidence})

    return [changed(c) if (c.name, c.threads) == (name, threads) else c for c in ceilings]


def miscounted(
    ceilings: list[Ceiling], factor: float, *names: str, teams: tuple[int, ...] = (1, 2)
) -> list[Ceiling]:
    """Return the set with the FLOP/cycle of every named kernel off by a factor."""

    def off(one: Ceiling) -> Ceiling:
        per_cycle = one.evidence["flop_per_cycle"]
        assert isinstance(per_cycle, float)
        return replace(one, evidence={**one.evidence, "flop_per_cycle": factor * per_cycle})

    return [
        off(c) if c.kind == "compute" and c.name in names and c.threads in teams else c
        for c in ceilings
    ]


def judged(machine: MachineSpec, ceilings: list[Ceiling]) -> tuple[Finding, ...]:
    return gate.judge(machine, ceilings, ())


def refused(machine: MachineSpec, ceilings: list[Ceiling]) -> str:
    """Return why the set is invalid; the test fails if it isn't."""
    reasons = [f for f in judged(machine, ceilings) if f.severity == "invalid"]
    assert reasons
    assert all(f.why_it_matters and f.command for f in reasons)
    return "; ".join(f.what for f in reasons)


def warned(machine: MachineSpec, ceilings: list[Ceiling]) -> Finding:
    """Return the one warning; the test fails if there is none, or an objection."""
    (finding,) = judged(machine, ceilings)
    assert finding.severity == "warning"
    assert finding.command
    return finding


@pytest.mark.parametrize(
    ("machine", "pipes"),
    [
        (ICE_LAKE, TWO_PIPES),
        (ZEN_4, ONE_WIDE_PIPE),
        (UNKNOWN, TWO_PIPES),
        (UNKNOWN, ONE_WIDE_PIPE),
        (UNKNOWN, {256: 1.0, 128: 2.0}),
        (UNKNOWN, {128: 1.0}),
        (NEOVERSE_N1, {128: 2.0}),
        (UNKNOWN_ARM, {128: 4.0}),
    ],
)
def test_a_good_set_passes_without_objection(machine: MachineSpec, pipes: Pipes) -> None:
    arm = machine.architecture == "aarch64"
    ceilings = [replace(c, bits=128) if arm and c.direction else c for c in good(pipes)]
    assert judged(machine, ceilings) == ()


def test_a_good_set_may_lie_a_little_beside_whole_pipes() -> None:
    for share in (0.965, 1.025):
        assert judged(ICE_LAKE, good({512: 2 * share, 256: 2.0, 128: 2.0})) == ()


# Planted: a kernel that does half of the work it counts reads twice the FLOP/cycle.


@pytest.mark.parametrize("bits", [512, 256, 128])
@TWO
def test_half_the_work_is_refused_where_two_pipes_are_full(machine: MachineSpec, bits: int) -> None:
    names = [f"fma-{dtype}-{bits}" for dtype in LANES]
    assert "4 pipes" in refused(machine, miscounted(good(TWO_PIPES), 2.0, *names))


@TWO
def test_half_the_work_in_every_kernel_is_refused(machine: MachineSpec) -> None:
    ceilings = good(TWO_PIPES)
    assert refused(machine, miscounted(ceilings, 2.0, *{c.name for c in ceilings}))


@pytest.mark.parametrize("dtype", LANES)
@ONE
def test_half_the_work_in_one_precision_is_refused_even_on_one_pipe(
    machine: MachineSpec, dtype: str
) -> None:
    assert "float64" in refused(machine, miscounted(good(ONE_WIDE_PIPE), 2.0, f"fma-{dtype}-512"))


def test_half_the_work_on_one_pipe_is_refused_where_the_datasheet_says_one() -> None:
    names = [f"fma-{dtype}-512" for dtype in LANES]
    reason = refused(ZEN_4, miscounted(good(ONE_WIDE_PIPE), 2.0, *names))
    assert "2 pipes where the core has 1" in reason
    assert "Zen 4" in reason


def test_half_the_work_on_one_pipe_looks_like_two_pipes_where_nobody_says() -> None:
    """Physics can't tell: two full pipes of that width exist, and both precisions agree.

    Only the answer's check (a kernel that does half of the work computes something else) and the
    count of instructions in the assembly stand in its way.
    """
    names = [f"fma-{dtype}-512" for dtype in LANES]
    assert judged(UNKNOWN, miscounted(good(ONE_WIDE_PIPE), 2.0, *names)) == ()


@pytest.mark.parametrize(
    ("pipes", "caught"), [({128: 2.0}, [NEOVERSE_N1]), ({128: 4.0}, [UNKNOWN_ARM])]
)
def test_half_the_work_is_refused_on_arm_where_the_limit_is_known(
    pipes: Pipes, caught: list[MachineSpec]
) -> None:
    # Two pipes of an unknown AArch64 core can't be told from four: both are built.
    for machine in caught:
        ceilings = [replace(c, bits=128) if c.direction else c for c in good(pipes)]
        assert refused(machine, miscounted(ceilings, 2.0, "fma-float32-128", "fma-float64-128"))


@TWO
def test_half_the_bytes_read_are_refused_where_the_load_ports_are_full(
    machine: MachineSpec,
) -> None:
    # Two loads of 512 bits a cycle are the most; four would be needed.
    full = planted(good(TWO_PIPES), "l1-read", typical=2 * 64 * HERTZ)
    assert judged(machine, full) == ()
    assert "4.0 loads" in refused(machine, planted(full, "l1-read", typical=4 * 64 * HERTZ))


@TWO
def test_half_the_work_of_all_cores_together_is_refused(machine: MachineSpec) -> None:
    off = miscounted(good(TWO_PIPES), 2.0, "fma-float64-512", teams=(2,))
    assert "2.00 x" in refused(machine, off)


@TWO
def test_a_kernel_at_half_the_speed_is_refused_where_the_wider_one_would_start_more_often(
    machine: MachineSpec,
) -> None:
    slow = miscounted(good(TWO_PIPES), 0.5, "fma-float32-256", "fma-float64-256")
    assert "512 bit" in refused(machine, slow)


def test_a_kernel_at_half_the_speed_of_the_datasheet_is_doubted() -> None:
    slow = miscounted(good(TWO_PIPES), 0.5, "fma-float32-512", "fma-float64-512")
    findings = judged(ICE_LAKE, slow)
    assert {f.severity for f in findings} == {"warning"}
    assert "1 pipes where the core has 2" in findings[0].what


# Planted: a kernel that spills its accumulators reaches 30 % of the peak.


@pytest.mark.parametrize("bits", [512, 256, 128])
@TWO
def test_a_spilling_kernel_is_refused(machine: MachineSpec, bits: int) -> None:
    reason = refused(machine, miscounted(good(TWO_PIPES), 0.3, f"fma-float64-{bits}"))
    assert "0.60 pipes, not a whole number" in reason


@ONE
def test_a_spilling_kernel_is_refused_on_one_pipe(machine: MachineSpec) -> None:
    assert "0.30 pipes" in refused(
        machine, miscounted(good(ONE_WIDE_PIPE), 0.3, "fma-float32-512", "fma-float64-512")
    )


@pytest.mark.parametrize("machine", [NEOVERSE_N1, UNKNOWN_ARM])
def test_a_spilling_kernel_is_refused_on_arm(machine: MachineSpec) -> None:
    ceilings = miscounted(good({128: 2.0}), 0.3, "fma-float32-128", "fma-float64-128")
    assert "0.60 pipes" in refused(machine, ceilings)


@TWO
def test_every_kernel_spilling_alike_is_refused(machine: MachineSpec) -> None:
    ceilings = good(TWO_PIPES)
    assert refused(machine, miscounted(ceilings, 0.3, *{c.name for c in ceilings}))


# Planted: a clock that is off by 1.4.


@pytest.mark.parametrize("factor", [1.4, 1 / 1.4])
@TWO
def test_a_clock_off_in_one_chain_is_refused(machine: MachineSpec, factor: float) -> None:
    off = planted(good(TWO_PIPES), "fma-float64-512", evidence={"clock_agreement": factor})
    assert "two chains disagree" in refused(machine, off)


@pytest.mark.parametrize("factor", [1.4, 1 / 1.4])
@pytest.mark.parametrize(
    ("machine", "pipes"),
    [(ICE_LAKE, TWO_PIPES), (ZEN_4, ONE_WIDE_PIPE), (UNKNOWN, TWO_PIPES), (UNKNOWN, ONE_WIDE_PIPE)],
)
def test_a_clock_off_in_every_chain_is_refused(
    machine: MachineSpec, pipes: Pipes, factor: float
) -> None:
    ceilings = good(pipes)
    off = miscounted(ceilings, 1 / factor, *{c.name for c in ceilings})
    assert "not a whole number" in refused(machine, off)


@pytest.mark.parametrize("factor", [1.4, 1 / 1.4])
@TWO
def test_a_light_clock_off_by_itself_is_refused(machine: MachineSpec, factor: float) -> None:
    off = planted(good(TWO_PIPES), "clock-light", high=factor * HERTZ)
    assert "GHz alone" in refused(machine, off)


@TWO
def test_a_clock_that_drops_under_the_widest_load_is_no_objection(machine: MachineSpec) -> None:
    assert judged(machine, [*good(TWO_PIPES), clock("clock-float64-512", HERTZ / 1.4)]) == ()


# Planted: memory that is faster than a cache.


@pytest.mark.parametrize("threads", [1, 2])
@TWO
def test_memory_faster_than_the_second_level_is_refused(machine: MachineSpec, threads: int) -> None:
    fast = planted(good(TWO_PIPES), "dram-read", threads, typical=threads * 33.7 * HERTZ)
    assert "DRAM reads faster than" in refused(machine, fast)


def test_a_slope_of_small_steps_does_not_hide_a_level_that_is_too_fast() -> None:
    # Each step lies within the slack; from L2 to DRAM they don't.
    creeping = planted(good(TWO_PIPES), "l3-read", typical=1.04 * 32 * HERTZ)
    creeping = planted(creeping, "dram-read", typical=1.08 * 32 * HERTZ)
    assert "DRAM reads faster than L2" in refused(UNKNOWN, creeping)


def test_levels_within_the_slack_of_each_other_are_no_objection() -> None:
    assert judged(UNKNOWN, planted(good(TWO_PIPES), "l3-read", typical=1.04 * 32 * HERTZ)) == ()


@pytest.mark.parametrize("direction", ["write", "copy", "triad"])
def test_stores_may_be_out_of_order_across_levels(direction: str) -> None:
    rates = {"L1": 30.0, "L2": 10.0, "L3": 12.0, "DRAM": 11.0}
    stores = [stream(level, rates[level] * HERTZ, direction=direction) for level in rates]
    assert judged(ICE_LAKE, [*good(TWO_PIPES), *stores]) == ()


# Other rules.


def test_a_case_without_a_right_answer_is_refused() -> None:
    case = Case(benchmark="fma")
    wrong = Measurement(case=case, work=Work(flops=1), seconds=((1.0,),), checked=False)
    findings = gate.judge(UNKNOWN, good(TWO_PIPES), [wrong, replace(wrong, checked=True)])
    (finding,) = findings
    assert finding.severity == "invalid"
    assert finding.what.startswith("1 cases")
    assert case.key in finding.what


@pytest.mark.parametrize(("agreement", "threads"), [(1.035, 1), (0.965, 1), (1.11, 2), (0.89, 2)])
def test_chains_that_disagree_beside_any_team_are_refused(agreement: float, threads: int) -> None:
    off = planted(
        good(TWO_PIPES), "fma-float32-512", threads, evidence={"clock_agreement": agreement}
    )
    assert f"x {agreement:.3f}" in refused(UNKNOWN, off)


def test_chains_that_differ_by_two_percent_agree() -> None:
    off = planted(good(TWO_PIPES), "fma-float32-512", evidence={"clock_agreement": 1.02})
    assert judged(UNKNOWN, off) == ()


def test_siblings_may_hold_up_one_chain_more_than_the_other() -> None:
    off = planted(good(TWO_PIPES), "fma-float32-512", 2, evidence={"clock_agreement": 1.044})
    assert judged(UNKNOWN, off) == ()


def test_precisions_that_disagree_are_refused() -> None:
    # One pipe is a whole number, too, and the datasheet isn't known.
    off = miscounted(good(ONE_WIDE_PIPE), 0.5, "fma-float32-128")
    assert "1 pipes in float32 and 2 in float64" in refused(UNKNOWN, off)


@pytest.mark.parametrize("bits", [(512, 256), (256, 128)])
def test_a_wider_register_that_starts_more_often_is_refused(bits: tuple[int, int]) -> None:
    wide, narrow = bits
    pipes = dict.fromkeys((512, 256, 128), 2.0) | {narrow: 1.0}
    reason = refused(UNKNOWN, good(pipes))
    assert f"2 pipes at {wide} bit and 1 at {narrow} bit" in reason


def test_a_wider_register_that_does_less_a_cycle_is_refused() -> None:
    # Four NEON pipes, and one of twice the width.
    ceilings = [c for c in good({256: 1.0, 128: 4.0}) if not c.direction]
    assert "1 pipes at 256 bit and 4 at 128 bit" in refused(UNKNOWN_ARM, ceilings)


@pytest.mark.parametrize("pairs", [{256: 0.5, 128: 1.0}, {128: 1.0}, {128: 1.5}, {128: 2.0}])
def test_multiplications_and_additions_may_pair_up_by_halves(pairs: Pipes) -> None:
    # Each is an instruction: three ports start one and a half pairs in a cycle.
    assert judged(UNKNOWN, good(pairs, mix="mul+add")) == ()


def test_a_spilling_kernel_of_multiplications_is_refused() -> None:
    for pairs in (1.0, 1.5, 2.0):
        off = miscounted(good({128: pairs}, mix="mul+add"), 0.3, "mul+add-float64-128")
        assert refused(UNKNOWN, off)


def test_cores_that_speed_each_other_up_are_refused() -> None:
    fast = miscounted(good(TWO_PIPES), 1.05, "fma-float64-512", teams=(2,))
    assert "1.05 x the FLOP/cycle of one alone" in refused(UNKNOWN, fast)


def test_virtual_cpus_that_share_a_core_are_a_warning() -> None:
    shared = miscounted(good(TWO_PIPES), 0.5, "fma-float64-512", teams=(2,))
    finding = warned(UNKNOWN, shared)
    assert "0.50 x" in finding.what
    assert "share physical cores" in finding.why_it_matters
    assert finding.command == "python -m calibrate --threads 1"


def test_cores_that_lose_a_tenth_are_a_warning() -> None:
    slow = miscounted(good(TWO_PIPES), 0.9, "fma-float64-512", teams=(2,))
    assert "0.90 x" in warned(UNKNOWN, slow).what


def test_a_roof_without_its_clock_is_a_warning_once() -> None:
    blind = [replace(c, evidence={}) if c.kind == "compute" else c for c in good(TWO_PIPES)]
    assert "12 compute roofs" in warned(UNKNOWN, blind).what


def test_turbo_above_a_paper_roof_at_base_clock_is_no_objection() -> None:
    base = replace(ICE_LAKE, boost_hertz=2.0e9)
    paper = theory.compute(
        base,
        dtype="float64",
        bits=512,
        cores=1,
        seen_hertz=HERTZ,
        load_hertz=HERTZ,
        measured_pipes=2,
    )
    ceilings = planted(good(TWO_PIPES), "fma-float64-512", theoretical=paper)
    assert paper is not None
    assert next(c for c in ceilings if c.theoretical).typical > 1.4 * paper.paper
    assert judged(base, ceilings) == ()


def test_pipes_stated_by_a_user_bind_the_widest_register() -> None:
    stated = replace(UNKNOWN, fma_pipes=1)
    assert judged(stated, good(ONE_WIDE_PIPE)) == ()
    assert "(--spec)" in refused(stated, good(TWO_PIPES))


def test_what_every_load_of_shared_cores_says_is_said_once() -> None:
    ceilings = good(TWO_PIPES)
    shared = miscounted(ceilings, 0.5, *{c.name for c in ceilings}, teams=(2,))
    finding = warned(UNKNOWN, miscounted(shared, 0.98, "fma-float32-256", teams=(2,)))
    assert finding.what.startswith("fma-float32-256 (2 threads): each core does 0.49 x")
    assert finding.what.endswith("and 5 more loads lose alike")


def test_nothing_measured_is_nothing_to_object_to() -> None:
    assert gate.judge(UNKNOWN, (), ()) == ()
