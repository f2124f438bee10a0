"""ONNX Runtime as a subject: a one-node model end to end, and its Conv kernel from the profile."""

import functools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from benchmarks.conv.weights import Array, Natural
from benchmarks.subjects.library import Bound, Library, Prepared, pin
from roofline.host.subjects import Subject
from roofline.records import ConvShape, Scalar

_OPSET, _IR_VERSION = 17, 9
# The profile's clock counts whole microseconds and drops the rest: half of one on average.
_STEP = 1e-6
_SUFFIX = "_kernel_time"


class OnnxRuntime(Library):
    """ONNX Runtime's CPU provider.

    Args:
        subject: end to end, or the kernel alone.
        cpus: of its pool.

    """

    def __init__(self, subject: Subject, cpus: Sequence[int]) -> None:
        self._subject, self._cpus = subject, tuple(cpus)
        # Its pool has places of its own; a caller that woke beside one of them would share a core.
        pin(self._cpus[:1])
        onnxruntime.disable_telemetry_events()
        onnxruntime.set_default_logger_severity(3)

    def versions(self) -> dict[str, str]:
        """Return the versions of the runtime and of what builds its models."""
        return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}

    def prepare(self, shape: ConvShape, natural: Natural) -> Prepared:
        """Return a model of one convolution."""
        kind = _Profiled if self._subject.kernel else _EndToEnd
        return kind(model(shape, natural), self._cpus)


def model(shape: ConvShape, natural: Natural) -> bytes:
    """Return a model of one convolution, weights inside."""
    weights = [numpy_helper.from_array(natural.weights, "w")]
    if natural.bias is not None:
        weights.append(numpy_helper.from_array(natural.bias, "b"))
    node = helper.make_node(
        "Conv",
        ["x", *(one.name for one in weights)],
        ["y"],
        kernel_shape=shape.kernel,
        strides=shape.stride,
        pads=[*shape.padding, *shape.padding],
        dilations=shape.dilation,
        group=shape.groups,
    )
    into = (shape.batch, shape.in_channels, shape.height, shape.width)
    out = (shape.batch, shape.out_channels, shape.out_height, shape.out_width)
    graph = helper.make_graph(
        [node], "conv", [_tensor("x", into)], [_tensor("y", out)], initializer=weights
    )
    opset = helper.make_opsetid("", _OPSET)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    return bytes(made.SerializeToString())


def _tensor(name: str, sizes: Sequence[int]) -> Any:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)


def session(model: bytes, cpus: Sequence[int], profile: str | None = None) -> Any:
    """Return a session on these CPUs, the first of which is the calling thread's."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(cpus)
    options.inter_op_num_threads = 1
    if len(cpus) > 1:
        # Numbered from 1; one entry a thread of the pool, which the caller isn't in.
        places = ";".join(str(cpu + 1) for cpu in cpus[1:])
        options.add_session_config_entry("session.intra_op_thread_affinities", places)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _EndToEnd(Prepared):
    def __init__(self, model: bytes, cpus: Sequence[int]) -> None:
        self.details: dict[str, Scalar] = {"algorithm": algorithm(profile(model, cpus, None, 1))}
        self._session = session(model, cpus)

    def bind(self, x: Array, out: Array) -> Bound:
        return _Call(self._session, x, out)


class _Profiled(Prepared):
    """The kernel alone: a profile ends with its session, so that each binding has its own."""

    def __init__(self, model: bytes, cpus: Sequence[int]) -> None:
        self._model, self._cpus = model, cpus
        self.details: dict[str, Scalar] = {
            "algorithm": algorithm(profile(model, cpus, None, 1)),
            "clock_step": _STEP,
        }

    def bind(self, x: Array, out: Array) -> Bound:
        return _Kernel(session(self._model, self._cpus), x, out, self._model, self._cpus)


class _Call(Bound):
    def __init__(self, session: Any, x: Array, out: Array) -> None:
        binding = bound_tensors(session, x, out)
        super().__init__(functools.partial(session.run_with_iobinding, binding))
        self._out = out

    def answer(self) -> Array:
        return self._out


class _Kernel(_Call):
    def __init__(
        self, session: Any, x: Array, out: Array, model: bytes, cpus: Sequence[int]
    ) -> None:
        super().__init__(session, x, out)
        self._again = (model, cpus, (x, out))

    def samples(self, repeats: int, count: int) -> list[float]:
        events = profile(*self._again, repeats * count)
        spent = [event["dur"] * _STEP + _STEP / 2 for event in events if is_convolution(event)]
        chunks = (spent[start : start + repeats] for start in range(0, len(spent), repeats))
        return [sum(chunk) / len(chunk) for chunk in chunks][:count]


def bound_tensors(session: Any, x: Array, out: Array) -> Any:
    """Return a binding of the session's tensors to ours: nothing is copied."""
    binding = session.io_binding()
    for name, array, bind in (
        ("x", x, binding.bind_input),
        ("y", out, binding.bind_output),
    ):
        bind(
            name=name,
            device_type="cpu",
            device_id=0,
            element_type=array.dtype.type,
            shape=array.shape,
            buffer_ptr=array.ctypes.data,
        )
    return binding


def profile(
    model: bytes, cpus: Sequence[int], tensors: tuple[Array, Array] | None, runs: int
) -> list[dict[str, Any]]:
    """Return the events of the kernels in so many runs of a model, without the first one's."""
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        made = session(model, cpus, str(Path(folder) / "conv"))
        run = _runner(made, tensors)
        for _ in range(1 + runs):
            run()
        events = json.loads(Path(made.end_profiling()).read_text(encoding="utf-8"))
    kernels = [one for one in events if one["name"].endswith(_SUFFIX)]
    return kernels[len(kernels) // (1 + runs) :]


def _runner(session: Any, tensors: tuple[Array, Array] | None) -> Callable[[], object]:
    if tensors is not None:
        return functools.partial(session.run_with_iobinding, bound_tensors(session, *tensors))
    shape = session.get_inputs()[0].shape
    return functools.partial(session.run, None, {"x": np.zeros(shape, np.float32)})


def is_convolution(event: dict[str, Any]) -> bool:
    """Whether a kernel of the profile is the convolution, not a copy between layouts."""
    return str(event["args"]["op_name"]) in ("Conv", "FusedConv")


def algorithm(events: Sequence[dict[str, Any]]) -> str:
    """Return the kernels of one run in their order; a blocked layout shows by its reorders."""
    return " ".join(str(event["args"]["op_name"]) for event in events)
