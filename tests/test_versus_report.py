"""What is printed holds every pair, and a document changes between its markers only."""

import dataclasses
import json
from pathlib import Path

import pytest

from roofline.errors import RooflineError
from tests.versus_fakes import figure
from versus.document import BEGIN, END, check_section, write_section
from versus.report import Report, as_dict, markdown, sentence
from versus.run import Left, Pair, Row

RATIOS = (0.90, 0.95, 0.97, 0.98, 1.00, 1.01, 1.02, 1.05, 1.30)
PAIRS = tuple(Pair(ours=ratio * 2e11, theirs=2e11, ours_mean=1e11) for ratio in RATIOS)
ROW = Row(figure=figure(), rival="fake", statistic="median", pairs=PAIRS)
REPORT = Report(
    date="2026-11-23 05:11 UTC",
    machine="Example CPU",
    software="ours: 1.0",
    cpus=(0, 1),
    versions={"fake": "fake 1.0"},
    rows=(ROW,),
    left=(Left(rival="other", figures=(), reason="it isn't on PATH"),),
    conditions={"steal_fraction": 0.0123},
)


def test_a_row_shows_medians_interval_goal_and_all_pairs() -> None:
    line = next(one for one in markdown(REPORT).splitlines() if one.startswith("| FMA"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        "FMA",
        "200",
        "200",
        "1.000 (0.950 - 1.050)",
        ">= 0.99: met",
        "0.90 0.95 0.97 0.98 1.00 1.01 1.02 1.05 1.30",
    ]


def test_a_rival_of_means_has_a_column_for_them() -> None:
    mean = dataclasses.replace(ROW, statistic="mean", pairs=PAIRS[:2])
    text = markdown(dataclasses.replace(REPORT, rows=(mean,)))
    line = next(one for one in text.splitlines() if one.startswith("| FMA"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == ["FMA", "185", "200", "0.925", "0.500", ">= 0.99", "0.90 0.95"]
    assert "| by means |" in text


def test_date_machine_and_what_was_stolen_are_said() -> None:
    text = markdown(REPORT)
    assert "2026-11-23 05:11 UTC, Example CPU, CPUs 0, 1; ours: 1.0" in text
    assert "stolen by other guests: 1.2 %" in text
    assert "- other is absent: it isn't on PATH." in text


def test_what_is_left_out_is_a_sentence_each() -> None:
    lacking = Left(rival="fake", figures=("a", "b"), reason="it has no such test")
    assert sentence(lacking) == "fake is not compared in a, b: it has no such test."
    failed = dataclasses.replace(lacking, reason="it fell over", failed=True)
    assert sentence(failed) == "fake failed at a, b: it fell over."


def test_json_holds_every_pair() -> None:
    read = json.loads(json.dumps(as_dict(REPORT)))
    assert [pair["ours"] for pair in read["rows"][0]["pairs"]] == [pair.ours for pair in PAIRS]
    assert read["rows"][0]["interval"] == pytest.approx([0.95, 1.05])
    assert read["left"][0]["reason"] == "it isn't on PATH"


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nlast words")
    document.chmod(0o640)
    write_section(document, "new\n")
    assert document.read_text() == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nlast words"
    write_section(document, "newer\n")
    assert document.read_text() == f"# Title\n\n{BEGIN}\n\nnewer\n\n{END}\n\nlast words"
    assert document.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["performance.md"]


@pytest.mark.parametrize(
    "text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {END} {BEGIN} {END}", f"{BEGIN} {END} {END}"]
)
def test_a_document_without_its_markers_stays_as_it_is(tmp_path: Path, text: str) -> None:
    document = tmp_path / "performance.md"
    document.write_text(text)
    with pytest.raises(RooflineError, match="must hold the lines"):
        write_section(document, "new\n")
    with pytest.raises(RooflineError, match="must hold the lines"):
        check_section(document)
    assert document.read_text() == text


def test_a_document_that_is_not_there_or_no_text_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RooflineError, match=r"can't be read: No such file or directory\.$"):
        check_section(tmp_path / "missing.md")
    (tmp_path / "bytes.md").write_bytes(b"\xff\xfe")
    with pytest.raises(RooflineError, match=r"can't be read: it is not UTF-8 text\.$"):
        check_section(tmp_path / "bytes.md")


def test_the_projects_own_document_has_its_markers() -> None:
    check_section(Path(__file__).parents[1] / "docs" / "performance.md")
