"""Reports of likwid-bench 5.2.2 are read, and one of something else is refused."""

from pathlib import Path

import pytest

from roofline.errors import RooflineError
from tests.versus_fakes import figure, host
from versus.figures import Figure, figures
from versus.rivals import likwid
from versus.rivals.likwid import LikwidBench, check, parse

OUTPUTS = Path(__file__).parent / "versus_outputs"
STREAM = (OUTPUTS / "likwid-stream.txt").read_text()
PEAK = (OUTPUTS / "likwid-peak-two-threads.txt").read_text()
TRIAD_BYTES = 522240


def triad() -> Figure:
    """Return the L2 triad of the fakes' host, whose working set is the captured one's."""
    found = next(one for one in figures(host()) if one.name == "l2-triad")
    assert found.case.working_set_bytes == pytest.approx(TRIAD_BYTES, rel=0.01)
    return found


def fake_program(
    monkeypatch: pytest.MonkeyPatch, *printed: str
) -> list[tuple[list[str], tuple[int, ...]]]:
    """Have likwid-bench print these in turn; return the list of how it will have been called."""
    calls: list[tuple[list[str], tuple[int, ...]]] = []

    def output(command: list[str], cpus: tuple[int, ...] = ()) -> str:
        calls.append((command, cpus))
        return printed[len(calls) - 1]

    monkeypatch.setattr(likwid, "output", output)
    return calls


def test_rates_are_read_in_base_units() -> None:
    assert parse(STREAM, "B/s") == pytest.approx(78787.78e6)
    assert parse(PEAK, "FLOP/s") == pytest.approx(72615.78e6)


@pytest.mark.parametrize("rate", ["inf", "-nan", "0.00", "rubbish", ""])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(RooflineError, match=r"printed no usable MByte/s\."):
        parse(STREAM.replace("78787.78", rate), "B/s")


def test_a_report_of_the_same_thing_passes() -> None:
    check(STREAM, triad(), (0,))
    check(PEAK, figure(), (0, 1))


def test_a_run_on_other_cpus_is_refused() -> None:
    with pytest.raises(RooflineError, match=r"ran on CPUs \[0\] instead of \[1\]"):
        check(STREAM, triad(), (1,))


def test_another_working_set_is_refused() -> None:
    shrunk = STREAM.replace("Size (Byte):\t\t522240", "Size (Byte):\t\t500000")
    with pytest.raises(RooflineError, match="used 500000 bytes instead of 52"):
        check(shrunk, triad(), (0,))


def test_it_is_asked_for_our_working_set_and_searches_its_repetitions_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = fake_program(monkeypatch, STREAM, STREAM)
    rival, size = LikwidBench(), triad().case.working_set_bytes
    assert rival.rate(triad(), (0,)) == rival.rate(triad(), (0,)) == pytest.approx(78787.78e6)
    begin, end = ["likwid-bench", "-t", "stream_avx512_fma"], ["-w", f"N:{size}B:1"]
    assert calls[0] == ([*begin, "-s", "1", *end], (0,))
    assert calls[1] == ([*begin, "-i", "262144", *end], (0,))


def test_a_team_touches_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_program(monkeypatch, PEAK)
    both = figure(equivalents={"likwid-bench": "peakflops_sp_avx512_fma"})
    LikwidBench().rate(both, (0, 1))
    assert calls[0][0][-2:] == ["-W", "N:16384B:2"]


def test_it_is_absent_where_it_is_not_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert LikwidBench().why_absent() == "no likwid-bench on PATH"
    assert LikwidBench().why_not(figure()) == "it has no such test"
