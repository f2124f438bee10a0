"""Which layers a user means: names as in the table, "all", or "slower" than predicted."""

from collections.abc import Sequence
from difflib import get_close_matches

from roofline.errors import RooflineError
from roofline.records import Report

ALL, SLOWER = "all", "slower"
_SHOWN = 8


def chosen(names: Sequence[str], known: Sequence[str], slower: Sequence[str] | None) -> list[str]:
    """Return the layers that names mean, each once.

    Args:
        names: of layers, or "all", or "slower".
        known: the layers that there are.
        slower: those that took longer than predicted; None where that can't be known yet.

    Raises:
        RooflineError: a name is none of them; says which come near.

    """
    found: dict[str, None] = {}
    for name in names:
        if name in known:
            found[name] = None
        elif name == ALL:
            found |= dict.fromkeys(known)
        elif name == SLOWER and slower is not None:
            found |= dict.fromkeys(slower)
        else:
            raise RooflineError(f"no layer is named {name!r}: {_near(name, known)}.")
    return list(found)


def slower(report: Report) -> list[str]:
    """Return the layers that took longer than predicted."""
    return [row.name for row in report.rows if row.verdict == "slower"]


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=_SHOWN, cutoff=0.5)
    near += [one for one in known if name.lower() in one.lower() and one not in near]
    if near:
        return f"near it are {', '.join(near[:_SHOWN])}"
    many = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there are {', '.join(known[:_SHOWN])}{many}"
