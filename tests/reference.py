"""The calibration of a real machine that the repository carries, for tests on measured figures."""

from collections.abc import Iterable
from pathlib import Path

from roofline.records import Calibration
from roofline.store.schema import loads

_RECORDS = "2*Z-????????????.json"
FOLDER = Path(__file__).resolve().parents[1] / "results" / "reference"


def reference() -> Calibration:
    """Return the oldest calibration under results/reference."""
    return _first(sorted(FOLDER.rglob(_RECORDS), key=lambda path: path.name))


def newest(machine: str) -> Calibration:
    """Return the newest calibration there of the machines whose id begins like that."""
    paths = (path for folder in FOLDER.glob(f"{machine}*") for path in folder.rglob(_RECORDS))
    return _first(sorted(paths, key=lambda path: path.name, reverse=True))


def _first(paths: Iterable[Path]) -> Calibration:
    records = (loads(path.read_text(encoding="utf-8")) for path in paths)
    return next(one for one in records if isinstance(one, Calibration))
