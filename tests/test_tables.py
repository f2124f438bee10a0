"""Tables of many sections, merged again and again: every line comes back as it was."""

import json
import random
from typing import Any

import pytest

from roofline.store import tables


def encoded(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def drawn(seed: int) -> list[dict[str, Any]]:
    """Draw the measurements of a plan: families, teams, and a few cases of each."""
    draw = random.Random(seed)
    items: list[dict[str, Any]] = []
    for family in range(draw.randint(3, 14)):
        for threads in draw.sample((1, 2, 4, 8, 16), draw.randint(1, 4)):
            shared = {"isa": draw.choice(("avx2", "avx512")), "bits": draw.choice((128, 256, 512))}
            for _ in range(draw.randint(1, 7)):
                case = {"benchmark": f"family {family}", "threads": threads, **shared}
                if draw.random() < 0.5:
                    case["working_set_bytes"] = draw.randint(1, 9) * 1000
                if draw.random() < 0.5:
                    case["dtype"] = draw.choice(("float32", "float64"))
                digest = draw.choice("abcd") * 12
                items.append({"case": case, "seconds": [[draw.random()]], "kernel_digest": digest})
    return items


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_no_line_is_lost_or_doubled(first: int) -> None:
    """One table in twenty was, when sections were told apart by the ids of dead ones."""
    for seed in range(first, first + 50):
        items = drawn(seed)
        lines = [json.loads(line) for line in tables.written("measurements", items, encoded)]
        assert tables.items_of("measurements", lines) == items
