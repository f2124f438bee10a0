"""The vector extensions of a processor, from its feature flags: widths, registers, fused or not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from roofline.errors import RooflineError
from roofline.records import MachineSpec

# Flags as Linux names them, newest first: everything that our kernels of that level may use.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "avx512": ("avx512f", "avx512vl", "avx512dq", "avx512bw", "avx2", "fma"),
    "avx2": ("avx2", "fma"),
    "avx": ("avx",),
    "sse2": ("sse2",),
    "neon": ("asimd",),
}
_BITS = {"avx512": 512, "avx2": 256, "avx": 256, "sse2": 128, "neon": 128}
_FUSED = frozenset(("avx512", "avx2", "neon"))
_X86_ORDER = ("avx512", "avx2", "avx", "sse2")
CAPS = ("avx512", "avx2", "sse2")

# LLVM's names of a processor that has just that level. The features are given too: the name
# alone doesn't take away what the host has beyond it.
_TARGETS: Mapping[str, Mapping[str, str]] = {
    "avx2": {
        "NUMBA_CPU_NAME": "x86-64-v3",
        "NUMBA_CPU_FEATURES": "+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt,+movbe,+popcnt,+cx16,+sse4.2",
    },
    "sse2": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2,+cx8,+cmov,+fxsr"},
}
# Present on a machine, never measured here: named beside its roof.
_UNMEASURED: Mapping[str, str] = {
    "amx_tile": "AMX (matrix tiles)",
    "avx_vnni": "AVX VNNI (INT8 dot products)",
    "sve": "SVE (scalable vectors)",
    "sve2": "SVE2 (scalable vectors)",
    "sme": "SME (matrix tiles)",
    "asimddp": "INT8 dot products",
    "bf16": "BF16 dot products",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One register width that kernels can use.

    Attributes:
        isa: the extension that gives it.
        bits: register width.
        fused: whether a multiply-add is one instruction.
        registers: architectural vector registers.

    """

    isa: str
    bits: int
    fused: bool
    registers: int


def vectors(machine: MachineSpec, cap: str | None = None) -> tuple[Vector, ...]:
    """Return every vector width of a machine, widest first.

    Args:
        machine: its `architecture` and `features` decide.
        cap: "avx512", "avx2" or "sse2": nothing beyond it is used.

    Raises:
        RooflineError: the cap is unknown or the machine lacks it; or it has no vectors.

    """
    level = _level(machine, cap)
    registers = 32 if level in ("avx512", "neon") else 16
    widths = [bits for bits in (512, 256, 128) if bits <= _BITS[level]]
    isa_of = {512: "avx512", 256: level if level == "avx" else "avx2", 128: level}
    return tuple(
        Vector(
            isa=isa_of[bits] if bits > 128 or level in ("sse2", "neon") else isa_of[256],
            bits=bits,
            fused=level in _FUSED,
            registers=registers,
        )
        for bits in widths
    )


def _level(machine: MachineSpec, cap: str | None) -> str:
    if cap is not None and cap not in CAPS:
        raise RooflineError(f"unknown ISA {cap!r}: choose one of {', '.join(CAPS)}.")
    if machine.architecture in ("aarch64", "arm64"):
        order: tuple[str, ...] = ("neon",)
    else:
        order = _X86_ORDER[_X86_ORDER.index(cap) :] if cap else _X86_ORDER
    if cap is not None and (order[0] != cap or not _has(machine.features, cap)):
        raise RooflineError(f"this machine has no {cap}: leave --isa out or choose a lower one.")
    for level in order:
        if _has(machine.features, level):
            return level
    raise RooflineError("this machine's processor reports no vector extension that we know.", 3)


def _has(features: Collection[str], level: str) -> bool:
    return all(flag in features for flag in _NEEDS[level])


def target_environment(cap: str | None) -> Mapping[str, str]:
    """Return the settings that make the compiler emulate a lesser host; none without a cap."""
    return _TARGETS.get(cap or "", {})


def unmeasured(machine: MachineSpec) -> tuple[str, ...]:
    """Return what the machine has and this suite doesn't measure, in words."""
    return tuple(text for flag, text in _UNMEASURED.items() if flag in machine.features)
