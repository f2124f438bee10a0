"""What makes a fit's numbers impossible to evaluate, whoever wrote them."""

from collections.abc import Iterator

from roofline.physics.cross import SEEN
from roofline.records import Efficiency, Trees


def misfits(record: Efficiency) -> Iterator[str]:
    """Yield what is wrong with a fit; nothing where it can be evaluated."""
    layers, members = len(record.timings), len(record.members)
    if not len(record.folds) == len(record.residuals) == layers:
        yield "has not one fold and one residual for each layer"
    if not members or not all(SEEN <= fold < members for fold in record.folds):
        yield "names a fold that no member left out"
    if all(fold == SEEN for fold in record.folds):
        yield "has no layer that any member left out"
    if {len(member.parameters) for member in record.members} - {len(record.parameters)}:
        yield "has members with other parameters than its own"
    if any(value <= 0 for member in record.members for value in member.parameters):
        yield "has a parameter that is not above 0"
    if not all(_grown(member.trees, len(record.features)) for member in record.members):
        yield "has trees that can't be evaluated"


def _grown(trees: Trees, features: int) -> bool:
    whole = len(trees.splits) == len(trees.thresholds) == 3 * trees.count
    return whole and all(0 <= split < features for split in trees.splits)
