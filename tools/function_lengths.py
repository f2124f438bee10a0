"""A report of function and module lengths: `python tools/function_lengths.py FOLDER ...`.

Exit 1 when a function has over 50 lines, a module over 300, or one lacks its opening sentence.
"""

import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

MOST_LINES = 50
MOST_MODULE_LINES = 300


def functions(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the length and name of each function in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield lines, f"{path}:{node.lineno} {node.name}"


def complaints(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """Yield what is wrong with a module as a whole."""
    if (count := len(text.splitlines())) > MOST_MODULE_LINES:
        yield f"{path}: {count} lines"
    if text.strip() and ast.get_docstring(tree) is None:
        yield f"{path}: no opening sentence"


def main(folders: Sequence[str]) -> int:
    """Print the report and return the exit status."""
    found: list[tuple[int, str]] = []
    wrong: list[str] = []
    for path in sorted(p for folder in folders for p in Path(folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found += functions(path, tree)
        wrong += complaints(path, text, tree)
    lengths = sorted(lines for lines, _ in found)
    ninth = lengths[int(0.9 * len(lengths))]
    middle = statistics.median(lengths)
    print(f"{len(found)} functions: median {middle:.0f} lines, 90th percentile {ninth}")
    print("longest: " + ", ".join(f"{name} {lines}" for lines, name in sorted(found)[-3:]))
    wrong += [f"{name}: {lines} lines" for lines, name in found if lines > MOST_LINES]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
