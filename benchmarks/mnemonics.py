"""What the instructions that we expect are called in a listing, by architecture and dtype."""

from benchmarks.assembly import HOST_IS_X86, registers

_SUFFIX = {"float32": "ps", "float64": "pd"}


def fused_multiply_add(dtype: str, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a fused multiply-add."""
    return rf"vfmadd\d+{_SUFFIX[dtype]}" if x86 else "fmla|fmad"


def multiply(dtype: str, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector multiplication."""
    return f"v?mul{_SUFFIX[dtype]}" if x86 else "fmul"


def add(dtype: str, *, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector addition."""
    return f"v?add{_SUFFIX[dtype]}" if x86 else "fadd"


def exclusive_or(*, x86: bool = HOST_IS_X86) -> str:
    """Return the pattern of a vector exclusive or, in whichever domain the compiler chose."""
    return r"v?p?xor\w*|vpternlog\w*" if x86 else "eor"


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
    """Return the pattern of a store's operands: on x86 (AT&T order) the memory comes last."""
    register = registers(bits, x86=x86)
    return rf"{register}\d+, .*\(" if x86 else register
