"""A whole calibration against children that pretend: nothing is measured and no time passes."""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cases
from calibrate import doctor, plan
from calibrate.session import Outcome, Subject, calibrate
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.activity import Lookout
from roofline.host.machine import read_machine
from roofline.physics import isa
from roofline.physics.noise import verdict
from roofline.records import Calibration, Ceiling, Finding, MachineSpec, Software
from roofline.store.schema import dumps, loads, loads_as
from tests.builders import make_machine
from tests.fake_child import CONDITIONS, FakeChild, Level, Planted, Watch
from tests.machine_trees import expand, put

FULL_BYTES, QUICK_BYTES = 64_000, 32_000
AVX512 = (
    *("avx", "avx2", "avx512_bf16", "avx512_vnni", "avx512bw", "avx512dq", "avx512f", "avx512vl"),
    *("fma", "sse2"),
)
SOFTWARE = Software(python="3.11.0", suite_version="0.1.0", git_revision="abcdef")
# What others do on the host that runs the tests is no matter of theirs.
BLIND = Lookout(Path("/there is no such folder"))
MEMORY_BEFORE_L2 = Planted(
    caches=(Level(32 << 10, 300e9), Level(1 << 20, 60e9), Level(32 << 20, 50e9, shared=True)),
    memory=(90e9, 120e9),
)


class Children:
    """Opens one fake child after the other, and keeps them for questions afterwards."""

    def __init__(self, *children: FakeChild) -> None:
        self.opened: list[FakeChild] = []
        self._waiting = list(children)

    def __call__(self) -> FakeChild:
        """Open the next."""
        self.opened.append(self._waiting.pop(0))
        return self.opened[-1]


def three(planted: Planted, **facts: Any) -> Children:
    """Return three children on that machine, each with a noise of its own."""
    return Children(*(FakeChild(planted=planted, seed=seed, **facts) for seed in (1, 2, 3)))


def resources(machine: MachineSpec, threads: int = 2) -> plan.Resources:
    return plan.Resources(
        machine=machine,
        threads=threads,
        vectors=isa.vectors(machine),
        memory_available=16 << 30,
    )


def subject(machine: MachineSpec, *, quick: bool, cores: int = 2) -> Subject:
    return Subject(
        machine=machine,
        node="9f3ac2d1e4b56078",
        cores=cores,
        isa_cap=None,
        quick=quick,
        software=SOFTWARE,
    )


def run(
    children: Children,
    *,
    quick: bool = True,
    machine: MachineSpec | None = None,
    findings: Sequence[Finding] = (),
    most: int | None = None,
    **more: Any,
) -> Outcome:
    """Calibrate with these children; `most` cuts the plan where the figures don't matter."""
    machine = machine or make_machine(features=AVX512)
    drawn = plan.draw_up(resources(machine), quick=quick)
    drawn = dataclasses.replace(drawn, steps=drawn.steps[:most])
    more.setdefault("lookout", BLIND)
    return calibrate(subject(machine, quick=quick), drawn, children, findings=findings, **more)


@pytest.fixture(scope="module")
def quick() -> Outcome:
    """Return a quick calibration of a planted machine."""
    return run(three(Planted()))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Return a full calibration of the captured small virtual machine, with all it can say."""
    root = expand("small-vm", tmp_path_factory.mktemp("small-vm"))
    machine = read_machine(root)
    situation = doctor.Situation(
        root=root, machine=machine, cpus=(0, 1), allowed=(0, 1), busy=0.1, memory_available=8 << 30
    )
    planted = Planted(pipes={512: 1.0, 256: 2.0, 128: 2.0})
    findings = doctor.examine(situation)
    return run(three(planted), quick=False, machine=machine, findings=findings)


def ceiling(outcome: Outcome, name: str, threads: int = 1) -> Ceiling:
    found = outcome.calibration.ceiling(name, threads)
    assert found is not None
    return found


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "lanes"), [("float32", 16), ("float64", 8)])
def test_the_peak_is_the_planted_one(quick: Outcome, dtype: str, lanes: int, threads: int) -> None:
    found = ceiling(quick, f"fma-{dtype}-512", threads)
    assert found.typical == pytest.approx(2 * 2 * lanes * 3e9 * threads, rel=0.01)
    assert found.low <= found.typical <= found.high
    assert found.unit == "FLOP/s"
    assert found.evidence["pipes"] == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize(
    ("name", "threads", "planted"),
    [
        ("l1-read", 1, 300e9),
        ("l2-read", 1, 120e9),
        ("l3-read", 1, 60e9),
        ("l1-read", 2, 600e9),
        ("l2-read", 2, 240e9),
        ("l3-read", 2, 120e9),
        ("dram-read", 1, 15e9),
        ("dram-read", 2, 22e9),
        ("dram-triad", 2, 22e9 * 3 / 4),
        ("dram-triad-nt", 2, 22e9),
        ("dram-copy", 1, 15e9 * 2 / 3),
    ],
)
def test_every_bandwidth_is_the_planted_one(
    quick: Outcome, name: str, threads: int, planted: float
) -> None:
    assert ceiling(quick, name, threads).typical == pytest.approx(planted, rel=0.02)


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("clock-light", 3e9),
        ("clock-float64-512", 3e9),
        ("first-touch-4k", 2.5e-7),
        ("first-touch-huge", 6e-5),
        ("timer", 2.5e-8),
        ("call", 2.5e-9),
        ("unpinned-fma", 1.0),
        ("small-pages-triad", 1.0),
    ],
)
def test_clocks_costs_and_losses_are_the_planted_ones(
    quick: Outcome, name: str, planted: float
) -> None:
    assert ceiling(quick, name).typical == pytest.approx(planted, rel=0.01)


@pytest.mark.parametrize(
    ("name", "per_cycle"),
    [
        ("fma-float32-512", 32),
        ("fma+add-float32-512", 48),
        ("add-float64-512", 16),
        ("mul-float64-512", 8),
        ("mul+add-float64-512", 16),
        ("dot-bfloat16-512", 64),
        ("dot-int8-512", 128),
        ("fma-float32-32", 4),
        ("fma-float64-64", 4),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_mix_does_the_planted_operations_a_cycle(
    full: Outcome, name: str, per_cycle: int, threads: int
) -> None:
    found = ceiling(full, name, threads)
    assert found.evidence["flop_per_cycle"] == pytest.approx(per_cycle, rel=0.01)
    assert found.typical == pytest.approx(per_cycle * threads * 3e9, rel=0.01)


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("l1-latency", 1.5e-9),
        ("l2-latency", 4e-9),
        ("l3-latency", 14e-9),
        ("dram-latency", 9e-8),
        ("dram-latency-4k", 1.2e-7),
    ],
)
def test_every_latency_is_the_planted_one(full: Outcome, name: str, planted: float) -> None:
    found = ceiling(full, name)
    assert found.typical == pytest.approx(planted, rel=0.01)
    assert found.evidence["cycles"] == pytest.approx(3e9 * planted, rel=0.02)
    assert found.high <= found.typical <= found.low


def test_a_migration_costs_the_planted_time(full: Outcome) -> None:
    assert ceiling(full, "migration", 2).typical == pytest.approx(3e-5, rel=0.01)


def test_capacities_are_the_planted_ones(quick: Outcome) -> None:
    for name, planted in (("l1", 32 << 10), ("l2", 1 << 20), ("l3", 32 << 20)):
        found = ceiling(quick, f"{name}-capacity").typical
        assert planted / 1.5 < found < planted * 1.5


@pytest.mark.parametrize("which", ["quick", "full"])
def test_a_sound_machine_is_valid_and_gives_no_cause_for_doubt(
    which: str, request: pytest.FixtureRequest
) -> None:
    outcome: Outcome = request.getfixturevalue(which)
    assert outcome.calibration.valid
    assert {f.severity for f in outcome.calibration.findings} <= {"note", "advice"}


@pytest.mark.parametrize(
    ("planted", "word"),
    [
        (MEMORY_BEFORE_L2, "DRAM reads faster than"),
        (Planted(pipes={512: 4.0, 256: 2.0, 128: 2.0}), "pipes"),
        (Planted(pipes={512: 0.6, 256: 2.0, 128: 2.0}), "not a whole number"),
        (Planted(share=1.5), "each core does 1.50 x"),
    ],
)
def test_an_impossible_machine_is_recorded_as_invalid(planted: Planted, word: str) -> None:
    calibration = run(three(planted)).calibration
    assert not calibration.valid
    objections = [f.what for f in calibration.findings if f.severity == "invalid"]
    assert any(word in what for what in objections)


def test_latencies_that_fall_further_out_are_recorded_as_invalid() -> None:
    waits = (2e-9, 5e-9, 4e-9)
    sound = Planted().caches
    caches = tuple(dataclasses.replace(c, wait=w) for c, w in zip(sound, waits, strict=True))
    calibration = run(three(Planted(caches=caches)), quick=False).calibration
    objections = [f.what for f in calibration.findings if f.severity == "invalid"]
    assert len(objections) == 1
    assert re.match(r"a load from L3 takes (3.9|4.0)", objections[0])


def test_virtual_cpus_that_share_a_core_stay_valid() -> None:
    """Every load says so; one finding does."""
    calibration = run(three(Planted(share=0.5))).calibration
    assert calibration.valid
    shared = [f for f in calibration.findings if "share physical cores" in f.why_it_matters]
    assert len(shared) == 1
    assert len(dumps(calibration).encode()) <= QUICK_BYTES


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_wrong_answer_makes_the_record_invalid(which: int) -> None:
    children = [FakeChild(wrong="copy" if number == which else "") for number in range(3)]
    calibration = run(Children(*children)).calibration
    assert not calibration.valid
    assert {m.case.benchmark for m in calibration.measurements if not m.checked} == {"copy"}


@pytest.mark.parametrize(("which", "rounds"), [("quick", 7), ("full", 9)])
def test_a_record_keeps_a_median_of_every_round(
    which: str, rounds: int, request: pytest.FixtureRequest
) -> None:
    calibration: Calibration = request.getfixturevalue(which).calibration
    for one in calibration.measurements:
        tables = [one.seconds, *one.steps_per_second.values()]
        assert [[len(samples) for samples in table] for table in tables] == [
            [1] * rounds for _ in tables
        ]


def test_every_sample_of_every_round_lies_beside_the_record(quick: Outcome) -> None:
    keys = [measurement.case.key for measurement in quick.calibration.measurements]
    assert list(quick.samples) == keys
    fma = next(m for m in quick.calibration.measurements if m.case.benchmark == "fma")
    kept = quick.samples[fma.case.key]
    assert [len(samples) for samples in kept["seconds"]] == [7] * 7
    assert set(kept["steps_per_second"]) == {"imul", "vector"}


def test_a_round_s_samples_are_those_of_all_its_visits(full: Outcome) -> None:
    lengths = {
        len(samples)
        for key, kept in full.samples.items()
        if key.startswith("read-curve")
        for samples in kept["seconds"]
    }
    assert lengths == {5, 15}


def test_a_full_record_of_two_cores_fits_in_64_kb(full: Outcome) -> None:
    assert len(dumps(full.calibration).encode()) <= FULL_BYTES


def test_a_quick_record_of_two_cores_fits_in_32_kb(quick: Outcome, full: Outcome) -> None:
    machine = full.calibration.machine
    captured = run(three(Planted(pipes={512: 1.0, 256: 2.0, 128: 2.0})), machine=machine)
    for outcome in (quick, captured):
        assert len(dumps(outcome.calibration).encode()) <= QUICK_BYTES


@pytest.mark.parametrize("which", ["quick", "full"])
def test_a_record_is_read_as_it_was_written(which: str, request: pytest.FixtureRequest) -> None:
    calibration: Calibration = request.getfixturevalue(which).calibration
    again = loads(dumps(calibration))
    assert list(differences(dataclasses.asdict(calibration), dataclasses.asdict(again))) == []
    assert dumps(again) == dumps(calibration)


def differences(left: Any, right: Any, where: str = "record") -> Iterator[str]:
    """Yield where two trees of plain data differ by more than a record's rounding."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in left.keys() | right.keys():
            yield from differences(left.get(key), right.get(key), f"{where}.{key}")
    elif isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        for index, pair in enumerate(zip(left, right, strict=True)):
            yield from differences(*pair, f"{where}[{index}]")
    elif isinstance(left, float) and isinstance(right, float | int):
        if not math.isclose(left, right, rel_tol=1e-5):
            yield f"{where}: {left} became {right}"
    elif left != right:
        yield f"{where}: {left!r} became {right!r}"


def test_each_child_is_asked_in_order_and_let_go() -> None:
    children = three(Planted())
    outcome = run(children, most=12)
    steps = len(outcome.calibration.measurements)
    assert [child.ended for child in children.opened] == [True] * 3
    for child, rounds in zip(children.opened, (3, 2, 2), strict=True):
        a_round = ["begin_round", *["run"] * steps, "end_round"]
        assert child.asked == ["describe", "prepare", *a_round * rounds, "conditions"]


def test_only_one_child_lives_at_a_time() -> None:
    children = three(Planted())

    def open_child() -> FakeChild:
        assert all(child.ended for child in children.opened)
        return children()

    machine = make_machine(features=AVX512)
    drawn = plan.draw_up(resources(machine), quick=True)
    calibrate(subject(machine, quick=True), drawn, open_child)
    assert len(children.opened) == 3


@pytest.mark.parametrize(
    "verb", ["describe", "prepare", "begin_round", "run", "end_round", "conditions"]
)
def test_a_child_that_dies_ends_the_session_and_is_let_go(verb: str) -> None:
    death = RooflineError("the measuring process ended by SIGKILL.", CANNOT_MEASURE)
    first, second = FakeChild(), FakeChild(fails={verb: death})
    with pytest.raises(RooflineError) as caught:
        run(Children(first, second, FakeChild()), most=3)
    assert caught.value is death
    assert first.ended
    assert second.ended


def test_a_child_that_cannot_be_started_ends_the_session() -> None:
    def refuse() -> FakeChild:
        raise RooflineError("there is no checkout.", CANNOT_MEASURE)

    machine = make_machine(features=AVX512)
    drawn = plan.draw_up(resources(machine), quick=True)
    with pytest.raises(RooflineError, match="no checkout"):
        calibrate(subject(machine, quick=True), drawn, refuse)


def test_compiling_is_told_apart_from_measuring() -> None:
    watch = Watch()
    children = Children(
        *(FakeChild(watch=watch, compile_seconds=seconds) for seconds in (41.5, 0.5, 0.0))
    )
    calibration = run(children, most=12, clock=watch).calibration
    # The fake child lets a hundredth of a second pass in every run of seven rounds.
    assert calibration.compile_seconds == 42.0
    measuring = 0.01 * 7 * len(calibration.measurements)
    assert calibration.seconds_taken == pytest.approx(measuring, abs=0.051)


def test_conditions_of_the_children_are_merged() -> None:
    """Counts are added, shares averaged over whoever knows, and the rest is as it was first."""
    seen = (
        CONDITIONS,
        dataclasses.replace(CONDITIONS, steal_fraction=None, page_faults=3, load=9.0),
        dataclasses.replace(CONDITIONS, steal_fraction=0.05, migrations=None),
    )
    children = Children(*(FakeChild(conditions=one) for one in seen))
    merged = run(children, most=3).calibration.conditions
    assert merged.affinity == (0, 1)
    assert merged.load == 0.25
    assert merged.steal_fraction == pytest.approx(0.03)
    assert merged.involuntary_switches == 9
    assert merged.page_faults == 17
    assert merged.migrations == 0
    assert merged.huge_pages == "madvise"
    assert merged.huge_page_fraction == pytest.approx(0.9)


def test_what_no_child_knows_stays_unknown() -> None:
    blind = dataclasses.replace(
        CONDITIONS,
        steal_fraction=None,
        huge_page_fraction=None,
        involuntary_switches=None,
        page_faults=None,
    )
    merged = run(three(Planted(), conditions=blind), most=3).calibration.conditions
    assert merged.steal_fraction is None
    assert merged.huge_page_fraction is None
    assert merged.involuntary_switches is None
    assert merged.page_faults is None


def test_the_child_says_what_software_measured(quick: Outcome) -> None:
    software = quick.calibration.software
    assert software == dataclasses.replace(
        SOFTWARE, python="3.11.9", numpy="2.1.0", numba="0.62.1", llvm="20.1"
    )


def test_findings_of_doctor_plan_and_gate_are_all_kept() -> None:
    told = Finding(severity="advice", what="the clock governor is powersave")
    machine = make_machine(features=AVX512)
    small = dataclasses.replace(resources(machine), memory_available=300 << 20)
    drawn = plan.draw_up(small, quick=True)
    outcome = calibrate(
        subject(machine, quick=True), drawn, three(Planted(share=0.5)), findings=[told]
    )
    what = [finding.what for finding in outcome.calibration.findings]
    assert told.what in what
    assert drawn.findings[0].what in what
    assert any("0.50 x" in text for text in what)


def test_progress_counts_every_run_once() -> None:
    told: list[tuple[int, int, str]] = []
    run(three(Planted()), most=12, progress=lambda *so_far: told.append(so_far))
    total = told[0][1]
    assert [done for done, _, _ in told] == list(range(total))
    assert {of for _, of, _ in told} == {total}
    assert {what for _, _, what in told} <= set(cases.BENCHMARKS)


def test_the_record_says_who_how_and_when(quick: Outcome) -> None:
    calibration = quick.calibration
    assert calibration.node == "9f3ac2d1e4b56078"
    assert calibration.usable_cores == 2
    assert calibration.quick
    assert len(calibration.started) == len("2026-11-23T00:59:59Z")
    assert calibration.started.endswith("Z")


def test_dropped_team_calls_are_added_up(quick: Outcome) -> None:
    dropped = {m.case.benchmark: m.dropped for m in quick.calibration.measurements}
    assert dropped["barrier"] == 7
    assert dropped["fma"] == 0


@pytest.mark.parametrize("features", [("sse2",), ("sse2", "avx"), ("sse2", "avx", "avx2", "fma")])
def test_lesser_machines_are_calibrated_alike(features: tuple[str, ...]) -> None:
    machine = make_machine(features=features, fma_pipes=None)
    # What 128-bit loads can bring.
    caches = (Level(32 << 10, 90e9), Level(1 << 20, 60e9), Level(32 << 20, 30e9, shared=True))
    calibration = run(three(Planted(caches=caches)), machine=machine).calibration
    assert calibration.valid
    compute = [c for c in calibration.ceilings if c.kind == "compute" and c.mix != "fma+add"]
    # Of one thread and of all: both precisions at full width, single at the others.
    assert len(compute) == 2 * (1 + len(isa.vectors(machine)))
    assert [c.evidence["pipes"] for c in compute] == pytest.approx([2.0] * len(compute), rel=0.01)


def test_a_record_says_what_others_did_in_each_round_and_what_that_means(tmp_path: Path) -> None:
    """The host's time stands still for the first child, and then others use all of it."""

    class Loaded(FakeChild):
        def ask(self, verb: str, **arguments: Any) -> Any:
            if verb == "end_round":
                ticks[0] += 1000
                put(tmp_path, "proc/stat", f"cpu {ticks[0]} 0 0 {ticks[0]} 0 0 0 0")
            return super().ask(verb, **arguments)

    ticks, watch = [0], Watch()
    put(tmp_path, "proc/stat", "cpu 0 0 0 0 0 0 0 0")
    children = Children(
        FakeChild(watch=watch), Loaded(watch=watch), Loaded(watch=watch, cpu_seconds=10.0)
    )
    lookout = Lookout(tmp_path, clock=watch, own=lambda: 0.0, per_second=100)
    calibration = run(children, most=50, clock=watch, lookout=lookout).calibration
    assert [one.child for one in calibration.rounds] == [0, 0, 0, 1, 1, 2, 2]
    others = [one.others for one in calibration.rounds]
    assert others[:3] == [None] * 3
    assert others[3:5] == pytest.approx([10 / 0.5] * 2)
    # All that was used was the last child's own.
    assert others[5:] == [0.0] * 2
    told = [f for f in calibration.findings if "CPUs busy in 2 of 4 rounds" in f.what]
    assert len(told) == 1
    assert verdict(loads_as(Calibration, dumps(calibration))).word == "noisy"
