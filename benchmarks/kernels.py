"""Kernels compiled once: cached on disk under their generator's hash, their assembly checked.

Numba's own cache hashes only the file that defines a function, so old code would run silently
after its emitter changed; here the file's *name* holds the hash of everything that makes it.
"""

import ctypes
import hashlib
import importlib.util
import json
import os
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import numba
from numba.core import config

from benchmarks import assembly
from benchmarks.assembly import Expectation, Verdict
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.folders import cache_home
from roofline.physics import reach
from roofline.records import Scalar

_SOURCE = '''"""A generated kernel."""

from numba import cfunc

from {module} import {factory}

body = {factory}({arguments})


@cfunc("int64(int64)", cache=True)
def entry(block):
    return body(block)
'''

# A driver's or kernel's C signature. ctypes lets go of the GIL while it runs.
Entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a kernel is made: a factory of this package, its arguments, what must come of it.

    `instead`: a slower one that does the same, for where the compiler's code isn't as expected.
    """

    module: str
    factory: str
    arguments: tuple[tuple[str, Scalar], ...] = ()
    expected: tuple[Expectation, ...] = ()
    instead: "Recipe | None" = None

    @property
    def source(self) -> str:
        """The text of the generated module."""
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return _SOURCE.format(module=self.module, factory=self.factory, arguments=arguments)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Compiled code at an address."""

    address: int
    verdict: Verdict
    entry: Any

    def call(self, block_address: int) -> int:
        """Run it once on this thread, without the GIL."""
        return int(Entry(self.address)(block_address))


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's private folder of kernels, made if need be.

    Raises:
        RooflineError: it belongs to somebody else or others may write there; what lies in it
            is loaded as code.

    """
    folder = cache_home(environ) / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError as error:
        raise RooflineError(
            f"cannot keep compiled kernels in {folder} ({error.strerror}): "
            "set XDG_CACHE_HOME to a folder of yours.",
            CANNOT_MEASURE,
        ) from error
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise RooflineError(
            f"compiled kernels in {folder} can't be trusted (others may write there): "
            "remove it, or set XDG_CACHE_HOME to a folder of yours.",
            CANNOT_MEASURE,
        )
    return folder


class KernelCache:
    """Kernels by recipe: from memory, else from disk, else compiled now.

    Attributes:
        compile_seconds: time spent making kernels that were not on disk.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.compile_seconds = 0.0
        self._known: dict[Recipe, Kernel] = {}

    def get(self, recipe: Recipe) -> Kernel:
        """Return the kernel of a recipe.

        Raises:
            RooflineError: the compiler's code isn't what the recipe expects, nor that of what is
                made instead.

        """
        if recipe not in self._known:
            self._known[recipe] = self._load(recipe)
        return self._known[recipe]

    def _load(self, recipe: Recipe) -> Kernel:
        name = f"kernel_{generator_digest(recipe)}"
        started = time.perf_counter()
        entry = self._import(name, recipe).entry
        verdict = _read_verdict(self.folder / f"{name}.json")
        if verdict is None and entry.cache_hits:
            # Code without its verdict: its writer was killed between the two.
            _forget(self.folder, name)
            entry = self._import(name, recipe).entry
        if verdict is None:
            listing = entry._library.get_asm_str()
            verdict = assembly.check(listing, recipe.expected)
            publish(self.folder / f"{name}.s", listing)
            publish(self.folder / f"{name}.json", json.dumps(asdict(verdict)))
            self.compile_seconds += time.perf_counter() - started
        if verdict.problem is not None and recipe.instead is not None:
            return self.get(recipe.instead)
        if verdict.problem is not None:
            raise RooflineError(
                f"the compiler made a {recipe.factory} kernel ({dict(recipe.arguments)}) that "
                f"can't be trusted: {verdict.problem} (see {self.folder / name}.s).",
                CANNOT_MEASURE,
            )
        return Kernel(address=int(entry.address), verdict=verdict, entry=entry)

    def _import(self, name: str, recipe: Recipe) -> ModuleType:
        path = self.folder / f"{name}.py"
        if not path.exists() or path.read_text() != recipe.source:
            publish(path, recipe.source)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise RooflineError(f"cannot load the kernel {path}.", CANNOT_MEASURE)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module


def generator_digest(recipe: Recipe) -> str:
    """Hash all that decides a kernel's code: recipe, generator, compiler, target."""
    text = hashlib.sha256()
    for part in (recipe.source, repr(recipe.expected), *_sources(recipe), *_target()):
        text.update(part.encode() + b"\0")
    return text.hexdigest()[:20]


def _sources(recipe: Recipe) -> list[str]:
    here = Path(__file__).parent
    own = here.parent.joinpath(*recipe.module.split(".")).with_suffix(".py")
    common = (here / name for name in ("simd.py", "primitives.py", "assembly.py", "kernels.py"))
    # A folder's kernels share their loops, and tables whose words are numbered in another file.
    beside = (own.parent / name for name in ("words.py", "tile.py"))
    # Told in this order, never in that of their paths: a checkout's place must not change a name.
    files = dict.fromkeys((*common, own, *beside, Path(reach.__file__)))
    return [path.read_text() for path in files if path.exists()]


def _target() -> tuple[str, ...]:
    versions = (numba.__version__, llvmlite.__version__, sys.version)
    return (*versions, str(config.CPU_NAME), str(config.CPU_FEATURES), *_host_cpu())


def _host_cpu() -> tuple[str, str]:
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _read_verdict(path: Path) -> Verdict | None:
    try:
        return Verdict(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _forget(folder: Path, name: str) -> None:
    for stale in (folder / "__pycache__").glob(f"{name}.*"):
        stale.unlink(missing_ok=True)


def publish(path: Path, text: str) -> None:
    """Write a file that other processes see whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    temporary.write_text(text)
    temporary.replace(path)
