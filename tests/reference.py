"""The calibration of a real machine that the repository carries, for tests on measured figures."""

from pathlib import Path

from roofline.records import Calibration
from roofline.store.schema import loads

FOLDER = Path(__file__).resolve().parents[1] / "results" / "reference"


def reference() -> Calibration:
    """Return the oldest calibration under results/reference."""
    paths = sorted(FOLDER.rglob("2*Z-????????????.json"), key=lambda path: path.name)
    records = (loads(path.read_text(encoding="utf-8")) for path in paths)
    return next(one for one in records if isinstance(one, Calibration))
