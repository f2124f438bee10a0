"""A machine spec is read into SI units, or refused with one sentence that says what to do."""

from pathlib import Path

import pytest

from roofline.errors import RooflineError
from roofline.host.spec import KEYS, read_spec
from roofline.records import MachineSpec


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_texts_with_units_and_plain_numbers_are_read_alike(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [machine]
        brand = "Intel Core i9-10980XE"
        cores = 18
        memory_channels = 4
        memory_transfers_per_second = "3 GT/s"
        boost_hertz = 4.5e9
        fma_pipes = 2
        memory_bytes = "64 GiB"
        """,
    )
    assert read_spec(path) == {
        "brand": "Intel Core i9-10980XE",
        "cores": 18,
        "memory_channels": 4,
        "memory_transfers_per_second": 3e9,
        "boost_hertz": 4.5e9,
        "fma_pipes": 2,
        "memory_bytes": 64 << 30,
    }


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    stated = read_spec(written(tmp_path, '[machine]\nmemory_bytes = "1 GiB"\ncores = 2.0'))
    assert all(type(value) is int for value in stated.values())


def test_every_key_is_a_field_of_the_record() -> None:
    assert set(KEYS) <= set(MachineSpec.__dataclass_fields__)


def test_an_empty_table_states_nothing(tmp_path: Path) -> None:
    assert read_spec(written(tmp_path, "[machine]")) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[machine", "not TOML"),
        ("cores = 2", r"\[machine\]"),
        ("machine = 2", r"\[machine\]"),
        ("[machine]\n[gpu]", "nothing else"),
        ("[machine]\ncoers = 2", "unknown key 'coers'; use one of vendor"),
        ("[machine]\ncores = '2'", "whole number"),
        ("[machine]\ncores = true", "whole number"),
        ("[machine]\ncores = 2.5", "whole number"),
        ("[machine]\ncores = -2", "cannot be; give one between"),
        ("[machine]\ncores = 0", "cannot be"),
        ("[machine]\nboost_hertz = 3.7", "cannot be"),
        ("[machine]\nboost_hertz = nan", "cannot be"),
        ("[machine]\nboost_hertz = inf", "cannot be"),
        (f"[machine]\nmemory_bytes = 1{'0' * 400}", "cannot be"),
        (f"[machine]\nmemory_bytes = 1{'0' * 5000}", "not TOML"),
        ("[machine]\nboost_hertz = '3.7 GT/s'", "write a number and Hz"),
        ("[machine]\nboost_hertz = []", "3.7 GHz"),
        ("[machine]\nmemory_transfers_per_second = '-4.8 GT/s'", "cannot be"),
        ("[machine]\nvendor = 7", "text in quotes"),
        ("[machine]\nbrand = ' '", "text in quotes"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(RooflineError, match=reason) as refusal:
        read_spec(path)
    assert refusal.value.exit_code == 2
    assert str(refusal.value).endswith(".")
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RooflineError, match=r"none\.toml: No such file") as refusal:
        read_spec(tmp_path / "none.toml")
    assert refusal.value.exit_code == 2


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    with pytest.raises(RooflineError, match="directory"):
        read_spec(tmp_path)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(b'[machine]\nbrand = "\xb5"')
    with pytest.raises(RooflineError, match="UTF-8"):
        read_spec(path)
