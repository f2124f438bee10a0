"""What /proc/cpuinfo says of a processor, on x86 and on AArch64."""

import platform
import re
from pathlib import Path
from typing import NamedTuple

from roofline.host.sysfiles import text, whole

CPUINFO = "proc/cpuinfo"
REAL_ROOT = Path("/")

Block = dict[str, str]

_VENDORS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel", "HygonGenuine": "Hygon"}

# Numbers as in the kernel's arch/arm64/include/asm/cputype.h.
_IMPLEMENTERS = {
    0x41: "Arm",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x6D: "Microsoft",
    0xC0: "Ampere",
}
_PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse N1",
    (0x41, 0xD40): "Neoverse V1",
    (0x41, 0xD49): "Neoverse N2",
    (0x41, 0xD4F): "Neoverse V2",
    (0x41, 0xD84): "Neoverse V3",
    (0x41, 0xD8E): "Neoverse N3",
    (0x43, 0x0AF): "ThunderX2",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "TSV110",
    (0x51, 0x001): "Oryon",
    (0x61, 0x022): "Icestorm (M1)",
    (0x61, 0x023): "Firestorm (M1)",
    (0x61, 0x032): "Blizzard (M2)",
    (0x61, 0x033): "Avalanche (M2)",
    (0x6D, 0xD49): "Cobalt 100",
    (0xC0, 0xAC3): "AmpereOne",
}

# A kernel update adds flags of its own (mitigations, timers, bookkeeping); a machine's type
# must not change with them, so that only instruction sets are kept.
_INSTRUCTION_SET = re.compile(
    r"s{0,2}sse|pni$|avx|amx|fma|f16c$|bmi|abm$|popcnt$|movbe$|adx$|v?aes$|v?pclmulqdq$|gfni$|sha"
    r"|cx16$|clflushopt$|clwb$|fp$|fphp$|asimd|sve|sme($|2|_|[fi]\d)|bf16$|i8mm$|fcma$|pmull$"
    r"|crc32$|atomics$"
)


class Identity(NamedTuple):
    """Which processor this is; None where /proc/cpuinfo doesn't say."""

    architecture: str
    vendor: str | None = None
    brand: str | None = None
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    microarchitecture: str | None = None
    features: tuple[str, ...] = ()


def blocks(root: Path) -> list[Block]:
    """Return the file's paragraphs that describe a processor, in order."""
    paragraphs = (text(root / CPUINFO) or "").split("\n\n")
    parsed = [_block(paragraph) for paragraph in paragraphs]
    return [block for block in parsed if whole(block.get("processor")) is not None]


def identity(root: Path, cpu: int | None = None) -> Identity:
    """Identify the processor that holds logical CPU ``cpu`` (default: the first listed)."""
    listed = blocks(root)
    chosen = next((b for b in listed if whole(b["processor"]) == cpu), None)
    block = chosen or next(iter(listed), {})
    if "CPU implementer" in block:
        return _arm(block)
    return _x86(block) if "vendor_id" in block else Identity(_architecture(root))


def flagged_virtual(root: Path) -> bool:
    """Tell whether the processor's own flags say that a hypervisor runs beneath."""
    return any("hypervisor" in block.get("flags", "").split() for block in blocks(root))


def slow_brand() -> str | None:
    """Ask py-cpuinfo for the brand string, which takes a second: only where files lack it."""
    from cpuinfo import get_cpu_info

    return str(get_cpu_info().get("brand_raw") or "") or None


def _block(paragraph: str) -> Block:
    pairs = (line.partition(":") for line in paragraph.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _x86(block: Block) -> Identity:
    flags = block.get("flags", "").split()
    vendor = block["vendor_id"]
    return Identity(
        architecture="x86_64" if "lm" in flags or not flags else "i686",
        vendor=_VENDORS.get(vendor, vendor) or None,
        brand=block.get("model name") or None,
        family=whole(block.get("cpu family")),
        model=whole(block.get("model")),
        stepping=whole(block.get("stepping")),
        features=_instruction_sets(flags),
    )


def _arm(block: Block) -> Identity:
    implementer, part = whole(block["CPU implementer"]), whole(block.get("CPU part"))
    known = implementer is not None and part is not None
    return Identity(
        architecture="aarch64",
        vendor=_IMPLEMENTERS.get(implementer) if implementer is not None else None,
        brand=block.get("model name") or None,
        model=part,
        microarchitecture=_PARTS.get((implementer or 0, part or 0)) if known else None,
        features=_instruction_sets(block.get("Features", "").split()),
    )


def _instruction_sets(flags: list[str]) -> tuple[str, ...]:
    return tuple(sorted({flag for flag in flags if _INSTRUCTION_SET.match(flag)}))


def _architecture(root: Path) -> str:
    if root != REAL_ROOT:
        return "unknown"
    names = {"AMD64": "x86_64", "arm64": "aarch64", "": "unknown"}
    return names.get(platform.machine(), platform.machine())
