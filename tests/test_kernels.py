"""Kernels on disk: private, named by all that makes them, and never run without a verdict.

Most kernels here come from tiny factories in a package of the test's own, so that their source
can be changed.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import kernels, pagefault
from benchmarks.assembly import Expectation
from benchmarks.kernels import Kernel, KernelCache, Recipe, cache_folder, generator_digest
from benchmarks.stream import build
from roofline.errors import RooflineError
from roofline.records import Case

ROOT = Path(__file__).parents[1]
TOUCH = pagefault.recipe(Case(benchmark="first-touch"))
IMPOSSIBLE = (Expectation(instruction="unobtainium", register="", count=1),)


def touches(kernel: Kernel) -> bool:
    """Whether a first-touch kernel marks four words."""
    words = np.zeros(4, np.int64)
    block = np.array([4, words.ctypes.data, 8], np.int64)
    assert kernel.call(block.ctypes.data) == 0
    return bool((words == pagefault.MARK).all())


def verdict_file(folder: Path) -> Path:
    (found,) = folder.glob("kernel_*.json")
    return found


def test_the_folder_of_kernels_is_private(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        folder = cache_folder({"XDG_CACHE_HOME": str(tmp_path)})
    finally:
        os.umask(umask)
    status = folder.stat()
    assert status.st_mode & 0o777 == 0o700
    assert status.st_uid == os.getuid()
    assert tmp_path in folder.parents


def test_without_a_setting_kernels_lie_in_the_users_cache(tmp_path: Path) -> None:
    folder = cache_folder({"HOME": str(tmp_path)})
    assert folder.is_relative_to(tmp_path / ".cache")
    assert folder == cache_folder({"HOME": str(tmp_path), "XDG_CACHE_HOME": ""})


def test_a_relative_setting_is_ignored_as_its_standard_asks(tmp_path: Path) -> None:
    folder = cache_folder({"HOME": str(tmp_path), "XDG_CACHE_HOME": "here"})
    assert folder.is_relative_to(tmp_path / ".cache")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o720, 0o702])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    cache_folder(environ).chmod(mode)
    with pytest.raises(RooflineError, match=r"others may write.*XDG_CACHE_HOME") as refused:
        cache_folder(environ)
    assert refused.value.exit_code == 3


def test_a_folder_that_others_may_only_read_is_fine(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    cache_folder(environ).chmod(0o755)
    assert cache_folder(environ).is_dir()


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    with pytest.raises(RooflineError, match="can't be trusted"):
        cache_folder({"XDG_CACHE_HOME": str(tmp_path)})


def test_a_file_in_the_way_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "calibrated-roofline").write_text("")
    with pytest.raises(RooflineError, match="XDG_CACHE_HOME") as refused:
        cache_folder({"XDG_CACHE_HOME": str(tmp_path)})
    assert refused.value.exit_code == 3


def test_a_kernel_is_compiled_once_and_then_read(tmp_path: Path) -> None:
    first, second = KernelCache(tmp_path), KernelCache(tmp_path)
    made = first.get(TOUCH)
    assert first.compile_seconds > 0
    assert first.get(TOUCH) is made
    read = second.get(TOUCH)
    assert second.compile_seconds == 0
    assert read.verdict == made.verdict
    assert touches(made)
    assert touches(read)


def test_a_verdict_and_its_listing_outlive_the_compiler(tmp_path: Path) -> None:
    verdict = KernelCache(tmp_path).get(TOUCH).verdict
    kept = json.loads(verdict_file(tmp_path).read_text())
    assert kept["digest"] == verdict.digest
    assert kept["problem"] is None
    assert "ret" in verdict_file(tmp_path).with_suffix(".s").read_text()


def test_compiling_again_gives_the_same_digest(tmp_path: Path) -> None:
    digests = {
        KernelCache(tmp_path / name).get(TOUCH).verdict.digest for name in _folders(tmp_path)
    }
    assert len(digests) == 1


def _folders(root: Path) -> tuple[str, ...]:
    names = ("one", "other")
    for name in names:
        (root / name).mkdir()
    return names


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"digest": "x", "colour": 1}'])
def test_code_without_its_verdict_is_compiled_again(tmp_path: Path, damage: str) -> None:
    digest = KernelCache(tmp_path).get(TOUCH).verdict.digest
    path = verdict_file(tmp_path)
    if damage:
        path.write_text(damage)
    else:
        path.unlink()
    again = KernelCache(tmp_path)
    kernel = again.get(TOUCH)
    assert again.compile_seconds > 0
    # A listing of code from the cache would be empty, and so would be its verdict.
    assert kernel.verdict.digest == digest
    assert json.loads(path.read_text())["digest"] == digest
    assert touches(kernel)


def test_a_verdict_without_its_code_is_compiled_again(tmp_path: Path) -> None:
    digest = KernelCache(tmp_path).get(TOUCH).verdict.digest
    shutil.rmtree(tmp_path / "__pycache__")
    kernel = KernelCache(tmp_path).get(TOUCH)
    assert kernel.verdict.digest == digest
    assert touches(kernel)


def test_a_generated_module_that_was_edited_is_written_again(tmp_path: Path) -> None:
    KernelCache(tmp_path).get(TOUCH)
    (path,) = tmp_path.glob("kernel_*.py")
    path.write_text("raise SystemExit('edited')")
    assert touches(KernelCache(tmp_path).get(TOUCH))
    assert path.read_text() == TOUCH.source


def test_every_part_of_a_recipe_enters_its_name() -> None:
    recipe = Recipe("benchmarks.stream", "build", (("bits", 128), ("fused", True)), ())
    others = [
        replace(recipe, arguments=(("bits", 256), ("fused", True))),
        replace(recipe, arguments=(("bits", 128), ("fused", False))),
        replace(recipe, factory="build_read"),
        replace(recipe, module="benchmarks.fma"),
        replace(recipe, expected=IMPOSSIBLE),
    ]
    assert len({generator_digest(one) for one in (recipe, *others)}) == len(others) + 1
    assert generator_digest(recipe) == generator_digest(replace(recipe))


def copied_generators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the hash look at a copy of the generators, and return that copy."""
    copy = tmp_path / "benchmarks"
    shutil.copytree(Path(kernels.__file__).parent, copy)
    monkeypatch.setattr(kernels, "__file__", str(copy / "kernels.py"))
    return copy


@pytest.mark.parametrize("place", ["0", "~"])
def test_where_the_checkout_lies_leaves_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Their paths sort before or after the rest's: the order of the hashed files can't follow."""
    before = generator_digest(TOUCH)
    copied_generators(tmp_path, monkeypatch)
    moved = tmp_path / place / "reach.py"
    moved.parent.mkdir()
    shutil.copy(kernels.reach.__file__, moved)
    monkeypatch.setattr(kernels.reach, "__file__", str(moved))
    assert generator_digest(TOUCH) == before


@pytest.mark.parametrize("name", ["pagefault.py", "simd.py", "primitives.py", "assembly.py"])
def test_a_change_of_a_generator_changes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = generator_digest(TOUCH)
    copy = copied_generators(tmp_path, monkeypatch)
    assert generator_digest(TOUCH) == before
    with (copy / name).open("a") as source:
        source.write("# changed\n")
    assert generator_digest(TOUCH) != before


def test_a_change_of_another_family_leaves_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = generator_digest(TOUCH)
    with (copied_generators(tmp_path, monkeypatch) / "stream.py").open("a") as source:
        source.write("# changed\n")
    assert generator_digest(TOUCH) == before


@pytest.mark.parametrize(
    ("name", "matters"),
    [("micro", True), ("words", True), ("schedule", False), ("tables", False), ("call", False)],
)
def test_a_convolution_kernel_is_named_by_its_generator_and_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, matters: bool
) -> None:
    recipe = Recipe("benchmarks.conv.micro", "build_fill", (("dtype", "float32"), ("bits", 128)))
    before = generator_digest(recipe)
    with (copied_generators(tmp_path, monkeypatch) / "conv" / f"{name}.py").open("a") as source:
        source.write("# changed\n")
    assert (generator_digest(recipe) != before) == matters


@pytest.mark.parametrize("setting", ["CPU_NAME", "CPU_FEATURES"])
def test_another_target_changes_the_name(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    before = generator_digest(TOUCH)
    monkeypatch.setattr(kernels.config, setting, "something-else")
    assert generator_digest(TOUCH) != before


def test_another_compiler_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = generator_digest(TOUCH)
    monkeypatch.setattr(kernels.numba, "__version__", "99.0")
    assert generator_digest(TOUCH) != before


def test_a_kernel_that_is_not_what_was_expected_is_refused(tmp_path: Path) -> None:
    wanted = replace(TOUCH, expected=IMPOSSIBLE)
    for cache in (KernelCache(tmp_path), KernelCache(tmp_path)):
        with pytest.raises(RooflineError, match=r"can't be trusted.*0 of 1") as refused:
            cache.get(wanted)
        assert refused.value.exit_code == 3
        assert ".s)" in str(refused.value)


def test_the_listing_of_a_refused_kernel_is_where_the_sentence_says(tmp_path: Path) -> None:
    with pytest.raises(RooflineError) as refused:
        KernelCache(tmp_path).get(replace(TOUCH, expected=IMPOSSIBLE))
    _, _, place = str(refused.value).rpartition("(see ")
    assert "ret" in Path(place.removesuffix(").")).read_text()


def test_a_refused_kernel_leaves_the_accepted_ones_alone(tmp_path: Path) -> None:
    cache = KernelCache(tmp_path)
    with pytest.raises(RooflineError):
        cache.get(replace(TOUCH, expected=IMPOSSIBLE))
    assert touches(cache.get(TOUCH))


def test_what_is_not_as_expected_is_made_otherwise_where_a_recipe_says_how(tmp_path: Path) -> None:
    wanted = replace(TOUCH, expected=IMPOSSIBLE, instead=TOUCH)
    for cache in (KernelCache(tmp_path), KernelCache(tmp_path)):
        assert touches(cache.get(wanted))
        assert cache.get(wanted) is cache.get(TOUCH)


def test_an_unknown_operation_makes_no_kernel(tmp_path: Path) -> None:
    arguments = (
        ("operation", "divide"),
        ("dtype", "float64"),
        ("bits", 128),
        ("non_temporal", False),
        ("fused", False),
    )
    assert build("divide", "float64", 128, False, False) is not None
    with pytest.raises(Exception, match="divide"):
        KernelCache(tmp_path).get(Recipe("benchmarks.stream", "build", arguments))


COMPILE = """
import sys
from pathlib import Path
from benchmarks import pagefault
from benchmarks.kernels import KernelCache
from roofline.records import Case

cache = KernelCache(Path(sys.argv[1]))
sys.stdin.readline()
print(cache.get(pagefault.recipe(Case(benchmark="first-touch"))).verdict.digest)
"""


def test_processes_that_compile_at_once_agree_and_leave_whole_files(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COMPILE, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    told = {process.communicate("go\n", timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(told) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    kernel = KernelCache(tmp_path).get(TOUCH)
    assert kernel.verdict.digest == told.pop().strip()
    assert touches(kernel)
