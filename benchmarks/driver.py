"""The compiled driver: what each thread of a team runs, from the first barrier to the last stamp.

A driver runs a *program* (a list of segments: kernel, its parameters, repetitions) once a sample.
Samples begin at a barrier, and a time stamp follows each segment, so that neither Python nor a
thread's late start enters a figure.
"""

from collections.abc import Callable

import numba

from benchmarks.primitives import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    give_way,
    load_word,
    now,
    pause,
    store_word,
)

WORD = 8
# Words of a driver's parameter block.
BARRIER, TEAM, SAMPLES, SEGMENTS, PROGRAM, STAMPS, DEADLINE, ABORT = range(8)
BLOCK_WORDS = 8
# Words of one segment in the program.
KERNEL, ARGUMENTS, REPEATS, JOINED = range(4)
SEGMENT_WORDS = 4
# Words of a meeting in the middle of a kernel's work; the first is the meeting's own address.
_MEETING, MEETING_BARRIER, MEETING_TEAM, MEETING_ABORT, MEETING_DEADLINE = range(5)
# Spins before a waiting thread gives its CPU away: about 0.1 ms, far above a pinned barrier's
# 0.1 us, far below a scheduler's time slice.
SPINS_BEFORE_YIELD = 4096

_jit = numba.njit(inline="never")


@_jit
def _wait(counter: int, team: int, abort: int, deadline: int) -> int:
    """Wait until the whole team has arrived; 0, or 1 when the deadline passed or one gave up."""
    arrived = atomic_add(counter, 1)
    goal = (arrived // team + 1) * team
    spins = 0
    until = 0
    while atomic_load(counter) < goal:
        if atomic_load(abort) != 0:
            return 1
        spins += 1
        if spins < SPINS_BEFORE_YIELD:
            pause()
        else:
            if until == 0:
                until = now() + deadline
            if now() > until:
                atomic_store(abort, 1)
                return 1
            give_way()
    return 0


@_jit
def _meet(block: int) -> int:
    return _wait(
        load_word(block + BARRIER * WORD),
        load_word(block + TEAM * WORD),
        load_word(block + ABORT * WORD),
        load_word(block + DEADLINE * WORD),
    )


@_jit
def _run_joined(kernel: int, arguments: int, repeats: int, block: int) -> None:
    """Run an operator that the whole team shares: a call ends when every thread has ended."""
    for _ in range(repeats):
        call_kernel(kernel, arguments)
        if load_word(block + TEAM * WORD) > 1:
            _meet(block)


@_jit
def _run_segments(block: int, segments: int, stamps: int) -> None:
    program = load_word(block + PROGRAM * WORD)
    store_word(stamps, now())
    for index in range(segments):
        segment = program + index * SEGMENT_WORDS * WORD
        kernel = load_word(segment + KERNEL * WORD)
        arguments = load_word(segment + ARGUMENTS * WORD)
        repeats = load_word(segment + REPEATS * WORD)
        if load_word(segment + JOINED * WORD) != 0:
            _run_joined(kernel, arguments, repeats, block)
        else:
            for _ in range(repeats):
                call_kernel(kernel, arguments)
        store_word(stamps + (index + 1) * WORD, now())


def _drive(block: int) -> int:
    """Run every sample; 0, or 1 when a barrier's deadline passed."""
    segments = load_word(block + SEGMENTS * WORD)
    stamps = load_word(block + STAMPS * WORD)
    for _ in range(load_word(block + SAMPLES * WORD)):
        if _meet(block) != 0:
            return 1
        _run_segments(block, segments, stamps)
        stamps += (segments + 1) * WORD
    # A segment that all threads share may have been given up, too.
    return 1 if atomic_load(load_word(block + ABORT * WORD)) != 0 else 0


def _join(entry: int) -> int:
    """Wait for the team; the driver notices a deadline that passed, and the sample is dropped."""
    return _wait(
        load_word(entry + MEETING_BARRIER * WORD),
        load_word(entry + MEETING_TEAM * WORD),
        load_word(entry + MEETING_ABORT * WORD),
        load_word(entry + MEETING_DEADLINE * WORD),
    )


def build_meeting() -> Callable[[int], int]:
    """Return a barrier that is called like a kernel, for compilation."""
    meeting: Callable[[int], int] = numba.njit(_join)
    return meeting


def build() -> Callable[[int], int]:
    """Return the driver for compilation."""
    driver: Callable[[int], int] = numba.njit(_drive)
    return driver
