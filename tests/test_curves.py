"""Bandwidth by cache level, read off simulated curves for one core and for teams."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from calibrate import curves
from roofline.records import Cache, Case, Ceiling, MachineSpec
from tests.builders import make_machine
from tests.fake_child import KIB, MIB, Level, Planted, measured

END = 128 * MIB


def cases_of(threads: int, benchmark: str = "read-curve", per_octave: int = 2) -> list[Case]:
    """Return the cases of a curve, as a plan spaces them."""
    extra = {"store": "ordinary"} if benchmark == "triad-curve" else {}
    quantum, start = 3072 * threads, 4 * KIB * threads
    count = (END // start).bit_length() * per_octave
    sizes = [start * 2 ** (step / per_octave) for step in range(count - per_octave + 1)]
    return [
        Case(
            benchmark=benchmark,
            parameters=extra,
            isa="avx512",
            bits=512,
            threads=threads,
            working_set_bytes=max(1, round(size / quantum)) * quantum,
        )
        for size in sizes
    ]


def concluded(
    machine: MachineSpec,
    planted: Planted,
    *,
    teams: Sequence[int] = (1,),
    per_octave: int = 2,
    seed: int = 0,
) -> tuple[curves.Found, dict[tuple[str, int], Ceiling]]:
    """Return what is found on a planted machine, and its ceilings by name and team."""
    wanted = [
        case
        for threads in teams
        for benchmark in ("read-curve", "triad-curve")
        for case in cases_of(threads, benchmark, per_octave if threads == 1 else 1)
    ]
    measurements = measured(planted, wanted, seed=seed)
    found = curves.levels_of(machine, measurements)
    return found, {(c.name, c.threads): c for c in curves.ceilings(found, measurements)}


def machine_with(*caches: tuple[int, int, int], cores: int = 2) -> MachineSpec:
    """Return a machine without siblings whose caches are (level, bytes, cores that share it)."""
    return make_machine(
        cores=cores,
        threads=cores,
        caches=tuple(
            Cache(level=level, kind="unified", size_bytes=size, shared_by=sharing)
            for level, size, sharing in caches
        ),
    )


TWO_CORES = machine_with((1, 32 * KIB, 1), (2, 1 * MIB, 1), (3, 32 * MIB, 2))


@pytest.mark.parametrize("seed", range(4))
def test_one_core_reads_each_level_as_planted(seed: int) -> None:
    found, ceilings = concluded(TWO_CORES, Planted(), seed=seed)
    assert [rung.name for rung in found.rungs] == ["L1", "L2", "L3"]
    for name, bandwidth, capacity in (
        ("l1", 300e9, 32 * KIB),
        ("l2", 120e9, 1 * MIB),
        ("l3", 60e9, 32 * MIB),
    ):
        assert ceilings[f"{name}-read", 1].typical == pytest.approx(bandwidth, rel=0.02)
        assert capacity / 1.5 < ceilings[f"{name}-capacity", 1].typical < capacity * 1.5
    assert found.findings == ()


@pytest.mark.parametrize("per_octave", [1, 2])
def test_a_team_reads_private_levels_by_share_and_shared_ones_together(per_octave: int) -> None:
    """The shared cache holds the team's working set; each private one holds a core's part."""
    machine = machine_with((1, 32 * KIB, 1), (2, 1 * MIB, 1), (3, 32 * MIB, 8), cores=8)
    _, ceilings = concluded(machine, Planted(), teams=(1, 4), per_octave=per_octave)
    for name, bandwidth, more_than, most in (
        ("l1", 300e9, 0, 4 * 32 * KIB),
        ("l2", 120e9, 4 * 32 * KIB, 4 * MIB),
        ("l3", 60e9, 4 * MIB, 32 * MIB),
    ):
        one = ceilings[f"{name}-read", 4]
        assert one.typical == pytest.approx(4 * bandwidth, rel=0.02)
        assert more_than < float(one.evidence["working_set"] or 0) <= most


def test_a_team_whose_own_caches_outgrow_the_shared_one_has_no_figure_for_it() -> None:
    # Eight private caches of 4 MiB hold all that fits into the shared 16 MiB.
    machine = machine_with((1, 32 * KIB, 1), (2, 4 * MIB, 1), (3, 16 * MIB, 8), cores=8)
    caches = (Level(32 * KIB, 300e9), Level(4 * MIB, 120e9), Level(16 * MIB, 60e9, shared=True))
    _, ceilings = concluded(machine, Planted(caches=caches), teams=(1, 8))
    assert ("l3-read", 1) in ceilings
    assert ("l3-read", 8) not in ceilings
    assert ceilings["l2-read", 8].typical == pytest.approx(8 * 120e9, rel=0.05)


def test_figures_say_what_was_run() -> None:
    _, ceilings = concluded(TWO_CORES, Planted())
    read, triad = ceilings["l2-read", 1], ceilings["l2-triad", 1]
    assert (read.kind, read.unit, read.level, read.direction) == ("bandwidth", "B/s", "L2", "read")
    assert (read.store, triad.store) == (None, "ordinary")
    assert (read.mix, triad.mix) == ("1 read", "2 reads, 1 write")
    assert (read.isa, read.bits, read.dtype) == ("avx512", 512, "float64")


def test_a_capacity_has_a_value_for_every_round() -> None:
    found, ceilings = concluded(TWO_CORES, Planted())
    assert {len(rung.capacities) for rung in found.rungs} == {7}
    capacity = ceilings["l1-capacity", 1]
    assert capacity.unit == "B"
    assert capacity.interval == (capacity.low, capacity.high)
    assert capacity.low <= capacity.typical <= capacity.high
    assert capacity.evidence["plateau"] == pytest.approx(300e9, rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_levels_that_read_alike_are_said_to_be_and_read_at_half_of_their_size(seed: int) -> None:
    caches = (Level(32 * KIB, 300e9), Level(1 * MIB, 60e9), Level(32 * MIB, 60e9, shared=True))
    found, ceilings = concluded(TWO_CORES, Planted(caches=caches), seed=seed)
    (finding,) = found.findings
    assert finding.severity == "note"
    assert finding.what.startswith("L2 can't be told from the next level")
    assert finding.why_it_matters
    assert ("l2-capacity", 1) not in ceilings
    assert ceilings["l2-read", 1].typical == pytest.approx(60e9, rel=0.02)
    assert ceilings["l2-read", 1].evidence["working_set"] == pytest.approx(MIB / 2, rel=0.21)


def test_unknown_caches_are_found_all_the_same() -> None:
    blind = make_machine(caches=())
    found, ceilings = concluded(blind, Planted(), teams=(1, 2))
    assert [rung.name for rung in found.rungs] == ["L1", "L2", "L3"]
    assert [rung.shared for rung in found.rungs] == [False, False, True]
    assert ceilings["l2-read", 2].typical == pytest.approx(240e9, rel=0.02)


def test_one_cache_is_one_rung() -> None:
    single = machine_with((1, 64 * KIB, 1))
    planted = Planted(caches=(Level(64 * KIB, 100e9),))
    found, ceilings = concluded(single, planted)
    assert [rung.name for rung in found.rungs] == ["L1"]
    assert {name for name, _ in ceilings} == {"l1-capacity", "l1-read", "l1-triad"}


def test_siblings_do_not_make_a_cache_shared() -> None:
    # Two hardware threads a core: what two of them share belongs to one core.
    found, _ = concluded(make_machine(), Planted())
    assert [rung.shared for rung in found.rungs] == [False, False, True]


def test_an_instruction_cache_is_no_level() -> None:
    code = Cache(level=1, kind="instruction", size_bytes=16 * KIB, shared_by=1)
    both = replace(TWO_CORES, caches=(code, *TWO_CORES.caches))
    assert concluded(both, Planted())[0] == concluded(TWO_CORES, Planted())[0]


def test_no_curve_is_no_level() -> None:
    assert curves.levels_of(TWO_CORES, ()) == curves.Found()
    assert list(curves.ceilings(curves.Found(), ())) == []


def test_a_curve_of_one_point_is_read_off_where_it_lies() -> None:
    (one,) = measured(Planted(), [cases_of(1)[2]])
    found = curves.levels_of(TWO_CORES, [one])
    ceilings = list(curves.ceilings(found, [one]))
    assert [c.name for c in ceilings] == ["l1-read"]


@pytest.mark.parametrize(
    ("capacity", "reported", "told"),
    [
        (40.0, 32, 32.0),  # between two sizes, and so is what is reported
        (30.0, 32, 30.0),  # found smaller: a guest's share
        (50.0, 16, 50.0),  # 32 still fitted, so 16 can't be right
        (40.0, None, 40.0),
    ],
)
def test_a_knee_is_not_put_beyond_what_is_reported_between_the_same_two_sizes(
    capacity: float, reported: float | None, told: float
) -> None:
    assert curves._sharpened(capacity, [8, 16, 32, 64], reported) == told
