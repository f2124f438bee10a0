"""Pairs are taken in the promised order, and ratios and intervals follow from them."""

import dataclasses

import pytest

from tests.versus_fakes import FakeChild, FakeRival, MeanRival, failure, figure
from versus.run import Compared, Ours, Pair, Row, compare

# What one repetition of the fakes' figure does: turns x unroll x accumulators x lanes x 2.
FLOPS = 4096 * 2 * 24 * 16 * 2


def run(rates: list[float | Exception], *, pairs: int) -> tuple[Compared, FakeRival, FakeChild]:
    """Compare one figure with a fake rival; our rate is FLOPS / 1 ms."""
    diary: list[str] = []
    child = FakeChild(diary, lambda _number: [1e-3] * 7)
    rival = FakeRival(rates, diary)
    ours = Ours(child, [figure()])
    return compare([figure()], [rival], ours, (3, 5), pairs=pairs), rival, child


def row(ratios: list[float], **changes: float | None) -> Row:
    """Return a row of these ratios."""
    pairs = tuple(Pair(ours=ratio * 2e9, theirs=2e9, ours_mean=2e9) for ratio in ratios)
    return Row(figure=figure(**changes), rival="fake", statistic="median", pairs=pairs)


def test_runs_take_turns_so_that_drift_hits_both_alike() -> None:
    _, rival, _ = run([1e12] * 5, pairs=5)
    assert " ".join(rival.diary) == "ours theirs theirs ours ours theirs theirs ours ours theirs"


def test_a_pair_holds_both_rates_and_none_is_lost() -> None:
    theirs = [2e11, 4e11, 1e11]
    found = run([*theirs], pairs=3)[0].rows[0]
    assert [pair.theirs for pair in found.pairs] == theirs
    assert [pair.ours for pair in found.pairs] == pytest.approx([FLOPS / 1e-3] * 3)
    assert found.ratios == pytest.approx([FLOPS / 1e-3 / rate for rate in theirs])


def test_both_sides_run_on_as_many_cpus_as_the_figure_has_threads() -> None:
    assert run([1e12] * 2, pairs=2)[1].cpus == [(3,), (3,)]


def test_each_of_our_runs_begins_on_fresh_memory_and_lasts_as_long_as_the_rivals() -> None:
    child = run([1e12] * 2, pairs=2)[2]
    verbs = [verb for verb, _ in child.asked]
    assert verbs == ["prepare", "begin_round", "run", "run", "begin_round", "run"]
    # Half a second of samples of ten repetitions of a millisecond; three in the trial.
    assert [samples for verb, samples in child.asked if verb == "run"] == [3, 50, 50]


def test_our_rate_is_the_median_and_the_mean_is_kept_beside_it() -> None:
    child = FakeChild([], lambda _number: [1e-3, 1e-3, 4e-3])
    middle, mean = Ours(child, [figure()]).rates(figure(), 0.5)
    assert middle == pytest.approx(FLOPS / 1e-3)
    assert mean == pytest.approx(FLOPS / 2e-3)


def test_a_memory_figure_is_a_rate_of_bytes() -> None:
    from tests.versus_fakes import host
    from versus.figures import figures

    triad = next(one for one in figures(host()) if one.name == "dram-triad-nt")
    assert triad.rate(0.01) == pytest.approx(3 * (128 << 20) / 0.01, rel=1e-3)


def test_the_interval_of_nine_pairs_leaves_one_out_at_each_end() -> None:
    nine = row([0.90, 0.95, 0.97, 0.98, 1.00, 1.01, 1.02, 1.05, 1.30])
    assert nine.ratio == pytest.approx(1.00)
    # Of nine, 2 P(X <= 1) = 2 (1 + 9) / 512 = 0.039: the second and the eighth.
    assert nine.interval == pytest.approx((0.95, 1.05))


def test_a_goal_is_judged_by_the_median_and_where_asked_by_the_intervals_end() -> None:
    high, low = [1.0] * 9, [0.98] * 9
    assert row(high).met is True
    assert row(low).met is False
    assert row(low, goal=0.98, reaching=1.0).met is False
    assert row([*low[:5], *high[:4]], goal=0.98, reaching=1.0).met is True
    assert row(high, goal=None).met is None


def test_two_pairs_have_no_interval_and_no_verdict() -> None:
    assert row([0.5, 0.5]).interval is None
    assert row([0.5, 0.5]).met is None


def test_a_rival_that_reports_means_is_compared_by_means_too() -> None:
    diary: list[str] = []
    child = FakeChild(diary, lambda _number: [1e-3, 1e-3, 4e-3])
    rival = MeanRival([FLOPS / 2e-3] * 3, diary)
    found = compare([figure()], [rival], Ours(child, [figure()]), (0,), pairs=3).rows[0]
    assert found.ratio == pytest.approx(2.0)
    assert found.ratio_of_means == pytest.approx(1.0)
    assert row([1.0]).ratio_of_means is None


def test_a_median_that_is_ahead_of_a_mean_meets_no_goal() -> None:
    unlike = dataclasses.replace(row([1.2] * 9), statistic="mean")
    assert (unlike.ratio, unlike.ratio_of_means) == pytest.approx((1.2, 1.0))
    assert unlike.met is True
    behind = tuple(dataclasses.replace(pair, ours_mean=1.9e9) for pair in unlike.pairs)
    assert dataclasses.replace(unlike, pairs=behind).met is False


def test_what_a_rival_lacks_is_said_once_with_its_figures() -> None:
    other, another = figure("a", equivalents={}), figure("b", equivalents={})
    ours = Ours(FakeChild([], lambda _number: [1e-3]), [])
    found = compare([other, another], [FakeRival([], [])], ours, (0,), pairs=1)
    assert found.rows == []
    assert [(left.figures, left.reason) for left in found.left] == [
        (("a", "b"), "it has no such kernel")
    ]


def test_an_absent_rival_is_said_and_never_run() -> None:
    rival = FakeRival([], [])
    rival.absent = "it isn't on PATH"
    ours = Ours(FakeChild([], lambda _number: [1e-3]), [])
    found = compare([figure()], [rival], ours, (0,), pairs=1)
    assert [(left.figures, left.reason, left.failed) for left in found.left] == [
        ((), "it isn't on PATH", False)
    ]


def test_a_rival_that_fails_is_said_and_the_other_figures_go_on() -> None:
    diary: list[str] = []
    rival = FakeRival([1e12, failure(), 1e12, 1e12], diary)
    ours = Ours(FakeChild(diary, lambda _number: [1e-3]), [])
    both = [figure("a"), figure("b")]
    found = compare(both, [rival], ours, (0,), pairs=2)
    assert [one.figure.name for one in found.rows] == ["b"]
    assert [(left.figures, left.reason, left.failed) for left in found.left] == [
        (("a",), "it fell over", True)
    ]
