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
from roofline.records.comparison import (
    RUNG_MEANINGS,
    RUNGS,
    Bound,
    Comparison,
    Errors,
    Measured,
    Prediction,
    Report,
    Verdict,
)
from roofline.records.conv import ACTIVATIONS, CONV_CLASSES, ConvShape, Layer, Pair, pair_text
from roofline.records.efficiency import Efficiency, Member, Parameter, Trees
from roofline.records.explanation import Change, Explanation, Loss, Part, Waterfall
from roofline.records.machine import Cache, Conditions, MachineSpec, Round, Software
from roofline.records.sweep import Anchor, Sweep, Timing
from roofline.records.tensors import ELEMENTWISE, ElementwiseShape, GemmShape, ReorderShape
from roofline.records.work import Case, Measurement, Rounds, Scalar, Traffic, Work

__all__ = [
    "ACTIVATIONS",
    "CONV_CLASSES",
    "ELEMENTWISE",
    "FORMAT",
    "RUNGS",
    "RUNG_MEANINGS",
    "Anchor",
    "Basis",
    "Bound",
    "Cache",
    "Calibration",
    "Case",
    "Ceiling",
    "Change",
    "Comparison",
    "Conditions",
    "ConvShape",
    "Efficiency",
    "ElementwiseShape",
    "Errors",
    "Explanation",
    "Finding",
    "GemmShape",
    "Kind",
    "Layer",
    "Loss",
    "MachineSpec",
    "Measured",
    "Measurement",
    "Member",
    "Pair",
    "Parameter",
    "Part",
    "Prediction",
    "ReorderShape",
    "Report",
    "Round",
    "Rounds",
    "Samples",
    "Scalar",
    "Severity",
    "Software",
    "Sweep",
    "Theoretical",
    "Timing",
    "Traffic",
    "Trees",
    "Unit",
    "Verdict",
    "Waterfall",
    "Work",
    "pair_text",
]
