"""The user's folders, as the XDG Base Directory Specification has them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from roofline.folders import cache_home, config_home, data_home

ALL = [
    (cache_home, "XDG_CACHE_HOME", ".cache"),
    (config_home, "XDG_CONFIG_HOME", ".config"),
    (data_home, "XDG_DATA_HOME", ".local/share"),
]


@pytest.mark.parametrize(("folder", "variable", "usual"), ALL)
def test_a_variable_names_the_folder_and_a_relative_path_is_none(
    folder: Callable[[Mapping[str, str]], Path], variable: str, usual: str
) -> None:
    home = {"HOME": "/home/somebody"}
    expected = Path("/home/somebody") / usual / "calibrated-roofline"
    assert folder(home) == expected
    assert folder(home | {variable: "here/there"}) == expected
    assert folder(home | {variable: "/else/where"}) == Path("/else/where/calibrated-roofline")
