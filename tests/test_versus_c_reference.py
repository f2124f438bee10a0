"""The C program compiles where there is a compiler, does the work, and keeps its loops whole."""

import platform
import re
from dataclasses import replace
from pathlib import Path

import pytest

from roofline.errors import RooflineError
from roofline.physics.isa import vectors
from roofline.records import MachineSpec
from tests.versus_fakes import VECTORS, figure, host
from versus.figures import figures
from versus.rivals.c_reference import COMPILERS, FLAGS, SOURCE, CReference, parse
from versus.rivals.rival import find, output


@pytest.fixture(scope="module")
def built(host: MachineSpec) -> CReference:
    """Return the reference, where it can be built and this host can run it."""
    reference = CReference()
    if reason := reference.why_absent():
        pytest.skip(f"no C reference: {reason}")
    if not vectors(host)[0].fused:
        pytest.skip("no C reference: this processor has no fused multiply-add")
    return reference


def assembly(kernel: str, bits: int) -> str:
    """Return what the compiler makes of a function, without directives."""
    command = [str(find(COMPILERS)), *FLAGS, f"-DBITS={bits}", "-S", "-o", "-", str(SOURCE)]
    text = output(command)
    found = re.search(rf"^{kernel}:$(.*?)^\s*\.size\s+{kernel},", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def hot_loop(kernel: str, bits: int, mnemonic: str) -> str:
    """Return the stretch between two labels that holds the instruction most often."""
    return max(
        re.split(r"^\.L\w+:", assembly(kernel, bits), flags=re.M), key=lambda s: s.count(mnemonic)
    )


def test_every_kernel_gives_a_plausible_rate(
    built: CReference, cpu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CReference, "seconds", 0.01)
    wanted = [one for one in figures(host()) if one.case.threads == 1 and one.group != "memory"]
    for one in wanted:
        if built.why_not(one) is None:
            assert 1e6 < built.rate(one, (cpu,)) < 1e14, one.name


def test_a_team_gives_a_plausible_rate(
    built: CReference, two_cpus: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CReference, "seconds", 0.01)
    narrow = host(vectors=tuple(vector for vector in VECTORS if vector.bits == 256))
    both = next(one for one in figures(narrow) if one.name == "fma-fp32-256-all")
    assert 1e6 < built.rate(both, two_cpus) < 1e14


@pytest.mark.parametrize(
    ("kernel", "mnemonics"),
    [
        ("fma_f32", {"vfmadd231ps": 12}),
        ("fma_f64", {"vfmadd231pd": 12}),
        ("mul_f32", {"vmulps": 12}),
        ("add_f64", {"vaddpd": 12}),
        ("fma_add_f32", {"vfmadd231ps": 12, "vaddps": 12}),
        ("divide_f32", {"vdivps": 24}),
        ("sqrt_f64", {"vsqrtpd": 12, "vfmadd213pd": 12}),
        ("load", {"vpxor": 8}),
        ("triad", {"vfmadd231pd": 4, "vmovapd": 8}),
        ("triad_nt", {"vfmadd231pd": 4, "vmovntpd": 4}),
    ],
)
@pytest.mark.usefixtures("built")
def test_hot_loops_hold_every_instruction_and_no_spill(
    kernel: str, mnemonics: dict[str, int]
) -> None:
    loop = hot_loop(kernel, 256, next(iter(mnemonics)))
    for mnemonic, least in mnemonics.items():
        # Twice as many where there are 32 registers.
        assert loop.count(mnemonic) in (least, 2 * least), mnemonic
    assert not re.search(r"\((%rsp|%rbp)", loop)


@pytest.mark.usefixtures("built")
def test_the_source_compiles_without_a_warning() -> None:
    command = [str(find(COMPILERS)), *FLAGS, "-Wall", "-Wextra", "-Werror", "-DBITS=256", "-c"]
    output([*command, "-o", "/dev/null", str(SOURCE)])


def test_what_the_program_refuses_is_one_sentence(built: CReference, cpu: int) -> None:
    narrow = replace(figure().case, isa="avx2", bits=256)
    unknown = figure(equivalents={built.name: "cube-root"}, case=narrow)
    assert built.why_not(unknown) == "the compiler knows no such instruction here"
    program, _ = built._build(narrow.bits)
    with pytest.raises(RooflineError, match=r"^reference\d+ failed: the CPU can't be used\.$"):
        output([str(program), "triad", "15360", "0.01", "4095"], (cpu,))


def test_a_figure_without_a_kernel_is_said() -> None:
    assert CReference().why_not(figure(equivalents={})) == "it has no such kernel"


def test_without_a_compiler_it_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert CReference().why_absent() == "no C compiler on PATH (looked for cc, gcc, clang)"
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert CReference().why_absent() == "it is written for x86-64, this is aarch64"


def test_a_compiler_that_fails_makes_it_absent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cc").write_text("#!/bin/sh\necho 'no headers' >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert CReference().why_absent() == "cc failed: no headers"


@pytest.mark.parametrize("printed", ["", "nan", "inf", "0", "-1", "1e9 2e9"])
def test_anything_but_one_number_is_refused(printed: str) -> None:
    assert parse("1.5e11\n") == 1.5e11
    with pytest.raises(RooflineError, match="instead of a rate"):
        parse(printed)


@pytest.mark.usefixtures("built")
def test_the_folder_is_private_and_gone_with_the_rival() -> None:
    another = CReference()
    another.why_absent()
    folder = Path(another._folder.name)
    assert folder.stat().st_mode & 0o777 == 0o700
    del another
    assert not folder.exists()
