"""Conclude: from a machine to one Calibration. A package of the checkout."""

import sys
from pathlib import Path

# Whatever `benchmarks/` lies in the user's working directory is not ours: the checkout comes first.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
