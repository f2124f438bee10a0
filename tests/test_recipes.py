"""Recipes that others copy hold together: commands parse, files are what their readers want."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import calibrate.__main__
from calibrate import fleet as calibrate_fleet
from calibrate import subject
from roofline import archive, fleet

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "docs" / "fleet.md", ROOT / "results" / "README.md"]
PARSERS = {
    "calibrate": calibrate.__main__.parser,
    "calibrate.fleet": calibrate_fleet._parser,
    "calibrate.subject": subject.parser,
    "roofline.archive": archive._parser,
    "roofline.fleet": fleet._parser,
}


def commands() -> list[tuple[str, list[str]]]:
    """Return module and arguments of every `python -m` in code within the pages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for code in (*re.findall(r"`([^`\n]+)`", text), *re.findall(r"```\n(.*?)```", text, re.S)):
            for line in code.splitlines():
                for one in re.findall(r"python -m ((?:calibrate|roofline)[\w.]* ?.*)", line):
                    module, *words = shlex.split(one.rstrip("'\""))
                    found.append((module, words))
    return found


@pytest.mark.parametrize(("module", "words"), commands(), ids=str)
def test_every_command_of_the_pages_is_one(module: str, words: list[str]) -> None:
    line = " ".join(words)
    for optional in re.findall(r"\[([\w|]+)\]", line):
        line = line.replace(f"[{optional}]", optional)
    if (words and module != "roofline.archive") or len(words) > 1:
        PARSERS[module]().parse_args(line.split())


def test_there_are_commands_for_each_launcher() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+).*?\| `(.+?)` \|$", text, re.M)
    assert [name for name, _ in rows] == ["Dask", "Slurm", "MPI", "pdsh", "Ansible", "ReFrame"]
    assert sum("-m calibrate" in line for _, line in rows) == 5


def yaml_of(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="the extra [fleet] brings PyYAML")
    return yaml.safe_load((ROOT / "results" / "hooks" / name).read_text(encoding="utf-8"))


def runs(line: str, where: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable if one == "python" else one for one in line.split()]
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(where), "PATH": ""}
    return subprocess.run(
        words, cwd=where, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["verify.yml", "pre-commit-config.yaml"])
def test_hooks_pass_good_records_and_stop_a_bad_one(name: str, kept: Path, tmp_path: Path) -> None:
    tree = yaml_of(name)
    if name == "verify.yml":
        steps = tree["jobs"]["verify"]["steps"]
        (line,) = (one["run"] for one in steps if "-m roofline" in one.get("run", ""))
        assert [set(one) & {"uses", "run"} for one in steps] == [{"uses"}] * 2 + [{"run"}] * 2
    else:
        (hook,) = tree["repos"][0]["hooks"]
        line = hook["entry"]
        assert re.match(hook["files"], "results/lab/x/2026/y.json")
    shutil.copytree(kept, tmp_path / "results")
    good = runs(line, tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    bad = next((tmp_path / "results").rglob("*Z-????????????.json"))
    bad.write_text(bad.read_text().replace("2", "3", 1))
    stopped = runs(line, tmp_path)
    assert (stopped.returncode, bad.name in stopped.stdout) == (1, True)


def test_the_reframe_check_is_python_and_runs_the_node_program() -> None:
    path = ROOT / "docs" / "reframe_calibrate.py"
    code = path.read_text(encoding="utf-8")
    compile(code, str(path), "exec")
    (words,) = re.findall(r"executable_opts = \[(.*?)\n        \]", code, re.S)
    options = re.findall(r'"(-{1,2}[\w-]+)"', words)
    assert options[:2] == ["-m", "--quiet"]
    known = calibrate.__main__.parser()._option_string_actions
    assert set(options[1:]) <= {*known}
