"""What cores do in a cycle that a calibration doesn't measure, with its source."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from roofline.physics.isa import Vector
from roofline.records import MachineSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What a core does in a cycle, for one vector width.

    Attributes:
        latency: cycles until the next multiply-add may use a sum.
        broadcasts: loads of one element a cycle.
        stores: vector stores a cycle.
        permutes: vector permutations a cycle.
        arithmetic: vector instructions a cycle on all pipes that multiply-adds and
            permutations use together.
        stolen: turns of a multiply-add that a permutation takes, on average.
        window: instructions under way at once: how far a core looks ahead of its oldest.
        call: cycles from one micro-kernel's last instruction to the next one's first, with the
            mispredicted branch that ends a loop.
        short_call: the same where tiles end no loop, so that half of these branches are foreseen.
        exit: cycles that a mispredicted branch costs: one ends the loops of a tile.
        overlap: 1: traffic of our kernels comes after their time in the core, a tile's sums are
            loaded and stored after its other work. More: all that is beside arithmetic, and this
            is the power with which the two add up.
        far_overlap: that power where traffic goes to memory.
        ports: the power with which a tile's busiest ports add up, where work overlaps: those that
            are about equally busy get in each other's way.
        taken: share of the time of loads and stores that traffic can't use, where work overlaps.
        columns: whether hardware fetches ahead where each load is a row of the image further on.
        source: citation.

    """

    latency: float
    broadcasts: float
    stores: float
    permutes: float
    arithmetic: float
    call: float
    short_call: float
    source: str
    window: float = 224
    exit: float = 0
    stolen: float = 0
    overlap: float = 1
    far_overlap: float = 1
    ports: float = math.inf
    taken: float = 0
    columns: bool = False


# An empty call takes 9 cycles (the `call` ceiling, as measured on Zen 4); the branch that ends a
# loop otherwise than the last time costs about 16 on cores of this kind.
_EXIT = 16
_CALL = 9 + _EXIT
_SHORT_CALL = 9 + _EXIT / 2
_LLVM = "LLVM's scheduling models"
_INTEL_512 = Core(
    latency=4,
    broadcasts=2,
    stores=1,
    permutes=1,
    arithmetic=2,
    call=_CALL,
    short_call=_CALL,
    exit=_EXIT,
    source="Intel, Optimization Reference Manual, order 248966, and "
    f"{_LLVM} SkylakeServer, IceLake, SapphireRapids: 512-bit multiply-add on ports 0 and 5 (or 0 "
    "alone), permutation on 5",
)
_INTEL_256 = replace(
    _INTEL_512,
    latency=5,
    arithmetic=3,
    source="Intel, Optimization Reference Manual, order 248966, and "
    f"{_LLVM} Haswell, Broadwell, SkylakeClient: multiply-add on ports 0 and 1 (latency 5, since "
    "Skylake 4), permutation on 5",
)
_GENERIC = replace(_INTEL_512, source=f"not known; taken as a server core of {_INTEL_512.source}")
_ZEN3_256 = Core(
    latency=4,
    broadcasts=2,
    stores=1,
    permutes=2,
    arithmetic=3,
    call=_CALL,
    short_call=_CALL,
    exit=_EXIT,
    window=256,
    source="AMD, optimization guide of Family 19h, pub. 56665: multiply-add on pipes 0 and 1, "
    "permutation on 1 and 2, 256 instructions under way; permutations within 128 bits were timed "
    "on a Zen 3 server core",
)
_ZEN4_512 = Core(
    latency=4,
    broadcasts=1,
    stores=0.5,
    permutes=1,
    arithmetic=1.5,
    call=_CALL,
    short_call=_CALL,
    exit=_EXIT,
    source="AMD, optimization guide of Zen 4, pub. 57647: 512-bit instructions take two cycles of "
    "a 256-bit pipe (multiply-add on 0 and 1, permutation on 1 and 2), as do stores; that a "
    "broadcast fills both halves, too, was timed on a Zen 4 server core, as all the rest",
    window=320,
)
_ZEN4_256 = replace(
    _ZEN3_256,
    source="AMD, optimization guide of Zen 4, pub. 57647: multiply-add on pipes 0 and 1, "
    "permutation on 1 and 2; timed on a Zen 4 server core",
    window=320,
)
_ZEN5_512 = replace(
    _ZEN4_256,
    source="AMD, optimization guide of Zen 5, pub. 58455, and AMD's scheduling model in GCC "
    "(zn4zn5.md): 512-bit pipes, multiply-add on 0 and 1, permutation on 1 and 2, a 512-bit store "
    "on both store pipes; that permutations go to both of their pipes alike, overlap, "
    "short calls and fetching down columns were timed on a Zen 5 server core",
    short_call=_SHORT_CALL,
    window=448,
    stolen=0.5,
    overlap=3,
    far_overlap=2,
    ports=8,
    taken=0.75,
    columns=True,
)
_ZEN2_256 = replace(
    _GENERIC,
    latency=5,
    source=f"AMD, optimization guide of Family 17h Models 30h+, pub. 56305, and {_LLVM} Znver2 "
    f"(latency); the rest is {_GENERIC.source}",
)
CORES: Mapping[tuple[str, int], Core] = {
    ("Zen 2", 256): _ZEN2_256,
    ("Zen 3", 256): _ZEN3_256,
    **{(name, 512): _ZEN4_512 for name in ("Zen 4", "Zen 4c")},
    **{(name, 256): _ZEN4_256 for name in ("Zen 4", "Zen 4c")},
    **{(name, 512): _ZEN5_512 for name in ("Zen 5", "Zen 5c")},
    **{(name, 256): replace(_INTEL_256, window=192) for name in ("Haswell", "Broadwell")},
    ("Skylake", 256): replace(_INTEL_256, latency=4),
    **{(name, 512): _INTEL_512 for name in ("Skylake-SP", "Cascade Lake")},
    ("Ice Lake-SP", 512): replace(_INTEL_512, window=352),
    **{
        (name, 512): replace(_INTEL_512, window=512)
        for name in ("Sapphire Rapids", "Emerald Rapids")
    },
}


def core_of(machine: MachineSpec, vector: Vector) -> Core:
    """Return what is known of a machine's cores, else what most have."""
    return CORES.get((machine.microarchitecture or "", vector.bits), _GENERIC)
