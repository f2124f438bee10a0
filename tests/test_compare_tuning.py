"""Layers tuned before a sweep: who is asked, whose tiling changes, what the records then say."""

from typing import Any

import pytest

from roofline.comparing.libraries import LibraryOperators
from roofline.comparing.operators import Operators
from roofline.comparing.tuning import tuned
from roofline.host import subjects
from roofline.records import ConvShape, Layer, Scalar
from tests.fake_conv_child import job, layers


class Answering:
    """A child that found another order for one shape."""

    def __init__(self, better: ConvShape, parameters: dict[str, Scalar]) -> None:
        self.better, self.parameters = better, parameters
        self.asked: list[str] = []
        self.nodes: set[str] = set()

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Answer as through a pipe."""
        self.asked.append(verb)
        if verb != "tune":
            return {"compile_seconds": 0.0}
        self.nodes.add(arguments["node"])
        given = arguments["case"]["parameters"]
        found = all(given[name] == value for name, value in self.better.parameters.items())
        kept = {name: value for name, value in given.items() if name.startswith("tile_")}
        parameters = self.parameters if found else kept
        return {"parameters": parameters, "gain": 1.25 if found else 1.0, "tried": 3}


def ours(*, cold: bool = False) -> Operators:
    """Return our kernels on the fake child's machine."""
    operators = job().operators
    assert isinstance(operators, Operators)
    return Operators(operators.calibration, operators.threads, cold=cold)


def other(operators: Operators, layer: Layer) -> dict[str, Scalar]:
    """Return the parameters of a layer's tiling in one part, whatever it was."""
    return {**operators.tiling(layer).parameters, "tile_rows": 77}


def test_only_what_is_faster_otherwise_is_cut_otherwise() -> None:
    operators, wanted = ours(), layers()
    child = Answering(wanted[1].shape, other(operators, wanted[1]))
    tuning = tuned(operators, wanted, child, "node-1")
    assert isinstance(tuning.operators, Operators)
    cuts = [tuning.operators.tiling(layer) for layer in wanted]
    assert [cut.rows == 77 for cut in cuts] == [n == 1 for n in range(len(wanted))]
    assert tuning.operators.case(wanted[1]).parameters["tile_rows"] == 77
    assert tuning.operators.details(wanted[1])["tile_rows"] == 77
    assert tuning.operators.case(wanted[0]) == operators.case(wanted[0])
    assert child.asked[0] == "prepare"
    assert child.nodes == {"node-1"}
    assert tuning.sentence is not None
    assert "1 of" in tuning.sentence
    assert "1.25" in tuning.sentence


def test_layers_of_one_shape_are_tuned_once() -> None:
    operators, one = ours(), layers()[0]
    child = Answering(one.shape, other(operators, one))
    tuned(operators, [one, Layer(name="twin", shape=one.shape)], child, "node-1")
    assert child.asked == ["prepare", "tune"]


def test_nothing_is_said_where_the_choice_stays() -> None:
    operators, wanted = ours(), layers()[:2]
    child = Answering(
        ConvShape(batch=9, in_channels=9, height=9, width=9, out_channels=9, kernel=(1, 1)), {}
    )
    tuning = tuned(operators, wanted, child, "node-1")
    assert tuning.sentence is None
    assert tuning.gains == (1.0, 1.0)


@pytest.mark.parametrize("kind", ["cold", "library"])
def test_libraries_and_cold_tensors_are_not_tuned(kind: str) -> None:
    ask, wanted = Answering(layers()[0].shape, {}), layers()
    cold = ours(cold=True)
    library = LibraryOperators(cold.calibration, cold.threads, subject=subjects.find("openvino"))
    runner = cold if kind == "cold" else library
    assert tuned(runner, wanted, ask, "node-1").operators is runner
    assert ask.asked == []


def test_a_tuned_layer_is_predicted_as_it_is_run() -> None:
    operators, layer = ours(), layers()[0]
    changed = {**operators.tiling(layer).parameters, "tile_rows": 1}
    child = Answering(layer.shape, changed)
    tuning = tuned(operators, [layer], child, "node-1")
    assert tuning.operators.predict(layer).rungs["d"] != operators.predict(layer).rungs["d"]
