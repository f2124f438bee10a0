"""What `python -m roofline.compare` refuses: one sentence, exit 2, and nothing written anywhere."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roofline import compare
from roofline.comparing import measured
from tests.fake_conv_child import found

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "roofline.compare"]
HEADER = "in_channels,height,width,out_channels,kernel"
GOOD = f"{HEADER}\n8,8,8,8,3\n"
# Far beyond what the command needs, far below what 10^6 shapes would take.
MOST_MEMORY = 1 << 30
FILES = {
    "groups that don't divide": (f"{HEADER},groups\n6,8,8,8,3,4\n", "4 groups don't divide"),
    "kernel over the padded input": (f"{HEADER},padding\n8,8,8,8,13,2\n", "larger than the padded"),
    "zero channels": (f"{HEADER}\n0,8,8,8,3\n", "in channels is 0"),
    "zero stride": (f"{HEADER},stride\n8,8,8,8,3,0\n", "stride is 0"),
    "negative height": (f"{HEADER}\n8,-8,8,8,3\n", "height is -8"),
    "negative padding": (f"{HEADER},padding\n8,8,8,8,3,-1\n", "padding is -1"),
    "an absurd size": (f"{HEADER}\n8,99999999,8,8,3\n", "height is 99999999"),
    "an absurd tensor": (f"{HEADER}\n1048576,1048576,8,8,3\n", "absurd"),
    "more digits than a number has": (f"{HEADER}\n{'9' * 400},8,8,8,3\n", "at most 9 digits"),
    "more memory than there is": (f"{HEADER}\n1024,8000,8000,8,1\n", "of memory"),
    "an unknown dtype": (f"{HEADER},dtype\n8,8,8,8,3,float16\n", "'float16'"),
    "a missing column": ("in_channels,height,width,kernel\n8,8,8,3\n", "out_channels"),
    "an unknown column": (f"{HEADER},colour\n8,8,8,8,3,red\n", "'colour'"),
    "text in a number": (f"{HEADER}\n8,eight,8,8,3\n", "'eight'"),
    "an empty file": ("", "is empty"),
    "a header only": (f"{HEADER}\n", "no shape"),
    "no text": ("\x00\x01", "NUL"),
}


def _options() -> Iterator[tuple[str, str]]:
    """Yield arguments that are refused, {} standing for a fresh folder, and a word of why."""
    yield "--shapes {}", "Is a directory"
    yield "--shapes {}/missing.csv", "No such file"
    yield "--shapes {}/good.csv --random 3", "--random"
    yield "--seed 3", "--random"
    yield "--shapes {}/good.csv --seed 3", "--random"
    for number in ("0", "-1", "three", "1.5", "10001"):
        yield f"--random={number}", number
    yield "--random 3 --seed=-1", "--seed"
    for number in ("0", "-1", "two", "99999"):
        yield f"--threads={number}", "--threads"
    yield "--threads", "--threads"
    for cap in ("mmx", "avx", ""):
        yield f"--isa={cap}", f"'{cap}'"
    for subject in ("torchlight", ""):
        yield f"--subject={subject}", f"'{subject}'"
    for number in ("0", "-0.1", "nan", "inf", "much"):
        yield f"--tolerance={number}", "--tolerance"
    yield "--csv {}/missing/rows.csv", "missing"
    yield "--csv {}", "cannot write"
    yield "--figure {}/one.docx", "one.docx"
    yield "--figure {}/one.svg {}/two", "two"
    yield "--figure", "--figure"
    for site in ("../x", "/x", "", "A B", "a/b"):
        yield f"--site={site}", "site name"
    yield "--results nosuch://bucket/records", "nosuch://bucket"
    yield "--results {}/good.csv", "a file is in the way"
    yield "--fast", "--fast"
    yield "layers.csv", "layers.csv"


@pytest.fixture
def folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return a folder with one good list, in which everything of the user's would lie, too.

    A calibration of this host is never looked for: whatever is refused is refused before.
    """
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ROOFLINE_RESULTS"):
        monkeypatch.setenv(variable, str(tmp_path / variable))

    # What a library keeps for itself when it is first imported is not ours.
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))

    def never(*_: object, **__: object) -> None:
        pytest.fail("bad input came as far as the calibration")

    monkeypatch.setattr(measured, "newest", never)
    monkeypatch.setattr(measured, "node_id", never)
    (tmp_path / "good.csv").write_text(GOOD)
    return tmp_path


def assert_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], word: str, *arguments: str
) -> None:
    """Assert that arguments end with one sentence that names what is wrong, and leave nothing."""
    before = everything(folder)
    results = [] if any(one.startswith("--results") for one in arguments) else ["--results"]
    results += [str(folder / "results")] * len(results)
    assert compare.main([*arguments, *results]) == 2
    shown = capsys.readouterr()
    assert_one_sentence(shown.out, shown.err, word)
    assert everything(folder) == before


def assert_one_sentence(out: str, err: str, word: str) -> None:
    """Assert that a refusal is one sentence on stderr that names what is wrong."""
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert word in line


def everything(folder: Path) -> dict[Path, bytes | None]:
    """Return every file below a folder with its content, and every folder."""
    return {one: one.read_bytes() if one.is_file() else None for one in folder.rglob("*")}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_list_is_one_sentence_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, word = FILES[name]
    path = folder / "shapes.csv"
    path.write_text(content)
    assert_refused(folder, capsys, word, "--shapes", str(path))


@pytest.mark.parametrize(("line", "word"), tuple(_options()), ids=str)
def test_bad_options_are_one_sentence_and_leave_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, word: str
) -> None:
    # Not split everywhere: a site's name may hold a space.
    arguments = [line] if line.startswith("--site") else line.split()
    assert_refused(folder, capsys, word, *(one.replace("{}", str(folder)) for one in arguments))


def test_the_layers_of_the_default_sweep_are_refused_where_they_do_not_fit(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "memory_available", lambda *_: 1 << 20)
    assert_refused(folder, capsys, "1 MiB is free")


def test_good_input_would_have_come_further(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traps that `folder` lays are on the way of what isn't refused."""
    reached: list[str] = []

    class FarError(Exception):
        """Raised where a calibration would be looked for."""

    def stop(*_: object, **__: object) -> None:
        reached.append("newest")
        raise FarError

    monkeypatch.setattr(measured, "newest", stop)
    monkeypatch.setattr(measured, "node_id", lambda *_: "0123456789abcdef")
    with pytest.raises(FarError):
        compare.main(["--shapes", str(folder / "good.csv"), "--results", str(folder / "results")])
    assert reached == ["newest"]


def test_where_nothing_measures_one_sentence_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured.platform, "system", lambda: "Darwin")
    assert compare.main(["--results", str(folder / "results")]) == 3
    shown = capsys.readouterr()
    assert_one_sentence(shown.out, shown.err, "needs Linux")


def limited() -> None:
    """Give a process no more memory than the command may need."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def refused_process(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of little memory, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments, "--results", str(folder / "results")],
        cwd=ROOT,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder / "config")},
        capture_output=True,
        text=True,
        preexec_fn=limited,
        timeout=60,
        check=False,
    )


def test_a_million_rows_are_refused_without_being_kept(folder: Path) -> None:
    path = folder / "million.csv"
    path.write_text(f"{HEADER}\n" + "".join(f"{n},8,8,8,3\n" for n in range(1, 1_000_001)))
    before = everything(folder)
    done = refused_process(folder, "--shapes", str(path))
    assert done.returncode == 2, done.stderr
    assert_one_sentence(done.stdout, done.stderr, "more than 10000 shapes")
    assert everything(folder) == before


def test_a_stream_without_end_is_refused_early(folder: Path) -> None:
    """A pipe tells how much was read of it: no more than the rows that are allowed, and a buffer.

    It holds so little that its writer waits for the reader, who leaves early.
    """
    path = folder / "pipe.csv"
    os.mkfifo(path)
    code = "import sys; f = open(sys.argv[1], 'w', 1); f.write(sys.argv[2])\n"
    code += "n = 0\ntry:\n    while True:\n        n += 1\n        f.write(f'{n},8,8,8,3\\n')\n"
    code += "except BrokenPipeError:\n    print(n)\n    f = None\n"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path), f"{HEADER}\n"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        done = refused_process(folder, "--shapes", str(path))
        rows = int(writer.communicate(timeout=60)[0])
    finally:
        writer.kill()
        writer.wait()
    assert done.returncode == 2, done.stderr
    assert_one_sentence(done.stdout, done.stderr, "more than 10000 shapes")
    assert 10_000 < rows < 100_000


def test_a_refused_process_writes_nothing_of_its_host(folder: Path) -> None:
    """The whole command, nothing replaced: neither results nor a key in the user's folder."""
    for arguments in (["--random", "0"], ["--isa", "mmx"], ["--threads", "99999"]):
        before = everything(folder)
        done = refused_process(folder, *arguments)
        assert done.returncode == 2, done.stderr
        assert_one_sentence(done.stdout, done.stderr, arguments[1])
        assert everything(folder) == before


def test_a_cold_sweep_that_does_not_fit_is_told_to_be_warm(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small shape needs many copies to leave the caches: a smaller one would need more."""
    monkeypatch.setattr(measured, "newest", lambda *_, **__: found())
    monkeypatch.setattr(measured, "node_id", lambda *_: "0123456789abcdef")
    monkeypatch.setattr(measured, "memory_available", lambda *_: 16 << 20)
    assert_refused(
        folder, capsys, "leave --cold out", "--shapes", str(folder / "good.csv"), "--cold"
    )
