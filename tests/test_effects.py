"""Overheads by name, and losses as ratios paired by round: planted ones seen, others not."""

import random
from dataclasses import replace

import pytest

from calibrate import effects
from roofline.records import Case, Ceiling, Measurement, Scalar
from tests.fake_child import MIB, Planted, measured


def triad(size: int = 96 * MIB, threads: int = 1, **switched: Scalar) -> Case:
    return Case(
        benchmark="triad",
        parameters={"store": "ordinary", **switched},
        isa="avx512",
        bits=512,
        threads=threads,
        working_set_bytes=size,
    )


def fma(threads: int = 1, mix: str = "fma", **switched: Scalar) -> Case:
    return Case(
        benchmark=mix,
        parameters={"accumulators": 24, **switched},
        isa="avx512",
        bits=512,
        threads=threads,
    )


EVERYTHING = [
    *(fma(threads) for threads in (1, 2)),
    *(fma(threads, pinned=False) for threads in (1, 2)),
    *(
        triad(threads=threads, **switched)
        for threads in (1, 2)
        for switched in (
            {},
            {"pinned": False},
            {"huge": False},
            {"huge": False, "prefaulted": False},
        )
    ),
]


def seen(planted: Planted, *, seed: int = 0, rounds: int = 9) -> dict[tuple[str, int], Ceiling]:
    measurements = measured(planted, EVERYTHING, seed=seed, rounds=rounds)
    return {(c.name, c.threads): c for c in effects.effects(measurements)}


def holds_one(effect: Ceiling) -> bool:
    assert effect.interval is not None
    return effect.interval[0] <= 1 <= effect.interval[1]


def test_every_loss_is_named_for_every_team() -> None:
    names = ("unpinned-fma", "unpinned-triad", "small-pages-triad", "unprefaulted-triad")
    assert set(seen(Planted())) == {(name, threads) for name in names for threads in (1, 2)}


def test_where_nothing_is_lost_the_interval_nearly_always_holds_one() -> None:
    """Each of 8 effects misses it in at most 5 % of all runs; of 320, some 13 are expected."""
    found = [holds_one(one) for seed in range(40) for one in seen(Planted(), seed=seed).values()]
    assert len(found) == 320
    assert found.count(False) <= 26


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("switch", "name"),
    [
        ("pinned", "unpinned-triad"),
        ("huge", "small-pages-triad"),
        ("prefaulted", "unprefaulted-triad"),
    ],
)
def test_a_planted_factor_of_three_is_seen_where_it_is_and_nowhere_else(
    switch: str, name: str, seed: int
) -> None:
    found = seen(Planted(losses={switch: 3.0}, noise=0.02), seed=seed)
    for threads in (1, 2):
        one = found[name, threads]
        assert one.typical == pytest.approx(3.0, rel=0.05)
        assert not holds_one(one)
        assert one.low <= one.typical <= one.high
    others = {"unpinned-triad", "small-pages-triad", "unprefaulted-triad"} - {name}
    for other in others:
        assert found[other, 1].typical == pytest.approx(1.0, rel=0.05)


def stretched(one: Measurement, factors: list[float]) -> Measurement:
    """Return a measurement whose rounds are each longer by a factor."""
    pairs = zip(one.seconds, factors, strict=True)
    return replace(one, seconds=tuple(tuple(s * f for s in samples) for samples, f in pairs))


def test_rounds_are_paired_so_that_a_drift_of_the_machine_cancels() -> None:
    dice = random.Random(5)
    drift = [dice.uniform(1, 4) for _ in range(9)]
    pair = measured(Planted(noise=0.001), [fma(), fma(pinned=False)], rounds=9)
    (one,) = effects.effects([stretched(measurement, drift) for measurement in pair])
    assert one.typical == pytest.approx(1.0, abs=0.002)
    assert one.spread is not None
    assert one.spread < 0.01


def test_rounds_that_do_not_pair_up_are_an_error() -> None:
    (base,) = measured(Planted(), [fma()], rounds=7)
    (variant,) = measured(Planted(), [fma(pinned=False)], rounds=6)
    with pytest.raises(ValueError, match="argument"):
        list(effects.effects([base, variant]))


def test_a_variant_without_its_base_is_no_effect() -> None:
    assert list(effects.effects(measured(Planted(), [fma(pinned=False)]))) == []
    assert list(effects.effects(measured(Planted(), [fma()]))) == []


@pytest.mark.parametrize(
    "other", [triad(48 * MIB), triad(threads=2), replace(triad(), bits=256), fma()]
)
def test_only_the_same_size_team_and_width_is_a_base(other: Case) -> None:
    assert list(effects.effects(measured(Planted(), [other, triad(pinned=False)]))) == []


def test_prefaulting_is_compared_on_pages_of_the_same_size() -> None:
    found = seen(Planted(losses={"huge": 2.0, "prefaulted": 3.0}))
    assert found["small-pages-triad", 1].typical == pytest.approx(2.0, rel=0.02)
    assert found["unprefaulted-triad", 1].typical == pytest.approx(3.0, rel=0.02)


def test_a_kernel_without_fma_loses_under_the_same_name() -> None:
    pair = measured(Planted(), [fma(mix="mul+add"), fma(mix="mul+add", pinned=False)])
    assert [one.name for one in effects.effects(pair)] == ["unpinned-fma"]


def test_an_effect_is_a_ratio_over_its_rounds() -> None:
    one = seen(Planted(), rounds=7)["unpinned-fma", 2]
    assert (one.kind, one.unit, one.threads) == ("effect", "1", 2)
    # How many rounds there were, the measurements beside it say.
    assert one.evidence == {}
    assert one.interval == (one.low, one.high)


OVERHEADS = [
    Case(benchmark="first-touch", parameters={"huge": False}, working_set_bytes=8 * MIB),
    Case(benchmark="first-touch", parameters={"huge": True}, working_set_bytes=32 * MIB),
    Case(benchmark="timer"),
    Case(benchmark="barrier", threads=2),
]


def test_overheads_carry_their_names_and_seconds() -> None:
    planted = Planted()
    found = {c.name: c for c in effects.overheads(measured(planted, [*OVERHEADS, fma()]))}
    assert {name: one.threads for name, one in found.items()} == {
        "first-touch-4k": 1,
        "first-touch-huge": 1,
        "timer": 1,
        "barrier": 2,
    }
    assert {(one.kind, one.unit) for one in found.values()} == {("overhead", "s")}
    assert found["first-touch-4k"].typical == pytest.approx(planted.page_seconds, rel=0.01)
    assert found["first-touch-huge"].typical == pytest.approx(planted.huge_page_seconds, rel=0.01)
    assert found["timer"].typical == pytest.approx(planted.timer_seconds, rel=0.01)
    assert found["barrier"].typical == pytest.approx(planted.barrier_seconds, rel=0.01)


def test_the_best_round_of_an_overhead_costs_least() -> None:
    (one,) = effects.overheads(measured(Planted(noise=0.1), OVERHEADS[:1]))
    assert one.high < one.typical < one.low
    assert one.evidence["verdict"]
