"""Two calibrations compared: statistics, floors, what is said once, and what else differs."""

import itertools
import random
from dataclasses import replace

import pytest

from roofline.physics import ranks, verdicts
from roofline.physics.circumstances import changes
from roofline.physics.difference import Difference, Differences, differences
from roofline.physics.replicates import Contrast, sample
from roofline.physics.verdicts import Evidence, floor_of
from roofline.records import Calibration, Case, Ceiling, Measurement
from tests.builders import make_calibration, make_machine, make_measurement
from tests.reference import newest, reference
from tests.simulated import Machine

MACHINE = Machine()
# A machine whose rounds agree three times as well as those of the reference, a virtual machine.
QUIET = Machine(noise=0.3)


def row(found: Differences, name: str, threads: int | None) -> Difference:
    return next(one for one in found.rows if (one.name, one.threads) == (name, threads))


def changed(found: Differences) -> list[tuple[str, int | None]]:
    return [(one.name, one.threads) for one in found.rows if one.verdict == "changed"]


def slowed(machine: Machine, name: str, threads: int, draw: random.Random) -> Differences:
    def factor(ceiling: Ceiling) -> float:
        slow = 1.15 if ceiling.unit in ("s", "1") else 0.85
        return slow if (ceiling.name, ceiling.threads) == (name, threads) else 1.0

    return differences(machine.calibrate(draw), machine.calibrate(draw, factor=factor))


def test_chances_are_those_of_every_arrangement_counted() -> None:
    values = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    for count in (2, 3):
        chosen = [set(one) for one in itertools.combinations(values, count)]
        splits = [(tuple(c), tuple(set(values) - c)) for c in chosen]
        least = [min(u, count * (7 - count) - u) for u in map(_above, splits)]
        for split, mine in zip(splits, least, strict=True):
            # One tail is doubled: where both meet in the middle, that is certainty.
            exact = sum(_above(one) <= mine for one in splits) * 2 / len(splits)
            assert ranks.p_value(*split) == pytest.approx(min(1.0, exact))


def _above(split: tuple[tuple[float, ...], tuple[float, ...]]) -> int:
    return sum(y > x for x in split[0] for y in split[1])


def test_the_most_extreme_outcome_of_seven_against_seven() -> None:
    low, high = [1.0 + k / 100 for k in range(7)], [2.0 + k / 100 for k in range(7)]
    assert ranks.p_value(low, high) == pytest.approx(2 / 3432)
    assert ranks.p_value(high, low) == ranks.separated(7, 7)


def test_ties_count_against_a_difference() -> None:
    assert ranks.p_value([1.0] * 7, [1.0] * 7) == 1.0
    assert ranks.p_value([1, 2, 3, 4], [4, 5, 6, 7]) > ranks.p_value([1, 2, 3, 4], [5, 6, 7, 8])


def test_the_ratio_is_the_median_of_all_ratios() -> None:
    assert ranks.ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]) == 2.0


def test_the_interval_leaves_out_what_the_tables_say() -> None:
    # For 7 against 7, tables give U = 8 at 5 % two-sided: the ninth ratio from either end.
    first, second = [1.0, 1.1, 1.3, 1.7, 2.1, 2.6, 3.1], [1.2, 1.4, 1.9, 2.3, 2.9, 3.7, 4.3]
    ratios = sorted(y / x for x in first for y in second)
    assert ranks.interval(first, second) == (ratios[8], ratios[-9])
    assert ranks.interval([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) is None


def test_the_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    draw, held = random.Random(5), 0
    for _ in range(400):
        first = [draw.lognormvariate(0, 0.1) for _ in range(7)]
        second = [1.2 * draw.lognormvariate(0, 0.1) for _ in range(9)]
        low, high = ranks.interval(first, second) or (0.0, 0.0)
        held += low <= 1.2 <= high
    assert held >= 0.93 * 400


def test_many_comparisons_need_stronger_evidence_than_one() -> None:
    assert ranks.significant([0.04]) == (True,)
    assert ranks.significant([0.04] + [0.5] * 50) == (False,) * 51
    # Holm: 0.05 / 4, then 0.05 / 3, 0.05 / 2: the third fails, so the fourth does.
    assert ranks.significant([0.03, 0.012, 0.9, 0.016], spared=0) == (False, True, False, True)
    # One spared: 2 x 0.05 / 4 twice, then 2 x 0.05 / 3.
    assert ranks.significant([0.024, 0.025, 0.033, 0.06], spared=1) == (True, True, True, False)


def test_a_ceiling_s_rounds_are_found_among_the_measurements() -> None:
    calibration = reference()
    for ceiling in calibration.ceilings:
        found = sample(calibration, ceiling)
        kept = ceiling.unit in ("FLOP/s", "B/s", "s")
        assert bool(found.rounds) is kept, ceiling.name
        if found.measurement is not None:
            assert found.measurement.case.threads == ceiling.threads
            assert found.measurement.case.bits == (ceiling.bits or found.measurement.case.bits)


def test_a_calibration_differs_in_nothing_from_itself() -> None:
    found = differences(reference(), reference())
    assert changed(found) == []
    assert all(one.ratio == pytest.approx(1) for one in found.rows)
    assert (found.only_a, found.only_b) == ((), ())
    assert changes(reference(), reference()) == ()


def test_an_unchanged_machine_changes_at_most_once_in_95_of_100_pairs() -> None:
    draw = random.Random(20261123)
    counts = [
        differences(MACHINE.calibrate(draw), MACHINE.calibrate(draw)).count("changed")
        for _ in range(200)
    ]
    assert sum(count <= 1 for count in counts) >= 190
    assert max(counts) <= 4


@pytest.mark.parametrize(
    ("machine", "name", "threads"),
    [
        (MACHINE, "fma-float32-512", 1),
        (MACHINE, "fma-float64-256", 1),
        (MACHINE, "fma-float32-512", 2),
        (MACHINE, "clock-float32-512", 1),
        (MACHINE, "l1-read", 1),
        (MACHINE, "l1-triad", 2),
        (MACHINE, "l2-read", 1),
        (MACHINE, "l2-triad", 2),
        (MACHINE, "l3-read", 1),
        (MACHINE, "l3-triad", 2),
    ],
)
def test_a_slow_down_by_15_percent_is_found(machine: Machine, name: str, threads: int) -> None:
    draw, tries = random.Random(f"{name}{threads}"), 20
    found = [row(slowed(machine, name, threads, draw), name, threads) for _ in range(tries)]
    assert sum(one.verdict == "changed" and one.ratio < 1 for one in found) >= 0.9 * tries


@pytest.mark.parametrize(
    ("name", "threads"),
    [
        ("dram-triad-nt", 1),
        ("dram-read", 2),
        ("l3-capacity", 1),
        ("timer", 1),
        ("first-touch-4k", 1),
        ("barrier", 2),
        ("unprefaulted-triad", 2),
    ],
)
def test_what_noise_hides_is_not_called_the_same(name: str, threads: int) -> None:
    draw, tries = random.Random(f"{name}{threads}"), 20
    found = [row(slowed(MACHINE, name, threads, draw), name, threads) for _ in range(tries)]
    assert sum(one.verdict == "same" for one in found) <= 0.1 * tries


def test_a_changed_clock_is_said_once() -> None:
    draw, counts = random.Random(3), []
    for _ in range(10):
        found = differences(QUIET.calibrate(draw), QUIET.calibrate(draw, clock=0.85))
        clock, peak = row(found, "all clocks", None), row(found, "fma-float32-512", 1)
        assert (clock.verdict, clock.family) == ("changed", True)
        assert clock.ratio == pytest.approx(0.85, abs=0.01)
        assert peak.unit == "FLOP/cycle"
        assert peak.ratio == pytest.approx(1, abs=0.03)
        assert "beside all clocks" in row(found, "l1-read", 1).why
        counts.append(found.count("changed"))
    assert sum(count <= 2 for count in counts) >= 9


def test_operations_and_inner_caches_go_with_the_clock_however_little_it_moved() -> None:
    """Counted a second, they rose by 5 % between two calibrations, as all clocks did."""
    machine, draw = Machine(noise=0.3, base=newest("amd-zen5")), random.Random(5)
    for clock in (0.955, 1.045):
        found = differences(machine.calibrate(draw), machine.calibrate(draw, clock=clock))
        rows = [one for one in found.rows if one.kind == "operation"]
        assert len(rows) >= 5
        assert all(one.shared == pytest.approx(clock, abs=0.01) for one in rows)
        assert not [one for one in rows if one.verdict == "changed"]
        assert row(found, "l1-read", 1).shared == pytest.approx(clock, abs=0.01)
        assert row(found, "l3-read", 1).shared == 1


@pytest.mark.parametrize("hypervisor", [None, "KVM"])
def test_neighbours_of_a_virtual_machine_may_move_its_clock(hypervisor: str | None) -> None:
    draw = random.Random(4)
    a, b = QUIET.calibrate(draw), QUIET.calibrate(draw, clock=0.94)
    machine = replace(a.machine, hypervisor=hypervisor)
    found = differences(replace(a, machine=machine), replace(b, machine=machine))
    clock = row(found, "all clocks", None)
    assert clock.verdict == ("changed" if hypervisor is None else "can't tell")
    assert ("neighbours" in clock.why) == (hypervisor is not None)
    # Whoever moved it, caches that follow the core's clock haven't changed.
    assert row(found, "l1-read", 1).ratio == pytest.approx(1, abs=0.03)
    assert found.count("changed") <= 2


def _memory(factor: float, hypervisor: str | None) -> Differences:
    """Compare two calibrations, all of whose memory figures differ by a factor."""
    draw = random.Random(8)

    def slower(ceiling: Ceiling) -> float:
        return factor if ceiling.level == "DRAM" and ceiling.kind == "bandwidth" else 1.0

    a, b = QUIET.calibrate(draw), QUIET.calibrate(draw, factor=slower)
    machine = replace(a.machine, hypervisor=hypervisor)
    return differences(replace(a, machine=machine), replace(b, machine=machine))


def test_memory_that_moved_as_a_whole_is_said_once_a_team() -> None:
    found = _memory(0.6, None)
    said = [one for one in changed(found) if one[0] == "all memory"]
    assert said == [("all memory", 1), ("all memory", 2)]
    assert found.count("changed") <= 3


def test_neighbours_of_a_virtual_machine_may_move_its_memory() -> None:
    found = _memory(0.6, "KVM")
    assert "all memory" not in [name for name, _ in changed(found)]
    assert "neighbours" in row(found, "all memory", 2).why
    assert ("all memory", 2) in changed(_memory(0.2, "KVM"))


def test_a_latency_s_rounds_are_those_of_its_walk() -> None:
    walks = make_measurement(case=Case(benchmark="latency", working_set_bytes=4096))
    typical = 1.1e-9
    waits = Ceiling(
        kind="latency",
        name="l1-latency",
        unit="s",
        level="L1",
        typical=typical,
        high=0.97 * typical,
        low=1.03 * typical,
        evidence={"working_set": 4096},
    )
    calibration = make_calibration(ceilings=(waits,), measurements=(walks,))
    found = sample(calibration, waits)
    assert len(found.rounds) == len(walks.seconds)
    assert sorted(found.rounds)[3] == pytest.approx(typical)
    slow = replace(waits, typical=1.5 * typical, high=1.46 * typical, low=1.54 * typical)
    (only,) = differences(calibration, replace(calibration, ceilings=(slow,))).rows
    assert only.verdict == "changed"


def test_disturbed_rounds_don_t_hide_code_that_got_slower() -> None:
    calibration = reference()
    peak = next(c for c in calibration.ceilings if (c.name, c.threads) == ("fma-float32-512", 2))
    # Of the rounds of either, one ran at half speed, as happens on that machine: ranges overlap.
    before = _with(calibration, replace(peak, low=peak.typical / 2))
    for best, verdict in ((0.85, "changed"), (1.0, "can't tell")):
        evidence = dict(peak.evidence)
        for name, factor in (("flop_per_cycle", best), ("flop_per_cycle_median", 0.85)):
            evidence[name] = factor * float(peak.evidence[name] or 0)
        after = _with(calibration, replace(peak, low=peak.typical / 2, evidence=evidence))
        assert row(differences(before, after), "fma-float32-512", 2).verdict == verdict


def _with(calibration: Calibration, ceiling: Ceiling) -> Calibration:
    """Put a ceiling in the place of the one of its name and team."""
    key = (ceiling.name, ceiling.threads)
    ceilings = (ceiling if (c.name, c.threads) == key else c for c in calibration.ceilings)
    return replace(calibration, ceilings=tuple(ceilings))


def test_too_few_rounds_tell_nothing() -> None:
    draw = random.Random(1)
    a, b = QUIET.calibrate(draw, rounds=3), QUIET.calibrate(draw, rounds=3, clock=0.5)
    measured = tuple(replace(m, seconds=m.seconds[:3]) for m in a.measurements)
    found = differences(replace(a, measurements=measured), replace(b, measurements=measured))
    assert changed(found) == []
    assert all(one.why.startswith("too few rounds") for one in found.rows if one.kind == "clock")


def test_levels_read_at_other_sizes_are_compared_at_one() -> None:
    calibration = reference()
    level = calibration.ceiling("l2-read", 1)
    assert level is not None
    case = _other_size(calibration, level)
    seconds = [s for (s,) in case.seconds]
    rates = sorted(case.work.bytes_touched.total / s for s in seconds)
    moved = replace(
        level,
        typical=rates[len(rates) // 2],
        low=rates[0],
        high=rates[-1],
        evidence={"working_set": case.case.working_set_bytes},
    )
    others = tuple(moved if c is level else c for c in calibration.ceilings)
    found = row(differences(calibration, replace(calibration, ceilings=others)), "l2-read", 1)
    assert found.ratio == 1.0
    assert "at A's working set" in found.why


def _other_size(calibration: Calibration, ceiling: Ceiling) -> Measurement:
    size = ceiling.evidence["working_set"]
    return next(
        m
        for m in calibration.measurements
        if (m.case.benchmark, m.case.threads) == ("read-curve", ceiling.threads)
        and isinstance(size, int)
        and m.case.working_set_bytes > 4 * size
    )


def test_ceilings_of_one_side_are_listed() -> None:
    calibration = reference()
    fewer = replace(calibration, ceilings=calibration.ceilings[1:])
    gone = (calibration.ceilings[0].name, calibration.ceilings[0].threads)
    assert differences(calibration, fewer).only_a == (gone,)
    assert differences(fewer, calibration).only_b == (gone,)


def test_figures_that_cannot_be_are_not_compared() -> None:
    calibration = reference()
    first = replace(calibration.ceilings[0], typical=0.0)
    broken = replace(calibration, ceilings=(first, *calibration.ceilings[1:]))
    found = differences(calibration, broken)
    assert (len(found.only_a), len(found.only_b)) == (1, 1)


def test_floors_grow_with_the_distance_from_the_core() -> None:
    known = {(c.name, c.threads): floor_of(c, virtual=False) for c in reference().ceilings}
    chain = ("fma-float32-512", "l1-read", "l2-read", "dram-read", "timer", "l3-capacity")
    assert [known[name, 1] for name in chain] == [0.02, 0.05, 0.1, 0.15, 0.2, 0.25]


@pytest.mark.parametrize(
    ("level", "direction", "floor", "virtual"),
    [
        ("L3", "read", 0.1, True),
        ("L3", "triad", 0.1, True),
        # Other guests slow stores to a last level down for minutes, and what holds them.
        ("L3", "write", 0.3, True),
        ("L3", "copy", 0.3, True),
        ("L3", "update", 0.3, True),
        ("L3", "write", 0.1, False),
        ("L2", "write", 0.1, True),
        ("L1", "write", 0.05, True),
    ],
)
def test_stores_to_a_level_that_other_guests_share_may_differ(
    level: str, direction: str, floor: float, virtual: bool
) -> None:
    first = next(one for one in reference().ceilings if one.name == "l2-read")
    ceiling = replace(first, level=level, direction=direction)
    assert floor_of(ceiling, virtual=virtual) == floor


@pytest.mark.parametrize(
    ("level", "floor", "virtual"), [("L3", 0.2, True), ("L3", 0.1, False), ("L2", 0.1, True)]
)
def test_a_load_out_of_a_shared_level_may_wait_for_others(
    level: str, floor: float, *, virtual: bool
) -> None:
    first = next(one for one in newest("amd-zen5").ceilings if one.kind == "latency")
    assert floor_of(replace(first, level=level, direction=None), virtual=virtual) == floor


@pytest.mark.parametrize(("shared", "outcome"), [(1.0, "changed"), (0.75, "can't tell")])
def test_where_a_whole_family_moved_its_members_may_lie_further_apart(
    shared: float, outcome: str
) -> None:
    """13 % beside a family that stayed is a change; beside one that fell by a quarter it isn't."""
    told = Contrast(ratio=1.13, interval=(1.1, 1.16), p=0.001)
    seen = Evidence(
        contrast=told,
        floor=0.15,
        beyond_chance=True,
        wide=0.05,
        among=100,
        scatter=0.02,
        shared=shared,
    )
    assert verdicts.verdict(seen)[0] == outcome


def test_other_code_is_said_of_the_row_and_of_the_whole() -> None:
    calibration = reference()
    first, *rest = calibration.measurements
    other = replace(calibration, measurements=(replace(first, kernel_digest="another"), *rest))
    found = differences(calibration, other)
    assert [one.name for one in found.rows if "other code" in one.why] == ["fma-float32-512"]
    (told,) = changes(calibration, other)
    assert "1 of 150 common cases" in told.text
    assert "aren't of the same code" in told.text


def test_what_else_differs_is_a_line_each() -> None:
    a = make_calibration()
    machine = replace(
        make_machine(), features=("avx", "sse2"), memory_bytes=32 << 30, cpu_quota=1.5
    )
    b = replace(
        a,
        machine=machine,
        node="another",
        quick=True,
        isa_cap="avx2",
        usable_cores=1,
        software=replace(a.software, numba="0.63.0", git_revision="abc", git_dirty=True),
        conditions=replace(
            a.conditions,
            affinity=(0,),
            load=2.0,
            steal_fraction=0.2,
            huge_pages="never",
            environment={"MALLOC_ARENA_MAX": "1"},
        ),
    )
    lines = [change.text for change in changes(a, b)]
    for line in (
        "plan: full -> quick",
        "usable cores: 2 -> 1",
        "vectors capped to: no cap -> avx2",
        "Numba: 0.62.1 -> 0.63.0",
        "git revision: unknown -> abc",
        "checkout: unknown -> with edits",
        "instruction-set features only there: avx2 avx512f fma -> none",
        "memory: 16 GiB -> 32 GiB",
        "cpu quota: unknown -> 1.5",
        "CPUs: 0 2 -> 0",
        "load before: 0.1 -> 2",
        "steal: 0.0 % -> 20.0 %",
        "huge pages: unknown -> never",
        "MALLOC_ARENA_MAX: not set -> 1",
    ):
        assert line in lines
    assert lines[0].startswith("another type of machine: ")
    assert lines[1] == f"host: {a.node} -> another"


def test_little_differences_of_conditions_are_left_out() -> None:
    a = make_calibration()
    state = replace(a.conditions, load=0.3, steal_fraction=0.004, page_faults=7)
    assert changes(a, replace(a, conditions=state)) == ()


def test_another_host_of_the_type_is_called_that() -> None:
    a = make_calibration()
    (told,) = changes(a, replace(a, node="another"))
    assert told.what == "another host of this type"
