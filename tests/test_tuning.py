"""Tuning: what is tried, when the model's choice stays, what is remembered and for whom."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.conv import tuning
from benchmarks.conv.operator import Operator, plan, train
from benchmarks.conv.tuning import Tuned, Tuner, gain
from benchmarks.kernels import KernelCache
from roofline.physics.variants import STEPS
from roofline.records import Case, ConvShape
from tests.conv_builders import VECTORS, Bench, case_of

WIDEST = VECTORS[max(VECTORS)]
SHAPE = ConvShape(
    batch=1, in_channels=64, height=28, width=28, out_channels=64, kernel=(3, 3), padding=(1, 1)
)


def tune(bench: Bench, case: Case, folder: Path, node: str = "here") -> Tuned:
    """Tune a case, remembering in a folder."""
    planned = plan(case)
    kernels = KernelCache(bench.kernels.folder)
    # Compiled where all tests have them; what is found must not be theirs.
    kernels_here = _Elsewhere(kernels, folder)
    return Tuner(bench.team, kernels_here, node).tuned(case, planned, train(planned.layout))


class _Elsewhere(KernelCache):
    """Kernels of another cache, with a folder of its own for what is found."""

    def __init__(self, kernels: KernelCache, folder: Path) -> None:
        super().__init__(folder)
        self.get = kernels.get  # type: ignore[method-assign]


def kept(folder: Path) -> list[Path]:
    """Return the files of what was found."""
    return sorted((folder / "tuned").glob("*.json"))


def test_a_variant_must_be_faster_in_every_pair_and_by_more_than_chance() -> None:
    assert gain([1.2, 1.1, 1.3]) == 1.2
    assert gain([1.2, 0.99, 1.3]) == 1
    assert gain([1.01, 1.02, 1.02]) == 1
    assert gain([0.5, 0.6, 0.7]) == 1


def test_what_was_found_is_remembered(bench: Bench, tmp_path: Path) -> None:
    case = case_of(SHAPE, WIDEST)
    first = tune(bench, case, tmp_path)
    again = tune(bench, case, tmp_path)
    assert first.tried > 0
    assert again == replace(first, tried=0)
    assert len(kept(tmp_path)) == 1


def test_another_node_or_team_tunes_anew(bench: Bench, tmp_path: Path) -> None:
    case = case_of(SHAPE, WIDEST)
    for number, node in enumerate(("here", "there"), 1):
        assert tune(bench, case, tmp_path, node).tried > 0
        assert len(kept(tmp_path)) == number
    assert tune(bench, case_of(replace(SHAPE, height=27), WIDEST), tmp_path).tried > 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"gain": 1.1}',
        '{"gain": 1.1, "tile_columns": 1, "tile_taps": 1, "tile_blocks": 1, "tile_rows": 1, '
        '"tile_chunk": 1, "tile_along": false}',
    ],
)
def test_a_file_that_is_not_ours_is_tuned_over(bench: Bench, tmp_path: Path, text: str) -> None:
    case = case_of(SHAPE, WIDEST)
    tune(bench, case, tmp_path)
    (place,) = kept(tmp_path)
    place.write_text(text)
    assert tune(bench, case, tmp_path).tried > 0
    assert json.loads(place.read_text())["case"] == case.key


def test_no_variant_is_tried_when_time_is_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "BUDGET", 0.0)
    case = case_of(SHAPE, WIDEST)
    found = tune(bench, case, tmp_path)
    assert (found.tried, found.gain) == (0, 1)
    assert found.cut == plan(case).layout.tiling


@pytest.mark.parametrize(("seen", "told"), [([1.25, 1.2], 1.2), ([1.25, 1.0], 1.0)])
def test_a_better_variant_is_taken_if_a_second_look_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[float], told: float
) -> None:
    case = case_of(SHAPE, WIDEST)
    chosen = plan(case).layout.tiling
    better, looks = next(STEPS[0](SHAPE, chosen)), iter(seen)

    def faster(_self: object, _best: Operator, variant: Operator, _until: float) -> float:
        return next(looks) if variant.plan.layout.tiling == better else 1.0

    monkeypatch.setattr(tuning._Trial, "_faster", faster)
    found = tune(bench, case, tmp_path)
    assert found.gain == told
    assert found.cut == (better if told > 1 else chosen)
