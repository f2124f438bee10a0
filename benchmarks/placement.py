"""On which node pages lie: asked for by mbind, read back by get_mempolicy, the kernel's own calls.

Both go through libc's `syscall`, since libnuma is seldom there. A container may forbid either.
"""

import ctypes
import platform

from benchmarks.buffers import PAGE, Buffer

# Numbers of mbind and get_mempolicy.
_CALLS = {"x86_64": (237, 239), "aarch64": (235, 236)}
# To be placed there if it can be: where it can't, that is seen, and nobody is killed for memory.
_PREFERRED = 1
_NODE_OF_ADDRESS = 1 | 2
_MOST_NODES = 1024
_WORD = 64
# Pages looked at in each buffer.
_LOOKS = 64
_libc = ctypes.CDLL(None, use_errno=True)


def bind(buffer: Buffer, node: int) -> bool:
    """Ask for a buffer's untouched pages on a node; return whether the system took it."""
    if platform.machine() not in _CALLS or not 0 <= node < _MOST_NODES:
        return False
    mask = (ctypes.c_ulong * (_MOST_NODES // _WORD))()
    mask[node // _WORD] = 1 << node % _WORD
    length = -(-buffer.size // PAGE) * PAGE
    arguments = (buffer.address, length, _PREFERRED, ctypes.addressof(mask), _MOST_NODES + 1, 0)
    return _call(_CALLS[platform.machine()][0], *arguments) == 0


def share_on(buffers: list[Buffer], node: int) -> float | None:
    """Return the share of touched pages that lie on a node; None where the system won't tell."""
    places = [
        buffer.address + page * PAGE
        for buffer in buffers
        for page in _looked_at(max(1, buffer.size // PAGE))
    ]
    found = [node_of(place) for place in places]
    known = [one for one in found if one is not None]
    return known.count(node) / len(known) if known and len(known) == len(found) else None


def node_of(address: int) -> int | None:
    """Return the node of the page at an address, or None where the system won't tell."""
    if platform.machine() not in _CALLS:
        return None
    node = ctypes.c_int(-1)
    arguments = (ctypes.addressof(node), 0, 0, address, _NODE_OF_ADDRESS)
    return node.value if _call(_CALLS[platform.machine()][1], *arguments) == 0 else None


def _looked_at(pages: int) -> range:
    return range(0, pages, max(1, pages // _LOOKS))


def _call(number: int, *arguments: int) -> int:
    return int(_libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)))
