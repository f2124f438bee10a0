"""OpenVINO as a subject: a one-node model compiled for the CPU, its tensors bound."""

import functools
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.conv.weights import Array, Natural
from benchmarks.subjects.library import Bound, Library, Prepared
from roofline.host.subjects import Subject
from roofline.records import ConvShape, Scalar

# Importing OpenVINO starts a process that reports to its maker, and that may outlive this one where
# there is no network. Without the module that does so, it does without.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as import allows
openvino = importlib.import_module("openvino")
opset13 = importlib.import_module("openvino.opset13")

_CONFIG = {
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": True,
    # Else a processor with BF16 would compute in it.
    "INFERENCE_PRECISION_HINT": "f32",
}


class OpenVino(Library):
    """OpenVINO's CPU plugin.

    Args:
        subject: it has no variants.
        cpus: of its pool.

    """

    def __init__(self, subject: Subject, cpus: Sequence[int]) -> None:
        del subject
        self._config = {**_CONFIG, "INFERENCE_NUM_THREADS": len(cpus)}
        self._core = openvino.Core()

    def versions(self) -> dict[str, str]:
        """Return the library's version."""
        return {"openvino": str(openvino.__version__)}

    def prepare(self, shape: ConvShape, natural: Natural) -> Prepared:
        """Return a compiled model of one convolution."""
        compiled = self._core.compile_model(model(shape, natural), "CPU", self._config)
        return _Compiled(compiled)


def model(shape: ConvShape, natural: Natural) -> Any:
    """Return a model of one convolution, weights inside."""
    into = (shape.batch, shape.in_channels, shape.height, shape.width)
    x = opset13.parameter(into, natural.weights.dtype)
    how = (shape.stride, shape.padding, shape.padding, shape.dilation)
    if shape.groups > 1:
        sizes = (shape.groups, shape.group_out, *natural.weights.shape[1:])
        factors = opset13.constant(natural.weights.reshape(sizes))
        node = opset13.group_convolution(x, factors, *how)
    else:
        node = opset13.convolution(x, opset13.constant(natural.weights), *how)
    if natural.bias is not None:
        node = opset13.add(node, opset13.constant(natural.bias.reshape(1, -1, 1, 1)))
    return openvino.Model([opset13.result(node)], [x], "conv")


class _Compiled(Prepared):
    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.details: dict[str, Scalar] = {"algorithm": algorithm(compiled)}

    def bind(self, x: Array, out: Array) -> Bound:
        request = self._compiled.create_infer_request()
        request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
        request.set_output_tensor(openvino.Tensor(out, shared_memory=True))
        return _Call(request, out)


class _Call(Bound):
    def __init__(self, request: Any, out: Array) -> None:
        run = functools.partial(request.infer, share_inputs=True, share_outputs=True)
        super().__init__(run)
        self._out = out

    def answer(self) -> Array:
        return self._out


def algorithm(compiled: Any) -> str:
    """Return the primitives that run, in their order."""
    told = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    names = [str(one["primitiveType"].get()) for one in told if "primitiveType" in one]
    return " ".join(name for name in names if not name.startswith("unknown"))
