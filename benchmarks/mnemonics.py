"""What the instructions that we expect are called in a listing, by architecture and dtype."""

from benchmarks.assembly import HOST_IS_X86, registers

_SUFFIX = {"float16": "ph", "float32": "ps", "float64": "pd"}
_SCALAR_SUFFIX = {"float32": "ss", "float64": "sd"}


def _suffix(dtype: str, scalar: bool) -> str:
    return (_SCALAR_SUFFIX if scalar else _SUFFIX)[dtype]


def fused_multiply_add(dtype: str, *, scalar: bool = False, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a fused multiply-add."""
    return rf"vfmadd\d+{_suffix(dtype, scalar)}" if x86 else ("fmadd" if scalar else "fmla")


def multiply(dtype: str, *, scalar: bool = False, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector multiplication."""
    return f"v?mul{_suffix(dtype, scalar)}" if x86 else "fmul"


def add(dtype: str, *, scalar: bool = False, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector addition."""
    return f"v?add{_suffix(dtype, scalar)}" if x86 else "fadd"


def divide(dtype: str, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector divide."""
    return f"v?div{_suffix(dtype, scalar=False)}" if x86 else "fdiv"


def square_root(dtype: str, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector square root."""
    return f"v?sqrt{_suffix(dtype, scalar=False)}" if x86 else "fsqrt"


def exclusive_or(*, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector exclusive or, in whichever domain the compiler chose."""
    return r"v?p?xor\w*|vpternlog\w*" if x86 else "eor"


def prefetch(*, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a request for a cache line, into all levels."""
    return "prefetcht0" if x86 else "prfm"


def vector_store(*, non_temporal: bool, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector store; on x86 `stored` tells it from a load."""
    if x86:
        return r"v?movnt(?:ps|pd|dq)" if non_temporal else r"v?mov[au]p[sd]|v?movdq[au]\d*"
    return "stnp" if non_temporal else "stp|str"


def scalar_multiply(*, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of an integer multiplication."""
    return "imulq?" if x86 else "mul"


def scalar_xor(*, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of an integer exclusive or."""
    return "xorq?" if x86 else "eor"


def stored(bits: int, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a store's operands: on x86 (AT&T order) the memory comes last.

    Elsewhere a store past the caches is of pairs, and the compiler makes one of a vector's halves.
    """
    return rf"{registers(bits, x86=True)}\d+, .*\(" if x86 else r"\b[qd]\d+"


def stores(count: int, *, non_temporal: bool, x86: bool = HOST_IS_X86) -> int:
    """Return how many instructions store so many vectors: pairs are one outside of x86."""
    return count if x86 or non_temporal else count // 2


def pointer_load(*, x86: bool = HOST_IS_X86) -> tuple[str, str]:
    """Return the pattern of a load of a whole address, and of its operands."""
    return ("movq", r"^movq \d*\(%r\w+\), %r") if x86 else ("ldr", r"\[x\d+\]")
