"""Rung f's trees: gradient boosting by scikit-learn, small and slow to learn, kept as numbers."""

import importlib.util
from collections.abc import Sequence
from typing import Any

from roofline.records import Trees

ENOUGH = 60
"""With fewer layers than this no trees are grown: each leaf holds some."""

_TREES, _RATE, _LEAF, _SHARE = 40, 0.08, 5, 0.7
# A node of scikit-learn's arrays without children.
_NONE = -1


def installed() -> bool:
    """Whether scikit-learn is here."""
    return importlib.util.find_spec("sklearn") is not None


def grow(features: Sequence[Sequence[float]], residuals: Sequence[float]) -> Trees:
    """Return trees whose leaves add up to ln(measured / rung e).

    Args:
        features: of each layer, in the order of `residual.FEATURES`.
        residuals: of each layer.

    """
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(
        loss="huber",
        n_estimators=_TREES,
        learning_rate=_RATE,
        max_depth=2,
        min_samples_leaf=_LEAF,
        subsample=_SHARE,
        random_state=0,
        init="zero",
    )
    model.fit(list(features), list(residuals))
    return _plain([stage[0].tree_ for stage in model.estimators_])


def _plain(grown: Sequence[Any]) -> Trees:
    """Return scikit-learn's trees; where one ends early, both ways lead to the same leaf."""
    splits: list[int] = []
    thresholds: list[float] = []
    leaves: list[float] = []
    for tree in grown:
        nodes = (0, *_below(tree, 0))
        splits += (max(0, int(tree.feature[node])) for node in nodes)
        thresholds += (_kept(tree.threshold[node]) for node in nodes)
        ends = (leaf for node in nodes[1:] for leaf in _below(tree, node))
        leaves += (_kept(_RATE * tree.value[leaf].item()) for leaf in ends)
    return Trees(splits=tuple(splits), thresholds=tuple(thresholds), leaves=tuple(leaves))


def _kept(value: float) -> float:
    # Rounded before the fit is judged: what is stored is what was judged, and small.
    return float(f"{value:.4g}")


def _below(tree: Any, node: int) -> tuple[int, int]:
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    return (node, node) if left == _NONE else (left, right)
