"""PyTorch as a subject: eager in either layout, and oneDNN's kernel with weights packed once."""

import ctypes
import functools
import os
import re
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.conv.weights import Array, Natural
from benchmarks.subjects.library import Bound, Library, Prepared
from roofline.host.subjects import Subject
from roofline.records import ConvShape, Scalar

# Of a line that oneDNN prints when it runs something: the primitive and its implementation.
_RAN = re.compile(r"^onednn_verbose,.*exec,cpu,(\w+),([^,]*),", re.MULTILINE)
_libc = ctypes.CDLL(None)


class Torch(Library):
    """One variant of PyTorch's convolution.

    Args:
        subject: which variant.
        cpus: of its pool.

    """

    def __init__(self, subject: Subject, cpus: Sequence[int]) -> None:
        self._subject = subject
        torch.set_num_threads(len(cpus))
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)

    def versions(self) -> dict[str, str]:
        """Return PyTorch's version, and oneDNN's as its configuration tells it."""
        found = re.search(r"MKL-DNN (v\S+)", torch.__config__.show())
        return {"torch": torch.__version__} | ({"onednn": found.group(1)} if found else {})

    def prepare(self, shape: ConvShape, natural: Natural) -> Prepared:
        """Return the variant's convolution."""
        if self._subject.name == "torch-prepacked":
            return _Packed(shape, natural)
        return _Eager(shape, natural, last=self._subject.layout == "NHWC")


class _Conv(Prepared):
    """A convolution as a function of its input tensor."""

    def __init__(self) -> None:
        self.details: dict[str, Scalar] = {}
        self._told = False

    @abstractmethod
    def function(self, x: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Return the call."""

    def bind(self, x: Array, out: Array) -> Bound:
        """Take the input as it lies; PyTorch allocates its output itself."""
        del out
        tensor = torch.from_numpy(x)
        bound = _Call(self.function(tensor))
        if not self._told:
            self.details |= self.told(tensor) | _implementation(bound.call)
            self._told = True
        return bound

    def told(self, x: torch.Tensor) -> dict[str, Scalar]:
        """Return what PyTorch says of how it will run."""
        del x
        return {}


class _Eager(_Conv):
    def __init__(self, shape: ConvShape, natural: Natural, *, last: bool) -> None:
        super().__init__()
        weights = torch.from_numpy(natural.weights)
        order = torch.channels_last if last else torch.contiguous_format
        self._weights = weights.contiguous(memory_format=order)
        self._bias = None if natural.bias is None else torch.from_numpy(natural.bias)
        self._shape = shape

    def function(self, x: torch.Tensor) -> Callable[[], torch.Tensor]:
        shape = self._shape
        how = (shape.stride, shape.padding, shape.dilation, shape.groups)
        return functools.partial(torch.conv2d, x, self._weights, self._bias, *how)

    def told(self, x: torch.Tensor) -> dict[str, Scalar]:
        shape = self._shape
        how = (shape.stride, shape.padding, shape.dilation, False, (0, 0), shape.groups)
        backend = torch._C._select_conv_backend(x, self._weights, self._bias, *how)
        return {"backend": str(backend).rpartition(".")[2]}


class _Packed(_Conv):
    """What a compiled model calls: the kernel that `mkldnn_reorder_conv2d_weight` packed for.

    The packed form depends on how many threads there are: they are set before.
    """

    def __init__(self, shape: ConvShape, natural: Natural) -> None:
        super().__init__()
        how = (shape.padding, shape.stride, shape.dilation, shape.groups)
        sizes = (shape.batch, shape.in_channels, shape.height, shape.width)
        weights = torch.from_numpy(natural.weights).to_mkldnn()
        self._weights = torch._C._nn.mkldnn_reorder_conv2d_weight(weights, *how, sizes)
        self._bias = None if natural.bias is None else torch.from_numpy(natural.bias)
        self._how = how

    def function(self, x: torch.Tensor) -> Callable[[], torch.Tensor]:
        run = torch.ops.mkldnn._convolution_pointwise.default
        no_activation: tuple[Any, ...] = ("none", [], "")
        return functools.partial(run, x, self._weights, self._bias, *self._how, *no_activation)


class _Call(Bound):
    def __init__(self, run: Callable[[], torch.Tensor]) -> None:
        super().__init__(run)
        self._run = run

    def answer(self) -> Array:
        return self._run().numpy()


def _implementation(call: Callable[[], object]) -> dict[str, Scalar]:
    """Return the implementations that oneDNN ran, which it tells on standard output only."""
    verbose = torch.backends.mkldnn
    with tempfile.TemporaryFile() as told:
        kept = os.dup(1)
        _libc.fflush(None)
        os.dup2(told.fileno(), 1)
        try:
            with verbose.verbose(verbose.VERBOSE_ON):
                call()
        finally:
            _libc.fflush(None)
            os.dup2(kept, 1)
            os.close(kept)
        told.seek(0)
        ran = _RAN.findall(told.read().decode(errors="replace"))
    words = [name if kind == "convolution" else kind for kind, name in ran]
    return {"algorithm": " ".join(words)} if words else {}
