"""Reads ask ahead beyond the caches that a core has for itself, and never within them."""

import pytest

from benchmarks import stream
from calibrate import scaling, streams
from roofline.physics import ahead, isa
from roofline.records import Case
from tests.builders import CAPACITIES, make_machine
from versus.figures import figures
from versus.sizes import Host

MACHINE = make_machine()
VECTORS = isa.vectors(MACHINE)
SIZES = [1 << power for power in range(12, 25)]


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_only_what_the_own_caches_do_not_hold_is_asked_for(threads: int) -> None:
    own = CAPACITIES["L2"] * threads
    assert ahead.of_reads(MACHINE, threads, own) == {}
    assert ahead.of_reads(MACHINE, threads, own + 1) == ahead.of_memory() != {}


def test_a_machine_that_reports_no_caches_asks_ahead_in_memory_alone() -> None:
    bare = make_machine(caches=())
    assert ahead.of_reads(bare, 1, 32 << 10) == {}
    assert ahead.of_reads(bare, 1, 64 << 20) == ahead.of_memory()


def asks(case: Case) -> bool:
    """Whether a case's kernel is made with requests, and must show them in its assembly."""
    recipe = stream.recipe(case)
    assert (ahead.PARAMETER in dict(recipe.arguments)) == (len(recipe.expected) > 1)
    return len(recipe.expected) > 1


@pytest.mark.parametrize("threads", [1, 2])
def test_curves_and_memory_are_read_so_and_nothing_else(threads: int) -> None:
    drawn = [*streams.curves(MACHINE, VECTORS[0], threads, SIZES, quick=False)]
    drawn += streams.inside(MACHINE, VECTORS[0], threads, 1 << 30)
    drawn += streams.memory(VECTORS[0], threads, 1 << 30, quick=False)
    for case in drawn:
        reads = case.benchmark in ("read", "read-curve")
        assert asks(case) == (reads and case.working_set_bytes > CAPACITIES["L2"] * threads)


def test_the_point_of_saturation_and_other_tools_meet_the_same_reads() -> None:
    assert all(asks(c) for c in scaling.memory(VECTORS[0], 8, 1 << 30) if c.benchmark == "read")
    host = Host(
        machine=MACHINE, vectors=VECTORS, calibration=None, cores=1, memory_available=32 << 30
    )
    compared = {one.name: asks(one.case) for one in figures(host) if "-load" in one.name}
    assert compared == {"l1-load": False, "l2-load": False, "l3-load": True, "dram-load": True}


@pytest.mark.parametrize("bits", [vector.bits for vector in VECTORS])
def test_every_line_of_a_turn_is_asked_for_once(bits: int) -> None:
    case = Case(benchmark="read", parameters=dict(ahead.of_memory()), bits=bits)
    folds, asked = stream.recipe(case).expected
    assert asked.count * stream.LINE == folds.count * bits // 8
