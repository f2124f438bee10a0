"""Whether a hypervisor runs beneath this system, and which."""

from pathlib import Path
from typing import NamedTuple

from roofline.host.processor import CPUINFO, flagged_virtual
from roofline.host.sysfiles import text

_TYPE = "sys/hypervisor/type"
_DMI = "sys/class/dmi/id"
_CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"

# Needles in "<vendor> <product>" of the firmware, and the names we give.
_PRODUCTS = {
    "KVM": "KVM",
    "Google Compute Engine": "KVM",
    "Amazon EC2": "Amazon EC2",
    "OpenStack": "OpenStack",
    "Alibaba Cloud ECS": "Alibaba ECS",
    "Microsoft Corporation Virtual Machine": "Hyper-V",
    "VMware": "VMware",
    "VirtualBox": "VirtualBox",
    "Parallels": "Parallels",
    "Xen": "Xen",
    "QEMU": "QEMU",
}
_CLOCK_NAMES = {"kvm-clock": "KVM", "hyperv": "Hyper-V", "xen": "Xen"}


class Hypervisor(NamedTuple):
    """A hypervisor's name, and the file that gave it away."""

    name: str
    source: str


def find_hypervisor(root: Path) -> Hypervisor | None:
    """Name the hypervisor; "unnamed" where only the processor's flag shows it; None on metal."""
    flagged = flagged_virtual(root)
    if stated := text(root / _TYPE):
        return Hypervisor(stated.capitalize(), _TYPE)
    clouds_own_metal = (text(root / _DMI / "product_name") or "").endswith(".metal")
    if clouds_own_metal and not flagged:
        return None
    product = _by_product(root)
    if not flagged:
        # An x86 processor on metal clears the flag; AArch64 has none, so firmware speaks for it.
        return None if _has_flags(root) else product
    return product or _by_clock(root) or Hypervisor("unnamed", CPUINFO)


def _has_flags(root: Path) -> bool:
    return "\nflags" in (text(root / CPUINFO) or "")


def _by_product(root: Path) -> Hypervisor | None:
    words = (text(root / _DMI / name) or "" for name in ("sys_vendor", "product_name"))
    stated = " ".join(words)
    name = next((name for needle, name in _PRODUCTS.items() if needle in stated), None)
    return Hypervisor(name, _DMI) if name else None


def _by_clock(root: Path) -> Hypervisor | None:
    stated = text(root / _CLOCKS) or ""
    name = next((name for needle, name in _CLOCK_NAMES.items() if needle in stated), None)
    return Hypervisor(name, _CLOCKS) if name else None
