"""Whose the units of a convolution are: threads take them in their order, by cost."""

from collections.abc import Iterator, Sequence


def owners(costs: Sequence[int], threads: int) -> Iterator[int]:
    """Yield the thread that each of these units goes to.

    Units keep their order; each goes to the thread in whose equal share its middle lies.
    """
    total, done = sum(costs), 0
    for cost in costs:
        yield min(int((done + cost / 2) * threads / total), threads - 1) if total else 0
        done += cost
