"""Captured hosts of our own making: unfolds `machines/<name>.json` into a tree of files.

A file maps paths below the root to contents. A list of numbers in braces in a path stands for
one file each ("cpu{0-2,5}/online"), and {} in such a content for that number. A content is a
text, a list of lines, or {"each": "0-3", "lines": […]}: those lines again for each number, as
/proc/cpuinfo repeats itself.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MACHINES = Path(__file__).parent / "machines"
NAMES = tuple(sorted(path.stem for path in MACHINES.glob("*.json")))


def expand(name: str, root: Path) -> Path:
    """Write that machine's files below ``root``, and return it."""
    described = json.loads((MACHINES / f"{name}.json").read_text(encoding="utf-8"))
    for pattern, content in described.items():
        for path, text in _files(pattern, _text(content)):
            put(root, path, text)
    return root


def put(root: Path, path: str, content: str) -> None:
    """Write one file below ``root``, as the kernel does with a newline at its end."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{content}\n", encoding="utf-8")


def _files(pattern: str, content: str) -> Iterator[tuple[str, str]]:
    listed = re.search(r"\{([\d,-]+)\}", pattern)
    if listed is None:
        yield pattern, content
        return
    for number in _numbers(listed[1]):
        yield pattern.replace(listed[0], number), content.replace("{}", number)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(content)
    block = "\n".join(content["lines"])
    return "\n\n".join(block.replace("{}", number) for number in _numbers(content["each"]))


def _numbers(listed: str) -> list[str]:
    spans = [part.partition("-") for part in listed.split(",")]
    ranges = [range(int(first), int(last or first) + 1) for first, _, last in spans]
    return [str(number) for span in ranges for number in span]
