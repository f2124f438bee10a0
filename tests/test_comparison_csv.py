"""The CSV of a comparison: the JSON's fields flat, whole or not at all."""

import csv
import io
import os
import stat
from pathlib import Path

import pytest

from roofline.errors import RooflineError
from roofline.records import Report
from roofline.view.comparison_csv import comparison_csv, to_csv
from tests.comparison_builders import report, row, shape


def usual() -> Report:
    return report([row('odd, "name"', shape(64, kernel=(1, 7))), row("thin", ratio=None)])


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_field_is_a_column() -> None:
    assert list(read(to_csv(usual()))[0]) == [
        *("machine", "node", "calibration", "fit", "subject", "threads", "cache", "name"),
        *("batch", "in_channels", "height", "width", "out_channels"),
        *(
            f"{name}_{axis}"
            for name in ("kernel", "stride", "padding", "dilation")
            for axis in "hw"
        ),
        *("groups", "bias", "dtype", "class", "flops", "flops_executed", "bytes", "intensity"),
        *("paper_seconds", "roof_seconds", *(f"rung_{rung}" for rung in "abcdef"), "rung"),
        *("predicted_seconds", "low_seconds", "high_seconds", "extrapolated"),
        "measured_seconds",
        *("measured_low_seconds", "measured_high_seconds", "bound_by", "verdict"),
        *("layout", "algorithm"),
    ]


def test_a_row_reads_back_as_it_was() -> None:
    one = usual().rows[0]
    first, second = read(to_csv(usual()))
    assert first["name"] == 'odd, "name"'
    assert (first["kernel_h"], first["kernel_w"], first["subject"]) == ("1", "7", "ours")
    assert float(first["predicted_seconds"]) == one.prediction.seconds
    assert float(first["rung_b"]) == one.prediction.rungs["b"]
    assert (second["measured_seconds"], second["verdict"], second["rung_f"]) == ("", "", "")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.csv"
    comparison_csv(report([row("first")]), path)
    comparison_csv(usual(), path)
    assert path.read_bytes() == to_csv(usual()).encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RooflineError, match=r"cannot write .*rows\.csv: No space left on device;"):
        comparison_csv(usual(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RooflineError, match="name a file that you may write"):
        comparison_csv(usual(), tmp_path)


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    target, link = tmp_path / "rows.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    comparison_csv(usual(), link)
    assert link.is_symlink()
    assert target.read_text() == to_csv(usual())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    comparison_csv(usual(), pipe)
    assert os.read(reader, 1 << 20).decode() == to_csv(usual())
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
