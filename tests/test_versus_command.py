"""The command refuses what it can't do in one sentence, and ends well whatever the ratios are."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.versus_fakes import FakeChild, FakeRival, failure, figure, host
from versus import command
from versus.__main__ import main
from versus.document import BEGIN, END


class Child(FakeChild):
    """A fake child with versions and conditions."""

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Answer as the measuring process does."""
        known = {
            "describe": {"numba": "0.68", "llvm": "22"},
            "conditions": {"steal_fraction": 0.0},
        }
        return known.get(verb) or super().ask(verb, **arguments)


@contextmanager
def open_child(_cpus: tuple[int, ...]) -> Iterator[Child]:
    """Stand in for a worker."""
    yield Child([], lambda _number: [1e-3])


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> FakeRival:
    """Replace the host, the child, the figures and the rivals by fakes."""
    rival = FakeRival([4e12] * 20, [])
    monkeypatch.setattr(command, "Worker", open_child)
    monkeypatch.setattr(command, "_host", lambda _options: (host(), (0, 1)))
    monkeypatch.setattr(command, "figures", lambda _host: (figure("a"), figure("b")))
    monkeypatch.setattr(command, "RIVALS", {"fake": lambda: rival})
    monkeypatch.setattr(command, "busy_cpus", lambda: 0.0)
    return rival


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.usefixtures("staged")
def test_a_rival_that_is_far_ahead_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pairs", "7", "--figure", "a"]) == 0
    printed = capsys.readouterr()
    assert ">= 0.99: short" in printed.out
    assert printed.err == ""


@pytest.mark.usefixtures("staged")
def test_json_and_markdown_hold_the_same_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    assert main(["--pairs", "2", "--json", "--markdown", str(document)]) == 0
    read = json.loads(capsys.readouterr().out)
    assert [row["figure"] for row in read["rows"]] == ["a", "b"]
    assert all(len(row["pairs"]) == 2 for row in read["rows"])
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "### fake" in text


def test_a_run_that_fails_is_said_and_the_rest_is_shown(
    staged: FakeRival, capsys: pytest.CaptureFixture[str]
) -> None:
    staged.rates = [failure(), 1e12]
    assert main(["--pairs", "1"]) == 3
    printed = capsys.readouterr()
    assert "| B " in printed.out
    assert printed.err == "error: fake failed at a: it fell over.\n"


def test_where_every_rival_is_absent_there_is_nothing_to_compare(
    staged: FakeRival, capsys: pytest.CaptureFixture[str]
) -> None:
    staged.absent = "it isn't on PATH"
    assert main([]) == 3
    expected = "error: nothing can be compared. fake is absent: it isn't on PATH."
    assert said(capsys) == expected


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--pairs", "0"], "error: --pairs 0: give 1 or more (9 for a useful interval)."),
        (["--rival", "mlc"], "error: no rival 'mlc': choose from fake."),
        (["--figure", "c"], "error: this host has no figure 'c': choose from a, b."),
        (
            ["--markdown", "missing.md"],
            "error: missing.md can't be read: No such file or directory.",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said(capsys) == sentence


@pytest.mark.usefixtures("staged")
def test_a_busy_host_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "busy_cpus", lambda: 1.04)
    assert main(["--pairs", "1"]) == 0
    assert said(capsys) == "warning: 1.0 CPUs are busy already: ratios will show it"


def test_help_says_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "0 whatever the ratios are" in capsys.readouterr().out
