"""Layers tuned before they are measured: the child tries variants of each, or remembers them."""

import dataclasses
from collections.abc import Iterable

from roofline.comparing.runner import Runner
from roofline.host.child import Child, Progress
from roofline.records import ConvShape, Layer, Scalar


@dataclasses.dataclass(frozen=True, slots=True)
class Tuning:
    """What tuning found.

    Attributes:
        operators: those that were tuned.
        gains: of each shape, how many times as fast as the model's own choice; 1 for most.

    """

    operators: Runner
    gains: tuple[float, ...] = ()

    @property
    def sentence(self) -> str | None:
        """What it found, in words; None where the model's choices stayed."""
        better = [gain for gain in self.gains if gain > 1]
        if not better:
            return None
        return (
            f"tuned: {len(better)} of {len(self.gains)} shapes run otherwise than the model "
            f"chose, up to {max(better):.2f} times as fast (--no-tune: as chosen)"
        )


def tuned(
    operators: Runner,
    layers: Iterable[Layer],
    child: Child,
    node: str,
    progress: Progress = lambda _done, _total, _what: None,
) -> Tuning:
    """Return operators that run each layer as is best here.

    Args:
        operators: as the model chooses.
        layers: that will be run.
        child: who tries.
        node: this host's name: what was found once is remembered under it.
        progress: told how many of how many are done, and which is next.

    Raises:
        RooflineError: the child refused or died.

    """
    if not operators.tunable:
        return Tuning(operators)
    cases = {layer.shape: dataclasses.asdict(operators.case(layer)) for layer in layers}
    child.ask("prepare", cases=[*cases.values()])
    cuts: dict[ConvShape, dict[str, Scalar]] = {}
    gains = []
    for number, (shape, case) in enumerate(cases.items()):
        progress(number, len(cases), f"tuning {shape.text}")
        answer = child.ask("tune", case=case, node=node)
        gains.append(float(answer["gain"]))
        if gains[-1] > 1:
            cuts[shape] = answer["parameters"]
    return Tuning(operators.with_cuts(cuts), tuple(gains))
