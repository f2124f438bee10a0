"""Where this suite keeps what is the user's: folders of the XDG Base Directory Specification."""

import os
from collections.abc import Mapping
from pathlib import Path

_NAME = "calibrated-roofline"


def cache_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what can be made anew."""
    return _home("XDG_CACHE_HOME", ".cache", environ)


def config_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what is known about the host."""
    return _home("XDG_CONFIG_HOME", ".config", environ)


def data_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what is to stay."""
    return _home("XDG_DATA_HOME", ".local/share", environ)


def _home(variable: str, usual: str, environ: Mapping[str, str]) -> Path:
    given = Path(environ.get(variable, ""))
    # A relative path is none, by the specification; it would lie wherever a command was typed.
    if given.is_absolute():
        return given / _NAME
    return Path(environ.get("HOME") or "~").expanduser() / usual / _NAME
