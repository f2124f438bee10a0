"""Windows whose chains disagree are set apart; chains that are wrong are not excused by that."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks import cases
from calibrate import apart, clocks
from calibrate.fit import Fit, fit
from calibrate.summary import condensed
from roofline.records import Case, Ceiling, Measurement, Rounds
from tests.builders import make_ceiling, make_machine
from tests.fake_child import Planted, measured

WINDOWS = 7 * 5
MACHINE = make_machine(fma_pipes=None, hypervisor="KVM")


def chain(name: str) -> Case:
    extra = {"chain": name, "fused": name == "vector"}
    bits = {"bits": 512} if name == "vector" else {}
    return Case(benchmark="chain", parameters=extra, isa="avx512", **bits)


def fma(threads: int = 1, benchmark: str = "fma") -> Case:
    return Case(
        benchmark=benchmark,
        parameters=cases.arithmetic(benchmark, 32, fused=True),
        isa="avx512",
        bits=512,
        threads=threads,
    )


def seen(*wanted: Case) -> list[Measurement]:
    """Return undisturbed measurements of cases, the chains alone first."""
    alone = [chain(name) for name in ("add", "imul", "vector")]
    return list(measured(Planted(), [*alone, *wanted], samples=5))


def rewritten(rounds: Rounds, change: Callable[[int, float], float]) -> Rounds:
    numbers = iter(range(10**6))
    return tuple(tuple(change(next(numbers), value) for value in row) for row in rounds)


def with_chain(one: Measurement, name: str, change: Callable[[int, float], float]) -> Measurement:
    chains = one.steps_per_second
    return replace(one, steps_per_second={**chains, name: rewritten(chains[name], change)})


def every(step: int, factor: float) -> Callable[[int, float], float]:
    return lambda number, value: value * (1.0 if number % step else factor)


def parted(one: Measurement, others: list[Measurement]) -> apart.Parted:
    return apart.part(one, clocks.derive(others))


def test_windows_that_agree_are_all_kept() -> None:
    *alone, one = seen(fma())
    found = parted(one, alone)
    assert (found.apart, found.windows) == (0, WINDOWS)
    assert found.kept is one
    assert found.evidence == {}


@pytest.mark.parametrize("name", ["imul", "vector"])
@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_window_in_which_either_chain_is_off_is_set_apart(name: str, factor: float) -> None:
    *alone, one = seen(fma())
    found = parted(with_chain(one, name, every(3, factor)), alone)
    assert (found.apart, found.windows) == (12, WINDOWS)
    assert found.evidence == {"set_apart": 12, "windows": WINDOWS}
    kept = found.kept
    assert sum(map(len, kept.seconds)) == WINDOWS - 12
    for rows in kept.steps_per_second.values():
        assert list(map(len, rows)) == list(map(len, kept.seconds))
    first = one.steps_per_second[name][0]
    assert kept.steps_per_second[name][0] == (first[1], first[2], first[4])


def test_rates_go_with_their_windows() -> None:
    *alone, one = seen(fma())
    slow = replace(one, seconds=rewritten(one.seconds, every(3, 9.0)))
    kept = parted(with_chain(slow, "imul", every(3, 0.9)), alone).kept
    assert max(max(row) for row in kept.seconds) < 2 * min(min(row) for row in kept.seconds)


def test_a_chain_that_is_wrong_in_every_window_excuses_none() -> None:
    *alone, one = seen(fma())
    wrong = with_chain(one, "imul", lambda _, value: 1.4 * value)
    found = parted(wrong, alone)
    assert (found.apart, found.windows) == (WINDOWS, WINDOWS)
    assert found.kept is wrong


def test_a_chain_that_is_wrong_in_most_windows_excuses_none() -> None:
    *alone, one = seen(fma())
    wrong = with_chain(one, "imul", lambda n, value: value if n % 5 == 0 else 1.04 * value)
    found = parted(wrong, alone)
    assert found.kept is wrong
    assert found.apart == 28


def test_a_team_of_siblings_is_held_to_the_wider_limit_only_where_it_must_be() -> None:
    *alone, one = seen(fma(threads=2))
    siblings = with_chain(one, "imul", lambda _, value: 1.044 * value)
    assert parted(siblings, alone).apart == 0
    neighbours = with_chain(one, "imul", every(3, 1.044))
    assert parted(neighbours, alone).apart == 12


def test_without_chains_nothing_is_set_apart() -> None:
    *_, one = seen(fma())
    assert parted(one, []).kept is one
    assert parted(one, []).windows == 0


def lost(name: str, some: int, of: int = 49, threads: int = 1) -> Ceiling:
    evidence = {"set_apart": some, "windows": of} if some else {}
    return make_ceiling(name=name, threads=threads, evidence=evidence)


def test_the_figure_that_lost_most_stands_for_all() -> None:
    ceilings = [lost("a", 3), lost("b", 0), lost("c", 20, threads=16)]
    (finding,) = apart.found(ceilings)
    assert finding.what == "set apart: 20 of 49 windows of c (16 cores), fewer of 1 other loads"
    assert finding.severity == "warning"
    assert finding.command


def test_a_window_now_and_then_is_a_note() -> None:
    (finding,) = apart.found([lost("a", 3)])
    assert finding.severity == "note"
    assert finding.what == "set apart: 3 of 49 windows of a (1 core)"


def test_what_was_refused_was_not_set_apart() -> None:
    assert apart.found([lost("a", 40), lost("b", 0)]) == ()


# The whole way to a record.


def disturbed(share: float, steal: float, one: Measurement, seed: int) -> Measurement:
    """Return a measurement some of whose windows a neighbour was in: chain and load lose."""
    dice = random.Random(seed)
    there = [dice.random() < share for row in one.seconds for _ in row]
    chains = one.steps_per_second
    if "imul" not in chains:
        return one
    late = replace(
        one, seconds=rewritten(one.seconds, lambda n, t: t / (1 - steal) if there[n] else t)
    )
    return with_chain(late, "vector", lambda n, r: r * 0.93 if there[n] else r)


def refused(found: Fit) -> list[str]:
    return [finding.what for finding in found.findings if finding.severity == "invalid"]


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_disturbed_calibration_is_taken_and_reads_what_a_quiet_one_does(share: float) -> None:
    quiet = seen(fma())
    noisy = [disturbed(share, 0.3, one, n) for n, one in enumerate(quiet)]
    assert refused(fit(MACHINE, noisy)) == []
    (expected,), (found,) = (
        [c for c in fit(MACHINE, some).ceilings if c.kind == "compute"] for some in (quiet, noisy)
    )
    assert found.evidence["set_apart"] == pytest.approx(share * WINDOWS, abs=6)
    assert found.evidence["windows"] == WINDOWS
    assert found.evidence["clock_agreement"] == pytest.approx(1.0, abs=0.005)
    assert found.typical == pytest.approx(expected.typical, rel=0.005)
    for name in ("flop_per_cycle", "flop_per_cycle_median"):
        assert found.evidence[name] == pytest.approx(expected.evidence[name], rel=0.005)


def test_too_many_disturbed_windows_are_refused_with_their_number() -> None:
    noisy = [disturbed(0.9, 0.3, one, n) for n, one in enumerate(seen(fma()))]
    (what,) = [words for words in refused(fit(MACHINE, noisy)) if "two chains" in words]
    assert f"of {WINDOWS} windows" in what


def test_a_kernel_that_is_slow_in_quiet_windows_is_refused_beside_neighbours() -> None:
    slow = [
        replace(one, seconds=rewritten(one.seconds, lambda _, t: t / 0.75))
        if one.case.benchmark == "fma"
        else one
        for one in seen(fma())
    ]
    noisy = [disturbed(0.4, 0.3, one, n) for n, one in enumerate(slow)]
    assert any("not a whole number" in what for what in refused(fit(MACHINE, noisy)))


def test_a_round_set_apart_as_a_whole_has_no_say_and_keeps_its_place() -> None:
    quiet = seen(fma())
    noisy = [
        with_chain(one, "imul", lambda n, r: r * 0.8 if 5 <= n < 10 else r)
        if one.case.benchmark == "fma"
        else one
        for one in quiet
    ]
    found = fit(MACHINE, noisy)
    (kept,) = condensed([m for m in found.measurements if m.case.benchmark == "fma"])
    assert [len(row) for row in kept.seconds] == [1, 0, 1, 1, 1, 1, 1]
    (one,) = [c for c in found.ceilings if c.kind == "compute"]
    assert one.evidence["set_apart"] == 5
    rates = sorted(kept.work.flops / row[0] for row in kept.seconds if row)
    assert one.low == pytest.approx(rates[0], rel=1e-3)
    assert one.high == pytest.approx(rates[-1], rel=1e-3)


def test_operations_lose_their_disturbed_windows_too() -> None:
    quiet = seen(fma(benchmark="divide"))
    noisy = [disturbed(0.4, 0.3, one, n) for n, one in enumerate(quiet)]
    (expected,), (found,) = (
        [c for c in fit(MACHINE, some).ceilings if c.kind == "operation"] for some in (quiet, noisy)
    )
    assert "set_apart" in found.evidence
    assert "set_apart" not in expected.evidence
    assert found.evidence["cycles"] == pytest.approx(expected.evidence["cycles"], rel=0.01)
    assert found.typical == pytest.approx(expected.typical, rel=0.005)
