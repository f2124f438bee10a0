"""What a family shares is taken out round by round; what one member does stays."""

import random
from statistics import median

import pytest

from roofline.physics.replicates import Sample
from roofline.physics.roundwise import FEWEST, leveled, scatter


def sample(rounds: list[float]) -> Sample:
    return Sample(
        typical=median(rounds),
        low=min(rounds),
        high=max(rounds),
        count=len(rounds),
        rounds=tuple(rounds),
    )


def family(factors: list[float], members: int = 5, noise: float = 0.0) -> list[Sample]:
    draw = random.Random(3)
    return [
        sample([(10.0 + k) * f * (1 + draw.gauss(0, noise)) for f in factors])
        for k in range(members)
    ]


def test_what_all_share_in_a_round_is_gone() -> None:
    found = leveled(family([1.0, 1.7, 0.6, 1.0, 1.0]))
    assert found is not None
    for k, one in enumerate(found):
        assert one.rounds == pytest.approx([10.0 + k] * 5)
        assert (one.low, one.typical, one.high) == pytest.approx([10.0 + k] * 3)


def test_what_one_does_alone_stays() -> None:
    usual = family([1.0, 1.7, 0.6, 1.0, 1.0])
    slow = usual[2].rounds[:3] + tuple(rate * 0.5 for rate in usual[2].rounds[3:])
    found = leveled([*usual[:2], sample(list(slow)), *usual[3:]])
    assert found is not None
    assert found[0].rounds == pytest.approx([10.0] * 5)
    ratios = [rate / found[2].rounds[0] for rate in found[2].rounds]
    assert ratios == pytest.approx([1, 1, 1, 0.5, 0.5])


def test_rounds_lie_nearer_once_leveled() -> None:
    draw = random.Random(5)
    members = family([draw.lognormvariate(0, 0.3) for _ in range(9)], noise=0.01)
    found = leveled(members)
    assert found is not None
    assert all(one.high / one.low < 1.1 for one in found)
    assert all(one.high / one.low > 1.5 for one in members)


@pytest.mark.parametrize(
    "members",
    [
        family([1.0, 1.1, 0.9], members=FEWEST - 1),
        [*family([1.0, 1.1, 0.9]), sample([1.0, 2.0])],
        [*family([1.0, 1.1, 0.9]), Sample(typical=1, low=1, high=1, count=3)],
    ],
    ids=["too few", "other rounds", "rounds unknown"],
)
def test_what_was_not_seen_together_is_not_leveled(members: list[Sample]) -> None:
    assert leveled(members) is None


def test_scatter_is_a_standard_deviation_that_one_member_does_not_move() -> None:
    draw = random.Random(7)
    ratios = [draw.gauss(1.0, 0.02) for _ in range(2000)]
    assert scatter(ratios) == pytest.approx(0.02, rel=0.1)
    assert scatter([1.0, 1.01, 0.99, 1.005, 0.5]) < 0.02
