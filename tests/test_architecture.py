"""The rules that hold the rooms apart, where an import checker can't see them."""

import subprocess
import sys
from pathlib import Path

import pytest

from roofline.store.schema import loads
from tools import function_lengths

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("numba", "numpy", "pandas", "matplotlib", "rich", "cattrs", "cpuinfo")


def imported_by(*arguments: str) -> set[str]:
    """Return the top-level modules that a command imports before it prints its help."""
    command = [sys.executable, "-X", "importtime", "-m", *arguments, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    "command",
    ["calibrate", "roofline.report", "roofline.archive", "roofline.fleet", "benchmarks", "versus"],
)
def test_help_waits_for_nothing_heavy(command: str) -> None:
    assert not imported_by(command) & set(HEAVY)


def test_a_wheel_would_carry_roofline_only() -> None:
    from setuptools import find_packages

    found = find_packages(str(ROOT), include=["roofline*"])
    assert "roofline" in found
    assert all(name.partition(".")[0] == "roofline" for name in found)
    assert "include = roofline*" in (ROOT / "setup.cfg").read_text()


def test_reasoning_works_where_numba_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('no numba here')\n")
    record = ROOT / "tests" / "golden" / "article-10980xe.json"
    done = subprocess.run(
        [sys.executable, "-m", "roofline.report", str(record), "--json"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert loads(done.stdout) == loads(record.read_text())


def test_the_length_report_complains_of_long_functions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "\n".join(f"    x = {n}" for n in range(60))
    (tmp_path / "long.py").write_text(f'"""A module."""\n\n\ndef long():\n{body}\n')
    (tmp_path / "silent.py").write_text("def short():\n    return 1\n")
    assert function_lengths.main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "long: 61 lines" in printed
    assert "no opening sentence" in printed
