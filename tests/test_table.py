"""The tables: everything a record says, in 100 columns, with words where words are honest."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from roofline.records import Calibration, Finding, Round
from roofline.view.effect_rows import effect_words
from roofline.view.rows import sections
from roofline.view.table import WIDTH, render, to_frame
from tests import roof_builders as build
from tests.article_builder import article


def printed(calibration: Calibration) -> str:
    text = io.StringIO()
    Console(file=text, width=WIDTH, highlight=False).print(render(calibration))
    return text.getvalue()


def unwrapped(calibration: Calibration) -> str:
    return " ".join(printed(calibration).split())


def test_all_sections_are_there() -> None:
    text = unwrapped(build.calibration())
    for words in (
        "AMD EPYC 9B45 Processor (zen5)",
        "2 usable of 2",
        "steal 0.4 %",
        "fma float32 512 2 465 474 1.2 % 63.9 100 % 63.4 steady",
        "light load 4.04 (1.2 %)",
        "triad non-temporal 2 74.0 75.5 1.2 % x 1.00 steady",
        "triad ordinary 1 37.4 38.1 1.2 % x 1.33 steady",
        "L1 46 KiB 45.5 KiB - 46.5 KiB 48 KiB 1 441 330",
        "first touch of a 4 KiB page 1 900 ns",
        "reading the clock 1 24 ns",
        "calling a kernel 1 2.5 ns",
        "moving a thread to another CPU 2 31 µs",
        "Latency (dependent loads)",
        "L2 huge, if granted 96 KiB 4.2 ns 15.4 1.2 %",
        "DRAM 4 KiB 128 MiB 150 ns 550 1.2 %",
        "fma+add float32 512 1 352 359 1.2 % 95.9 100 % 95.0 steady",
        "dot int8 512 1 940 959 1.2 % 255 100 % 254 steady",
        "fma float32 32 1 14.7 15.0 1.2 % 3.99 100 % 3.98 steady",
        "without pinning (fma, 2 cores) none measurable (95 %: 0.98 - 1.03)",
        "without touching pages beforehand (triad, 2 cores) 7.9 x the time (95 %: 6.8 - 9.4)",
        "on paper 517 GFLOP/s 461 GB/s 1.12 FLOP/B derived",
        "at the clock 470 GFLOP/s 461 GB/s 1.02 FLOP/B paper at the 3.67 GHz",
        "achieved 465 GFLOP/s 74 GB/s 6.28 FLOP/B fma-float32-512, dram-triad-nt",
        "$ echo always | sudo tee",
    ):
        assert words in text


def test_the_head_says_whether_the_run_was_left_alone() -> None:
    calm, busy = (tuple(Round(seconds=2.0, others=cpus) for _ in range(9)) for cpus in (0.01, 0.97))
    record = build.calibration()
    assert "verdict quiet" in unwrapped(replace(record, rounds=calm))
    words = "verdict noisy: other processes kept 0.97 CPUs busy in 9 of 9 rounds"
    assert words in unwrapped(replace(record, rounds=busy))
    # An older record keeps nothing by round: no verdict is made up.
    assert "verdict quiet" not in unwrapped(record)
    assert "verdict noisy" not in unwrapped(record)


def test_the_article_s_three_roofs_carry_their_basis() -> None:
    text = unwrapped(article())
    assert "on paper 4.61 TFLOP/s 96 GB/s 48 FLOP/B spec: the source article's figures" in text
    assert "at the clock 2.97 TFLOP/s 96 GB/s 30.9 FLOP/B paper at the 2.9 GHz" in text
    assert "achieved 2.86 TFLOP/s 74 GB/s 38.6 FLOP/B" in text
    assert "(77 % of paper)" in text


def test_unknown_memory_is_said_with_its_cure() -> None:
    assert "memory: --spec FILE" in unwrapped(build.without_memory_theory())


def crowded() -> Calibration:
    """Build a large noisy machine: the widest words in every column."""
    base = build.calibration()
    reason = "noisy: the hypervisor took 3 % of the time, time [bold]again[/bold] when it is idle"

    def widen(c: build.Ceiling) -> build.Ceiling:
        threads = 192 if c.threads == 2 else 1
        mix = "mul+add" if c.mix == "fma" else c.mix
        rates = {"typical": c.typical * 96, "high": c.high * 96} if threads > 1 else {}
        evidence = {**c.evidence, "verdict": reason}
        return replace(c, threads=threads, mix=mix, spread=0.123, evidence=evidence, **rates)

    return replace(base, ceilings=tuple(map(widen, base.ceilings)), usable_cores=192)


@pytest.mark.parametrize("name", ["usual", "crowded", "bare", "article", "empty"])
def test_nothing_is_wider_than_a_hundred_columns(name: str) -> None:
    made = {
        "usual": build.calibration,
        "crowded": crowded,
        "bare": build.one_thread_no_caches,
        "article": article,
        "empty": lambda: build.calibration([], measurements=(), findings=()),
    }
    lines = printed(made[name]()).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert not any("…" in line for line in lines)


def test_rows_of_figures_stay_on_one_line() -> None:
    lines = printed(crowded()).splitlines()
    assert any("mul+add float32" in line and "noisy" in line for line in lines)


def test_a_doubt_is_printed_whole_and_its_brackets_are_no_markup() -> None:
    assert "time [bold]again[/bold] when it is idle" in unwrapped(crowded())


def test_empty_sections_are_left_out() -> None:
    titles = [section.title for section in sections(build.one_thread_no_caches())]
    assert titles == [
        "Compute",
        "Memory (DRAM, nominal bytes)",
        "Memory by mix of reads and writes (GB/s, nominal and moved)",
        "Knees (FLOP/byte; above, compute binds)",
    ]
    assert "Findings" not in printed(build.one_thread_no_caches())


def test_an_effect_is_only_claimed_when_its_interval_excludes_one() -> None:
    near = build.effect("unpinned-fma", 1.02, (1.0, 1.04))
    far = build.effect("unpinned-fma", 0.9, (0.85, 0.95))
    bare = build.effect("unpinned-fma", 1.2, None)
    wide = build.effect("unpinned-fma", 1.02, (0.8, 1.04))
    assert effect_words(near) == "none measurable (95 %: 1 - 1.04)"
    assert effect_words(wide) == "undecided (95 %: 0.8 - 1.04)"
    assert effect_words(far) == "0.9 x the time (95 %: 0.85 - 0.95)"
    assert effect_words(bare) == "1.2 x the time (no interval)"


def test_findings_print_their_severity_and_command() -> None:
    finding = Finding(
        severity="invalid", what="Slower than paper allows.", command="make calibrate"
    )
    text = unwrapped(build.calibration(findings=(finding,)))
    assert "invalid Slower than paper allows. $ make calibrate" in text


def test_the_frame_has_one_row_a_ceiling_in_si_units() -> None:
    calibration = build.calibration()
    frame = to_frame(calibration)
    assert len(frame) == len(calibration.ceilings)
    row = frame[(frame["name"] == "dram-triad-nt") & (frame["threads"] == 2)].iloc[0]
    assert row["typical"] == 74e9
    assert row["paper"] == 460.8e9
    assert row["interval_low"] == 74e9 * 0.99
    assert row["machine"] == calibration.machine.id


@pytest.mark.parametrize(("apart", "shown"), [(20, True), (3, False)])
def test_a_figure_that_lost_many_windows_is_doubted_with_their_number(
    apart: int, shown: bool
) -> None:
    calibration = build.calibration()
    fma = next(c for c in calibration.ceilings if c.kind == "compute")
    lost = replace(fma, evidence={**fma.evidence, "set_apart": apart, "windows": 49})
    others = tuple(c for c in calibration.ceilings if c is not fma)
    text = unwrapped(replace(calibration, ceilings=(lost, *others)))
    assert (f"{apart} of 49 windows set apart" in text) is shown
