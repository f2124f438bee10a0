"""An opaque name for this host that stays the same and gives nothing away."""

import hashlib
import os
import re
import secrets
from pathlib import Path

from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.sysfiles import text

KEY_FILE = "node-key"

_MACHINE_ID = "etc/machine-id"
# machine-id(5) asks that it be exposed only hashed with a key of the application's own.
_SALT = "calibrated-roofline/node/1"
_KEY = re.compile(r"[0-9a-f]{64}")


def node_id(root: Path, config: Path) -> str:
    """Name this host: 16 hexadecimal digits that don't lead back to the system's machine-id.

    Args:
        root: where /etc/machine-id hangs.
        config: the user's folder for this suite; where a system has no machine-id, a random
            key is made there once and kept.

    Raises:
        RooflineError: there is no machine-id and no key can be kept, or the key is damaged.

    """
    secret = _machine_id(root) or _kept_key(config / KEY_FILE)
    return hashlib.sha256(f"{_SALT}:{secret}".encode()).hexdigest()[:16]


def _machine_id(root: Path) -> str | None:
    # An image yet to boot for the first time holds "uninitialized".
    stated = text(root / _MACHINE_ID) or ""
    usable = re.fullmatch(r"[0-9a-f]{32}", stated) and set(stated) != {"0"}
    return stated if usable else None


def _kept_key(path: Path) -> str:
    try:
        if not path.exists():
            _publish(path, secrets.token_hex(32))
        key = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        sentence = f"cannot keep this host's key in {path}: {error.strerror}; make it writable."
        raise RooflineError(sentence, CANNOT_MEASURE) from error
    if _KEY.fullmatch(key):
        return key
    raise RooflineError(f"the host key {path} is damaged: delete it, and a new one is made.")


def _publish(path: Path, key: str) -> None:
    """Put the key in place whole, unless another process was first: then its key stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces what is there.
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
