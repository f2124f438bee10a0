"""What each rival calls a figure of ours; a rival that has no word for it isn't named."""

from collections.abc import Mapping

from roofline.physics.isa import Vector

C_REFERENCE, LIKWID, STREAM = "c-reference", "likwid-bench", "stream"
_LIKWID_WORDS = {"read": "load", "triad": "stream"}


def arithmetic(mix: str, dtype: str, vector: Vector) -> Mapping[str, str]:
    """Return the words for a mix of instructions."""
    return _named(
        c_reference=f"{mix}-{dtype}" if _in_c(vector) else None,
        likwid=_likwid_peak(mix, dtype, vector),
    )


def streaming(operation: str, vector: Vector, *, past: bool, memory: bool) -> Mapping[str, str]:
    """Return the words for a stream kernel.

    Args:
        operation: "read", "copy" or "triad".
        vector: whose loads and stores.
        past: the stores go past the caches.
        memory: the arrays lie in memory.

    """
    in_c = "load" if operation == "read" else operation
    # What stores a compiler chose isn't known: it is compared with the ordinary ones.
    alike = operation == "triad" and memory and not past
    return _named(
        c_reference=in_c + "-nt" * past if _in_c(vector) else None,
        likwid=_likwid_stream(operation, vector, past=past),
        stream="Triad" if alike else None,
    )


def _named(
    *, c_reference: str | None = None, likwid: str | None = None, stream: str | None = None
) -> Mapping[str, str]:
    named = {C_REFERENCE: c_reference, LIKWID: likwid, STREAM: stream}
    return {name: word for name, word in named.items() if word}


def _in_c(vector: Vector) -> bool:
    return vector.fused and vector.isa != "neon"


def _likwid_isa(vector: Vector) -> str | None:
    if vector.isa == "neon":
        return None
    return {512: "avx512", 256: "avx", 128: "sse"}[vector.bits]


def _likwid_peak(mix: str, dtype: str, vector: Vector) -> str | None:
    """Return the peakflops test: its fused ones end so, the others multiply and add in turn."""
    single, isa = "_sp" if dtype == "float32" else "", _likwid_isa(vector)
    if mix == "fma" and isa in ("avx512", "avx"):
        return f"peakflops{single}_{isa}_fma"
    return f"peakflops{single}_{isa}" if mix == "mul+add" and isa else None


def _likwid_stream(operation: str, vector: Vector, *, past: bool) -> str | None:
    """Return the test of as many arrays: its "stream" has three, its "triad" four."""
    isa = _likwid_isa(vector)
    if isa is None:
        return None
    word = _LIKWID_WORDS.get(operation, operation)
    # There is no fused stream past the caches at 512 bit.
    fused = word == "stream" and vector.fused and not (past and isa == "avx512")
    return f"{word}{'_mem' * past}_{isa}{'_fma' * fused}"
