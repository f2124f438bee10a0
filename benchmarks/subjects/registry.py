"""Which module runs which library: nothing of a library is imported until its child asks."""

import importlib
from collections.abc import Sequence
from typing import cast

from benchmarks.subjects.library import Library, LibraryRig, pin
from roofline.host import subjects
from roofline.host.subjects import Subject

_CLASSES = {
    "torch": ("benchmarks.subjects.pytorch", "Torch"),
    "onnxruntime": ("benchmarks.subjects.onnx_runtime", "OnnxRuntime"),
    "openvino": ("benchmarks.subjects.openvino_model", "OpenVino"),
}


def library(subject: Subject, cpus: Sequence[int]) -> Library:
    """Import a subject's library and set up its pool on these CPUs.

    Raises:
        RooflineError: it isn't installed.

    """
    subjects.require(subject)
    module, name = _CLASSES[subject.library or ""]
    return cast(Library, getattr(importlib.import_module(module), name)(subject, cpus))


def rig(subject: Subject, cpus: Sequence[int]) -> LibraryRig:
    """Return what runs a library's subject in this process, confined to these CPUs from here on.

    Raises:
        RooflineError: the library isn't installed, or the system refuses the CPUs.

    """
    # Before the import: pools that start there inherit it.
    pin(cpus)
    return LibraryRig(subject, library(subject, cpus), cpus)
