"""The vocabulary: frozen records in SI units, with no behaviour beyond derived properties.

Unknown is ``None``. Every quantity is in bytes, seconds, hertz, FLOP, FLOP/s or bytes/s. A field
at its default is left out of a stored record: changing a default is a change of format.
"""

from roofline.records.calibration import (
    FORMAT,
    Basis,
    Calibration,
    Ceiling,
    Finding,
    Kind,
    Samples,
    Severity,
    Theoretical,
    Unit,
)
from roofline.records.machine import Cache, Conditions, MachineSpec, Software
from roofline.records.work import Case, Measurement, Rounds, Scalar, Traffic, Work

__all__ = [
    "FORMAT",
    "Basis",
    "Cache",
    "Calibration",
    "Case",
    "Ceiling",
    "Conditions",
    "Finding",
    "Kind",
    "MachineSpec",
    "Measurement",
    "Rounds",
    "Samples",
    "Scalar",
    "Severity",
    "Software",
    "Theoretical",
    "Traffic",
    "Unit",
    "Work",
]
