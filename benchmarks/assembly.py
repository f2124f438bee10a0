"""The check of emitted assembly: the hot loop has the instructions it should, and no spills.

Text in, verdict out: it knows nothing of Numba, so that it is tested on listings.
"""

import hashlib
import platform
import re
from dataclasses import dataclass

HOST_IS_X86 = platform.machine() in ("x86_64", "AMD64", "i686")
_LABEL = re.compile(r"^([.\w$]+):")
_JUMP = re.compile(r"^(?:j\w+|b(?:\.\w+)?|cbn?z|tbn?z) .*?([.\w$]+)$")
_STACK = re.compile(r"\(%[re]sp|\[sp\b")
_SYMBOL = re.compile(r"(?:cfunc\.)?_ZN[\w.$]+|\.L\w+")
# What LLVM writes around inline assembly, though there be none.
_INLINE = ("#APP", "#NO_APP", "//APP", "//NO_APP")
_COMMENT = re.compile(r"\s*(?:##?\s|//|@ ).*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the hot loop of a kernel must contain.

    Attributes:
        instruction: regular expression of the mnemonic.
        register: regular expression that the operands must match ("zmm", "ymm", …).
        count: at least that many in a turn of the loop.

    """

    instruction: str
    register: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a listing showed: its digest, and what is wrong with it (None when nothing is)."""

    digest: str
    hot_instructions: int
    problem: str | None = None


def registers(bits: int, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a register of that width in a listing: 32 and 64 bits are scalar."""
    if x86:
        return {512: r"%zmm", 256: r"%ymm"}.get(bits, r"%xmm")
    return {64: r"\bd\d+", 32: r"\bs\d+"}.get(bits, r"\bv\d+\.|\bq\d+")


def instructions(listing: str) -> list[str]:
    """Return the listing's labels and instructions, without directives and comments."""
    kept = []
    for line in listing.splitlines():
        text = " ".join(_COMMENT.sub("", line).split())
        if (
            text
            and not text.startswith(_INLINE)
            and (_LABEL.match(text) or not text.startswith("."))
        ):
            kept.append(text)
    return kept


def digest(listing: str) -> str:
    """Hash the machine code's text, blind to the names of symbols and labels."""
    body = [line for line in instructions(listing) if not _LABEL.match(line)]
    # Symbols hold the kernel's file name, which changes with every edit of its generator.
    text = "\n".join(_SYMBOL.sub("SYMBOL", line) for line in body)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def innermost_loops(lines: list[str]) -> list[list[str]]:
    """Return the bodies of backward jumps that hold no other backward jump's target."""
    places = {m.group(1): i for i, line in enumerate(lines) if (m := _LABEL.match(line))}
    spans = []
    for end, line in enumerate(lines):
        jump = _JUMP.match(line)
        start = places.get(jump.group(1)) if jump else None
        if start is not None and start < end:
            spans.append((start, end))
    inner = [
        span
        for span in spans
        if not any(o != span and span[0] <= o[0] and o[1] <= span[1] for o in spans)
    ]
    return [lines[start : end + 1] for start, end in inner]


def matching(lines: list[str], expected: Expectation) -> int:
    """Count the instructions that the expectation names."""
    mnemonic = re.compile(rf"^(?:{expected.instruction})\b")
    register = re.compile(expected.register)
    return sum(1 for line in lines if mnemonic.match(line) and register.search(line))


def check(listing: str, expected: tuple[Expectation, ...]) -> Verdict:
    """Judge a listing by what its hot loop must contain.

    The hot loop is the innermost loop with most of the first expected instruction.
    """
    lines = instructions(listing)
    code = digest(listing)
    if not expected:
        return Verdict(digest=code, hot_instructions=0)
    loops = innermost_loops(lines)
    if not loops:
        return Verdict(digest=code, hot_instructions=0, problem="it has no loop")
    hot = max(loops, key=lambda body: matching(body, expected[0]))
    count = sum(1 for line in hot if not _LABEL.match(line))
    return Verdict(digest=code, hot_instructions=count, problem=_problem(hot, expected))


def _problem(hot: list[str], expected: tuple[Expectation, ...]) -> str | None:
    for wanted in expected:
        seen = matching(hot, wanted)
        if seen < wanted.count:
            return (
                f"its hot loop has {seen} of {wanted.count} "
                f"{wanted.instruction} on {wanted.register}"
            )
    spills = [line for line in hot if _STACK.search(line)]
    return f"its hot loop spills: {spills[0]}" if spills else None
