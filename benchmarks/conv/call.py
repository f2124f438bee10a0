"""One call of an operator by one thread: its entries, on the next copy of its tensors."""

from collections.abc import Callable

import numba

from benchmarks.conv import words
from benchmarks.primitives import call_kernel, load_word, store_word

WORD, ENTRY_BYTES = words.WORD, words.ENTRY_WORDS * words.WORD
BASES, BASE_BYTES = words.BASES, words.BASES * words.WORD
ENTRIES, COUNT, TARGET = words.ENTRIES * WORD, words.COUNT * WORD, words.TARGET * WORD
COPIES, COPY, PLACES = words.COPIES * WORD, words.COPY * WORD, words.PLACES * WORD


def _call(block: int) -> int:
    """Turn to the next copy, then run every entry."""
    copy = load_word(block + COPY)
    place = load_word(block + PLACES) + copy * BASE_BYTES
    target = load_word(block + TARGET)
    for index in range(BASES):
        store_word(target + index * WORD, load_word(place + index * WORD))
    following = copy + 1
    if following >= load_word(block + COPIES):
        following = 0
    store_word(block + COPY, following)
    entry = load_word(block + ENTRIES)
    for _ in range(load_word(block + COUNT)):
        call_kernel(load_word(entry), entry)
        entry += ENTRY_BYTES
    return 0


def build() -> Callable[[int], int]:
    """Return the call for compilation."""
    call: Callable[[int], int] = numba.njit(_call)
    return call
