"""What makers publish of their processors: a small table, each row with its citation.

Clocks stand in no row: they depend on the SKU, which a virtual machine hides. A width that is
missing from a row's ``fma_pipes`` depends on the SKU, too, or the part lacks it.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Literal

from roofline.records import MachineSpec

Segment = Literal["server", "client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketMemory:
    """The most that one socket takes: fully populated, at the highest supported speed.

    Attributes:
        channels: of 64 data bits each (8 bytes a transfer).
        transfers_per_second: of one channel.
        source: public citation.

    """

    channels: int
    transfers_per_second: float
    source: str

    @property
    def bytes_per_second(self) -> float:
        """Bandwidth of the whole socket on paper."""
        return self.channels * self.transfers_per_second * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One row: parts that share a core and a socket.

    Attributes:
        vendor: as in `MachineSpec.vendor`.
        family: CPUID family; None on AArch64, where a model is a part number.
        models: CPUID models (or part numbers) that the row covers.
        steppings: CPUID steppings that it covers; None for any.
        brand: regular expression that must occur in the brand string.
        fma_pipes: FMA instructions that a core starts in a cycle, by vector width in bits.
        memory: None where it depends on the board or the SKU.
        source: public citation of the pipes.

    """

    vendor: str
    family: int | None
    models: Container[int]
    steppings: Container[int] | None = None
    brand: str = ""
    microarchitecture: str
    segment: Segment
    fma_pipes: Mapping[int, int]
    memory: SocketMemory | None = None
    source: str

    def covers(self, machine: MachineSpec) -> bool:
        """Tell whether this row speaks of that machine."""
        return (
            self.vendor == machine.vendor
            and self.family == machine.family
            and machine.model is not None
            and machine.model in self.models
            and (self.steppings is None or machine.stepping in self.steppings)
            and re.search(self.brand, machine.brand or "") is not None
        )


def find(machine: MachineSpec) -> Sheet | None:
    """Return the first row that covers the machine's vendor, family, model, stepping and brand."""
    return next((sheet for sheet in SHEETS if sheet.covers(machine)), None)


_HALF_256 = {128: 2, 256: 1}
_AVX2 = {128: 2, 256: 2}
_HALF_512 = {128: 2, 256: 2, 512: 1}
_FULL_512 = {128: 2, 256: 2, 512: 2}


def _memory(most: tuple[int, int] | None, source: str) -> SocketMemory | None:
    if most is None:
        return None
    channels, megatransfers = most
    return SocketMemory(channels=channels, transfers_per_second=megatransfers * 1e6, source=source)


def _amd(
    family: int,
    models: Container[int],
    core: str,
    pipes: Mapping[int, int],
    guide: str,
    *,
    server: str | None = None,
    memory: tuple[int, int] | None = None,
    brand: str = "",
) -> Sheet:
    return Sheet(
        vendor="AMD",
        family=family,
        models=models,
        brand=brand,
        microarchitecture=core,
        segment="server" if server else "client",
        fma_pipes=pipes,
        memory=_memory(memory, f"AMD, EPYC {server} Series data sheet"),
        source=f"AMD, optimization guide of {guide}",
    )


_ZEN1 = "Family 17h, pub. 55723"
_ZEN2 = "Family 17h Models 30h+, pub. 56305"
_ZEN3 = "Family 19h, pub. 56665"
_ZEN4 = "Zen 4, pub. 57647"
_ZEN5 = "Zen 5, pub. 58455"

# A Threadripper shares its model number with the server part, but not the socket.
_DESKTOP = "Threadripper|Ryzen"

_AMD = (
    _amd(23, range(0x01, 0x02), "Zen 1", _HALF_256, _ZEN1, brand=f"{_DESKTOP}|EPYC 3"),
    _amd(23, range(0x01, 0x02), "Zen 1", _HALF_256, _ZEN1, server="7001", memory=(8, 2666)),
    _amd(23, (0x08, 0x11, 0x18, 0x20), "Zen 1", _HALF_256, _ZEN1),
    _amd(23, range(0x30, 0x40), "Zen 2", _AVX2, _ZEN2, brand=_DESKTOP),
    _amd(23, range(0x30, 0x40), "Zen 2", _AVX2, _ZEN2, server="7002", memory=(8, 3200)),
    _amd(23, (*range(0x60, 0x80), *range(0x90, 0xB0)), "Zen 2", _AVX2, _ZEN2),
    _amd(25, range(0x00, 0x10), "Zen 3", _AVX2, _ZEN3, brand=_DESKTOP),
    _amd(25, range(0x00, 0x10), "Zen 3", _AVX2, _ZEN3, server="7003", memory=(8, 3200)),
    _amd(25, range(0x20, 0x60), "Zen 3", _AVX2, _ZEN3),
    _amd(25, range(0x10, 0x20), "Zen 4", _HALF_512, _ZEN4, brand=_DESKTOP),
    _amd(25, range(0x10, 0x20), "Zen 4", _HALF_512, _ZEN4, server="9004", memory=(12, 4800)),
    _amd(25, range(0x60, 0x80), "Zen 4", _HALF_512, _ZEN4),
    # Bergamo and Siena share these numbers and differ in the socket.
    _amd(
        *(25, range(0xA0, 0xB0), "Zen 4c", _HALF_512, _ZEN4),
        brand="EPYC 97",
        server="9004",
        memory=(12, 4800),
    ),
    _amd(
        *(25, range(0xA0, 0xB0), "Zen 4c", _HALF_512, _ZEN4),
        brand="EPYC 8",
        server="8004",
        memory=(6, 4800),
    ),
    _amd(25, range(0xA0, 0xB0), "Zen 4c", _HALF_512, _ZEN4, server="9004 or 8004"),
    _amd(26, range(0x00, 0x10), "Zen 5", _FULL_512, _ZEN5, brand=_DESKTOP),
    _amd(26, range(0x00, 0x10), "Zen 5", _FULL_512, _ZEN5, server="9005", memory=(12, 6000)),
    _amd(26, range(0x10, 0x20), "Zen 5c", _FULL_512, _ZEN5, server="9005", memory=(12, 6000)),
    _amd(26, range(0x40, 0x50), "Zen 5", _FULL_512, _ZEN5),
    # Mobile parts run a 512-bit instruction through 256-bit units.
    _amd(26, range(0x20, 0x30), "Zen 5", _HALF_512, _ZEN5),
)


def _intel(
    models: Container[int],
    core: str,
    pipes: Mapping[int, int],
    *,
    server: str | None = None,
    memory: tuple[int, int] | None = None,
    brand: str = "",
    steppings: Container[int] | None = None,
) -> Sheet:
    return Sheet(
        vendor="Intel",
        family=6,
        models=models,
        steppings=steppings,
        brand=brand,
        microarchitecture=core,
        segment="server" if server else "client",
        fma_pipes=pipes,
        memory=_memory(memory, f"Intel, product specifications of {server or core}"),
        source="Intel, Optimization Reference Manual, order 248966",
    )


_SKYLAKE, _CASCADE, _COOPER = range(0, 5), range(5, 8), range(10, 12)
_SP1, _SP2 = "1st Gen Xeon Scalable", "2nd Gen Xeon Scalable"
# These parts of the first two generations have no second 512-bit unit; 5122 and 5222 do.
_ONE_UNIT = r"Silver|Bronze|Gold 5(?![12]22)[12]"

_INTEL_85 = (
    _intel(
        *((85,), "Skylake-X", _FULL_512),
        steppings=_SKYLAKE,
        brand="Core.* i9",
        memory=(4, 2666),
    ),
    _intel(
        *((85,), "Skylake-SP", _FULL_512),
        steppings=_SKYLAKE,
        brand="Platinum 81|Gold 61|Gold 5122",
        server=_SP1,
        memory=(6, 2666),
    ),
    _intel((85,), "Skylake-SP", _HALF_512, steppings=_SKYLAKE, brand=_ONE_UNIT, server=_SP1),
    _intel((85,), "Skylake-SP", _AVX2, steppings=_SKYLAKE, brand="Xeon", server=_SP1),
    _intel(
        *((85,), "Cascade Lake-X", _FULL_512),
        steppings=_CASCADE,
        brand="Core.* i9",
        memory=(4, 2933),
    ),
    _intel(
        *((85,), "Cascade Lake", _FULL_512),
        steppings=_CASCADE,
        brand="Platinum 82|Gold 62|Gold 5222",
        server=_SP2,
        memory=(6, 2933),
    ),
    _intel((85,), "Cascade Lake", _HALF_512, steppings=_CASCADE, brand=_ONE_UNIT, server=_SP2),
    _intel((85,), "Cascade Lake", _AVX2, steppings=_CASCADE, brand="Xeon", server=_SP2),
    _intel(
        *((85,), "Cooper Lake", _FULL_512),
        steppings=_COOPER,
        brand="Platinum 83|Gold 63",
        server="3rd Gen Xeon Scalable",
        memory=(6, 3200),
    ),
)

_SP3, _SP4, _SP5 = (f"{nth} Gen Xeon Scalable" for nth in ("3rd", "4th", "5th"))

_INTEL = (
    _intel((60, 69, 70), "Haswell", _AVX2),
    _intel((63,), "Haswell", _AVX2, brand="E5-26", server="Xeon E5-2600 v3", memory=(4, 2133)),
    _intel((63,), "Haswell", _AVX2),
    _intel((61, 71), "Broadwell", _AVX2),
    _intel((79,), "Broadwell", _AVX2, brand="E5-26", server="Xeon E5-2600 v4", memory=(4, 2400)),
    _intel((79, 86), "Broadwell", _AVX2),
    _intel((78, 94, 142, 158, 165, 166), "Skylake", _AVX2),
    *_INTEL_85,
    _intel((106,), "Ice Lake-SP", _FULL_512, server=_SP3, memory=(8, 3200)),
    _intel((125, 126), "Ice Lake", _HALF_512),
    _intel((140, 141), "Tiger Lake", _HALF_512),
    _intel((167,), "Rocket Lake", _HALF_512),
    # On hybrids the row speaks of the performance cores.
    _intel((151, 154), "Alder Lake", _AVX2),
    _intel((183, 186, 191), "Raptor Lake", _AVX2),
    # Max parts carry memory of their own, workstation parts have other sockets.
    _intel((143,), "Sapphire Rapids", _FULL_512, brand=r"Max|w\d-", server=_SP4),
    _intel((143,), "Sapphire Rapids", _FULL_512, server=_SP4, memory=(8, 4800)),
    _intel((207,), "Emerald Rapids", _FULL_512, server=_SP5, memory=(8, 5600)),
    _intel((173,), "Granite Rapids", _FULL_512, server="Xeon 6"),
)


def _arm(part: int, core: str, pipes: Mapping[int, int]) -> Sheet:
    return Sheet(
        vendor="Arm",
        family=None,
        models=(part,),
        microarchitecture=core,
        segment="server",
        fma_pipes=pipes,
        source=f"Arm, {core} Core Software Optimization Guide",
    )


_ARM = (
    _arm(0xD0C, "Neoverse N1", {128: 2}),
    _arm(0xD40, "Neoverse V1", {128: 4, 256: 2}),
    _arm(0xD49, "Neoverse N2", {128: 2}),
    _arm(0xD4F, "Neoverse V2", {128: 4}),
    Sheet(
        vendor="Fujitsu",
        family=None,
        models=(0x001,),
        microarchitecture="A64FX",
        segment="server",
        fma_pipes={128: 2, 512: 2},
        source="Fujitsu, A64FX Microarchitecture Manual",
    ),
)

SHEETS = (*_AMD, *_INTEL, *_ARM)
