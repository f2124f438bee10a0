"""Verdicts from what two calibrations say of a ceiling."""

from dataclasses import replace
from typing import Any

import pytest

from roofline.physics.replicates import Contrast
from roofline.physics.verdicts import Evidence, Outcome, distance, together_of, verdict
from tests.reference import reference


def seen(ratio: float, best: float | None, **facts: Any) -> Evidence:
    held = facts.pop("interval", (0.95 * ratio, 1.05 * ratio))
    p = facts.pop("p", 0.5)
    known: dict[str, Any] = {
        "floor": 0.1,
        "together": 0.09,
        "beyond_chance": False,
        "wide": 0.0,
        "among": 50,
    }
    contrast = Contrast(ratio=ratio, interval=held, p=p)
    return Evidence(contrast=contrast, best=best, **(known | facts))


@pytest.mark.parametrize(
    ("ratio", "best", "outcome"),
    [
        (0.85, 0.85, "changed"),
        (1.18, 1.18, "changed"),
        # Neighbours took typical values, or let only the other calibration have its best.
        (0.80, 0.99, "can't tell"),
        (0.99, 0.85, "can't tell"),
        (1.15, 0.85, "can't tell"),
        # One of the two says less, the other more.
        (0.92, 0.87, "changed"),
        (0.93, 0.95, "can't tell"),
        (1.00, 1.00, "same"),
    ],
)
def test_caches_change_when_typical_and_best_windows_agree(
    ratio: float, best: float, outcome: Outcome
) -> None:
    assert verdict(seen(ratio, best))[0] == outcome


def test_where_rounds_agree_a_smaller_change_is_told() -> None:
    calm = seen(0.96, 0.965, floor=0.02, beyond_chance=True, wide=0.01)
    assert verdict(calm)[0] == "changed"
    assert verdict(replace(calm, beyond_chance=False))[0] == "can't tell"
    assert verdict(replace(calm, wide=0.05))[0] == "can't tell"
    assert verdict(replace(calm, best=0.99))[0] == "can't tell"


def test_what_has_no_best_windows_changes_by_ranks_beyond_floor_and_spread() -> None:
    def judged(**facts: Any) -> str:
        return verdict(seen(0.8, None, **facts))[0]

    assert judged(beyond_chance=True) == "changed"
    assert judged(beyond_chance=False) == "can't tell"
    assert judged(beyond_chance=True, wide=0.3) == "can't tell"
    assert judged(beyond_chance=True, floor=0.3) == "can't tell"


def test_too_few_rounds_tell_nothing_whatever_the_best() -> None:
    assert verdict(seen(0.5, 0.5, interval=None)) == ("can't tell", "too few rounds")


def test_pipes_and_caches_have_best_windows_and_memory_has_none() -> None:
    floors = {(c.kind, c.level): together_of(c) for c in reference().ceilings}
    assert floors["compute", None] is not None
    assert all(floors["bandwidth", level] is not None for level in ("L1", "L2", "L3"))
    assert floors["bandwidth", "DRAM"] is None
    assert floors["overhead", None] is None
    assert floors["clock", None] is None


def test_a_distance_is_the_same_in_either_direction() -> None:
    assert distance(0.8) == pytest.approx(distance(1.25)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("changes", "together"),
    [({"direction": "read"}, 0.09), ({"direction": "triad"}, 0.09), ({"direction": "copy"}, None)],
)
def test_what_a_round_visits_once_is_judged_by_its_rounds(
    changes: dict[str, str], together: float | None
) -> None:
    read = reference().ceiling("l1-read", 1)
    assert read is not None
    assert together_of(replace(read, **changes)) == together


def test_mixes_that_a_neighbour_slows_are_judged_by_their_rounds() -> None:
    fma = reference().ceiling("fma-float32-512", 1)
    assert fma is not None
    assert together_of(fma) == 0.09
    assert together_of(replace(fma, mix="fma+add")) is None


def test_a_figure_of_memory_is_judged_by_how_far_its_family_lies_apart() -> None:
    slow = seen(0.85, None, scatter=0.02, p=0.01)
    assert verdict(slow) == ("changed", "15% less")
    assert verdict(replace(slow, scatter=0.05))[0] == "changed"
    assert verdict(replace(slow, scatter=0.06))[0] == "can't tell"
    assert verdict(seen(0.85, None, scatter=0.02, p=0.2))[0] == "can't tell"
    assert verdict(seen(0.95, None, scatter=0.02, p=0.01))[0] != "changed"
