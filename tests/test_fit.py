"""Measurements of planted machines turned into ceilings, with their theory and the gate's word."""

from dataclasses import replace

import pytest

from calibrate import plan
from calibrate.fit import Fit, fit
from roofline.physics import isa
from roofline.records import Ceiling, MachineSpec, Measurement
from tests.builders import make_machine
from tests.fake_child import Level, Planted, measured

AVX2 = ("avx", "avx2", "fma", "sse2")
SLOW = (Level(32 << 10, 150e9), Level(1 << 20, 80e9), Level(32 << 20, 40e9, shared=True))
MACHINE = make_machine(features=AVX2, fma_pipes=None)


def everything(
    planted: Planted, machine: MachineSpec = MACHINE, *, threads: int = 2
) -> tuple[Measurement, ...]:
    """Return what a quick plan measures on a planted machine."""
    resources = plan.Resources(
        machine=machine,
        threads=threads,
        vectors=isa.vectors(machine),
        memory_available=8 << 30,
    )
    drawn = plan.draw_up(resources, quick=True)
    return measured(planted, [step.case for step in drawn.steps])


@pytest.fixture(scope="module")
def measurements() -> tuple[Measurement, ...]:
    """Return the measurements of a sound machine."""
    return everything(Planted(caches=SLOW))


@pytest.fixture(scope="module")
def fitted(measurements: tuple[Measurement, ...]) -> Fit:
    """Return what is concluded of them."""
    return fit(MACHINE, measurements)


def named(found: Fit, name: str, threads: int = 1) -> Ceiling:
    (one,) = [c for c in found.ceilings if (c.name, c.threads) == (name, threads)]
    return one


def invalid(found: Fit) -> list[str]:
    return [finding.what for finding in found.findings if finding.severity == "invalid"]


def test_every_name_stands_once_for_each_team(fitted: Fit) -> None:
    names = [(one.name, one.threads) for one in fitted.ceilings]
    assert len(set(names)) == len(names)


def test_all_kinds_of_ceilings_are_concluded(fitted: Fit) -> None:
    kinds = {one.kind for one in fitted.ceilings}
    assert kinds == {"compute", "bandwidth", "clock", "capacity", "overhead", "effect"}


def test_every_figure_lies_between_its_low_and_its_high_end(fitted: Fit) -> None:
    for one in fitted.ceilings:
        assert min(one.low, one.high) <= one.typical <= max(one.low, one.high)
        assert one.interval is not None
        assert one.interval[0] <= one.typical <= one.interval[1]


def test_a_sound_machine_gets_notes_at_most(fitted: Fit) -> None:
    assert {finding.severity for finding in fitted.findings} <= {"note"}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "bits", "lanes"), [("float64", 256, 4), ("float32", 128, 4)])
def test_flop_per_cycle_are_counted_by_the_clock_beside_the_load(
    fitted: Fit, dtype: str, bits: int, lanes: int, threads: int
) -> None:
    one = named(fitted, f"fma-{dtype}-{bits}", threads)
    assert one.evidence["flop_per_cycle"] == pytest.approx(2 * 2 * lanes, rel=0.01)
    assert one.evidence["flop_per_cycle_median"] == pytest.approx(2 * 2 * lanes, rel=0.01)
    assert one.evidence["pipes"] == pytest.approx(2.0, rel=0.01)
    assert one.evidence["clock_agreement"] == pytest.approx(1.0, rel=0.001)
    assert one.evidence["hertz"] == pytest.approx(3e9, rel=0.01)


@pytest.mark.parametrize("hertz", [2.1e9, 4.4e9])
def test_flop_per_cycle_do_not_depend_on_the_clock(hertz: float) -> None:
    fast = fit(MACHINE, everything(Planted(hertz=hertz, caches=SLOW)))
    one = named(fast, "fma-float64-256")
    assert one.evidence["flop_per_cycle"] == pytest.approx(16.0, rel=0.01)
    assert one.typical == pytest.approx(16 * hertz, rel=0.01)


def test_the_peak_on_paper_is_pipes_times_lanes_times_the_light_clock(fitted: Fit) -> None:
    theoretical = named(fitted, "fma-float64-256", 2).theoretical
    assert theoretical is not None
    assert theoretical.basis == "derived"
    assert theoretical.paper == pytest.approx(2 * 2 * 4 * 3e9 * 2, rel=0.02)
    assert theoretical.at_clock == pytest.approx(2 * 2 * 4 * 3e9 * 2, rel=0.02)


def test_what_is_reached_does_not_exceed_the_pipes_at_the_clock_of_its_window(
    fitted: Fit,
) -> None:
    for one in fitted.ceilings:
        # What other mixes reach on paper is stated nowhere.
        if one.kind == "compute" and one.mix == "fma":
            assert one.theoretical is not None
            assert one.theoretical.at_clock is not None
            assert one.typical <= 1.03 * one.theoretical.at_clock


def test_variants_that_show_a_loss_are_no_ceilings() -> None:
    slow = everything(Planted(losses={"pinned": 3.0, "huge": 2.0}, caches=SLOW))
    found = fit(MACHINE, slow)
    assert named(found, "fma-float64-256").typical == pytest.approx(16 * 3e9, rel=0.01)
    assert named(found, "dram-triad").typical == pytest.approx(15e9 * 3 / 4, rel=0.02)
    assert named(found, "unpinned-triad").typical == pytest.approx(3.0, rel=0.02)


def test_memory_is_read_off_the_largest_arrays_only(
    fitted: Fit, measurements: tuple[Measurement, ...]
) -> None:
    largest = max(m.case.working_set_bytes for m in measurements)
    assert named(fitted, "dram-triad").evidence["working_set"] == largest
    assert named(fitted, "dram-read").evidence["working_set"] == largest // 3
    assert named(fitted, "dram-copy-nt").evidence["working_set"] == largest // 3 * 2


@pytest.mark.parametrize(
    ("name", "moved", "store"),
    [
        ("dram-read", 1.0, None),
        ("dram-write", 2.0, "ordinary"),
        ("dram-copy", 1.5, "ordinary"),
        ("dram-triad", 4 / 3, "ordinary"),
        ("dram-write-nt", 1.0, "non-temporal"),
        ("dram-triad-nt", 1.0, "non-temporal"),
    ],
)
def test_an_ordinary_store_moves_its_line_twice(
    fitted: Fit, name: str, moved: float, store: str | None
) -> None:
    one = named(fitted, name)
    assert one.evidence["moved_over_nominal"] == pytest.approx(moved, rel=1e-4)
    assert one.store == store
    assert one.level == "DRAM"
    # Nominal bytes by what is moved: the planted machine moves 15 GB/s whatever it does.
    assert one.typical * moved == pytest.approx(15e9, rel=0.02)


def test_memory_on_paper_is_cited_beside_triads_only() -> None:
    stated = replace(MACHINE, memory_channels=2, memory_transfers_per_second=3.2e9)
    found = fit(stated, everything(Planted(caches=SLOW), stated))
    bandwidths = [one for one in found.ceilings if one.kind == "bandwidth"]
    cited = {(one.name, one.threads) for one in bandwidths if one.theoretical is not None}
    assert cited == {(name, n) for name in ("dram-triad", "dram-triad-nt") for n in (1, 2)}
    theoretical = named(found, "dram-triad", 2).theoretical
    assert theoretical is not None
    assert theoretical.paper == 2 * 3.2e9 * 8
    assert not any("theoretical memory" in finding.what for finding in found.findings)


def test_an_unknown_memory_is_said_once_with_what_to_do(fitted: Fit) -> None:
    (finding,) = [f for f in fitted.findings if "theoretical memory" in f.what]
    assert finding.severity == "note"
    assert "--spec" in (finding.command or "")


@pytest.mark.parametrize(
    ("planted", "word"),
    [
        (Planted(caches=SLOW, pipes={256: 4.0, 128: 2.0}), "4 pipes"),
        (Planted(caches=SLOW, pipes={256: 0.6, 128: 2.0}), "0.60 pipes"),
        (Planted(caches=SLOW, memory=(90e9, 100e9)), "DRAM reads faster than"),
        (Planted(caches=SLOW, share=1.2), "each core does 1.20 x"),
    ],
)
def test_the_gate_has_the_last_word(planted: Planted, word: str) -> None:
    assert any(word in what for what in invalid(fit(MACHINE, everything(planted))))


def test_a_clock_that_runs_off_by_1_4_is_refused(measurements: tuple[Measurement, ...]) -> None:
    """Both chains beside the loads tick too fast, as a wrong time base would make them."""

    def quickened(one: Measurement) -> Measurement:
        steps = {
            chain: tuple(tuple(1.4 * rate for rate in samples) for samples in rounds)
            for chain, rounds in one.steps_per_second.items()
        }
        return replace(one, steps_per_second=steps)

    found = fit(MACHINE, [quickened(one) for one in measurements])
    assert any("not a whole number" in what for what in invalid(found))


def test_an_add_chain_that_runs_off_by_1_4_is_refused_and_doubted(
    measurements: tuple[Measurement, ...],
) -> None:
    def quickened(one: Measurement) -> Measurement:
        if one.case.parameters.get("chain") != "add":
            return one
        return replace(one, seconds=tuple(tuple(s / 1.4 for s in row) for row in one.seconds))

    found = fit(MACHINE, [quickened(one) for one in measurements])
    assert invalid(found)
    assert any("not a whole number" in f.what for f in found.findings if f.severity == "warning")


def test_a_kernel_whose_answer_is_wrong_is_refused(measurements: tuple[Measurement, ...]) -> None:
    wrong = [replace(m, checked=m.case.benchmark != "triad") for m in measurements]
    assert any("without a right answer" in what for what in invalid(fit(MACHINE, wrong)))


def test_without_chains_the_flop_per_cycle_are_unknown_and_said_to_be(
    measurements: tuple[Measurement, ...],
) -> None:
    blind = [m for m in measurements if m.case.benchmark != "chain"]
    found = fit(MACHINE, blind)
    one = named(found, "fma-float64-256")
    assert set(one.evidence) == {"verdict"}
    assert invalid(found) == []
    assert [f.severity for f in found.findings if "FLOP/cycle" in f.what] == ["warning"]


def test_one_core_is_concluded_like_a_team() -> None:
    found = fit(MACHINE, everything(Planted(caches=SLOW), threads=1))
    assert {one.threads for one in found.ceilings} == {1}
    assert invalid(found) == []


def test_nothing_measured_is_nothing_concluded() -> None:
    found = fit(MACHINE, ())
    assert found.ceilings == ()
    assert invalid(found) == []
