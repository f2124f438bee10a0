"""Reports of STREAM 5.10, BabelStream 5.0 and TheBandwidthBenchmark are read."""

from pathlib import Path

import pytest

from roofline.errors import RooflineError
from tests.versus_fakes import MIB, figure, host
from versus.figures import Figure, figures
from versus.rivals import stream
from versus.rivals.stream import StreamTool, parse

OUTPUTS = Path(__file__).parent / "versus_outputs"
NAMES = ("stream.txt", "babelstream.txt", "bandwidth-benchmark.txt")


def triad() -> Figure:
    """Return the DRAM triad of the fakes' host: three arrays of 128 MiB."""
    return next(one for one in figures(host()) if one.name == "dram-triad")


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, printed: str) -> None:
    """Put a program of that name on PATH that prints a text and then its arguments."""
    text = folder / "printed.txt"
    text.write_text(printed)
    program = folder / name
    program.write_text(f'#!/bin/sh\n/bin/cat {text}\necho "$@" > {folder}/arguments\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_pass_is_what_counts(name: str) -> None:
    printed = (OUTPUTS / name).read_text()
    row = next(line for line in printed.splitlines() if line.startswith("Triad"))
    numbers = [float(word) for word in row.replace("Triad:", "Triad").split()[1:]]
    mean = numbers[3] if name.startswith("babel") else numbers[-3]
    # Three arrays of 2^24 doubles a pass.
    assert parse(printed).rate == pytest.approx(3 * 8 * 2**24 / mean, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_size_of_an_array_is_read(name: str) -> None:
    assert parse((OUTPUTS / name).read_text()).array_bytes == pytest.approx(128 * MIB, rel=1e-4)


def test_old_reports_in_megabytes_are_read_too() -> None:
    old = (OUTPUTS / "bandwidth-benchmark.txt").read_text()
    changed = old.replace("Rate(GB/s)", "Rate(MB/s)").replace("19.66", "19660.00")
    assert parse(changed).rate == pytest.approx(parse(old).rate)


@pytest.mark.parametrize("printed", ["", "Function MB/s Min Max Average\n", "Triad: 1 2 3 4\n"])
def test_a_report_without_a_triad_is_refused(printed: str) -> None:
    with pytest.raises(RooflineError, match="printed no triad"):
        parse(printed)


def test_a_table_that_lacks_columns_is_refused() -> None:
    with pytest.raises(RooflineError, match="table can't be read"):
        parse("Function    MB/s\nTriad     100.0\n")


def test_arrays_that_are_compiled_in_too_small_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = (OUTPUTS / "stream.txt").read_text().replace("16777216", "10000000")
    installed(monkeypatch, tmp_path, "stream_c.exe", small)
    with pytest.raises(RooflineError, match=r"arrays of 76\.3 MiB were compiled in"):
        StreamTool().rate(triad(), ())


@pytest.mark.parametrize(
    ("name", "printed", "arguments"),
    [
        ("stream_c", "stream.txt", ""),
        ("omp-stream", "babelstream.txt", "-s 16777216 -n 10"),
        ("bwbench", "bandwidth-benchmark.txt", "-s 16777216 -n 10"),
    ],
)
def test_those_that_can_be_told_are_told_our_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, printed: str, arguments: str
) -> None:
    installed(monkeypatch, tmp_path, name, (OUTPUTS / printed).read_text())
    rival = StreamTool()
    assert rival.why_absent() is None
    assert rival.version() == f"{name}, its stores as compiled"
    assert rival.rate(triad(), ()) > 0
    told = (tmp_path / "arguments").read_text().split()
    assert [word for word in told if not word.isdigit() or word == "10"] == [
        word for word in arguments.split() if not word.isdigit() or word == "10"
    ]
    if arguments:
        assert int(told[1]) == pytest.approx(16777216, rel=1e-4)


def test_a_tool_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stream").write_text("#!/bin/sh\necho 'no such option.' >&2\nexit 4\n")
    (tmp_path / "stream").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RooflineError, match=r"^stream failed: no such option\.$"):
        StreamTool().rate(triad(), ())


def test_absence_names_what_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = StreamTool().why_absent()
    assert reason is not None
    assert all(name in reason for name in stream.NAMES)
    assert StreamTool().why_not(figure()) == "it measures a DRAM triad only"
