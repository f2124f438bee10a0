"""Lists of convolutions: the default sweep, random draws from a stated domain, and CSV files."""

from roofline.shapes.csvfile import COLUMNS, MOST_SHAPES, REQUIRED, read_shapes, write_shapes
from roofline.shapes.default import default_sweep
from roofline.shapes.draw import DOMAIN, draw
from roofline.shapes.notation import parse_shape

__all__ = [
    "COLUMNS",
    "DOMAIN",
    "MOST_SHAPES",
    "REQUIRED",
    "default_sweep",
    "draw",
    "parse_shape",
    "read_shapes",
    "write_shapes",
]
