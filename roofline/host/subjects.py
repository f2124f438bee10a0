"""Who can run an operator: our kernels and the libraries that people use, as data.

Nothing of a library is imported here: whether it is installed is looked up, and its settings are
those of the environment in which its own child starts.
"""

import importlib.util
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roofline.errors import CANNOT_MEASURE, RooflineError

OURS, END_TO_END = "ours", "ours-end-to-end"
FLOATS = ("float32", "float64")
_MANY = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One way to run a convolution.

    Attributes:
        about: what it is, as a table says it.
        library: whose it is; variants of a library share it, and None is ours.
        modules: what must be installed; `extra` is the name in setup.cfg that brings it.
        dtypes: of the tensors that it computes.
        layout: of the tensors that it is given.
        kernel: a kernel alone, its tensors in the layout that it wants; else end to end.
        reorders: tensors that each call copies into another layout, and back.
        mlas_kernels, onednn_kernels: they are those of MLAS, or oneDNN's for channels that come
            last, whose structure is known (`roofline.physics.mlas`, `roofline.physics.onednn`).

    """

    name: str
    about: str
    library: str | None = None
    modules: tuple[str, ...] = ()
    extra: str = ""
    dtypes: tuple[str, ...] = ("float32",)
    layout: str = "NCHW"
    kernel: bool = False
    reorders: tuple[str, ...] = ()
    mlas_kernels: bool = False
    onednn_kernels: bool = False

    @property
    def planes(self) -> bool:
        """Whether a call takes planes of channels and gives them back, as most users have them."""
        return self.layout == "NCHW" and not self.kernel

    @property
    def ours(self) -> bool:
        """Whether our own kernels run."""
        return self.library is None


_ONNX = ("onnxruntime", "onnx")
_ALL = (
    Subject(name=OURS, about="our kernels alone", dtypes=FLOATS, layout="NCHWc", kernel=True),
    Subject(
        name=END_TO_END,
        about="our kernels end to end, weights packed once",
        dtypes=FLOATS,
        reorders=("input", "output"),
    ),
    Subject(
        name="torch",
        about="PyTorch, eager, NCHW",
        library="torch",
        modules=("torch",),
        extra="torch",
        dtypes=FLOATS,
        reorders=("input", "output", "weights"),
    ),
    Subject(
        name="torch-channels-last",
        about="PyTorch, eager, channels last",
        library="torch",
        modules=("torch",),
        extra="torch",
        dtypes=FLOATS,
        layout="NHWC",
        reorders=("weights",),
        onednn_kernels=True,
    ),
    Subject(
        name="torch-prepacked",
        about="oneDNN's kernel with weights packed once, channels last, called through PyTorch",
        library="torch",
        modules=("torch",),
        extra="torch",
        layout="NHWC",
        kernel=True,
        onednn_kernels=True,
    ),
    Subject(
        name="onnxruntime",
        about="ONNX Runtime, end to end, tensors bound",
        library="onnxruntime",
        modules=_ONNX,
        extra="onnxruntime",
        reorders=("input", "output"),
        mlas_kernels=True,
    ),
    Subject(
        name="onnxruntime-kernel",
        about="ONNX Runtime's Conv kernel alone, from its profile",
        library="onnxruntime",
        modules=_ONNX,
        extra="onnxruntime",
        layout="its own",
        kernel=True,
        mlas_kernels=True,
    ),
    Subject(
        name="openvino",
        about="OpenVINO, end to end, tensors bound",
        library="openvino",
        modules=("openvino",),
        extra="openvino",
        reorders=("input", "output"),
    ),
)
SUBJECTS: Mapping[str, Subject] = {one.name: one for one in _ALL}


def find(name: str) -> Subject:
    """Return the subject of a name.

    Raises:
        RooflineError: there is none.

    """
    if name not in SUBJECTS:
        known = ", ".join(SUBJECTS)
        raise RooflineError(f"unknown subject {name!r}: choose one of {known}.")
    return SUBJECTS[name]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def why_absent(subject: Subject, installed: Callable[[str], bool] = _installed) -> str | None:
    """Return in one sentence why a subject can't be measured here, None where it can."""
    missing = [name for name in subject.modules if not installed(name)]
    if not missing:
        return None
    verb = "are" if len(missing) > 1 else "is"
    return (
        f"{subject.name} needs {' and '.join(missing)}, which {verb} not installed: "
        f"`.venv/bin/python -m pip install --editable '.[{subject.extra}]'`."
    )


def require(subject: Subject, installed: Callable[[str], bool] = _installed) -> None:
    """Refuse a subject that isn't installed.

    Raises:
        RooflineError: it isn't.

    """
    absent = why_absent(subject, installed)
    if absent is not None:
        raise RooflineError(absent, CANNOT_MEASURE)


def environment(subject: Subject, cpus: Sequence[int]) -> Mapping[str, str]:
    """Return what a library's child starts with: a pool as large as the team, on its CPUs.

    How its idle threads wait is left as the library has it: no setting is faster while timed. The
    child itself waits, before it answers, until they have gone to sleep.
    """
    if subject.ours:
        return {}
    count = str(len(cpus))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
    places = ",".join(f"{{{cpu}}}" for cpu in cpus)
    return {
        **threads,
        "OMP_DYNAMIC": "FALSE",
        "OMP_PLACES": places,
        "OMP_PROC_BIND": "close",
        **_allocator(),
    }


def _allocator() -> Mapping[str, str]:
    """Return settings by which glibc keeps freed memory: its pages stay touched, in huge pages.

    Else each large output is mapped and touched anew by every call, which can be most of its time.
    """
    if platform.libc_ver()[0] != "glibc":
        return {}
    kept = {"hugetlb": 1, "mmap_max": 0, "trim_threshold": _MANY, "top_pad": 64 << 20}
    return {"GLIBC_TUNABLES": ":".join(f"glibc.malloc.{name}={n}" for name, n in kept.items())}
