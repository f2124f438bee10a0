"""A child answers in turn, runs the checkout's code only, and never outlives its parent."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from roofline.errors import RooflineError
from roofline.host.checkout import checkout
from roofline.host.worker import Worker, child_environment
from tests.processes import PATIENCE, gone_in_time, heed_interrupts, wait_until_it_works

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def settings(cache_home: Path) -> Mapping[str, str]:
    """Return settings that keep kernels out of the user's own cache."""
    return {"XDG_CACHE_HOME": str(cache_home)}


@pytest.fixture(scope="module")
def child(cpu: int, settings: Mapping[str, str]) -> Iterator[Worker]:
    """Return a child that several tests ask."""
    with Worker([cpu], settings) as worker:
        yield worker


def test_a_child_answers_what_it_is_asked(child: Worker) -> None:
    told = child.ask("describe")
    assert told["pid"] == child.pid != os.getpid()
    assert told["python"] == sys.version.split()[0]


def test_a_child_runs_a_case(child: Worker) -> None:
    case = {"benchmark": "chain", "parameters": {"chain": "add", "fused": False}}
    compiled = child.ask("prepare", cases=[case])
    assert compiled["compile_seconds"] >= 0
    answer = child.ask("run", case=case, samples=3)
    assert answer["checked"] is True
    assert len(answer["seconds"]) == 3


def test_a_refusal_is_a_sentence_with_its_status(child: Worker) -> None:
    with pytest.raises(RooflineError, match="unknown benchmark 'linpack'") as refused:
        child.ask("run", case={"benchmark": "linpack"}, samples=1)
    assert refused.value.exit_code == 2
    with pytest.raises(RooflineError, match="'explode'"):
        child.ask("explode")


def test_a_child_works_on_after_a_refusal(child: Worker) -> None:
    with pytest.raises(RooflineError):
        child.ask("explode")
    assert child.ask("begin_round") is None


def test_a_child_has_a_session_of_its_own(child: Worker) -> None:
    # Ctrl-C goes to the parent's session alone.
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_what_libraries_print_does_not_mix_with_answers(
    cpu: int, settings: Mapping[str, str]
) -> None:
    with Worker([cpu], settings) as worker:
        stdout = Path(f"/proc/{worker.pid}/fd/1")
        worker.ask("begin_round")
        assert stdout.readlink() == Path(f"/proc/{worker.pid}/fd/2").readlink()


def test_an_ended_child_is_gone(cpu: int, settings: Mapping[str, str]) -> None:
    with Worker([cpu], settings) as worker:
        assert psutil.pid_exists(worker.pid)
    assert not psutil.pid_exists(worker.pid)
    worker.end()


@pytest.mark.parametrize(
    ("number", "hint"), [(signal.SIGKILL, "out of memory"), (signal.SIGSEGV, "is above")]
)
def test_a_child_that_dies_is_named_with_its_signal(
    cpu: int, settings: Mapping[str, str], number: signal.Signals, hint: str
) -> None:
    with Worker([cpu], settings) as worker:
        os.kill(worker.pid, number)
        with pytest.raises(RooflineError, match=f"ended by {number.name}.*describe") as died:
            worker.ask("describe")
        assert hint in str(died.value)
        assert died.value.exit_code == 3


def test_a_child_that_cannot_start_is_named_with_its_status(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Worker([], {}) as worker, pytest.raises(RooflineError, match=r"with status 1 .*above\.$"):
        worker.ask("describe")
    assert "ValueError" in capfd.readouterr().err


def test_the_childs_libraries_run_on_one_thread() -> None:
    kept = child_environment({"OMP_NUM_THREADS": "64", "HOME": "/somewhere"})
    assert kept["OMP_NUM_THREADS"] == "1"
    assert kept["OPENBLAS_NUM_THREADS"] == "1"
    assert kept["MKL_NUM_THREADS"] == "1"
    assert kept["HOME"] == "/somewhere"


def test_settings_that_would_falsify_a_figure_are_stripped() -> None:
    user = {
        "NUMBA_OPT": "0",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_DISABLE_JIT": "1",
        "PYTHONPATH": "/somewhere",
        "PYTHONSAFEPATH": "1",
        "PYTHONSTARTUP": "x.py",
        "PYTHONHOME": "/somewhere",
        "PATH": "/usr/bin",
    }
    kept = child_environment(user)
    assert set(kept) & set(user) == {"PATH"}
    assert child_environment(user, {"NUMBA_CPU_NAME": "x86-64"})["NUMBA_CPU_NAME"] == "x86-64"


def test_a_shells_settings_do_not_reach_the_child(
    cpu: int, settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    with Worker([cpu], settings) as worker:
        worker.ask("describe")
        environment = psutil.Process(worker.pid).environ()
        seen = worker.ask("conditions")["environment"]
    assert "NUMBA_DISABLE_JIT" not in environment
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "NUMBA_DISABLE_JIT" not in seen


STRANGER = """
from pathlib import Path
Path(__file__).with_name("marker").touch()
raise SystemExit("a stranger's code ran")
"""
DESCRIBE = """
import sys
sys.path.insert(0, sys.argv[1])
from roofline.host.worker import Worker
with Worker([int(sys.argv[2])]) as worker:
    print(worker.ask("describe")["pid"])
"""


@pytest.mark.parametrize("extra", [{}, {"PYTHONSAFEPATH": "1"}], ids=["plain", "safe path"])
def test_a_strangers_benchmarks_are_never_run(
    cpu: int, tmp_path: Path, settings: Mapping[str, str], extra: dict[str, str]
) -> None:
    package = tmp_path / "benchmarks"
    package.mkdir()
    for name in ("__init__.py", "__main__.py"):
        (package / name).write_text(STRANGER)
    environment = {**os.environ, **settings, "PYTHONPATH": str(tmp_path), **extra}
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, str(ROOT), str(cpu)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert not (package / "marker").exists()
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_the_stranger_would_leave_a_mark(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.py").write_text(STRANGER)
    command = [sys.executable, "-m", "benchmarks"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
    assert (tmp_path / "marker").exists()


INSTALLED = """
import sys
sys.path.insert(0, sys.argv[1])
from roofline.errors import RooflineError
from roofline.host.worker import Worker
try:
    Worker([0])
except RooflineError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


def test_an_installed_package_says_that_it_needs_a_checkout(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "roofline", site / "roofline", ignore=ignored)
    # Somebody else's package of that name, as in site-packages, is no checkout of ours.
    (site / "benchmarks").mkdir()
    (site / "benchmarks" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-I", "-c", INSTALLED, str(site)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: measuring needs a checkout")
    assert "make calibrate" in line


def test_this_checkout_is_found() -> None:
    assert checkout() == ROOT


SPIN = """
import sys
sys.path.insert(0, sys.argv[1])
from roofline.host.worker import Worker
cpus = [int(cpu) for cpu in sys.argv[2].split(",")]
case = {"benchmark": "chain", "parameters": {"chain": "imul", "fused": False}}
case["threads"] = len(cpus)
with Worker(cpus) as worker:
    worker.ask("prepare", cases=[case])
    print(worker.pid, flush=True)
    worker.ask("run", case=case, samples=1_000_000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_spinning_child_is_gone_soon_after_its_parent(
    settings: Mapping[str, str], number: signal.Signals
) -> None:
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
    parent = subprocess.Popen(
        [sys.executable, "-c", SPIN, str(ROOT), cpus],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    try:
        wait_until_it_works(child)
        parent.send_signal(number)
        assert gone_in_time([child])
        _, errors = parent.communicate(timeout=PATIENCE)
    finally:
        parent.kill()
    assert parent.returncode == -number
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
