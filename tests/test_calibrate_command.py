"""`python -m calibrate` from outside: what it refuses, what Ctrl-C leaves, and one real run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.assembly import HOST_IS_X86
from roofline.physics import gate
from roofline.records import Calibration
from roofline.store.files import Store
from roofline.store.schema import loads_as
from tests.processes import PATIENCE, gone_in_time, heed_interrupts, wait_until_it_works

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "calibrate"]
CAP = ["--isa", "sse2"] if HOST_IS_X86 else []
RUN = ["--quick", "--threads", "1", *CAP]


@pytest.fixture
def environment(tmp_path: Path, cache_home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's is read or written."""
    kept = {name: text for name, text in os.environ.items() if name != "ROOFLINE_RESULTS"}
    folders = {"XDG_CONFIG_HOME": tmp_path / "config", "XDG_DATA_HOME": tmp_path / "data"}
    return {
        **kept,
        "XDG_CACHE_HOME": str(cache_home),
        **{name: str(folder) for name, folder in folders.items()},
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return where records would lie."""
    return tmp_path / "results"


def calibrate(
    environment: dict[str, str], *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )


def written(folder: Path) -> list[Path]:
    """Return every file below a folder, hidden ones too."""
    return [path for path in folder.rglob("*") if not path.is_dir()]


BAD_SPECS = {
    "malformed": ("[machine", "it is not TOML"),
    "unknown key": ("[machine]\ncolour = 3\n", "colour"),
    "other table": ("[host]\ncores = 3\n", "[machine]"),
    "impossible": ('[machine]\ncores = "-3"\n', "cores"),
}


def _bad_input() -> Iterator[tuple[list[str], str]]:
    """Yield arguments that are refused, {} standing for a fresh folder, and a word of why."""
    for number in ("99999", "0", "-1"):
        yield ["--threads", number], f"--threads {number}"
    yield ["--isa", "mmx"], "'mmx'"
    yield ["--isa", ""], "''"
    yield ["--spec", "{}/missing.toml"], "missing.toml"
    yield ["--spec", "{}"], "a directory"
    for site in ("../x", "/x", "", "A B", ".hidden", "a/b"):
        yield [f"--site={site}"], "site name"
    yield ["--results", "s3://bucket/records"], "s3://bucket"
    for kind in ("--figure", "--curve"):
        yield [kind, "{}/roof.docx"], "roof.docx"
        yield [kind, "{}/roof.svg", "{}/roof"], "roof"


BAD_INPUT = tuple(_bad_input())


@pytest.mark.parametrize(("arguments", "word"), BAD_INPUT, ids=str)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    environment: dict[str, str], tmp_path: Path, results: Path, arguments: list[str], word: str
) -> None:
    given = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    assert_refused(calibrate(environment, "--quick", "--results", results, *given), word)
    assert written(tmp_path) == []


def assert_refused(done: subprocess.CompletedProcess[str], word: str) -> None:
    """Assert that a run ended with one sentence that names what is wrong."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert word in line


@pytest.mark.parametrize("name", BAD_SPECS)
def test_a_spec_that_cannot_be_is_one_sentence_and_leaves_nothing(
    environment: dict[str, str], tmp_path: Path, results: Path, name: str
) -> None:
    text, word = BAD_SPECS[name]
    spec = tmp_path / "spec.toml"
    spec.write_text(text)
    assert_refused(calibrate(environment, "--results", results, "--spec", spec), word)
    assert written(tmp_path) == [spec]


def test_results_in_a_file_are_refused_before_anything_is_measured(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "results"
    path.write_text("a file")
    assert_refused(calibrate(environment, *RUN, "--results", path), "a file is in the way")
    assert path.read_text() == "a file"
    assert written(tmp_path) == [path]


def test_results_from_the_environment_are_checked_as_well(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "results"
    path.write_text("a file")
    done = calibrate({**environment, "ROOFLINE_RESULTS": str(path)}, *RUN)
    assert_refused(done, "a file is in the way")


def test_an_unknown_option_is_a_usage_error(environment: dict[str, str]) -> None:
    done = calibrate(environment, "--fast")
    assert done.returncode == 2
    assert "--fast" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("patience", ["-1", "soon", "inf", "nan", ""])
def test_a_patience_that_is_none_is_a_usage_error(
    environment: dict[str, str], patience: str
) -> None:
    done = calibrate(environment, f"--patience={patience}")
    assert done.returncode == 2
    assert f"{patience!r} is no number of seconds" in done.stderr


def test_help_imports_nothing_that_measuring_or_drawing_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "calibrate", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert "--quick" in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in _lines(done.stderr)}
    assert {"argparse", "calibrate"} <= imported
    assert not imported & {"numba", "llvmlite", "numpy", "pandas", "matplotlib", "psutil", "rich"}


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("import time:")]


def started(environment: dict[str, str], results: Path) -> subprocess.Popen[str]:
    """Start a real run."""
    return subprocess.Popen(
        [*COMMAND, *RUN, "--results", str(results)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


def measuring_children(parent: int) -> list[psutil.Process]:
    """Wait for a run's child to have its team of threads at work."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        children = psutil.Process(parent).children(recursive=True)
        # The main thread, the one that watches the input, and the team's.
        if any(_threads(child) >= 3 for child in children):
            for child in children:
                wait_until_it_works(child)
            return children
        time.sleep(0.05)
    pytest.fail("no child was started")


def _threads(process: psutil.Process) -> int:
    try:
        return int(process.num_threads())
    except psutil.NoSuchProcess:
        return 0


@pytest.mark.machine
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_in_the_middle_leaves_neither_record_nor_child(
    environment: dict[str, str], results: Path, number: signal.Signals
) -> None:
    process = started(environment, results)
    try:
        children = measuring_children(process.pid)
        process.send_signal(number)
        assert gone_in_time(children)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert written(results) == []
    assert out == ""
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted" in err.splitlines()[-1]
    else:
        assert process.returncode == -number


@pytest.fixture(scope="module")
def real_run(
    tmp_path_factory: pytest.TempPathFactory, cache_home: Path
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Return one real calibration, and where its record lies."""
    folder = tmp_path_factory.mktemp("real")
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(cache_home),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    results = folder / "results"
    return calibrate(environment, *RUN, "--json", "--results", results), results


@pytest.fixture(scope="module")
def calibration(real_run: tuple[subprocess.CompletedProcess[str], Path]) -> Calibration:
    """Return what that run printed, as a record."""
    return loads_as(Calibration, real_run[0].stdout)


@pytest.mark.machine
def test_a_real_run_prints_the_record_that_it_keeps(
    real_run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, results = real_run
    (record,) = (path for path in written(results) if path.suffix == ".json")
    assert record.read_text() == done.stdout
    assert "Traceback" not in done.stderr
    assert str(record) in done.stderr
    assert Store(results).all()[1] == []


@pytest.mark.machine
def test_a_real_runs_status_is_its_validity(
    real_run: tuple[subprocess.CompletedProcess[str], Path], calibration: Calibration
) -> None:
    assert real_run[0].returncode == (0 if calibration.valid else 1)


@pytest.mark.machine
def test_a_real_run_is_found_again_if_it_is_valid(
    real_run: tuple[subprocess.CompletedProcess[str], Path], calibration: Calibration
) -> None:
    cap = CAP[1] if CAP else None
    found = Store(real_run[1]).latest(calibration.node, usable_cores=1, isa_cap=cap)
    assert (found is not None) == calibration.valid
    assert found is None or found.record == calibration
    assert Store(real_run[1]).latest(calibration.node, usable_cores=2, isa_cap=cap) is None


@pytest.mark.machine
def test_a_real_run_says_what_it_was(calibration: Calibration) -> None:
    assert calibration.quick
    assert calibration.usable_cores == 1
    assert calibration.isa_cap == (CAP[1] if CAP else None)
    assert len(calibration.conditions.affinity) == 1
    assert calibration.software.numba
    assert all(measurement.checked for measurement in calibration.measurements)
    assert {measurement.case.threads for measurement in calibration.measurements} == {1}
    assert max(measurement.case.bits for measurement in calibration.measurements) == 128


@pytest.mark.machine
def test_physics_allows_what_a_real_run_concluded_or_the_record_says_so(
    calibration: Calibration,
) -> None:
    """The gate, asked again, objects to nothing that the record doesn't name.

    What it asks, among others: FLOP/cycle near a whole number of pipes x 2 x lanes, and reads
    that get no faster further out. A noisy host may fail that, and then must have said so.
    """
    objections = [
        finding.what
        for finding in gate.judge(
            calibration.machine, calibration.ceilings, calibration.measurements
        )
        if finding.severity == "invalid"
    ]
    named = [finding.what for finding in calibration.findings if finding.severity == "invalid"]
    assert sorted(objections) == sorted(named)


@pytest.mark.machine
def test_a_real_run_finds_a_roof_and_a_memory(calibration: Calibration) -> None:
    compute = [ceiling for ceiling in calibration.ceilings if ceiling.kind == "compute"]
    assert {ceiling.dtype for ceiling in compute} == {"float32", "float64"}
    for ceiling in compute:
        assert 0 < ceiling.low <= ceiling.typical <= ceiling.high
        assert ceiling.bits is not None
        item = {"float32": 32, "float64": 64}[str(ceiling.dtype)]
        # No core of today starts more than four vector operations in a cycle.
        assert 0 < float(ceiling.evidence["flop_per_cycle"] or 0) <= 8.3 * ceiling.bits / item
    levels = [c.level for c in calibration.ceilings if c.kind == "bandwidth" and c.level]
    assert "DRAM" in levels


@pytest.mark.machine
def test_the_samples_of_a_real_run_lie_beside_it(
    real_run: tuple[subprocess.CompletedProcess[str], Path], calibration: Calibration
) -> None:
    assert calibration.samples is not None
    (path,) = (p for p in written(real_run[1]) if p.name == calibration.samples.name)
    assert path.stat().st_size > 0


@pytest.mark.machine
def test_a_real_record_names_nobody(
    real_run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    text = real_run[0].stdout
    json.loads(text)
    assert f'"{os.uname().nodename}"' not in text
    assert str(Path.home()) not in text
