"""A listing is judged by its hot loop: the right instructions, enough of them, and no spills."""

import re

import pytest

from benchmarks import mnemonics
from benchmarks.assembly import (
    Expectation,
    check,
    digest,
    innermost_loops,
    instructions,
    matching,
    registers,
)

# As LLVM prints a kernel of four chains on x86: a set-up, the loop, the stores after it.
X86 = """\
\t.text
\t.file\t"<string>"
\t.globl\tcfunc._ZN12kernel_abc5entryB2v1Ex
cfunc._ZN12kernel_abc5entryB2v1Ex:
\t.cfi_startproc
\tmovq\t(%rdi), %rax
\tvmovupd\t(%rcx), %zmm0
\tvfmadd231pd\t%zmm1, %zmm0, %zmm9
\t.p2align\t4, 0x90
.LBB0_1:                                # =>This Inner Loop Header: Depth=1
\tvfmadd231pd\t%zmm1, %zmm0, %zmm2
\tvfmadd231pd\t%zmm1, %zmm0, %zmm3     ## zmm3 = (zmm0 * zmm1) + zmm3
\tvfmadd231pd\t%zmm1, %zmm0, %zmm4
\tvfmadd231pd\t%zmm1, %zmm0, %zmm5
\tdecq\t%rax
\tjg\t.LBB0_1
\tvmovupd\t%zmm2, (%rdx)
\tmovq\t%rax, 8(%rsp)
\tvzeroupper
\tretq
.Lfunc_end0:
"""
ARM = """\
\t.globl\tcfunc._ZN12kernel_abc5entryB2v1Ex
cfunc._ZN12kernel_abc5entryB2v1Ex:
\tldr\tx8, [x0]
\tldp\tq0, q1, [x9]
.LBB0_1:                                // =>This Inner Loop Header: Depth=1
\tfmla\tv2.2d, v0.2d, v1.2d
\tfmla\tv3.2d, v0.2d, v1.2d
\tsubs\tx8, x8, #1
\tb.gt\t.LBB0_1
\tstp\tq2, q3, [x10]
\tret
"""
FUSED = mnemonics.fused_multiply_add("float64", x86=True)
FUSED_ARM = mnemonics.fused_multiply_add("float64", x86=False)


def wants(count: int, bits: int = 512) -> tuple[Expectation, ...]:
    """Expect so many fused multiply-adds of a width on x86."""
    register = registers(bits, x86=True)
    return (Expectation(instruction=FUSED, register=register, count=count),)


def wants_arm(count: int) -> tuple[Expectation, ...]:
    """Expect so many fused multiply-adds on AArch64."""
    register = registers(128, x86=False)
    return (Expectation(instruction=FUSED_ARM, register=register, count=count),)


def with_line(listing: str, line: str, *, after: str) -> str:
    """Put an instruction behind the first line that contains a text."""
    lines = listing.splitlines()
    place = next(i for i, text in enumerate(lines) if after in text)
    return "\n".join([*lines[: place + 1], f"\t{line}", *lines[place + 1 :]])


def test_the_hot_loop_of_an_x86_listing_is_found() -> None:
    verdict = check(X86, wants(4))
    assert verdict.problem is None
    assert verdict.hot_instructions == 6


def test_the_hot_loop_of_an_aarch64_listing_is_found() -> None:
    verdict = check(ARM, wants_arm(2))
    assert verdict.problem is None
    assert verdict.hot_instructions == 4


@pytest.mark.parametrize("jump", ["b.ne\t.LBB0_1", "cbnz\tx8, .LBB0_1", "tbz\tw8, #0, .LBB0_1"])
def test_every_branch_of_aarch64_closes_a_loop(jump: str) -> None:
    assert check(ARM.replace("b.gt\t.LBB0_1", jump), wants_arm(2)).problem is None


@pytest.mark.parametrize("jump", ["jne", "jg", "jmp", "jb"])
def test_every_jump_of_x86_closes_a_loop(jump: str) -> None:
    assert check(X86.replace("jg\t", f"{jump}\t"), wants(4)).problem is None


@pytest.mark.parametrize("mark", ["#APP", "#NO_APP", "//APP", "//NO_APP"])
def test_marks_around_inline_assembly_are_no_instructions(mark: str) -> None:
    marked = X86.replace("\tdecq\t%rax", f"\t{mark}\n\tdecq\t%rax")
    assert marked != X86
    assert instructions(marked) == instructions(X86)
    assert digest(marked) == digest(X86)


def test_instructions_outside_the_loop_do_not_count() -> None:
    problem = check(X86, wants(5)).problem
    assert problem is not None
    assert "4 of 5" in problem


def test_one_instruction_too_few_is_seen_on_aarch64() -> None:
    problem = check(ARM, wants_arm(3)).problem
    assert problem is not None
    assert "2 of 3" in problem


@pytest.mark.parametrize("bits", [256, 128])
def test_a_loop_of_another_width_is_refused(bits: int) -> None:
    problem = check(X86, wants(4, bits)).problem
    assert problem is not None
    assert "0 of 4" in problem


def test_another_precision_is_refused() -> None:
    assert check(X86.replace("231pd", "231ps"), wants(4)).problem is not None


def test_a_multiplication_and_an_addition_are_not_a_fused_one() -> None:
    unfused = re.sub(r"vfmadd231pd(.*)", r"vmulpd\1\n\tvaddpd\1", X86)
    assert check(unfused, wants(4)).problem is not None


@pytest.mark.parametrize(
    "spill",
    [
        "vmovups\t%zmm2, 64(%rsp)",
        "vmovupd\t-128(%rsp,%rax), %zmm7",
        "vfmadd231pd\t64(%rsp), %zmm0, %zmm2",
    ],
)
def test_a_spill_in_the_loop_is_found_on_x86(spill: str) -> None:
    problem = check(with_line(X86, spill, after=".LBB0_1:"), wants(4)).problem
    assert problem is not None
    assert "spills" in problem
    assert spill.split()[0] in problem


@pytest.mark.parametrize("spill", ["str\tq2, [sp, #16]", "ldr\tq2, [sp]"])
def test_a_spill_in_the_loop_is_found_on_aarch64(spill: str) -> None:
    problem = check(with_line(ARM, spill, after=".LBB0_1:"), wants_arm(2)).problem
    assert problem is not None
    assert "spills" in problem


def test_a_stack_access_outside_the_loop_is_no_spill() -> None:
    assert "8(%rsp)" in X86
    assert check(X86, wants(4)).problem is None


def test_a_load_through_the_frame_pointer_register_is_no_spill() -> None:
    # LLVM leaves the frame pointer out: %rbp is a register like any other.
    listing = with_line(X86, "vmovupd\t(%rbp), %zmm7", after=".LBB0_1:")
    assert check(listing, wants(4)).problem is None


def test_straight_code_has_no_loop() -> None:
    straight = X86.replace("\tjg\t.LBB0_1\n", "")
    problem = check(straight, wants(4)).problem
    assert problem is not None
    assert "no loop" in problem


def test_a_jump_forward_is_no_loop() -> None:
    lines = instructions("start:\n\tje\t.LBB0_9\n\tnop\n.LBB0_9:\n\tretq\n")
    assert innermost_loops(lines) == []


def test_a_call_is_no_loop() -> None:
    assert innermost_loops(instructions("f:\n\tcallq\tf\n\tretq\n")) == []
    assert innermost_loops(instructions("f:\n\tbl\tf\n\tret\n")) == []
    assert innermost_loops(instructions("f:\n\tb\tf\n\tret\n")) != []


NESTED = """\
entry:
.LBB0_1:
\tvmovapd\t%zmm6, 64(%rsp)
.LBB0_2:
\tvfmadd231pd\t%zmm1, %zmm0, %zmm2
\tvfmadd231pd\t%zmm1, %zmm0, %zmm3
\tdecq\t%rcx
\tjg\t.LBB0_2
\tvfmadd231pd\t%zmm1, %zmm0, %zmm4
\tdecq\t%rax
\tjg\t.LBB0_1
\tretq
"""


def test_of_nested_loops_the_inner_one_is_hot() -> None:
    # The spill and the third instruction lie in the outer loop, where they cost little.
    assert check(NESTED, wants(2)).problem is None
    assert check(NESTED, wants(3)).problem is not None


def test_of_two_loops_the_one_with_most_of_the_work_is_hot() -> None:
    clean_up = "other:\n.LBB1_1:\n\tvfmadd231pd\t%zmm1, %zmm0, %zmm2\n\tjg\t.LBB1_1\n"
    for listing in (X86 + clean_up, clean_up + X86):
        assert check(listing, wants(4)).hot_instructions == 6


def test_a_kernel_without_expectations_is_only_hashed() -> None:
    verdict = check("f:\n\tretq\n", ())
    assert (verdict.problem, verdict.hot_instructions) == (None, 0)
    assert verdict.digest == digest("f:\n\tretq\n")


def test_every_expectation_counts_not_only_the_first() -> None:
    decrement = Expectation(instruction="decq?", register="", count=1)
    assert check(X86, (*wants(4), decrement)).problem is None
    twice = Expectation(instruction="decq?", register="", count=2)
    assert check(X86, (*wants(4), twice)).problem is not None


def renamed(listing: str) -> str:
    """Return the listing as another generator's file would give it: other symbols and labels."""
    return listing.replace("12kernel_abc5entry", "12kernel_def5entry").replace("LBB0_1", "LBB7_3")


@pytest.mark.parametrize("listing", [X86, ARM])
def test_the_digest_is_blind_to_the_names_of_symbols_and_labels(listing: str) -> None:
    assert renamed(listing) != listing
    assert digest(renamed(listing)) == digest(listing)


def test_the_digest_is_blind_to_symbols_within_instructions() -> None:
    first = "f:\n\tmovabsq\t$_ZN08NumbaEnv3abcE, %rax\n\tretq\n"
    assert digest(first.replace("abc", "def")) == digest(first)


def test_the_digest_is_blind_to_comments_and_directives() -> None:
    bare = X86.replace("## zmm3 = (zmm0 * zmm1) + zmm3", "").replace("\t.p2align\t4, 0x90\n", "")
    assert digest(bare) == digest(X86)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vfmadd231pd\t%zmm1, %zmm0, %zmm2", "vfmadd213pd\t%zmm1, %zmm0, %zmm2"),
        ("%zmm0, %zmm5", "%zmm0, %zmm6"),
        ("8(%rsp)", "16(%rsp)"),
        ("\tdecq\t%rax\n", ""),
    ],
)
def test_the_digest_sees_every_change_of_an_instruction(old: str, new: str) -> None:
    assert old in X86
    assert digest(X86.replace(old, new)) != digest(X86)


def test_the_digest_sees_an_immediate_of_aarch64() -> None:
    assert digest(ARM.replace("#1", "#2")) != digest(ARM)


def test_a_store_is_told_from_a_load() -> None:
    pattern = mnemonics.vector_store(non_temporal=False, x86=True)
    store = Expectation(instruction=pattern, register=mnemonics.stored(512, x86=True), count=1)
    assert matching(["vmovapd %zmm0, 64(%rax)"], store) == 1
    assert matching(["vmovapd 64(%rax), %zmm0"], store) == 0
    assert matching(["vmovntpd %zmm0, 64(%rax)"], store) == 0


@pytest.mark.parametrize("x86", [True, False])
def test_a_non_temporal_store_is_told_from_an_ordinary_one(x86: bool) -> None:
    past, through = (
        re.compile(rf"^(?:{mnemonics.vector_store(non_temporal=kind, x86=x86)})\b")
        for kind in (True, False)
    )
    names = ("vmovntpd", "vmovapd") if x86 else ("stnp", "stp")
    assert past.match(names[0])
    assert not past.match(names[1])
    assert through.match(names[1])
    assert not through.match(names[0])
