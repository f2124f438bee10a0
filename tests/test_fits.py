"""Which fit speaks for a subject, and what a user is told of it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofline.comparing import fitted
from roofline.comparing.fits import Sought, newest_fit, sought, told
from roofline.comparing.fitted import physics_digest
from roofline.errors import RooflineWarning
from roofline.physics.residual import FEATURES, SIZES
from roofline.records import Efficiency
from roofline.store.files import Store
from tests.builders import make_machine
from tests.efficiency_builders import make_complete_efficiency
from tests.reference import reference

OTHER = make_machine(family=99)
ELSEWHERE = {"machine": OTHER, "node": "e" * 16}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fit(**overrides: Any) -> Efficiency:
    whole = make_complete_efficiency()
    features, reach = FEATURES, dict.fromkeys(SIZES, (0.0, 1.0))
    usual = {"samples": None, "supersedes": None, "features": features, "reach": reach}
    return replace(whole, **(usual | overrides))


def wanted(record: Efficiency, **overrides: Any) -> Sought:
    made = Sought(
        subject=record.subject,
        threads=record.threads,
        cache=record.cache,
        node=record.node,
        machine=record.machine.id,
        isa_cap=record.isa_cap,
        anywhere=True,
    )
    return replace(made, **overrides)


def test_a_host_of_its_own_goes_before_one_of_its_type_before_another(tmp_path: Path) -> None:
    store, own = Store(tmp_path), fit()
    assert newest_fit(store, wanted(own)) is None
    far = store.put(fit(**ELSEWHERE, started="2026-11-25T00:59:59Z"), None, "local")
    found = newest_fit(store, wanted(own))
    assert found is not None
    assert (found.name, found.elsewhere) == (far.name, True)
    assert newest_fit(store, wanted(own, anywhere=False)) is None
    alike = store.put(fit(node="f" * 16, started="2026-11-24T00:59:59Z"), None, "local")
    found = newest_fit(store, wanted(own))
    assert found is not None
    assert (found.name, found.elsewhere) == (alike.name, False)
    mine = store.put(own, None, "local")
    found = newest_fit(store, wanted(own))
    assert found is not None
    assert (found.name, found.elsewhere) == (mine.name, False)


def test_of_other_machines_a_team_of_the_same_size_goes_first(tmp_path: Path) -> None:
    store, threads = Store(tmp_path), fit().threads
    same = store.put(fit(**ELSEWHERE), None, "local")
    newer = fit(**ELSEWHERE, threads=threads + 1, started="2026-11-25T00:59:59Z")
    store.put(newer, None, "local")
    found = newest_fit(store, wanted(fit()))
    assert found is not None
    assert found.name == same.name


@pytest.mark.parametrize(
    "other", [{"subject": "torch"}, {"threads": 99}, {"cache": "warm"}, {"isa_cap": "sse2"}]
)
def test_what_was_fitted_to_something_else_is_not_taken(
    tmp_path: Path, other: dict[str, object]
) -> None:
    store, own = Store(tmp_path), fit()
    store.put(own, None, "local")
    found = newest_fit(store, wanted(own, **other))
    assert found is None
    assert newest_fit(store, wanted(own)) is not None


def test_a_full_fit_goes_before_a_newer_quick_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    full = store.put(fit(quick=False), None, "local")
    store.put(fit(quick=True, started="2026-11-25T00:59:59Z"), None, "local")
    found = newest_fit(store, wanted(fit()))
    assert found is not None
    assert found.name == full.name


@pytest.mark.parametrize(
    "other", [{"folds": (0,)}, {"features": ("seconds",)}, {"parameters": ()}, {"reach": {}}]
)
def test_a_fit_that_cannot_be_evaluated_is_not_taken(
    tmp_path: Path, other: dict[str, object]
) -> None:
    store = Store(tmp_path)
    store.put(fit(**other), None, "local")
    with pytest.warns(RooflineWarning, match="can't evaluate"):
        assert newest_fit(store, wanted(fit())) is None


def test_a_superseded_fit_is_not_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = store.put(fit(), None, "local")
    new = store.put(replace(fit(started="2026-11-25T00:59:59Z"), supersedes=old.stem), None, "x")
    found = newest_fit(store, wanted(fit()))
    assert found is not None
    assert found.name == new.name


def test_a_user_is_told_where_a_fit_comes_from(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(fit(**ELSEWHERE), None, "local")
    asked = wanted(fit())
    found = newest_fit(store, asked)
    assert found is not None
    words = "\n".join(told(found, asked.machine))
    assert OTHER.id in words
    assert "carried over" in words
    assert "another version of rung d" in words


def test_a_fit_of_this_version_is_used_without_a_word(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(fit(physics=physics_digest()), None, "local")
    asked = wanted(fit())
    found = newest_fit(store, asked)
    assert found is not None
    (line,) = told(found, asked.machine)
    assert "6 layers" in line


def test_only_a_library_on_a_machine_that_is_not_here_takes_what_others_saw() -> None:
    calibration = reference()
    for subject, here, anywhere in (
        ("ours", True, False),
        ("ours", False, False),
        ("onnxruntime", True, False),
        ("onnxruntime", False, True),
    ):
        made = sought(calibration, subject, 1, cold=False, here=here)
        assert made.anywhere == anywhere


def test_the_physics_that_a_fit_rests_on_is_whole() -> None:
    """Whatever the named modules take from others of them decides, too."""
    folder = Path(fitted.__file__).parents[1] / "physics"
    for name in fitted._TELLING:
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        named = re.findall(r"from roofline\.physics\.(\w+) import", text)
        named += re.findall(r"from roofline\.physics import ([\w, ]+)", text)
        for other in filter(None, ", ".join(named).split(", ")):
            assert other in fitted._TELLING, (name, other)
