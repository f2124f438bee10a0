"""The checkout that this package runs from: its place, and which revision it is."""

import subprocess
from pathlib import Path

import roofline
from roofline.errors import CANNOT_MEASURE, RooflineError


def checkout() -> Path:
    """Return the folder that holds `benchmarks`, beside this package.

    Raises:
        RooflineError: this is an installed wheel, which carries no kernels.

    """
    folder = Path(roofline.__file__).resolve().parents[1]
    if not (folder / "benchmarks" / "__main__.py").is_file():
        raise RooflineError(
            "measuring needs a checkout of the project (this is the installed package): "
            "clone it and run `make calibrate` there.",
            CANNOT_MEASURE,
        )
    return folder


def revision(folder: Path) -> tuple[str | None, bool | None]:
    """Return git's revision of a folder and whether it has changes; None where git can't tell."""
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if commit is None or changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
