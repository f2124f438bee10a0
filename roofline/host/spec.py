"""The file in which a user states what a machine hides: TOML with one table, [machine]."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from roofline.errors import RooflineError
from roofline.units import parse


class _Quantity(NamedTuple):
    unit: str
    low: float
    high: float
    whole: bool


_WORDS = ("vendor", "brand", "microarchitecture")
# The limits only catch slips such as GHz written as Hz; no machine comes near them.
_QUANTITIES = {
    "sockets": _Quantity("", 1, 256, True),
    "cores": _Quantity("", 1, 65536, True),
    "memory_channels": _Quantity("", 1, 4096, True),
    "memory_transfers_per_second": _Quantity("T/s", 1e8, 1e11, False),
    "boost_hertz": _Quantity("Hz", 1e8, 2e10, False),
    "fma_pipes": _Quantity("", 1, 16, True),
    "memory_bytes": _Quantity("B", 2**20, 2**60, True),
}
KEYS = (*_WORDS, *_QUANTITIES)


def read_spec(path: Path) -> Mapping[str, object]:
    """Read fields of `MachineSpec` from a TOML file, in SI units.

    A quantity is a number in base units or a text such as "4.8 GT/s", "3.7 GHz", "64 GiB".

    Raises:
        RooflineError: the file is missing, malformed, or states something that cannot be.

    """
    tables = _load(path)
    machine = tables.get("machine")
    if set(tables) != {"machine"} or not isinstance(machine, dict):
        raise _refusal(path, "it needs one table, [machine], and nothing else")
    return {str(key): _value(path, str(key), value) for key, value in machine.items()}


def _load(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refusal(path, f"{error.strerror}; give the path of a TOML file") from error
    except UnicodeDecodeError as error:
        raise _refusal(path, "it is not UTF-8 text; save it as such") from error
    except ValueError as error:
        raise _refusal(path, f"it is not TOML ({error}); correct it there") from error


def _value(path: Path, key: str, value: object) -> object:
    if key in _WORDS:
        return _word(path, key, value)
    if key in _QUANTITIES:
        return _amount(path, key, value, _QUANTITIES[key])
    raise _refusal(path, f"unknown key {key!r}; use one of {', '.join(KEYS)}")


def _word(path: Path, key: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise _refusal(path, f"{key} must be a text in quotes, not {value!r}")


def _amount(path: Path, key: str, value: object, quantity: _Quantity) -> float | int:
    amount = _number(path, key, value, quantity.unit)
    kind: Callable[[float], float | int] = int if quantity.whole else float
    if not quantity.low <= amount <= quantity.high:
        limits = f"between {quantity.low:g} and {quantity.high:g}"
        raise _refusal(path, f"{key} = {value!r} cannot be; give one {limits} {quantity.unit}")
    if quantity.whole and amount != int(amount):
        raise _refusal(path, f"{key} = {value!r} must be a whole number")
    return kind(amount)


def _number(path: Path, key: str, value: object, unit: str) -> float:
    if isinstance(value, str) and unit:
        try:
            return parse(value, unit)
        except RooflineError as error:
            raise _refusal(path, f"{key}: {str(error).rstrip('.')}") from error
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    written = f"a number or a text such as '3.7 G{unit}'" if unit else "a whole number"
    raise _refusal(path, f"{key} must be {written}, not {value!r}")


def _refusal(path: Path, reason: str) -> RooflineError:
    return RooflineError(f"cannot use the machine spec {path}: {reason.strip()}.")
