"""No wrong convolution passes: each word that a kernel reads is spoiled once, and noticed.

Both checks must notice: the one that runs before anything is timed, and these tests' own.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.conv import words
from benchmarks.conv.operator import Operator, plan
from roofline.physics import choice
from roofline.physics.isa import Vector
from roofline.physics.tiling import lanes_of
from roofline.records import Case, ConvShape
from tests.conv_builders import (
    HOST,
    VECTORS,
    Bench,
    bench_on,
    case_of,
    fault,
    packed,
    whole,
)

WIDEST, NARROWEST = VECTORS[max(VECTORS)], VECTORS[min(VECTORS)]
LANES = lanes_of(WIDEST, "float32")
# Words of an entry that count something: one less matters where it is more than one. The others
# are spoiled where the count that they belong to is.
COUNTS = ("TILES", "ROWS", "TAPS", "CHANNELS", "CHANNEL_BLOCKS")
COUNT_OF = {
    "X_TILE": "TILES",
    "OUT_TILE": "TILES",
    "WEIGHTS_ROW": "ROWS",
    "WEIGHTS_BLOCK": "CHANNEL_BLOCKS",
} | {name: name for name in COUNTS}
OF_INPUT = ("X", "X_TILE", "X_BLOCK", "X_ROW", "X_TAP", "X_CHANNEL")

Spoil = Callable[[Operator], None]


@dataclass(frozen=True)
class Subject:
    """A convolution to be spoiled: its case, and what only some kernels read."""

    name: str
    case: Case
    entry: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def small(channels: tuple[int, int], groups: int, vector: Vector, **changes: int) -> Case:
    """Return a small convolution with edges and a bias, cut so that outputs need several calls."""
    shape = ConvShape(
        batch=2,
        in_channels=channels[0],
        height=6,
        width=7,
        out_channels=channels[1],
        kernel=(3, 3),
        padding=(1, 1),
        groups=groups,
        bias=True,
    )
    cut = choice.choose(shape, vector, HOST)
    return case_of(shape, vector, replace(cut, rows=6, columns=3, **changes))


def subjects() -> Iterator[Subject]:
    """Yield one of each way to compute."""
    inner, steps = ("TAPS", "CHANNELS"), ("X_TAP", "X_CHANNEL", "OUT_BLOCK")
    yield Subject(
        "blocks of channels",
        # One block of outputs is left, of which channels are counted.
        small((2 * LANES + 3, 2 * LANES + 1), 1, WIDEST, blocks=2, chunk=2),
        (*inner, "CHANNEL_BLOCKS", "WEIGHTS_BLOCK"),
        (*steps, "X_BLOCK"),
    )
    yield Subject("planes", small((5, 2 * LANES), 1, WIDEST, blocks=2), inner, steps)
    few = small((3, 2 * LANES), 1, WIDEST, blocks=2)
    yield Subject("few planes", few, ("TAPS",), steps)
    yield Subject("lanes", small((LANES + 3, LANES + 3), LANES + 3, WIDEST, taps=2))
    for bits in sorted({WIDEST.bits, NARROWEST.bits}):
        # More groups than a vector holds.
        groups = lanes_of(VECTORS[bits], "float32") // 2 + 1
        case = small((2 * groups, 2 * groups), groups, VECTORS[bits], taps=2)
        indexed = plan(case).layout.indexed
        name = f"{bits} bits permuted by {'a table' if indexed else 'the code'}"
        entry = ("CHANNELS", "INDICES") if indexed else ()
        yield Subject(name, case, entry, ("WEIGHTS_CHANNEL",))


def an_entry(name: str, *, accumulate: bool) -> Spoil:
    """Change a word of the last entry that uses it."""

    def spoil(operator: Operator) -> None:
        table = operator._tables[-1]
        used = table[:, words.ACCUMULATE] == accumulate
        if name in COUNT_OF:
            used &= table[:, getattr(words, COUNT_OF[name])] > 1
        row = table[np.flatnonzero(used)[-1]]
        if name == "ACCUMULATE":
            row[words.ACCUMULATE] = not accumulate
        else:
            row[getattr(words, name)] += -1 if name in COUNTS else a_step(operator, name)

    return spoil


def all_entries(name: str) -> Spoil:
    """Change a word that all entries share."""

    def spoil(operator: Operator) -> None:
        operator._shared[-1][getattr(words, name)] += a_step(operator, name)

    return spoil


def a_step(operator: Operator, name: str) -> int:
    """Return the bytes to the next element of what a word walks through."""
    layout = operator.plan.layout
    return (layout.inputs.lanes if name in OF_INPUT else layout.tiling.lanes) * layout.item


def another_kernel(operator: Operator) -> None:
    """Let an entry run the kernel of a narrower tile."""
    table, made = operator._tables[-1], operator._made
    # One that reads no further than what it stands for: other memory may not be there.
    wide, narrow = next(
        (wide, narrow)
        for wide, narrow in itertools.permutations(made, 2)
        if narrow == replace(wide, columns=narrow.columns, after=narrow.after)
        and wide.columns > narrow.columns
    )
    table[table[:, words.KERNEL] == made[wide].address, words.KERNEL] = made[narrow].address


def an_entry_too_few(operator: Operator) -> None:
    """Leave the last entry out."""
    operator._blocks[-1][words.COUNT] -= 1


def a_weight(operator: Operator) -> None:
    """Negate one packed weight."""
    factors = packed(operator, 0)[: operator.plan.layout.factors]
    factors[np.abs(factors).argmax()] *= -1


def a_bias(operator: Operator) -> None:
    """Leave one channel's bias out."""
    layout = operator.plan.layout
    end = layout.factors + layout.outputs.blocks * layout.tiling.lanes
    biases = packed(operator, 0)[layout.factors : end]
    biases[np.abs(biases).argmax()] = 0


def spoils(subject: Subject) -> Iterator[tuple[str, Spoil]]:
    """Yield everything that may be wrong with a subject."""
    usual = ("X", "WEIGHTS", "OUT", "INIT", "TILES", "X_TILE", "OUT_TILE", "ROWS", "WEIGHTS_ROW")
    for name in (*usual, *subject.entry, "ACCUMULATE"):
        yield f"{name} of a first call", an_entry(name, accumulate=False)
    for name in ("X", "WEIGHTS", "OUT", "INIT", "ACCUMULATE"):
        yield f"{name} of a later call", an_entry(name, accumulate=True)
    for name in ("X_ROW", *subject.shared):
        yield name, all_entries(name)
    for spoil in (another_kernel, an_entry_too_few, a_weight, a_bias):
        yield spoil.__name__, spoil


SUBJECTS = tuple(subjects())
EVERY = [
    pytest.param(subject.case, spoil, id=f"{subject.name}: {name}")
    for subject in SUBJECTS
    for name, spoil in spoils(subject)
]


@pytest.fixture(scope="module")
def bench(cache_home: Path, cpu: int) -> Bench:
    """Return a bench on one CPU."""
    return bench_on([cpu], cache_home)


@pytest.fixture(scope="module")
def wide_bench(cache_home: Path, two_cpus: tuple[int, int]) -> Bench:
    """Return a bench on two CPUs."""
    return bench_on(two_cpus, cache_home)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_what_is_not_spoiled_is_right(bench: Bench, subject: Subject) -> None:
    operator, trained = bench.operator(subject.case)
    bench.call(operator)
    assert operator.correct(trained)
    assert fault(operator, trained, 0) == ""


@pytest.mark.parametrize(("case", "spoil"), EVERY)
def test_a_spoiled_word_is_noticed(bench: Bench, case: Case, spoil: Spoil) -> None:
    operator, trained = bench.operator(case)
    spoil(operator)
    bench.call(operator)
    assert not operator.correct(trained)
    assert fault(operator, trained, 0) != ""


def large(threads: int) -> Case:
    """Return a convolution with far more outputs than are compared before it is timed."""
    shape = ConvShape(in_channels=3, height=97, width=89, out_channels=LANES, kernel=(3, 3))
    return case_of(shape, WIDEST, threads=threads)


def test_an_unwritten_row_is_noticed_however_many_there_are(bench: Bench) -> None:
    operator, trained = bench.operator(large(1))
    bench.call(operator)
    assert operator.correct(trained)
    out = operator.tensors.out(0)
    for row in (1, 41, out.shape[2] - 1):
        kept = out[0, 0, row, 50].copy()
        out[0, 0, row, 50] = np.nan
        assert not operator.correct(trained)
        out[0, 0, row, 50] = kept
    assert operator.correct(trained)


@pytest.mark.parametrize("guilty", [0, 1])
def test_a_thread_that_leaves_an_entry_out_is_noticed(wide_bench: Bench, guilty: int) -> None:
    operator, trained = wide_bench.operator(large(2))
    wide_bench.call(operator)
    assert operator.correct(trained)
    operator.reset()
    operator._blocks[guilty][words.COUNT] -= 1
    wide_bench.call(operator)
    assert not operator.correct(trained)


def test_an_old_answer_does_not_pass(bench: Bench) -> None:
    operator, trained = bench.operator(SUBJECTS[0].case, copies=1)
    bench.call(operator)
    assert operator.correct(trained)
    operator.reset()
    assert not operator.correct(trained)


def test_no_two_parts_of_the_input_are_alike(bench: Bench, wide_bench: Bench) -> None:
    """A kernel that reads another image, block or copy than it should must not be lucky."""
    shape = ConvShape(
        batch=4, in_channels=4 * LANES, height=64, width=64, out_channels=1, kernel=(1, 1)
    )
    inputs = []
    for one, threads in ((bench, 1), (wide_bench, 2)):
        operator, _ = one.operator(case_of(shape, WIDEST, threads=threads), copies=2)
        planes = [operator.tensors.x(copy).reshape(-1, 64 * 64 * LANES)[:, :64] for copy in (0, 1)]
        assert len(np.unique(np.concatenate(planes), axis=0)) == 2 * 4 * 4
        inputs.append(whole(operator, 0))
    # Whichever thread touched it first.
    assert (inputs[0] == inputs[1]).all()
