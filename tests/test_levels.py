"""Cache levels found in simulated curves: plateaus, slopes between them, noise and outliers."""

import math
import random

import pytest

from calibrate import levels
from calibrate.levels import Level, Point
from roofline.physics import robust

KIB, MIB = 1 << 10, 1 << 20
START, END = 4 * KIB, 128 * MIB
SEEDS = range(3)
Planted = tuple[tuple[float, ...], tuple[float, ...]]

# Capacities, and the B/s of each level with memory last; neighbours differ by 1.3 x at least.
MACHINES: dict[str, Planted] = {
    "one cache": ((32 * KIB,), (100e9, 20e9)),
    "one cache, hardly faster": ((64 * KIB,), (91e9, 70e9)),
    "two caches": ((32 * KIB, 1 * MIB), (200e9, 100e9, 20e9)),
    "two caches, wide apart": ((48 * KIB, 20 * MIB), (130e9, 100e9, 70e9)),
    "three caches": ((32 * KIB, 1 * MIB, 32 * MIB), (210e9, 110e9, 84e9, 28e9)),
    "three caches, the second small": ((32 * KIB, 512 * KIB, 16 * MIB), (240e9, 120e9, 80e9, 25e9)),
    "three caches by small steps": ((32 * KIB, 1 * MIB, 32 * MIB), (210e9, 160e9, 120e9, 90e9)),
}
KNOWN = pytest.mark.parametrize("planted", MACHINES.values(), ids=MACHINES.keys())


def curve(
    planted: Planted,
    *,
    seed: int = 0,
    noise: float = 0.02,
    slope: float = 1.0,
    per_octave: int = 2,
) -> list[Point]:
    """Simulate a curve: beyond its capacity a cache holds ever less, nothing at (1 + slope) x."""
    capacities, bandwidths = planted
    dice = random.Random(seed)
    points = []
    for step in range(int(math.log2(END / START) * per_octave) + 1):
        size = START * 2 ** (step / per_octave)
        seconds = 1 / bandwidths[-1]
        for capacity, bandwidth in reversed(list(zip(capacities, bandwidths, strict=False))):
            held = min(1.0, max(0.0, 1 - (size / capacity - 1) / slope))
            seconds = held / bandwidth + (1 - held) * seconds
        points.append(Point(size, (1 + dice.gauss(0, noise)) / seconds))
    return points


def assert_found(found: list[Level] | tuple[Level, ...], planted: Planted) -> None:
    capacities, bandwidths = planted
    assert len(found) == len(bandwidths)
    for level, capacity in zip(found, capacities, strict=False):
        assert level.capacity is not None
        assert capacity / 1.5 < level.capacity < capacity * 1.5
    assert found[-1].capacity is None
    for level, bandwidth in zip(found, bandwidths, strict=True):
        assert level.plateau == pytest.approx(bandwidth, rel=0.1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slope", [0.1, 0.5, 1.0])
@KNOWN
def test_each_capacity_is_found_where_the_number_of_caches_is_known(
    planted: Planted, slope: float, seed: int
) -> None:
    found = levels.find(curve(planted, seed=seed, slope=slope), planted[0])
    assert_found(found.levels, planted)
    assert found.places == tuple(range(len(planted[0])))


@pytest.mark.parametrize("outlier", [0.5, 0.8])
@pytest.mark.parametrize("slope", [0.5, 1.0])
@KNOWN
def test_one_disturbed_point_moves_no_capacity(
    planted: Planted, slope: float, outlier: float
) -> None:
    points = curve(planted, slope=slope)
    for place in range(1, len(points) - 1):
        disturbed = Point(points[place].size, outlier * points[place].bandwidth)
        found = levels.find([*points[:place], disturbed, *points[place + 1 :]], planted[0])
        assert_found(found.levels, planted)


@KNOWN
def test_most_curves_tell_the_number_of_caches_by_themselves(planted: Planted) -> None:
    """Not all do: a stretch of a slope may look like a short plateau."""
    counts = [len(levels.find(curve(planted, seed=seed)).levels) for seed in range(20)]
    assert counts.count(len(planted[1])) >= 18


@pytest.mark.parametrize("seed", SEEDS)
def test_octaves_are_fine_enough_for_levels_far_apart(seed: int) -> None:
    planted = MACHINES["three caches, the second small"]
    found = levels.find(curve(planted, seed=seed, per_octave=1), planted[0])
    assert_found(found.levels, planted)


def test_the_order_of_the_points_does_not_matter() -> None:
    planted = MACHINES["three caches"]
    points = curve(planted)
    shuffled = random.Random(1).sample(points, len(points))
    assert levels.find(shuffled, planted[0]) == levels.find(points, planted[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flat_curve_is_one_level_whatever_is_reported(seed: int) -> None:
    flat = curve(((), (50e9,)), seed=seed)
    found = levels.find(flat, (32 * KIB, 1 * MIB, 32 * MIB))
    assert len(found.levels) == 1
    assert found.places == ()
    assert found.levels[0].capacity is None


@pytest.mark.parametrize("seed", SEEDS)
def test_two_levels_that_read_alike_are_one_and_take_the_outer_ones_place(seed: int) -> None:
    reported = (32 * KIB, 1 * MIB, 32 * MIB)
    alike = (reported, (200e9, 80e9, 80e9, 20e9))
    found = levels.find(curve(alike, seed=seed), reported)
    assert len(found.levels) == 3
    assert found.places == (0, 2)


def test_a_guests_share_of_a_large_cache_is_still_that_cache() -> None:
    reported = (32 * KIB, 1 * MIB, 256 * MIB)
    found = levels.find(curve(MACHINES["three caches"]), reported)
    assert found.places == (0, 1, 2)


@pytest.mark.parametrize("count", range(1, 8))
def test_few_points_make_few_levels(count: int) -> None:
    points = [Point(2.0**k, 100.0 / 4**k) for k in range(count)]
    assert len(levels.split(points, 4)) == max(1, count // 2)


def test_a_level_has_two_points_at_least() -> None:
    for found in levels.split(curve(MACHINES["three caches"]), 4):
        assert len(found.points) >= 2


def test_a_split_keeps_every_point_once() -> None:
    points = curve(MACHINES["three caches"])
    assert [p for level in levels.split(points, 4) for p in level.points] == points


def test_the_capacity_lies_where_the_time_of_a_byte_begins_to_rise() -> None:
    """It rises linearly from 8 on, and crosses shares of its way between the measured sizes."""
    plateaus = [Point(2.0**k, 100.0 if k < 4 else 10.0) for k in range(8)]
    near, far = levels.split(plateaus, 2)
    assert (near.plateau, far.plateau) == (100.0, 10.0)
    assert near.capacity is not None
    assert 8 <= near.capacity < 12
    assert far.capacity is None
    sizes = [2 ** (k / 2) for k in range(16)]
    rising = [Point(s, 1 / (0.01 + 0.09 * min(1, max(0, s / 8 - 1)))) for s in sizes]
    near, far = levels.split(rising, 2)
    assert near.capacity is not None
    assert 8 <= near.capacity < 10


def medians(planted: Planted, noise: float, slope: float, seed: int) -> list[Point]:
    """Return a curve as it is concluded from nine rounds, each with lognormal noise."""
    dice = random.Random(seed)
    return [
        Point(
            one.size,
            robust.median([one.bandwidth * math.exp(dice.gauss(0, noise)) for _ in range(9)]),
        )
        for one in curve(planted, noise=0.0, slope=slope)
    ]


@pytest.mark.parametrize("noise", [0.03, 0.05])
@pytest.mark.parametrize("slope", [0.1, 0.5, 1.0, 1.5])
@KNOWN
def test_each_capacity_is_found_within_a_factor_of_one_and_a_half(
    planted: Planted, slope: float, noise: float
) -> None:
    for seed in range(8):
        found = levels.find(medians(planted, noise, slope, seed), planted[0])
        assert_found(found.levels, planted)


@pytest.mark.parametrize(("slope", "least"), [(0.5, 1.0), (1.0, 1.0), (1.5, 0.8), (2.0, 0.7)])
def test_a_tenth_of_noise_hides_capacities_only_where_slopes_are_soft_as_well(
    slope: float, least: float
) -> None:
    """What is then missed are neighbours that differ by 1.3 x: three times the noise of a point."""
    found = [
        _is_found(medians(planted, 0.1, slope, seed), planted)
        for planted in MACHINES.values()
        for seed in range(6)
    ]
    assert sum(found) >= least * len(found)


def _is_found(points: list[Point], planted: Planted) -> bool:
    found = levels.find(points, planted[0]).levels
    ends = zip([level.capacity or 0 for level in found], planted[0], strict=False)
    right = all(true / 1.5 < end < true * 1.5 for end, true in ends)
    return right and len(found) == len(planted[1])


@pytest.mark.parametrize(
    ("found", "reported", "places"),
    [
        ((30e3, 0.9e6, 20e6), (32e3, 1e6, 32e6), (0, 1, 2)),
        ((30e3, 20e6), (32e3, 1e6, 32e6), (0, 2)),
        ((30e3, 0.8e6), (32e3, 1e6, 32e6), (0, 1)),
        ((20e6,), (32e3, 1e6, 32e6), (2,)),
        ((), (32e3,), ()),
        ((200e3,), (32e3,), None),
        ((1e3, 2e3), (32e3,), None),
    ],
)
def test_found_capacities_are_matched_to_the_nearest_reported_ones_in_order(
    found: tuple[float, ...], reported: tuple[float, ...], places: tuple[int, ...] | None
) -> None:
    assert levels.match(found, reported) == places


def level(*sizes: float, capacity: float | None) -> Level:
    return Level(tuple(Point(size, 1.0) for size in sizes), 1.0, capacity)


@pytest.mark.parametrize(
    ("capacity", "expected"), [(32.0, 16.0), (45.0, 24.0), (9.0, 4.0), (1.0, 4.0)]
)
def test_a_level_is_read_at_about_half_of_its_capacity(capacity: float, expected: float) -> None:
    assert levels.representative(level(4, 8, 16, 24, 32, capacity=capacity)).size == expected


def test_a_level_is_never_read_near_its_end() -> None:
    # 30 is nearer to a half of 40 than 8 is, but shares its traffic with the next level.
    assert levels.representative(level(2, 8, 31, capacity=40)).size == 8


@pytest.mark.parametrize("capacity", [23.5, 28.0, 32.0, 40.0])
def test_a_level_that_ends_about_where_reported_is_read_at_half_of_that(capacity: float) -> None:
    # Of two records of one machine that found 28 and 40, both are read off at 16.
    points = level(4, 8, 11, 16, 22, 32, capacity=capacity)
    assert levels.representative(points, reported=32.0).size == 16


@pytest.mark.parametrize("capacity", [12.0, 15.4, 16.0, 20.0, 22.0])
def test_a_share_of_a_cache_is_read_at_half_of_about_that_share(capacity: float) -> None:
    # Records of one machine that found from 15.4 to 22.0 are all read off at 8.
    points = level(4, 5.7, 8, 11, 16, 22, 32, capacity=capacity)
    assert levels.representative(points, reported=32.0).size == 8


def test_a_small_share_of_a_large_cache_is_read_inside_of_that_share() -> None:
    points = level(2, 4, 8, 11, 16, 22, 32, capacity=20.0)
    assert levels.representative(points, reported=300.0).size == 8


def test_memory_is_read_at_the_largest_size() -> None:
    assert levels.representative(level(64, 128, 256, capacity=None)).size == 256
